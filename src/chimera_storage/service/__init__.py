"""The rooms put together: the whole server, and an archive at work without one."""
