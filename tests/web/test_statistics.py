"""Statistics and a day's images, as CONTRACT.md has them under "Routes of Chimera 6"."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from chimera_storage.clock import to_us
from chimera_storage.model import Conversion, ConversionStatus, ConversionType, Event
from tests.support.web import NOW, Room

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)


def ms(moment: datetime) -> int:
    return to_us(moment) // 1000


def test_path_metrics_are_by_the_cameras_names(room: Room) -> None:
    room.save(1, NOW, content=b"x" * 100)
    room.save(1, NOW - HOUR, content=b"x" * 50)
    room.save(77, NOW, content=b"x" * 7)
    assert room.answer("/file/pathMetrics") == {
        "size": {"Front door": 150, "Camera 2": 0, "Camera 77": 7},
        "count": {"Front door": 2, "Camera 2": 0, "Camera 77": 1},
        "confidence": 100,
    }


def test_path_stats_are_bytes_by_hour_and_name_for_32_days(room: Room) -> None:
    hour = NOW.replace(minute=0)
    room.save(1, NOW, content=b"x" * 10)
    room.save(1, NOW + MINUTE, content=b"x" * 11)
    room.save(2, NOW, content=b"x" * 5)
    room.save(1, NOW - 31 * 24 * HOUR, content=b"x" * 3)
    room.save(1, NOW - 33 * 24 * HOUR, content=b"x" * 4)
    assert room.get("/file/pathStats").json() == [
        {"timestamp": ms(hour - 31 * 24 * HOUR), "Front door": 3},
        {"timestamp": ms(hour), "Front door": 21, "Camera 2": 5},
    ]


def test_daily_stats_are_the_same_by_minute_for_24_hours(room: Room) -> None:
    room.save(1, NOW - 2 * MINUTE, content=b"x" * 10)
    room.save(1, NOW - 2 * MINUTE + timedelta(seconds=59), content=b"x" * 11)
    room.save(2, NOW - 23 * HOUR, content=b"x" * 5)
    room.save(1, NOW - 25 * HOUR, content=b"x" * 3)
    expected = [
        {"timestamp": ms(NOW - 23 * HOUR), "Camera 2": 5},
        {"timestamp": ms(NOW - 2 * MINUTE), "Front door": 21},
    ]
    assert room.get("/file/dailyStats").json() == expected
    assert room.get("/file/dailyStats").json() == expected


def test_daily_stats_show_what_was_saved_and_deleted_since_they_were_last_asked(
    room: Room,
) -> None:
    room.save(1, NOW - 3 * HOUR, content=b"x" * 10)
    room.get("/file/dailyStats")
    room.save(1, NOW - 3 * HOUR + MINUTE, content=b"x" * 4)
    room.save(1, NOW, content=b"x" * 4)
    sizes = [minute["Front door"] for minute in room.get("/file/dailyStats").json()]
    assert sizes == [10, 4, 4]
    room.answer("/file/pathDelete", {"camera": 1})
    assert room.get("/file/dailyStats").json() == []


def test_hour_stats_have_images_bytes_and_events(room: Room) -> None:
    room.save(1, NOW, content=b"x" * 10)
    room.save(1, NOW + MINUTE, content=b"x" * 10)
    room.archive.index.add_events(
        [Event(camera=1, start_us=to_us(NOW), end_us=to_us(NOW + MINUTE))]
    )
    assert room.get("/file/hourStats").json() == {
        "list": [
            {
                "timestamp": ms(NOW.replace(minute=0)),
                "camera": 1,
                "name": "Front door",
                "images": 2,
                "bytes": 20,
                "events": 1,
            }
        ]
    }


def test_usage_has_everything_and_the_disk(make_room: Callable[..., Room]) -> None:
    room = make_room(storage={"max_gb": 2.5})
    room.save(1, NOW, content=b"x" * 2_000_000)
    for kind, size in ((ConversionType.MP4, 300), (ConversionType.ZIP, 70)):
        room.archive.index.add_conversion(
            Conversion(
                id=f"a{size}-20260131-190000",
                type=kind,
                camera=1,
                start_us=0,
                end_us=1,
                requested_us=to_us(NOW),
                status=ConversionStatus.DONE,
                size=size,
            )
        )
    usage = room.get("/usage").json()
    assert usage["max_gb"] == 2.5
    assert usage["total_frames"] == 1
    assert usage["cameras"] == [
        {"id": 1, "name": "Front door", "used_gb": 0.002, "frame_count": 1},
        {"id": 2, "name": "Camera 2", "used_gb": 0, "frame_count": 0},
    ]
    breakdown = usage["breakdown"]
    assert (breakdown["frames"], breakdown["videos"], breakdown["zips"]) == (2_000_000, 300, 70)
    assert breakdown["other"] > 4096
    assert usage["used_gb"] == round(sum(breakdown.values()) / 1e9, 3)
    assert 0 < usage["disk"]["free"] < usage["disk"]["total"]
    assert usage["forecast"]["bytesPerDay"] > 0


def test_events_are_a_days_images_newest_first_in_pages(room: Room) -> None:
    day = datetime(2026, 1, 30, tzinfo=UTC)
    images = [room.save(1, day + n * 10 * MINUTE, n % 3) for n in range(144)]
    room.save(1, day - timedelta(seconds=1))
    room.save(1, day + 24 * HOUR)
    room.save(2, day)
    names = []
    for page in range(1, 6):
        answer = room.get(
            "/events", params={"camera_id": 1, "date": "2026-01-30", "page": page, "per_page": 30}
        ).json()
        assert (answer["total"], answer["page"], answer["per_page"]) == (144, page, 30)
        names += [frame["name"] for frame in answer["events"]]
    assert names == [room.url(image).rpartition("/")[2] for image in reversed(images)]
    first = room.get("/events?camera_id=Front door&date=2026-01-30&per_page=1").json()["events"][0]
    assert first == {
        "id": "1/20260130/23/20260130-235000-02.jpg",
        "timestamp": "2026-01-30T23:50:00.000Z",
        "name": "20260130-235000-02.jpg",
        "size": images[-1].size,
        "url": "/shared/captures/1/20260130/23/20260130-235000-02.jpg",
        "event": None,
        "score": None,
    }
    assert room.get("/events?camera_id=1&date=2026-01-30&page=9").json()["events"] == []


def test_a_day_is_one_of_the_servers_time_zone(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"timezone": "Asia/Kolkata"})  # five and a half hours ahead
    begin = datetime(2026, 1, 29, 18, 30, tzinfo=UTC)
    for moment in (begin, begin + 24 * HOUR - timedelta(seconds=1)):
        room.save(1, moment)
    for moment in (begin - timedelta(seconds=1), begin + 24 * HOUR):
        room.save(1, moment)
    answer = room.get("/events?camera_id=1&date=2026-01-30").json()
    assert answer["total"] == 2
    assert [frame["timestamp"] for frame in answer["events"]] == [
        "2026-01-30T18:29:59.000Z",
        "2026-01-29T18:30:00.000Z",
    ]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "camera_id=1",
        "date=2026-01-30",
        "camera_id=../..&date=2026-01-30",
        "camera_id=1&date=2026-13-30",
        "camera_id=1&date=20260130",
        "camera_id=1&date=2026-01-30T00:00:00",
        "camera_id=1&date=2026-01-30&page=0",
        "camera_id=1&date=2026-01-30&page=x",
        "camera_id=1&date=2026-01-30&per_page=1001",
        "camera_id=1&camera_id=2&date=2026-01-30",
        "camera_id=1&date=9999-01-01",
    ],
)
def test_a_day_that_is_none_is_refused(still_room: Room, query: str) -> None:
    response = still_room.get(f"/events?{query}")
    assert response.status_code == 400
    assert len(response.json()["error"]) > 10


def test_events_of_an_unknown_camera_are_unknown(still_room: Room) -> None:
    assert still_room.get("/events?camera_id=55&date=2026-01-30").status_code == 404


def test_a_frame_is_shown_inline_whether_dated_or_flat(room: Room) -> None:
    room.save(1, NOW, content=b"\xff\xd8dated\xff\xd9")
    flat = room.captures / "1" / "20260131-150000-00.jpg"
    flat.write_bytes(b"\xff\xd8flat\xff\xd9")
    for name, content in (("20260131-190000-00", b"dated"), ("20260131-150000-00", b"flat")):
        response = room.get(f"/frames/1/{name}.jpg")
        assert response.content == b"\xff\xd8" + content + b"\xff\xd9"
        assert response.headers["content-type"] == "image/jpeg"
        assert response.headers["content-disposition"].startswith("inline")
        etag = response.headers["etag"]
        again = room.get(f"/frames/Front door/{name}.jpg", headers={"if-none-match": etag})
        assert again.status_code == 304
        assert room.request("HEAD", f"/frames/1/{name}.jpg").content == b""


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/frames/1/20260131-190001-00.jpg", 404),
        ("/frames/1/index.db", 404),
        ("/frames/1/..%2f..%2findex.db", 404),
        ("/frames/1/.images", 404),
        ("/frames/1/x.jpg%00", 404),
        ("/frames/55/20260131-190000-00.jpg", 404),
        ("/frames/..%2f1/20260131-190000-00.jpg", 404),
        ("/frames/-1/20260131-190000-00.jpg", 400),
    ],
)
def test_a_frame_is_an_image_of_the_camera_and_nothing_else(
    still_room: Room, target: str, status: int
) -> None:
    assert still_room.get_raw(target)[0] == status
