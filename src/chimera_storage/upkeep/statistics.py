"""How much there is, by camera, hour and minute, from totals: the cost depends on the answer only.

The index keeps totals of hours. Minutes are summed up from rows once an hour's totals changed, and
kept: of a day's hours only the one that is recorded has to be looked at again.
"""

import threading
from collections.abc import Sequence

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.clock import to_us
from chimera_storage.model import Disk, HourTotals, Usage
from chimera_storage.upkeep.disk import disk_of

_MINUTES_H = 24

Minutes = Sequence[tuple[int, int, int]]  # second at which it begins, images, bytes


class Statistics:
    """Answers on one archive. Thread-safe; every method raises StorageError."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._minutes: dict[tuple[int, int], tuple[tuple[int, int], Minutes]] = {}

    def hours(self, *, days: int) -> list[HourTotals]:
        """Each camera's hours of the last days, this one included, by hour, then by camera."""
        first = self._hour() - days * 24 + 1
        return [totals for totals in self._archive.index.hourly(first_hour=first) if totals.images]

    def minutes(self) -> list[tuple[int, int, int]]:
        """(second at which the minute begins, camera, bytes) of the last 24 hours, ascending."""
        now_s = self._now_s()
        hours = self._archive.index.hourly(first_hour=self._hour() - _MINUTES_H)
        with self._lock:
            known, self._minutes = self._minutes, {}
            for totals in hours:
                name, sums = (totals.camera, totals.hour), (totals.images, totals.bytes)
                if totals.images:
                    before = known.get(name)
                    rows = before[1] if before and before[0] == sums else self._summed(*name)
                    self._minutes[name] = (sums, rows)
            return sorted(
                (begin, camera, size)
                for (camera, _), (_, rows) in self._minutes.items()
                for begin, _, size in rows
                if now_s - _MINUTES_H * HOUR_S < begin <= now_s
            )

    def usage(self) -> Usage:
        """What everything takes."""
        conversions = self._archive.index.conversions()
        videos = sum(c.size for c in conversions if c.type.is_video)
        layout = self._archive.layout
        return Usage(
            cameras=self._archive.index.all_totals(),
            videos=videos,
            zips=sum(c.size for c in conversions) - videos,
            other=sum(
                path.stat().st_size
                for path in (layout.index, layout.index.with_name(layout.index.name + "-wal"))
                if path.exists()
            ),
        )

    def disk(self) -> Disk:
        """The disk that the images are on."""
        return disk_of(self._archive.layout)

    def _summed(self, camera: int, hour: int) -> Minutes:
        first_s = hour * HOUR_S
        return self._archive.index.sums(camera, first_s, first_s + HOUR_S - 1, every_s=60)

    def _now_s(self) -> int:
        return to_us(self._archive.clock.now()) // SECOND_US

    def _hour(self) -> int:
        return self._now_s() // HOUR_S
