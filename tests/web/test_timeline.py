"""/timeline's routes, what conversions will take, and deleting a time."""

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import ConversionStatus, Event
from tests.support.saved_images import coloured
from tests.support.web import NOW, Room

BEGIN = NOW - timedelta(hours=1)
DAY = "start=2026-01-31&end=2026-01-31"


def ms(moment: datetime) -> int:
    return to_us(moment) // 1000


def save_three(room: Room) -> Event:
    """Two images of an event, the second livelier, and one an hour later."""
    event = Event(camera=1, start_us=to_us(BEGIN), end_us=to_us(BEGIN) + 9_000_000)
    room.save(1, BEGIN, event=event.start_us, score=0.1)
    room.save(1, BEGIN + timedelta(seconds=1.25), 2, event=event.start_us, score=0.4)
    room.save(1, NOW)
    room.archive.index.add_events([event])
    return event


def asked(room: Room, route: str, query: str, status: int = 200) -> Any:
    answer = room.get(f"/timeline/{route}?{query}")
    assert answer.status_code == status, answer.text
    return answer.json()


def test_a_day_is_counted_by_minute_with_its_events_and_what_is_kept(room: Room) -> None:
    save_three(room)
    kept = room.answer("/file/createKeep", {"camera": 1, "hours": 2, "reason": "parcel"})
    room.answer("/file/createKeep", {"camera": 2, "hours": 2})

    day = asked(room, "activity", f"camera=Front+door&{DAY}")

    assert day["start"] == ms(datetime(2026, 1, 31, tzinfo=UTC))
    assert day["end"] == day["start"] + 86_400_000 - 1
    assert day["now"] == ms(NOW)
    assert len(day["counts"]) == 1440
    assert {i: n for i, n in enumerate(day["counts"]) if n} == {18 * 60: 2, 19 * 60: 1}
    assert (day["images"], day["name"], day["more"]) == (3, "Front door", False)
    assert day["events"] == {
        "after": [18 * 3600],
        "lasts": [9],
        "images": [2],
        "score": [0.4],
        "best": [1],
        "number": [2],
        "urls": {},
    }
    assert [span["id"] for span in day["kept"]] == [kept["id"]]
    assert day["kept"][0]["start"] == ms(NOW - timedelta(hours=2))


