"""Applies the rules while the server runs: the disk looked at every 2 s, quotas every 10 s, ages
every 5 minutes.

The work is done in a thread, hour by hour, so that requests are answered meanwhile. A fault is
logged once and tried again; nothing here ends the server.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable

from chimera_storage.clock import Clock
from chimera_storage.errors import ChimeraStorageError
from chimera_storage.log import get_logger
from chimera_storage.model import CameraReport
from chimera_storage.upkeep.planner import QUOTAS
from chimera_storage.upkeep.retention import ALL, Retention

DISK_INTERVAL_S = 2.0
QUOTA_INTERVAL_S = 10.0
AGE_INTERVAL_S = 300.0
_LEAST_SHARE = 0.1  # of the floor is freed when a write failed for want of room
_EFFECT_SHARE = 0.1  # of what was deleted has to show on the disk
_NO_EFFECT_PAUSE_S = 3600.0
_LEAST_EFFECT_BYTES = 50_000_000  # less is lost among what else is written

_log = get_logger()


class Schedule:
    """Looks and acts until it is closed. `reports`: what the recorder says of its cameras."""

    def __init__(
        self, retention: Retention, clock: Clock, reports: Callable[[], Iterable[CameraReport]]
    ) -> None:
        self._retention = retention
        self._clock = clock
        self._reports = reports
        self._stop = threading.Event()
        self._problem = ""
        self._due_s = {"quota": 0.0, "age": 0.0, "room": 0.0}
        self._told_us = 0
        self._freed: tuple[int, int] | None = None  # what was free before, what was deleted

    async def run(self) -> None:
        """Until `close`; what is being deleted then ends within some thousand images."""
        while not self._stop.is_set():
            await asyncio.to_thread(self.look)
            await asyncio.to_thread(self._stop.wait, DISK_INTERVAL_S)

    def close(self) -> None:
        """Ends `run` soon."""
        self._stop.set()

    def look(self) -> None:
        """Does what is due."""
        try:
            self._look()
            self._problem = ""
        except ChimeraStorageError as error:
            if str(error) != self._problem:
                self._problem = str(error)
                _log.error("rules_not_applied", problem=self._problem)
        except Exception:
            _log.exception("rules_failed")

    def _look(self) -> None:
        self._make_room()
        if self._retention.waits() is not None:
            return  # the comparison's own log says how far it is
        if self._is_due("age", AGE_INTERVAL_S):
            self._retention.apply("server", ALL, stop=self._stop.is_set)
        elif self._is_due("quota", QUOTA_INTERVAL_S):
            self._retention.apply("server", QUOTAS, stop=self._stop.is_set)

    def _make_room(self) -> None:
        """Frees what is missing, and at once when the recorder found the disk full."""
        told_us = max((r.disk_full_us or 0 for r in self._reports()), default=0)
        is_told = told_us > self._told_us
        floor = self._retention.planner.floor()
        if not floor or self._clock.monotonic() < self._due_s["room"] or self._had_no_effect():
            return
        missing = self._retention.planner.bytes_missing()
        if is_told:
            missing = max(missing, int(floor * _LEAST_SHARE))
        if missing <= 0:
            return
        free = self._retention.free_bytes()
        gone = self._retention.make_room("server", missing, stop=self._stop.is_set)
        self._told_us = max(told_us, self._told_us)
        self._freed = (free, gone.size)
        if not gone.count:
            self._due_s["room"] = self._clock.monotonic() + QUOTA_INTERVAL_S

    def _had_no_effect(self) -> bool:
        """Whether what was deleted last left the disk as full as it was: then more of it would
        cost all the footage for nothing (a snapshot of the file system holds it, or another
        program fills the disk faster)."""
        if self._freed is None:
            return False
        (before, deleted), self._freed = self._freed, None
        if deleted < _LEAST_EFFECT_BYTES:
            return False
        if self._retention.free_bytes() - before >= deleted * _EFFECT_SHARE:
            return False
        self._due_s["room"] = self._clock.monotonic() + _NO_EFFECT_PAUSE_S
        _log.error(
            "deleting_frees_nothing",
            bytes=deleted,
            pause_s=_NO_EFFECT_PAUSE_S,
            hint="does a snapshot of the file system hold what is deleted?",
        )
        return True

    def _is_due(self, what: str, interval_s: float) -> bool:
        now_s = self._clock.monotonic()
        if now_s < self._due_s[what]:
            return False
        self._due_s[what] = now_s + interval_s
        return True
