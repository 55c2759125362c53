"""The storage page: disk use by day, images by hour, what is said of rules and deletions."""

from collections.abc import Callable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import Deletion, HourTotals, Totals
from chimera_storage.web import disk
from tests.support.web import NOW, Room

BERLIN = ZoneInfo("Europe/Berlin")
DAYS = [date(2026, 1, 29), date(2026, 1, 30), date(2026, 1, 31)]


def hour(moment: datetime) -> int:
    return int(moment.timestamp()) // 3600


def at(day: int, hour_of_day: int = 12, minute: int = 0) -> datetime:
    return datetime(2026, 1, day, hour_of_day, minute, tzinfo=BERLIN)


def saved(moment: datetime, size: int, *, camera: int = 1, images: int = 1) -> HourTotals:
    return HourTotals(camera=camera, hour=hour(moment), images=images, bytes=size)


def deleted(moment: datetime, size: int, oldest: datetime, newest: datetime) -> Deletion:
    return Deletion(
        at_us=to_us(moment),
        who="server",
        rule="days",
        camera=1,
        images=1,
        bytes=size,
        oldest_us=to_us(oldest),
        newest_us=to_us(newest),
    )


def used(
    hours: list[HourTotals], now: int, deletions: list[Deletion], *, cut_off: bool = False
) -> list[tuple[int, int]]:
    found = disk.used_by_day(
        DAYS,
        zone=BERLIN,
        hours=hours,
        totals={1: Totals(count=1, size=now)},
        deletions=deletions,
        cut_off=cut_off,
    )
    return [(day.day.day, day.total) for day in found]


def test_what_was_saved_later_was_not_there_before() -> None:
    hours = [saved(at(29, 23), 10), saved(at(30, 0), 20), saved(at(31, 5), 40)]
    assert used(hours, 170, []) == [(29, 110), (30, 130), (31, 170)]


def test_what_was_deleted_since_was_there_before() -> None:
    gone = deleted(at(31), 50, at(28), at(28, 20))
    assert used([], 100, [gone]) == [(29, 150), (30, 150), (31, 100)]


def test_a_deletion_counts_only_what_was_taken_by_then() -> None:
    """Half of its time lies before the end of the 29th."""
    gone = deleted(at(31), 50, at(29, 0), at(31, 0))
    assert used([], 100, [gone]) == [(29, 125), (30, 150), (31, 100)]


def test_days_that_the_record_of_deletions_does_not_reach_are_left_out() -> None:
    gone = deleted(at(30, 8), 50, at(28), at(28, 20))
    assert used([], 100, [gone], cut_off=True) == [(30, 100), (31, 100)]


def test_the_highest_bar_reaches_the_top_and_cameras_stand_on_each_other() -> None:
    days = [
        disk.DayUse(day=DAYS[0], bytes={1: 10, 2: 30}),
        disk.DayUse(day=DAYS[1], bytes={1: 80, 2: 0}),
    ]
    first, second = (
        [(bar.camera, bar.top, bar.height) for bar in day.bars] for day in disk.with_bars(days)
    )
    assert first == [(1, 87.5, 12.5), (2, 50.0, 37.5)]
    assert second == [(1, 0.0, 100.0)]
    assert disk.with_bars([disk.DayUse(day=DAYS[0], bytes={1: 0})])[0].bars == []


def test_hours_are_those_of_the_server_also_when_clocks_change() -> None:
    days = [date(2026, 3, 29), date(2026, 10, 25)]
    utc = ZoneInfo("UTC")
    moments = [
        datetime(2026, 3, 29, 0, tzinfo=utc),  # 01:00
        datetime(2026, 3, 29, 1, tzinfo=utc),  # 03:00, as 02:00 does not occur
        datetime(2026, 10, 25, 0, tzinfo=utc),  # 02:00
        datetime(2026, 10, 25, 1, tzinfo=utc),  # 02:00 again
        datetime(2026, 10, 26, 1, tzinfo=utc),  # of another day
    ]
    hours = [saved(moment, 1, images=5) for moment in moments]
    hours.append(saved(moments[0], 1, camera=2, images=3))
    rows = disk.by_hour_of_day(days, hours, zone=BERLIN, camera=None)
    assert rows[0][:4] == [0, 8, 0, 5]
    assert rows[1][:4] == [0, 0, 10, 0]
    assert sum(map(sum, disk.by_hour_of_day(days, hours, zone=BERLIN, camera=2))) == 3


