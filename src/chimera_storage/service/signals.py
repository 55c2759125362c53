"""Signals: SIGTERM and SIGINT stop, SIGHUP has the configuration read again."""

import asyncio
import os
import signal

from chimera_storage.configuration import Configuration
from chimera_storage.errors import ConfigurationError
from chimera_storage.log import get_logger

_SECOND_SIGNAL_EXIT_CODE = 130

log = get_logger()


def stopped_by_signals() -> asyncio.Event:
    """Set by the first SIGTERM or SIGINT; the second ends the process at once."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(_SECOND_SIGNAL_EXIT_CODE)  # children end by themselves: their stdin closes
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
    return stop


def reload_on_hangup(configuration: Configuration) -> None:
    """SIGHUP: what the file says now holds; where it is not right the old settings go on."""
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        before = {camera.id: camera for camera in configuration.settings.camera}
        try:
            waiting = await configuration.reload()
        except ConfigurationError as error:
            log.error("configuration_not_reloaded", problem=str(error))
            return
        now = {camera.id: camera for camera in configuration.settings.camera}
        log.info(
            "configuration_reloaded",
            added=sorted(now.keys() - before.keys()),
            changed=sorted(c for c in now.keys() & before.keys() if now[c] != before[c]),
            removed=sorted(before.keys() - now.keys()),
            needs_restart=waiting,
        )

    def on_hangup() -> None:
        task = asyncio.create_task(reload(), name="reload")
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)
