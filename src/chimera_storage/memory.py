"""Memory that was freed goes back to the system.

glibc keeps what is freed below something still in use, for every thread's arena apart, and up to
eight arenas for each core: what the busiest moment took stays with the process for good.
"""

import ctypes

GIVE_BACK_INTERVAL_S = 60.0


def give_back() -> None:
    """Give whole free pages of all arenas back; nothing where the C library has no such function.

    Others run meanwhile, but wait where they need memory of the arena that is looked through. See
    malloc_trim(3).
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
