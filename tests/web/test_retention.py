"""What rules delete over HTTP: quotas, previews, records, and times that are kept."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from chimera_storage.clock import to_us
from chimera_storage.model import Event
from tests.support.web import NOW, Room

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MB = 1_000_000


def fill(room: Room, camera: int = 1, hours: int = 20) -> None:
    """An image of 1 MB for each of the last hours."""
    for n in range(hours):
        room.save(camera, NOW - n * HOUR, content=b"\xff\xd8" + bytes(MB - 4) + b"\xff\xd9")


def count(room: Room, camera: int = 1) -> int:
    number: int = room.answer("/file/pathFileCount", {"camera": camera})["count"]
    return number


# quotas


def test_auto_clean_without_a_quota_is_skipped(room: Room) -> None:
    fill(room)
    assert room.answer("/file/pathAutoClean") == {"skipped": True}
    assert room.answer("/file/pathAutoClean", {}) == {"skipped": True}
    assert count(room) == 20


def test_auto_clean_brings_everything_down_to_nine_tenths_of_the_quota(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(storage={"max_gb": 0.010})
    fill(room)
    assert room.answer("/file/pathAutoClean") == {"cleaned": True, "deleted": 11}
    assert count(room) == 9
    assert room.answer("/file/pathAutoClean") == {"cleaned": False, "deleted": 0}
    newest = room.get("/events?camera_id=1&date=2026-01-31").json()["events"][0]
    assert newest["timestamp"] == "2026-01-31T19:00:00.000Z"


def test_auto_clean_keeps_the_quota_of_a_camera(make_room: Callable[..., Room]) -> None:
    cameras = [
        {"id": 1, "url": "demo:", "retention": {"max_gb": 0.01}},
        {"id": 2, "url": "demo:"},
    ]
    room = make_room(camera=cameras, storage={"min_free_gb": 0})
    fill(room, 1)
    fill(room, 2)
    assert room.answer("/file/pathAutoClean") == {"cleaned": True, "deleted": 11}
    assert (count(room, 1), count(room, 2)) == (9, 20)


# all rules


def test_the_preview_says_what_then_goes(make_room: Callable[..., Room]) -> None:
    room = make_room(retention={"days": 0.5}, storage={"max_gb": 0.005, "min_free_gb": 0})
    fill(room)
    preview = room.answer("/file/previewRules")
    assert count(room) == 20
    by_rule = {planned["rule"]: planned for planned in preview["planned"]}
    assert set(by_rule) == {"days", "max_gb"}
    assert by_rule["days"]["count"] == 7
    assert by_rule["days"]["name"] == "Front door"
    begin, end = by_rule["days"]["oldest"], by_rule["days"]["newest"]
    assert end - begin == 7 * 3_600_000 - 1000  # seven whole hours
    assert by_rule["max_gb"]["formatted"] == "9.0 MB"
    assert (preview["deleted"], preview["bytes"]) == (16, 16 * MB)
    assert preview["waits"] is None
    assert 0 < preview["disk"]["free"] < preview["disk"]["total"]
    gone = room.answer("/file/applyRules")
    assert gone == {"deleted": 16, "bytes": 16 * MB, "formatted": "16.0 MB"}
    assert room.answer("/file/previewRules")["planned"] == []


def test_deletions_are_listed_newest_first_with_who_and_why(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(retention={"days": 0.5})
    fill(room)
    fill(room, 2, hours=3)
    room.answer("/file/applyRules")
    room.clock.time += timedelta(seconds=1)
    room.answer("/file/pathDelete", {"camera": 2})
    room.clock.time += 2 * DAY
    room.answer("/file/pathClean", {"camera": 1, "days": 1})
    records = room.get("/file/listDeletions").json()["list"]
    seen = [(r["who"], r["rule"], r["camera"], r["name"], r["count"]) for r in records]
    assert seen == [
        ("api", "pathClean", 1, "Front door", 13),
        ("api", "pathDelete", 2, "Camera 2", 3),
        ("api", "days", 1, "Front door", 7),
    ]
    assert records[0]["at"] - records[1]["at"] == 2 * 86_400_000
    assert records[2]["bytes"] == 7 * MB
    assert len(room.get("/file/listDeletions?limit=1").json()["list"]) == 1
    for bad in ("0", "1001", "x", "1.5", "-1"):
        assert room.get(f"/file/listDeletions?limit={bad}").status_code == 400


def test_a_run_that_finds_another_one_says_so(make_room: Callable[..., Room]) -> None:
    room = make_room(storage={"max_gb": 0.001})
    (room.root / "keep.json").write_text("{")
    assert "keep.json" in room.refusal("/file/pathAutoClean", status=409)
    assert "keep.json" in room.refusal("/file/applyRules", status=409)
    assert "keep.json" in room.answer("/file/previewRules")["waits"]
    assert room.get("/file/listKeep").status_code == 503


# kept times


def test_kept_images_outlive_rules_and_path_clean_until_they_are_let_go(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(retention={"days": 1})
    old = room.save(1, NOW - 9 * DAY)
    room.save(1, NOW - 8 * DAY)
    begin = NOW - 9 * DAY
    kept = room.answer(
        "/file/createKeep",
        {
            "camera": "Front door",
            "start": begin.strftime("%Y%m%d-%H%M%S"),
            "end": (begin + HOUR).isoformat(),
            "reason": "the parcel",
        },
    )
    assert kept["start"] == "20260122-190000"
    assert (kept["camera"], kept["name"], kept["reason"]) == (1, "Front door", "the parcel")
    assert room.get("/file/listKeep").json() == {"list": [kept]}
    assert room.answer("/file/pathClean", {"camera": 1, "days": 2}) == {
        "deleted": True,
        "confidence": 100,
    }
    assert room.answer("/file/applyRules")["deleted"] == 0
    assert room.get(room.url(old)).status_code == 200
    assert room.answer("/file/deleteKeep", {"id": kept["id"]}) == {
        "deleted": True,
        "id": kept["id"],
    }
    assert room.answer("/file/deleteKeep", {"id": kept["id"]})["deleted"] is False
    assert room.answer("/file/applyRules")["deleted"] == 1
    assert room.get("/file/listKeep").json() == {"list": []}


def test_an_event_is_kept_by_when_it_began(make_room: Callable[..., Room]) -> None:
    room = make_room(retention={"days": 1})
    begin = to_us(NOW - 9 * DAY) + 123_456
    image = room.save(1, NOW - 9 * DAY, event=begin)
    room.save(1, NOW - 9 * DAY + HOUR)
    room.archive.index.add_events([Event(camera=1, start_us=begin, end_us=begin + 5_000_000)])
    listed = room.get("/events?camera_id=1&date=2026-01-22").json()["events"]
    assert [frame["event"] for frame in listed] == [None, begin // 1000]
    room.answer("/file/createKeep", {"camera": 1, "event": begin // 1000})
    assert room.answer("/file/applyRules")["deleted"] == 1
    assert room.get(room.url(image)).status_code == 200
    room.refusal("/file/createKeep", {"camera": 1, "event": begin // 1000 + 1}, status=404)


@pytest.mark.parametrize(
    "body",
    [
        {"camera": 1},
        {"camera": 1, "end": "20260131-190000"},
        {"camera": 1, "start": "yesterday"},
        {"camera": 1, "hours": 0},
        {"camera": 1, "start": "20260131-190000", "end": "20260131-180000"},
        {"camera": 1, "hours": 1, "reason": "x" * 201},
        {"camera": 1, "hours": 1, "reason": ["x"]},
        {"camera": 1, "hours": 1, "reason": "a\nb"},
        {"camera": "../..", "hours": 1},
        {"camera": 1, "event": {}},
        {"hours": 1},
    ],
)
def test_what_cannot_be_kept_is_refused(still_room: Room, body: dict[str, Any]) -> None:
    still_room.refusal("/file/createKeep", body, status=400)
    assert still_room.get("/file/listKeep").json() == {"list": []}


@pytest.mark.parametrize("value", [None, 7, "x" * 300, {}, True])
def test_letting_go_of_what_is_no_id_is_refused(still_room: Room, value: object) -> None:
    still_room.refusal("/file/deleteKeep", {"id": value}, status=400)


def test_deleting_a_camera_takes_kept_images_too(room: Room) -> None:
    room.save(1, NOW)
    room.answer("/file/createKeep", {"camera": 1, "hours": 1})
    assert room.answer("/file/pathDelete", {"camera": 1}) == {"deleted": True}
    assert count(room) == 0


def test_all_of_it_wants_a_login_where_others_do(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"secret_key": "k" * 32})
    for path in (
        "/file/pathStats",
        "/file/dailyStats",
        "/file/hourStats",
        "/file/listDeletions",
        "/file/listKeep",
        "/usage",
        "/events?camera_id=1&date=2026-01-31",
        "/frames/1/20260131-190000-00.jpg",
    ):
        assert room.get(path).status_code == 401, path
    for path in ("pathMetrics", "pathAutoClean", "applyRules", "previewRules", "createKeep"):
        assert room.post(f"/file/{path}", {}).status_code == 401, path
