"""Exports that are asked for by the clock: what `[[exports]]` says, as ordinary conversions.

The index notes up to when each was done. What was due while the server was down is made once, for
the last time that it was due; an index that is made anew begins now. Cron expressions are in the
configured zone, and what falls into a change of the clocks is treated as Debian's cron does: once.
"""

import asyncio
from collections.abc import Iterable
from datetime import datetime, timedelta, tzinfo
from datetime import time as day_time
from typing import Protocol
from zoneinfo import ZoneInfo

from cronsim import CronSim

from chimera_storage.archive.index import Index
from chimera_storage.clock import Clock, from_us, to_us
from chimera_storage.config import ExportSettings, Settings
from chimera_storage.errors import ChimeraStorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionType
from chimera_storage.options import Options

_LOOK_S = 30.0  # at most between two looks at the clock, which may be set meanwhile
_JUMP_US = 3_600_000_000  # a clock that was set back by more than this begins anew

log = get_logger()


class Requests(Protocol):
    """Whoever makes conversions."""

    async def request(
        self,
        *,
        type: ConversionType,  # noqa: A002
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options | None = None,
    ) -> Conversion:
        """Store and queue one; `frames` 0: there is no image, and nothing was stored."""


class ExportSchedule:
    """Looks at the clock until it is closed, and asks for what is due."""

    def __init__(
        self, conversions: Requests, index: Index, settings: Settings, clock: Clock
    ) -> None:
        self._conversions = conversions
        self._index = index
        self.use(settings)
        self._zone = ZoneInfo(settings.server.timezone)
        self._clock = clock
        self._stop = asyncio.Event()
        # When due, and cameras asked for, of an export that could not be asked for wholly.
        self._asked: dict[str, tuple[datetime, set[int]]] = {}

    def use(self, settings: Settings) -> None:
        """Go by these exports and cameras from the next look on."""
        self._exports = settings.exports
        self._cameras = sorted({*settings.names(), *(camera.id for camera in settings.camera)})

    async def run(self) -> None:
        """Until `close`."""
        while not self._stop.is_set():
            await self.look()
            try:
                await asyncio.wait_for(self._stop.wait(), self._pause_s())
            except TimeoutError:
                continue

    def close(self) -> None:
        """Ends `run` soon; what was asked for goes on as a conversion."""
        self._stop.set()

    async def look(self) -> None:
        """Ask for what is due now. What cannot be asked for is due again at the next look."""
        for export in self._exports:
            try:
                await self._look(export)
            except ChimeraStorageError as error:
                log.error("scheduled_export_not_begun", export=export.name, error=str(error))

    async def _look(self, export: ExportSettings) -> None:
        now_us = to_us(self._clock.now())
        key = f"export:{export.name}"
        noted = await asyncio.to_thread(self._index.meta, key)
        done_us = int(noted) if noted is not None and noted.isdecimal() else None
        if done_us is None or done_us > now_us + _JUMP_US:
            await asyncio.to_thread(self._index.set_meta, key, str(now_us))
            return
        due = await asyncio.to_thread(last_due, export.cron, done_us, now_us, self._zone)
        if due is None:
            return
        start_us, end_us = span(export.range, due)
        since, asked = self._asked.get(export.name, (due, set()))
        if since != due:
            asked = set()  # nothing of the next one was asked for yet
        self._asked[export.name] = due, asked
        for camera in export.cameras or self._cameras:
            if camera not in asked:
                await self._ask(export, camera, start_us, end_us)
                asked.add(camera)
        await asyncio.to_thread(self._index.set_meta, key, str(to_us(due)))
        del self._asked[export.name]

    async def _ask(self, export: ExportSettings, camera: int, start_us: int, end_us: int) -> None:
        conversion = await self._conversions.request(
            type=ConversionType(export.format),
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            fps=export.fps,
            skip=export.skip,
            options=export.made_options(),
        )
        log.info(
            "scheduled_export",
            export=export.name,
            camera=camera,
            conversion=conversion.id if conversion.frames else None,
            images=conversion.frames,
        )

    def _pause_s(self) -> float:
        """Until the next one is due, but not for long."""
        now = self._clock.now().astimezone(self._zone)
        nexts = (next(CronSim(export.cron, now), None) for export in self._exports)
        waits = [(due - now).total_seconds() for due in nexts if due is not None]
        return min([_LOOK_S, *(max(wait, 0.01) for wait in waits)])


def last_due(cron: str, done_us: int, now_us: int, zone: tzinfo) -> datetime | None:
    """The last time after `done_us`, up to now, at which it was due, in the zone; None: never."""
    last = None
    for due in _dues(cron, from_us(done_us).astimezone(zone)):
        if to_us(due) > now_us:
            break
        # In the second of two equal hours CronSim gives times of the first.
        if to_us(due) > done_us:
            last = due
    return last


def _dues(cron: str, after: datetime) -> Iterable[datetime]:
    return CronSim(cron, after)


def span(name: str, due: datetime) -> tuple[int, int]:
    """(start, end) in microseconds, both included, of `last_hour`, `yesterday`, `last_week` (from
    Monday) or `last_month` as seen from `due`, in its zone.
    """
    if name == "last_hour":
        end_us = to_us(due.replace(minute=0, second=0, microsecond=0))
        return end_us - 3_600_000_000, end_us - 1
    end = due.date()
    if name == "last_month":
        end = end.replace(day=1)
        start = (end - timedelta(days=1)).replace(day=1)
    elif name == "last_week":
        end -= timedelta(days=end.weekday())
        start = end - timedelta(days=7)
    else:
        start = end - timedelta(days=1)
    begin_us, end_us = (
        to_us(datetime.combine(day, day_time.min, due.tzinfo)) for day in (start, end)
    )
    return begin_us, end_us - 1
