"""What the storage page draws: disk use day by day, and images by hour of day; pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo

from chimera_storage.clock import EPOCH, from_us
from chimera_storage.model import Deletion, HourTotals, Totals

DAYS = 31
LEVELS = 5
HOUR_US = 3_600_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """A camera's part of a day's bar, in percent of the chart's height, from above."""

    camera: int
    top: float
    height: float


@dataclass(frozen=True, slots=True, kw_only=True)
class DayUse:
    """What the images took at the end of a day, by camera, in bytes."""

    day: date
    bytes: Mapping[int, int]
    bars: Sequence[Bar] = ()

    @property
    def total(self) -> int:
        """Of all cameras."""
        return sum(self.bytes.values())


def last_days(now: datetime, count: int = DAYS) -> list[date]:
    """The days up to that of `now` (in its own zone), ascending."""
    return [now.date() - timedelta(days=back) for back in range(count - 1, -1, -1)]


def used_by_day(
    days: Sequence[date],
    *,
    zone: tzinfo,
    hours: Iterable[HourTotals],
    totals: Mapping[int, Totals],
    deletions: Sequence[Deletion],
    cut_off: bool,
) -> list[DayUse]:
    """What the images of each camera took at the end of each of these days.

    What is stored now, less what was saved later, and with what was deleted later: so much as the
    records of deletions know. hours: those of these days at least. cut_off: older deletions are
    not recorded any more; then the days before the oldest are left out. A deletion's bytes are
    taken to lie evenly between its oldest and newest image.
    """
    ends = [_end_us(day, zone) for day in days]
    saved: dict[int, list[tuple[int, int]]] = defaultdict(list)
    for of in hours:
        saved[of.camera].append((of.hour * HOUR_US, of.bytes))
    if cut_off and deletions:
        oldest_us = min(deletion.at_us for deletion in deletions)
        kept = [place for place, end in enumerate(ends) if end > oldest_us]
        days, ends = [days[place] for place in kept], [ends[place] for place in kept]
    gone: dict[int, list[Deletion]] = defaultdict(list)
    for deletion in deletions:
        if deletion.camera is not None:
            gone[deletion.camera].append(deletion)
    cameras = sorted(totals.keys() | gone.keys())
    return [
        DayUse(
            day=day,
            bytes={
                camera: max(0, _used(camera, end_us, totals, saved[camera], gone[camera]))
                for camera in cameras
            },
        )
        for day, end_us in zip(days, ends, strict=True)
    ]


def with_bars(days: Sequence[DayUse]) -> list[DayUse]:
    """The same with the bars that are drawn, the highest reaching the top."""
    most = max((day.total for day in days), default=0) or 1
    drawn = []
    for day in days:
        top, bars = 100.0, []
        for camera, size in day.bytes.items():
            height = 100 * size / most
            top -= height
            if height > 0:
                bars.append(Bar(camera=camera, top=round(top, 2), height=round(height, 2)))
        drawn.append(DayUse(day=day.day, bytes=day.bytes, bars=bars))
    return drawn


def by_hour_of_day(
    days: Sequence[date], hours: Iterable[HourTotals], *, zone: tzinfo, camera: int | None
) -> list[list[int]]:
    """Images of each day (rows) and hour of day (24 columns) in the zone; None: of all cameras.

    An hour that begins within another of the zone counts to that one; the hour that comes twice
    when clocks go back holds both.
    """
    places = {day: place for place, day in enumerate(days)}
    counts = [[0] * 24 for _ in days]
    for of in hours:
        if camera not in {None, of.camera}:
            continue
        local = from_us(of.hour * HOUR_US).astimezone(zone)
        place = places.get(local.date())
        if place is not None:
            counts[place][local.hour] += of.images
    return counts


def usual_most(counts: Iterable[Iterable[int]]) -> int:
    """What all but a twentieth of the hours that have images do not exceed; 0: there are none."""
    found = sorted(count for row in counts for count in row if count > 0)
    return found[(len(found) - 1) * 19 // 20] if found else 0


def level(count: int, most: int) -> int:
    """How dark a cell is: 0 for nothing, else 1 to LEVELS, by the square root of its share."""
    if count <= 0 or most <= 0:
        return 0
    return max(1, min(LEVELS, -(-int(1000 * LEVELS * (count / most) ** 0.5) // 1000)))


def _end_us(day: date, zone: tzinfo) -> int:
    next_day = day + timedelta(days=1)
    end = datetime(next_day.year, next_day.month, next_day.day, tzinfo=zone)
    return (end - EPOCH) // timedelta(microseconds=1)


def _used(
    camera: int,
    end_us: int,
    totals: Mapping[int, Totals],
    saved: Iterable[tuple[int, int]],
    gone: Iterable[Deletion],
) -> int:
    now = totals[camera].size if camera in totals else 0
    later = sum(size for begin_us, size in saved if begin_us >= end_us)
    deleted = sum(
        deletion.bytes * _share_before(deletion, end_us)
        for deletion in gone
        if deletion.at_us >= end_us
    )
    return int(now - later + deleted)


def _share_before(deletion: Deletion, end_us: int) -> float:
    span = deletion.newest_us - deletion.oldest_us
    if span <= 0:
        return 1.0 if deletion.oldest_us < end_us else 0.0
    return min(1.0, max(0.0, (end_us - deletion.oldest_us) / span))
