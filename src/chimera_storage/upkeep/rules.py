"""What rules would delete: totals of hours and limits in, spans of time out. Pure, no I/O.

Everything here is cut by time: a span is a camera, a first and a last second, both included, within
one hour. Whole hours cost nothing but their totals; only an hour that is cut, or in which something
is protected, is looked at second by second, through the function `seconds`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import groupby

from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import HourTotals

TARGET_SHARE = 0.9  # a quota that is exceeded is brought down to this share of it
LEAST_SHARE = 0.5  # of a quota is left to images, however much videos and kept images take

Range = tuple[int, int]  # first and last second since 1970, both included
Protected = Mapping[int, Sequence[Range]]  # camera → ranges, ascending and disjoint
# camera, hour → (second, images, bytes) of each second that has any, ascending
Seconds = Callable[[int, int], Sequence[tuple[int, int, int]]]


class Rule(StrEnum):
    """Why something is deleted; the value is the name that records and answers show."""

    DAYS = "days"
    THIN = "thin_after_days"
    CAMERA_MAX_GB = "camera_max_gb"
    MAX_GB = "max_gb"
    MIN_FREE_GB = "min_free_gb"
    CONVERSIONS = "conversions_days"


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """The images of a camera from `first_s` to `last_s`, seconds since 1970, both included."""

    rule: Rule
    camera: int
    first_s: int
    last_s: int
    images: int
    bytes: int

    @property
    def hour(self) -> int:
        """The hour since 1970 that it lies in."""
        return self.first_s // HOUR_S


def too_old(
    hours: Iterable[HourTotals],
    before_s: Mapping[int, int],
    *,
    protected: Protected,
    seconds: Seconds,
) -> list[Span]:
    """What is older than `before_s` of its camera; cameras that are not in it keep everything."""
    return [
        span
        for hour in _in_time_order(hours)
        if hour.camera in before_s
        for span in _spans(Rule.DAYS, hour, before_s[hour.camera] - 1, protected, seconds)
    ]


def oldest(
    rule: Rule,
    hours: Iterable[HourTotals],
    need_bytes: int,
    *,
    protected: Protected,
    seconds: Seconds,
) -> list[Span]:
    """The oldest images of all the given hours that together take at least `need_bytes`.

    Across cameras by time; all of a second or nothing of it. Fewer bytes where no more may go.
    """
    chosen: list[Span] = []
    for hour, group in groupby(_in_time_order(hours), key=lambda totals: totals.hour):
        if need_bytes <= 0:
            break
        of_hour = list(group)
        spans = _of_hour(rule, of_hour, (hour + 1) * HOUR_S - 1, protected, seconds)
        size = sum(span.bytes for span in spans)
        if size > need_bytes:
            last_s = _cut(spans, need_bytes, seconds)
            spans = _of_hour(rule, of_hour, last_s, protected, seconds)
        chosen += spans
        need_bytes -= size
    return chosen


def bytes_over(images_bytes: int, other_bytes: int, limit_bytes: float) -> int:
    """How many bytes of images have to go so that a quota is kept; 0 where it is.

    `other_bytes`: what counts but does not go: finished conversions, kept images. Images are left
    half of the quota in any case, so that a few large videos do not cost all the footage.
    """
    if images_bytes + other_bytes <= limit_bytes:
        return 0
    left = max(limit_bytes * TARGET_SHARE - other_bytes, limit_bytes * LEAST_SHARE)
    return max(0, images_bytes - int(left))


def without(
    hours: Iterable[HourTotals], spans: Iterable[Span], protected: Protected
) -> tuple[list[HourTotals], Protected]:
    """The hours after `spans` were deleted, for a plan that goes on from there.

    In hours of which something is left the spans become protected: they cannot go twice.
    """
    gone: dict[tuple[int, int], list[Span]] = {}
    for span in spans:
        gone.setdefault((span.camera, span.hour), []).append(span)
    left: list[HourTotals] = []
    more: dict[int, list[Range]] = {camera: list(ranges) for camera, ranges in protected.items()}
    for totals in hours:
        of_hour = gone.get((totals.camera, totals.hour), [])
        images = totals.images - sum(span.images for span in of_hour)
        if images <= 0:
            continue
        for span in of_hour:
            more.setdefault(span.camera, []).append((span.first_s, span.last_s))
        left.append(
            HourTotals(
                camera=totals.camera,
                hour=totals.hour,
                images=images,
                bytes=totals.bytes - sum(span.bytes for span in of_hour),
                events=totals.events,
            )
        )
    return left, {camera: merged(ranges) for camera, ranges in more.items()}


def protected_totals(
    hours: Iterable[HourTotals], protected: Protected, seconds: Seconds
) -> dict[int, int]:
    """Bytes of each camera that stand in its protected ranges."""
    sizes: dict[int, int] = {}
    for totals in hours:
        whole = (totals.hour * HOUR_S, (totals.hour + 1) * HOUR_S - 1)
        free = outside(whole, protected.get(totals.camera, ()))
        if free == [whole]:
            continue
        spans = _spans(Rule.DAYS, totals, whole[1], protected, seconds)
        kept = totals.bytes - sum(span.bytes for span in spans)
        sizes[totals.camera] = sizes.get(totals.camera, 0) + kept
    return sizes


def merged(ranges: Iterable[Range]) -> list[Range]:
    """The ranges ascending, and those that touch or overlap made one."""
    result: list[Range] = []
    for first, last in sorted(ranges):
        if result and first <= result[-1][1] + 1:
            result[-1] = (result[-1][0], max(result[-1][1], last))
        else:
            result.append((first, last))
    return result


def outside(whole: Range, ranges: Sequence[Range]) -> list[Range]:
    """The parts of `whole` that lie in none of the (merged) ranges."""
    first, last = whole
    parts: list[Range] = []
    for begin, end in ranges:
        if end < first:
            continue
        if begin > last:
            break
        if begin > first:
            parts.append((first, begin - 1))
        first = end + 1
    if first <= last:
        parts.append((first, last))
    return parts


def _in_time_order(hours: Iterable[HourTotals]) -> list[HourTotals]:
    having = (totals for totals in hours if totals.images > 0)
    return sorted(having, key=lambda totals: (totals.hour, totals.camera))


def _of_hour(
    rule: Rule, hours: Iterable[HourTotals], last_s: int, protected: Protected, seconds: Seconds
) -> list[Span]:
    return [span for hour in hours for span in _spans(rule, hour, last_s, protected, seconds)]


def _spans(
    rule: Rule, totals: HourTotals, last_s: int, protected: Protected, seconds: Seconds
) -> list[Span]:
    """What of an hour may go, up to and with `last_s`; parts without images are left out."""
    whole = (totals.hour * HOUR_S, (totals.hour + 1) * HOUR_S - 1)
    end = min(whole[1], last_s)
    parts = outside((whole[0], end), protected.get(totals.camera, ())) if end >= whole[0] else []
    if parts == [whole]:
        return [_span(rule, totals.camera, whole, totals.images, totals.bytes)]
    spans = []
    rows = seconds(totals.camera, totals.hour) if parts else ()
    for part in parts:
        inside = [row for row in rows if part[0] <= row[0] <= part[1]]
        if inside:
            images, size = sum(row[1] for row in inside), sum(row[2] for row in inside)
            spans.append(_span(rule, totals.camera, part, images, size))
    return spans


def _span(rule: Rule, camera: int, part: Range, images: int, size: int) -> Span:
    return Span(
        rule=rule, camera=camera, first_s=part[0], last_s=part[1], images=images, bytes=size
    )


def _cut(spans: Sequence[Span], need_bytes: int, seconds: Seconds) -> int:
    """The second up to which the spans of one hour have to go to make `need_bytes`."""
    rows = sorted(
        (second, size)
        for span in spans
        for second, _, size in seconds(span.camera, span.hour)
        if span.first_s <= second <= span.last_s
    )
    for second, size in rows:
        need_bytes -= size
        if need_bytes <= 0:
            return second
    return rows[-1][0]
