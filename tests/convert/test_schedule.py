"""Exports by the clock: when, of what, once, and after the server was down."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import uvloop
from pydantic import ValidationError

from chimera_storage.clock import from_us, to_us
from chimera_storage.config import Settings
from chimera_storage.convert.schedule import ExportSchedule, last_due, span
from chimera_storage.errors import StorageError
from chimera_storage.model import Conversion, ConversionStatus
from chimera_storage.options import VideoOptions, ZipOptions
from tests.convert.managing import managed
from tests.support.archive import FixedClock
from tests.support.saved_images import SECOND_US, START_US, SavedImages, picture

BERLIN = ZoneInfo("Europe/Berlin")
NEXT_MORNING = datetime(2026, 1, 2, 6, 30, 5, tzinfo=UTC)  # images are of 2026-01-01


def settings(*exports: dict[str, Any], **more: Any) -> Settings:
    return Settings.model_validate(
        {
            "camera": [{"id": 1, "url": "demo:"}, {"id": 2, "url": "demo:"}],
            "exports": [{"name": "recap", "cron": "30 6 * * *", **export} for export in exports],
            **more,
        }
    )


class Asked:
    """Remembers what it was asked for; `broken` times it cannot do it."""

    def __init__(self) -> None:
        self.wishes: list[dict[str, Any]] = []
        self.broken: set[int] = set()

    async def request(self, **wish: Any) -> Conversion:
        if wish["camera"] in self.broken:
            raise StorageError("the disk is full")
        self.wishes.append(wish)
        named = {name: wish[name] for name in ("type", "camera", "start_us", "end_us")}
        return Conversion(id="a", requested_us=0, **named)

    @property
    def cameras(self) -> list[int]:
        return [wish["camera"] for wish in self.wishes]


def looked(
    saved: SavedImages,
    chosen: Settings,
    clock: FixedClock,
    between: Callable[[ExportSchedule], Awaitable[None]],
    asked: Asked | None = None,
) -> Asked:
    asked = asked or Asked()

    async def run() -> None:
        schedule = ExportSchedule(asked, saved.index, chosen, clock)
        await schedule.look()
        await between(schedule)

    uvloop.run(run())
    return asked


def test_each_time_it_is_due_it_is_asked_for_once(saved: SavedImages) -> None:
    clock = FixedClock(NEXT_MORNING - timedelta(seconds=10))

    async def two_mornings(schedule: ExportSchedule) -> None:
        assert asked.wishes == []
        for _ in range(2):
            clock.move(timedelta(seconds=10))
            await schedule.look()
            clock.move(timedelta(seconds=30))
            await schedule.look()
            clock.move(timedelta(days=1, seconds=-40))

    asked = Asked()
    looked(saved, settings({"options": {"pace": "smart"}}), clock, two_mornings, asked)

    assert asked.cameras == [1, 2, 1, 2]
    first = asked.wishes[0]
    assert first["options"] == VideoOptions(pace="smart")
    assert from_us(first["start_us"]) == datetime(2026, 1, 1, tzinfo=UTC)
    assert from_us(first["end_us"] + 1) == datetime(2026, 1, 2, tzinfo=UTC)


def test_what_was_missed_is_made_once_for_the_last_time(saved: SavedImages) -> None:
    clock = FixedClock(NEXT_MORNING)
    chosen = settings({"cameras": [7], "format": "tar", "options": {"manifest": True}})

    async def nothing(_: ExportSchedule) -> None:
        return

    looked(saved, chosen, clock, nothing)
    clock.move(timedelta(days=5, hours=3))
    asked = looked(saved, chosen, clock, nothing)

    (wish,) = asked.wishes
    assert (wish["camera"], wish["options"]) == (7, ZipOptions(manifest=True))
    assert from_us(wish["start_us"]) == datetime(2026, 1, 6, tzinfo=UTC)
    assert looked(saved, chosen, clock, nothing).wishes == []


def test_a_camera_that_could_not_be_asked_for_is_asked_for_again_alone(saved: SavedImages) -> None:
    clock = FixedClock(NEXT_MORNING - timedelta(minutes=1))
    asked = Asked()
    asked.broken = {2}

    async def mended(schedule: ExportSchedule) -> None:
        clock.move(timedelta(minutes=2))
        await schedule.look()
        asked.broken = set()
        await schedule.look()
        await schedule.look()

    looked(saved, settings({}), clock, mended, asked)

    assert asked.cameras == [1, 2]


def test_bug_a_camera_was_left_out_the_next_time_where_another_had_failed_until_then(
    saved: SavedImages,
) -> None:
    clock = FixedClock(NEXT_MORNING - timedelta(minutes=1))
    asked = Asked()
    asked.broken = {2}

    async def a_day_later(schedule: ExportSchedule) -> None:
        clock.move(timedelta(minutes=2))
        await schedule.look()
        asked.broken = set()
        clock.move(timedelta(days=1))
        await schedule.look()

    looked(saved, settings({}), clock, a_day_later, asked)

    assert asked.cameras == [1, 1, 2]


def test_a_clock_that_is_set_back_does_not_repeat_or_stop_it(saved: SavedImages) -> None:
    clock = FixedClock(NEXT_MORNING - timedelta(minutes=1))

    async def jumps(schedule: ExportSchedule) -> None:
        clock.move(timedelta(minutes=2))
        await schedule.look()
        clock.move(timedelta(minutes=-5))
        await schedule.look()
        clock.move(timedelta(minutes=6))
        await schedule.look()
        assert asked.cameras == [1, 2]
        clock.move(timedelta(days=-400))  # it was wrong by a year all the time
        await schedule.look()
        clock.move(timedelta(days=1))
        await schedule.look()

    asked = Asked()
    looked(saved, settings({}), clock, jumps, asked)

    assert asked.cameras == [1, 2, 1, 2]


def test_a_note_that_a_bad_disk_spoilt_is_begun_anew(saved: SavedImages) -> None:
    saved.index.set_meta("export:recap", "17\ufffd")
    clock = FixedClock(NEXT_MORNING - timedelta(minutes=1))

    async def next_minute(schedule: ExportSchedule) -> None:
        clock.move(timedelta(minutes=1))
        await schedule.look()

    assert looked(saved, settings({}), clock, next_minute).cameras == [1, 2]


def test_the_conversion_is_made_by_the_manager(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(5)])
    clock = FixedClock(NEXT_MORNING - timedelta(minutes=1))
    chosen = settings({"format": "zip"})

    async def run() -> None:
        async with managed(saved) as opened:
            schedule = ExportSchedule(opened.manager, saved.index, chosen, clock)
            await schedule.look()
            clock.move(timedelta(minutes=2))
            await schedule.look()
            (conversion,) = opened.manager.list()  # camera 2 has no image
            assert (await opened.settled(conversion.id)).status is ConversionStatus.DONE
            assert conversion.frames == 5

    uvloop.run(run())


def test_close_ends_it_at_once(saved: SavedImages) -> None:
    import asyncio

    async def run() -> None:
        schedule = ExportSchedule(Asked(), saved.index, settings({}), FixedClock(NEXT_MORNING))
        running = asyncio.create_task(schedule.run())
        await asyncio.sleep(0)
        schedule.close()
        await asyncio.wait_for(running, 5)

    uvloop.run(run())


@pytest.mark.parametrize(
    ("day", "hours"),
    [("2026-03-30", 23), ("2026-10-26", 25), ("2026-07-01", 24)],  # the day after each change
)
def test_yesterday_has_the_hours_that_it_had(day: str, hours: int) -> None:
    due = datetime.fromisoformat(f"{day}T06:30").replace(tzinfo=BERLIN)
    start_us, end_us = span("yesterday", due)
    assert end_us + 1 - start_us == hours * 3600 * SECOND_US
    assert from_us(end_us + 1) == datetime.fromisoformat(day).replace(tzinfo=BERLIN)


@pytest.mark.parametrize(
    ("name", "due", "start", "end"),
    [
        ("last_hour", "2026-01-01T00:10", "2025-12-31T23:00", "2026-01-01T00:00"),
        ("last_week", "2026-01-05T00:00", "2025-12-29", "2026-01-05"),
        ("last_week", "2026-01-11T23:59", "2025-12-29", "2026-01-05"),
        ("last_month", "2026-03-31T12:00", "2026-02-01", "2026-03-01"),
        ("last_month", "2026-01-01T00:00", "2025-12-01", "2026-01-01"),
    ],
)
def test_ranges_are_whole_ones_of_the_zone(name: str, due: str, start: str, end: str) -> None:
    at, begin, until = (
        datetime.fromisoformat(text).replace(tzinfo=BERLIN) for text in (due, start, end)
    )
    assert span(name, at) == (to_us(begin), to_us(until) - 1)


def test_a_time_that_the_clocks_leave_out_or_repeat_happens_once() -> None:
    for day in ("2026-03-29", "2026-10-25"):
        midnight = datetime.fromisoformat(day).replace(tzinfo=BERLIN)
        times = []
        done_us = to_us(midnight)
        for minute in range(24 * 60):
            now_us = to_us(midnight) + minute * 60 * SECOND_US
            due = last_due("30 2 * * *", done_us, now_us, BERLIN)
            if due is not None:
                times.append(due)
                done_us = to_us(due)
        assert len(times) == 1, (day, times)


def test_a_year_of_missed_minutes_is_one() -> None:
    due = last_due("* * * * *", START_US, START_US + 30 * 86_400 * SECOND_US, UTC)
    assert due is not None
    assert to_us(due) > START_US + 29 * 86_400 * SECOND_US


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"cron": "every morning"}, "no cron expression"),
        ({"cron": "* * * * * *"}, "no cron expression"),
        ({"cron": "61 * * * *"}, "no cron expression"),
        ({"cron": ""}, "no cron expression"),
        ({"range": "tomorrow"}, "range"),
        ({"format": "avi"}, "format"),
        ({"fps": 0}, "fps"),
        ({"cameras": [-1]}, "cameras"),
        ({"name": ""}, "name"),
        ({"options": {"pace": "slow"}}, "pace"),
        ({"options": {"manifest": True}}, "manifest"),
        ({"format": "zip", "options": {"pace": "smart"}}, "pace"),
        ({"every": "day"}, "every"),
    ],
)
def test_wrong_settings_are_refused(wrong: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        settings(wrong)


def test_two_of_the_same_name_are_refused() -> None:
    with pytest.raises(ValidationError, match="same name"):
        settings({}, {})


def test_bug_in_the_hour_that_comes_twice_a_time_before_the_last_look_was_due_again() -> None:
    done = datetime(2026, 10, 25, 2, 10, fold=1, tzinfo=BERLIN)  # 40 minutes after the first 2:30

    due = last_due("30 2 * * *", to_us(done), to_us(done) + 60 * SECOND_US, BERLIN)

    assert due is None