def test_a_day_of_the_servers_zone_has_the_hours_that_it_has(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(server={"timezone": "Europe/Berlin"})
    for date, hours in (("2026-03-29", 23), ("2026-10-25", 25), ("2026-01-31", 24)):
        query = f"camera=1&start={date}&end={date}&every=3600"
        assert len(asked(room, "activity", query)["counts"]) == hours


def test_images_of_a_time_by_second_and_number(room: Room) -> None:
    save_three(room)
    flat = room.archive.layout.camera_folder(1) / "20260131-183000-07.jpg"
    flat.write_bytes(b"x")
    key = room.archive.layout.flat_key(1, flat.name)
    assert key is not None
    first = room.archive.index.images(1, to_us(BEGIN), to_us(BEGIN))[0]
    room.archive.index.add_images([replace(first, key=key, taken_at_us=key.second * 1_000_000)])

    found = asked(room, "images", f"camera=1&{DAY}")

    begin = ms(datetime(2026, 1, 31, tzinfo=UTC))
    assert found["start"] == begin
    expected = [BEGIN, BEGIN + timedelta(seconds=1.25), BEGIN + timedelta(minutes=30), NOW]
    assert [begin + t for t in found["taken"]] == list(map(ms, expected))
    assert found["number"] == [0, 2, 7, 0]
    assert found["score"] == [0.1, 0.4, 0.1, None]
    assert found["urls"] == {"2": "/shared/captures/1/20260131-183000-07.jpg"}
    assert found["more"] is False
    some = asked(room, "images", f"camera=1&{DAY}&limit=2")
    assert (some["number"], some["more"]) == ([0, 2], True)


def test_the_days_of_a_month_that_have_images(room: Room) -> None:
    save_three(room)
    room.save(2, NOW - timedelta(days=2))
    room.save(2, NOW - timedelta(days=40))

    month = asked(room, "days", "")

    assert [(d["date"], d["images"]) for d in month["days"]] == [
        ("2026-01-29", 1),
        ("2026-01-31", 3),
    ]
    assert (month["first"], month["last"], month["today"]) == (
        "2025-12-22",
        "2026-01-31",
        "2026-01-31",
    )
    of_one = asked(room, "days", "month=2025-12&camera=1")
    assert (of_one["days"], of_one["first"]) == ([], "2026-01-31")
    token = room.api_token(Role.VIEWER, frozenset({1}))
    room.headers = {"authorization": f"Bearer {token}"}
    seen = asked(room, "days", "month=2026-01")
    assert ([d["images"] for d in seen["days"]], seen["first"]) == ([3], "2026-01-31")


@pytest.mark.parametrize(
    ("route", "query"),
    [
        ("activity", ""),
        ("activity", "camera=1"),
        ("activity", "camera=1&start=2026-01-31"),
        ("activity", f"camera=1&{DAY}&every=0"),
        ("activity", f"camera=1&{DAY}&every=1"),
        ("activity", "camera=1&start=2026-01-31&end=2026-01-30"),
        ("images", "camera=1&start=2026-01-01&end=2026-02-01"),
        ("images", f"camera=1&{DAY}&limit=20001"),
        ("days", "month=2026-13"),
        ("days", "month=202601"),
        ("days", "month=0001-01"),
    ],
)
def test_what_cannot_be_answered_is_400(still_room: Room, route: str, query: str) -> None:
    assert len(asked(still_room, route, query, 400)["error"]) > 10


@pytest.mark.parametrize(
    ("role", "buttons"),
    [
        (Role.VIEWER, set()),
        (Role.OPERATOR, {"range-make", "range-keep"}),
        (Role.ADMIN, {"range-make", "range-keep", "range-delete"}),
    ],
)
def test_nobody_sees_a_button_that_he_may_not_press(
    room: Room, role: Role, buttons: set[str]
) -> None:
    token = room.api_token(role)
    page = room.get("/timeline", headers={"authorization": f"Bearer {token}"}).text
    all_buttons = {"range-make", "range-keep", "range-delete"}
    assert {name for name in all_buttons if f'id="{name}"' in page} == buttons


def test_the_page_opens_on_the_last_day_with_images_and_names_cannot_break_it(
    make_room: Callable[..., Room],
) -> None:
    name = "\"><script>alert('x')</script> & Söhne"
    room = make_room(camera=[{"id": 1, "name": name, "url": "x"}])
    room.save(1, NOW - timedelta(days=3))
    page = room.get("/timeline").text
    assert 'data-day="2026-01-28"' in page
    assert 'data-today="2026-01-31"' in page
    assert "<script>alert" not in page
    described = re.search(r'data-cameras="([^"]*)"', page)
    assert described is not None
    assert json.loads(html.unescape(described[1])) == [{"id": 1, "name": name}]


# what a conversion will take


def test_the_size_of_an_archive_is_told_to_the_byte(room: Room) -> None:
    save_three(room)
    for body in ({"format": "zip"}, {"format": "zip", "manifest": True}, {"format": "tar"}):
        told = room.answer("/convert/estimate", {"camera": 1, "hours": 2, **body})
        made = room.post("/convert/createZip", {"camera": 1, "hours": 2, "save": False, **body})
        assert (told["size"], told["exact"]) == (len(made.content), True), body
        assert (told["frames"], told["duration"]) == (3, None)
    assert list(room.root.glob("tmp*")) == []


def test_a_video_is_estimated_and_then_known_by_finished_ones_of_its_kind(room: Room) -> None:
    room.save_many(1, 100)
    wish = {"camera": 1, "hours": 1, "fps": 25}
    first = room.answer("/convert/estimate", wish)
    assert (first["frames"], first["duration"], first["exact"]) == (100, 4.0, False)
    assert first["learnedFrom"] == 0
    assert first["seconds"] > 0
    process = room.answer("/convert/createVideo", {"camera": 1, "hours": 1, "height": 240})["id"]
    began = to_us(NOW)
    done = replace(
        room.conversions.all[process],
        status=ConversionStatus.DONE,
        size=1_000_000,
        started_us=began,
        finished_us=began + 10_000_000,
    )
    room.archive.index.add_conversion(done)
    assert room.answer("/convert/estimate", wish)["learnedFrom"] == 0, "another height"
    alike = room.answer("/convert/estimate", {**wish, "height": 240, "skip": 2})
    assert (alike["frames"], alike["size"], alike["seconds"]) == (50, 500_000, 5.0)
    assert alike["learnedFrom"] == 1


def test_nothing_takes_nothing(room: Room) -> None:
    for form in ("mp4", "zip"):
        told = room.answer("/convert/estimate", {"camera": 1, "format": form})
        assert (told["frames"], told["size"], told["seconds"]) == (0, 0, 0)
    room.refusal("/convert/estimate", {"camera": 1, "format": "avi"}, status=400)
    room.refusal("/convert/estimate", {"camera": 1, "fps": 99}, status=400)


# deleting a time


def times(room: Room) -> list[int]:
    begin = to_us(NOW) - 99_000_000
    return [(i.taken_at_us - begin) // 1_000_000 for i in room.archive.index.images(1, 0, 2**60)]


def span(first: int, last: int) -> dict[str, Any]:
    begin = ms(NOW) - 99_000
    return {"camera": 1, "start": begin + first * 1000, "end": begin + last * 1000}


def test_a_time_is_deleted_after_a_look_at_what_goes(room: Room) -> None:
    images = room.save_many(1, 100)
    room.save_many(2, 100)
    size = images[0].size

    told = room.answer("/file/rangeDelete", span(10, 29) | {"preview": True})

    assert told == {
        "preview": True,
        "deleted": 20,
        "bytes": 20 * size,
        "formatted": f"{20 * size} B",
        "kept": 0,
        "busy": 0,
    }
    assert len(times(room)) == 100
    assert room.answer("/file/rangeDelete", span(10, 29)) == told | {"preview": False}
    assert times(room) == [*range(10), *range(30, 100)]
    assert room.archive.index.totals(2).count == 100
    assert room.get(room.url(images[15])).status_code == 404
    assert room.get(room.url(images[30])).status_code == 200
    record = room.get("/file/listDeletions").json()["list"][0]
    assert (record["rule"], record["who"], record["count"]) == ("rangeDelete", "api", 20)
    assert record["oldest"] == span(10, 29)["start"]


def test_kept_images_go_only_when_that_is_said_and_those_being_read_never(room: Room) -> None:
    room.save_many(1, 100)
    room.answer("/file/createKeep", span(20, 24))
    room.conversions.all.clear()
    process = room.answer("/convert/createZip", span(25, 26))["id"]
    room.archive.index.add_conversion(room.conversions.all[process])

    told = room.answer("/file/rangeDelete", span(10, 29) | {"preview": True})
    assert (told["deleted"], told["kept"], told["busy"]) == (13, 5, 2)
    room.answer("/file/rangeDelete", span(10, 29))
    assert times(room) == [*range(10), *range(20, 27), *range(30, 100)]

    told = room.answer("/file/rangeDelete", span(10, 29) | {"preview": True, "kept": True})
    assert (told["deleted"], told["kept"], told["busy"]) == (5, 0, 2)
    room.answer("/file/rangeDelete", span(10, 29) | {"kept": True})
    assert times(room) == [*range(10), 25, 26, *range(30, 100)]


def test_a_time_is_deleted_by_admins_alone_and_only_with_both_ends(room: Room) -> None:
    room.save_many(1, 3)
    for missing in ("start", "end"):
        body = {k: v for k, v in span(0, 99).items() if k != missing}
        assert missing in room.refusal("/file/rangeDelete", body, status=400)
    token = room.api_token(Role.OPERATOR)
    room.headers = {"authorization": f"Bearer {token}"}
    for body in (span(0, 99), span(0, 99) | {"preview": True}):
        room.refusal("/file/rangeDelete", body, status=403)
    assert len(times(room)) == 3


def test_nothing_is_deleted_while_the_disk_is_gone(diskless_room: Room) -> None:
    diskless_room.refusal("/file/rangeDelete", span(0, 99), status=503)


def test_a_sprite_says_when_its_images_were_taken(room: Room) -> None:
    for i in range(3):
        at = BEGIN + timedelta(seconds=i + 0.5)
        room.save(1, at, content=coloured(9, 9, 9, 64, 48))
    answer = room.answer("/convert/listFramesVideo", {"camera": 1, "sprite": True})
    begin = ms(BEGIN)
    assert answer["sprite"]["taken"] == [begin + 500, begin + 1500, begin + 2500]
