"""Applies the rules while the server runs: disk and quotas every 2 s, ages every 5 minutes.

The work is done in a thread, hour by hour, so that requests are answered meanwhile. A fault is
logged once and tried again; nothing here ends the server.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable

from chimera_storage.clock import Clock
from chimera_storage.errors import ChimeraStorageError, ConflictError
from chimera_storage.log import get_logger
from chimera_storage.model import CameraReport
from chimera_storage.upkeep.allowance import Allowance
from chimera_storage.upkeep.cleaner import NOTHING
from chimera_storage.upkeep.planner import QUOTAS
from chimera_storage.upkeep.retention import ALL, Retention
from chimera_storage.upkeep.rules import Rule

INTERVAL_S = 2.0
AGE_INTERVAL_S = 300.0
_LEAST_SHARE = 0.1  # of the floor is freed when a write failed for want of room
_LEAST_PORTION = 0.05  # of what is missing is worth a run
_NOTHING_LEFT_PAUSE_S = 10.0
_RULES = tuple(rule for rule in ALL if rule is not Rule.MIN_FREE_GB)  # see `_make_room`

_FILLED = (
    "No more images are deleted to make room for now, as something else than the cameras fills it,"
    " or all that is left is kept; make room on it."
)

_log = get_logger()


class Schedule:
    """Looks and acts until it is closed.

    `reports`: what the recorder says of its cameras. `tell` is called, in the event loop, with what
    somebody should know.
    """

    def __init__(
        self,
        retention: Retention,
        clock: Clock,
        reports: Callable[[], Iterable[CameraReport]],
        tell: Callable[[str], None] | None = None,
    ) -> None:
        self._retention = retention
        self._clock = clock
        self._reports = reports
        self._tell_in_loop = tell
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stop = threading.Event()
        self._problem = ""
        self._ages_due_s = 0.0
        self._room_due_s = 0.0
        self._told_us = 0
        self._allowance = Allowance()
        self._is_filled = False

    async def run(self) -> None:
        """Until `close`; what is being deleted then ends within some thousand images."""
        self._loop = asyncio.get_running_loop()
        while not self._stop.is_set():
            await asyncio.to_thread(self.look)
            await asyncio.to_thread(self._stop.wait, INTERVAL_S)

    def close(self) -> None:
        """Ends `run` soon."""
        self._stop.set()

    def look(self) -> None:
        """Does what is due."""
        try:
            self._look()
            self._problem = ""
        except ConflictError:
            pass  # somebody applies them by hand just now; the next look does the rest
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
        if self._clock.monotonic() >= self._ages_due_s:
            self._ages_due_s = self._clock.monotonic() + AGE_INTERVAL_S
            self._retention.apply("server", _RULES, stop=self._stop.is_set)
        elif self._retention.planner.quota_is_exceeded():
            self._retention.apply("server", QUOTAS, stop=self._stop.is_set)

    def _make_room(self) -> None:
        """Frees what is missing, and at once when the recorder found the disk full."""
        told_us = max((r.disk_full_us or 0 for r in self._reports()), default=0)
        planner = self._retention.planner
        floor = planner.floor()
        if not floor:
            return
        now_s = self._clock.monotonic()
        allowed = self._allowance.left(floor, planner.recent_hours(), now_s)
        missing = planner.bytes_missing()
        if told_us > self._told_us:
            missing = max(missing, int(floor * _LEAST_SHARE))
        if missing <= 0:
            self._is_filled = False
        elif now_s >= self._room_due_s:
            self._delete(min(missing, allowed), missing)
            self._told_us = told_us

    def _delete(self, size: int, missing: int) -> None:
        gone = NOTHING
        if size >= missing * _LEAST_PORTION:
            gone = self._retention.make_room("server", size, stop=self._stop.is_set)
            self._allowance.spend(gone.size)
            if gone.size < size:  # no more may go
                self._room_due_s = self._clock.monotonic() + _NOTHING_LEFT_PAUSE_S
        if gone.size < missing and not self._is_filled:
            self._is_filled = True
            _log.error("disk_is_full", missing_bytes=missing - gone.size, hint=_FILLED)
            self._tell(f"The disk is nearly full. {_FILLED}")

    def _tell(self, text: str) -> None:
        if self._loop is not None and self._tell_in_loop is not None:
            self._loop.call_soon_threadsafe(self._tell_in_loop, text)