def test_one_busy_hour_does_not_make_all_others_pale() -> None:
    counts = [[0] * 24, [10] * 24, [1000] + [0] * 23]
    most = disk.usual_most(counts)
    assert most == 10
    assert disk.usual_most([[0, 0]]) == 0
    levels = [disk.level(count, most) for count in (0, 1, 3, 10, 1000)]
    assert levels == [0, 2, 3, 5, 5]


# the page


@pytest.fixture
def filled(make_room: Callable[..., Room]) -> Room:
    room = make_room(retention={"days": 20, "conversions_days": 7}, storage={"max_gb": 5})
    for back in range(60):
        room.save(1, NOW - timedelta(days=back, minutes=1), content=b"x" * 1000)
    room.save(2, NOW, content=b"x" * 500)
    return room


def test_the_page_says_what_takes_room_and_what_the_rules_would_take(filled: Room) -> None:
    page = filled.get("/disk").text
    for text in (
        "60 images · 60.0 kB",
        "Images go after 20 days.",
        "Videos and archives go after 7 days.",
        "The oldest images go above 5 GB in all.",
        "<h3>What would go now</h3>",
        "40 items go, which frees 40.0 kB.",
    ):
        assert text in page, text
    planned = filled.answer("/file/previewRules")
    assert planned["deleted"] == 40


def test_deletions_and_kept_times_are_listed(filled: Room) -> None:
    filled.answer("/file/createKeep", {"camera": 1, "hours": 2, "reason": "parcel <b>"})
    filled.answer("/file/pathClean", {"camera": 1, "days": 30})
    foreign = deleted(NOW, 5, NOW, NOW)
    object.__setattr__(foreign, "rule", "a_rule_of_tomorrow")
    filled.archive.index.note_deletion(foreign)
    page = filled.get("/disk").text
    assert "parcel &lt;b&gt;" in page
    assert "clean-up" in page
    assert "a_rule_of_tomorrow" in page


def test_the_heat_map_is_a_table_with_every_number_in_it(filled: Room) -> None:
    page = filled.get("/disk").text
    assert page.count('<td class="l') == 32  # one hour of each of 31 days, and camera 2's
    assert page.count('<td class="l', page.index("</thead>")) >= 31
    one = filled.get("/disk?camera=2").text
    assert one.count('<td class="l') == 1
    for wrong in ("x", "99", "-1", "²", "1e9", "%00"):
        assert filled.get(f"/disk?camera={wrong}").status_code == 200


def test_who_sees_some_cameras_sees_theirs_and_who_may_not_clean_has_no_button(
    filled: Room,
) -> None:
    limited = {"authorization": f"Bearer {filled.api_token(Role.VIEWER, frozenset({2}))}"}
    page = filled.get("/disk", headers=limited).text
    assert "1 image · 500 B" in page
    assert "Front door" not in page
    assert "60.0 kB" not in page
    assert "<h3>" not in page, "nothing of what the rules would take"
    for button in ("data-clean", '"/file/pathDelete', '"/file/applyRules', '"/file/deleteKeep'):
        assert button not in page, button
    admin = {"authorization": f"Bearer {filled.api_token()}"}
    page = filled.get("/disk", headers=admin).text
    assert 'data-clean="1"' in page
    assert "/file/applyRules" in page


def test_an_empty_store_has_a_page_too(room: Room) -> None:
    page = room.get("/disk").text
    assert "No images yet." in page
    assert "Nothing was deleted." in page


def test_a_list_of_kept_times_that_cannot_be_read_is_said_and_no_fault(filled: Room) -> None:
    (filled.root / "keep.json").write_text("{")
    answer = filled.get("/disk")
    assert answer.status_code == 200
    assert "The rules do nothing now" in answer.text
