"""When the disk will be full at the rate of the last days, and which rule prevents it; pure."""

from collections.abc import Callable, Iterable

from chimera_storage.archive.layout import HOUR_S
from chimera_storage.config import RetentionSettings
from chimera_storage.model import Disk, Forecast, HourTotals
from chimera_storage.upkeep.disk import GB
from chimera_storage.upkeep.rules import Rule

RATE_DAYS = 7
_DAY_S = 86_400
_FARTHEST_S = 200 * 365 * _DAY_S  # a disk that is full in 200 years never is


def forecast(
    hours: Iterable[HourTotals],
    *,
    disk: Disk,
    used: int,
    max_bytes: float,
    floor: int,
    retention_of: Callable[[int], RetentionSettings],
    now_s: int,
) -> Forecast:
    """`used`: bytes of images and conversions; `max_bytes`: the quota of all of it (0: none).

    The rate is that of the last 7 days, or since the oldest image where that is less. Hours that
    lie in the future count nothing.
    """
    rates = rates_per_day(hours, now_s)
    rate = sum(rates.values())
    if rate <= 0:
        return Forecast(bytes_per_day=0, full_us=None, held_by=None)
    left_s = disk.free / rate * _DAY_S
    if left_s > _FARTHEST_S:
        return Forecast(bytes_per_day=int(rate), full_us=None, held_by=None)
    held_by: str | None = None
    limits = [_limit(retention_of(camera), rate_of) for camera, rate_of in rates.items()]
    if max_bytes and max_bytes - used < disk.free:
        held_by = Rule.MAX_GB
    elif (
        all(limit is not None for limit in limits)
        and sum(limit for limit, _ in filter(None, limits)) < disk.free + used
    ):
        held_by = next(rule for _, rule in filter(None, limits))
    elif floor:
        held_by = Rule.MIN_FREE_GB
    return Forecast(
        bytes_per_day=int(rate), full_us=int((now_s + left_s) * 1_000_000), held_by=held_by
    )


def rates_per_day(hours: Iterable[HourTotals], now_s: int) -> dict[int, float]:
    """Bytes a day of each camera that saved any in the last days."""
    now_hour = now_s // HOUR_S
    past = [totals for totals in hours if totals.images > 0 and totals.hour <= now_hour]
    if not past:
        return {}
    oldest_s = min(totals.hour for totals in past) * HOUR_S
    since_s = max(now_s - RATE_DAYS * _DAY_S, oldest_s)
    days = max(now_s - since_s, HOUR_S) / _DAY_S
    rates: dict[int, float] = {}
    for totals in past:
        if totals.hour * HOUR_S >= since_s - HOUR_S + 1:
            rates[totals.camera] = rates.get(totals.camera, 0.0) + totals.bytes / days
    return rates


def _limit(retention: RetentionSettings, rate: float) -> tuple[float, Rule] | None:
    """What a camera's images come to at most, and by which rule; None: there is no limit."""
    limits = []
    if retention.days:
        limits.append((rate * retention.days, Rule.DAYS))
    if retention.max_gb:
        limits.append((retention.max_gb * GB, Rule.CAMERA_MAX_GB))
    return min(limits, default=None)
