"""When the disk is full, and which rule keeps it from that."""

from typing import Any

import pytest

from chimera_storage.config import RetentionSettings
from chimera_storage.model import Disk, Forecast, HourTotals
from chimera_storage.upkeep.forecast import forecast, rates_per_day

GB = 10**9
HOUR = 500_000
NOW_S = HOUR * 3600
WEEK = range(HOUR - 168, HOUR)
A_DAY = 24 * GB  # of each camera
FREE, USED = 10 * A_DAY, 7 * A_DAY


def recorded(camera: int = 1, hours: range = WEEK, size: int = GB) -> list[HourTotals]:
    return [HourTotals(camera=camera, hour=hour, images=1, bytes=size) for hour in hours]


def foreseen(hours: list[HourTotals], *others: dict[str, Any], **limits: Any) -> Forecast:
    """`others`: what `[retention]` says of camera 1, 2 …; the last of all that come."""
    said = [RetentionSettings.model_validate(values) for values in others or ({},)]
    given = {"used": USED, "max_bytes": 0, "floor": 0} | limits
    return forecast(
        hours,
        disk=Disk(total=1000 * GB, free=FREE),
        retention_of=lambda camera: said[min(camera, len(said)) - 1],
        now_s=NOW_S,
        **given,
    )


def test_what_is_free_lasts_as_long_as_the_rate_of_the_last_week_says() -> None:
    found = foreseen(recorded())
    assert found.bytes_per_day == A_DAY
    assert found.full_us == (NOW_S + 10 * 86_400) * 1_000_000
    assert found.held_by is None
    assert foreseen([*recorded(1), *recorded(2)]).full_us == (NOW_S + 5 * 86_400) * 1_000_000


@pytest.mark.parametrize(
    ("retention", "limits", "held_by"),
    [
        ({}, {"max_bytes": USED + FREE - 1}, "max_gb"),
        ({}, {"max_bytes": USED + FREE}, None),
        ({"days": 16}, {}, "days"),
        ({"days": 17}, {}, None),
        ({"max_gb": 407}, {}, "camera_max_gb"),
        ({"max_gb": 408}, {}, None),
        ({"days": 16, "max_gb": 100}, {}, "camera_max_gb"),
        ({"days": 2, "max_gb": 100}, {}, "days"),
        ({"days": 16}, {"max_bytes": USED + FREE - 1}, "max_gb"),
        ({}, {"floor": 1}, "min_free_gb"),
        ({"days": 16}, {"floor": 1}, "days"),
        ({"days": 17}, {"floor": 1}, "min_free_gb"),
    ],
)
def test_a_rule_that_takes_hold_first_is_named(
    retention: dict[str, Any], limits: dict[str, Any], held_by: str | None
) -> None:
    assert foreseen(recorded(), retention, **limits).held_by == held_by


def test_one_camera_without_a_limit_fills_the_disk_all_the_same() -> None:
    hours = [*recorded(1), *recorded(2)]
    assert foreseen(hours, {"days": 1}, {}).held_by is None
    assert foreseen(hours, {"days": 1}, {"days": 1}).held_by == "days"


def test_only_the_last_week_counts_and_less_where_there_is_less() -> None:
    before = recorded(hours=range(HOUR - 400, HOUR - 168), size=100 * GB)
    assert rates_per_day([*before, *recorded()], NOW_S) == pytest.approx({1: A_DAY})
    assert rates_per_day(recorded(hours=range(HOUR - 12, HOUR)), NOW_S) == pytest.approx({1: A_DAY})


def test_what_lies_in_the_future_or_was_deleted_counts_nothing() -> None:
    later = recorded(hours=range(HOUR + 1, HOUR + 9))
    gone = [HourTotals(camera=2, hour=HOUR - 300, images=0, bytes=0)]
    assert rates_per_day([*recorded(), *later, *gone], NOW_S) == pytest.approx({1: A_DAY})
    assert rates_per_day([*later, *gone], NOW_S) == {}
    assert foreseen(later) == Forecast(bytes_per_day=0, full_us=None, held_by=None)
