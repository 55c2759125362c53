"""/motion/events."""

from datetime import timedelta

import pytest

from chimera_storage.clock import to_us
from chimera_storage.model import Box, Event, Image
from tests.support.web import NOW, Room

BEGIN = NOW - timedelta(minutes=10)
BEGIN_US = to_us(BEGIN)


def saved(room: Room, second: int, score: float | None, *, event_us: int = BEGIN_US) -> Image:
    taken = BEGIN + timedelta(seconds=second)
    return room.save(1, taken, boxes=(Box(second, 2, 30, 40),), event=event_us, score=score)


def test_an_event_has_the_score_and_boxes_of_its_best_image(room: Room) -> None:
    room.archive.index.add_events([Event(camera=1, start_us=BEGIN_US, end_us=BEGIN_US + 9_000_000)])
    images = [saved(room, n, score) for n, score in enumerate([None, 0.01, 0.04, 0.04, 0.02])]
    saved(room, 5, 0.9, event_us=1)  # of another event
    answer = room.get("/motion/events?camera=Front door&hours=1").json()
    assert answer == {
        "list": [
            {
                "camera": 1,
                "name": "Front door",
                "start": BEGIN_US // 1000,
                "end": BEGIN_US // 1000 + 9000,
                "images": 5,
                "score": 0.04,
                "boxes": [[2, 2, 30, 40]],
                "best": {
                    "url": room.url(images[2]),
                    "taken": images[2].taken_at_us // 1000,
                    "width": images[2].width,
                    "height": images[2].height,
                },
            }
        ],
        "more": False,
    }


def test_an_event_that_goes_on_or_has_no_image_left_is_listed(room: Room) -> None:
    room.archive.index.add_events([Event(camera=1, start_us=BEGIN_US)])
    (event,) = room.get("/motion/events?camera=1").json()["list"]
    assert (event["end"], event["images"], event["score"], event["boxes"], event["best"]) == (
        None, 0, None, [], None,
    )  # fmt: skip
    saved(room, 3, 0.5)
    (event,) = room.get("/motion/events?camera=1").json()["list"]
    assert (event["end"], event["images"], event["score"]) == (None, 1, 0.5)


def test_events_come_in_order_up_to_the_limit(room: Room) -> None:
    starts = [BEGIN_US + n * 20_000_000 for n in range(5)]
    room.archive.index.add_events(
        [Event(camera=1, start_us=us, end_us=us + 1) for us in reversed(starts)]
    )
    room.archive.index.add_events([Event(camera=2, start_us=BEGIN_US, end_us=BEGIN_US + 1)])
    first = room.get("/motion/events?camera=1&limit=3").json()
    assert first["more"]
    last = first["list"][-1]["start"]
    rest = room.get(
        f"/motion/events?camera=1&limit=3&start={last + 1}&end={to_us(NOW) // 1000}"
    ).json()
    assert not rest["more"]
    assert [event["start"] * 1000 for event in first["list"] + rest["list"]] == starts


@pytest.mark.parametrize(
    "query", ["", "camera=..", "camera=1&limit=0", "camera=1&limit=x", "camera=1&start=x",
              "camera=1&start=20260131-120000&end=20260131-110000", "camera=1&camera=2"],
)  # fmt: skip
def test_a_question_that_is_none_is_refused(still_room: Room, query: str) -> None:
    response = still_room.get(f"/motion/events?{query}")
    assert response.status_code == 400
    assert len(response.json()["error"]) > 10


def test_events_of_an_unknown_camera_are_unknown(still_room: Room) -> None:
    assert still_room.get("/motion/events?camera=55").status_code == 404
