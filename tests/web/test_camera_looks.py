"""What the camera-settings page asks: test pictures, the network, the detector, past motion."""

from typing import Any

import pytest

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import Box, CameraReport, CameraState, NoiseMap
from chimera_storage.motion.tune import read_marks
from tests.support.web import NOW, Room


def test_a_test_picture_is_shown_or_the_reason_said(room: Room) -> None:
    answer = room.post("/cameras/try", {"url": "demo:2"})
    assert (answer.headers["content-type"], answer.content[:2]) == ("image/jpeg", b"\xff\xd8")
    assert "refuses" in room.refusal("/cameras/try", {"url": "rtsp://192.0.2.1/x"}, status=409)
    for wrong in ({}, {"url": ""}, {"url": 7}, {"url": "demo:", "transport": "pigeon"}):
        room.refusal("/cameras/try", wrong, status=400)


def test_a_camera_that_is_there_is_tried_with_its_stored_password(room: Room) -> None:
    shown = "rtsp://user@192.0.2.1/one"
    room.refusal("/cameras/try", {"url": shown, "camera": 1}, status=409)
    assert room.finder.tried == ["rtsp://user:secret@192.0.2.1/one"]
    room.refusal("/cameras/try", {"url": "demo:", "camera": 77}, status=404)


def test_the_network_is_searched_and_streams_are_asked_for(room: Room) -> None:
    (found,) = room.answer("/cameras/discover")["cameras"]
    assert found == {"name": "Yard Eye", "host": "h", "service": "http://h/onvif"}
    login = {"service": found["service"], "user": "viewer", "password": "secret"}
    (stream,) = room.answer("/cameras/streams", login)["streams"]
    assert (stream["url"], stream["width"]) == ("rtsp://h/1", 640)
    room.refusal("/cameras/streams", {**login, "password": "x"}, status=409)
    room.refusal("/cameras/streams", {"user": "x"}, status=400)
    room.refusal("/cameras/discover", {"address": 7}, status=400)


def test_what_the_detector_finds_is_told_since_a_time(room: Room) -> None:
    room.recorders.said = [
        CameraReport(
            camera=1,
            state=CameraState.CONNECTED,
            since_us=0,
            score=0.25,
            width=640,
            height=360,
            boxes=(Box(1, 2, 3, 4),),
            floor=9,
            noise=NoiseMap(columns=2, rows=1, levels="AP8="),
        )
    ]
    room.recorders.seen = {1: [(1_000_500, 0.0), (2_000_000, 0.125), (3_000_000, 0.25)]}
    sight = room.get("/cameras/1/sight?since=1000").json()
    assert sight["scores"] == [[2000, 0.125], [3000, 0.25]]
    assert (sight["floor"], sight["boxes"], sight["threshold"]) == (9, [[1, 2, 3, 4]], 0.0005)
    assert sight["noise"] == {"columns": 2, "rows": 1, "levels": "AP8="}
    assert room.recorders.watched == [1]
    assert room.get("/cameras/1/sight?since=x").status_code == 400
    assert room.get("/cameras/77/sight").status_code == 404


def test_answers_are_stored_as_tune_reads_them(room: Room) -> None:
    begin = to_us(NOW) // 1000
    body: dict[str, Any] = {"start": begin, "end": begin + 4000, "wanted": False}
    assert room.answer("/cameras/1/marks", body)["marks"] == [body]
    room.answer("/cameras/1/marks", {"start": 5, "end": 6, "wanted": "true"})
    marks = read_marks(str(room.root / "marks" / "1.jsonl"), wanted=True)
    assert [(m.start_us, m.end_us, m.wanted) for m in marks] == [
        (5000, 6000, True),
        (begin * 1000, (begin + 4000) * 1000, False),
    ]
    room.answer("/cameras/1/marks", {"start": 5, "end": 6, "wanted": None})
    assert room.get("/cameras/1/marks").json()["marks"] == [body]


@pytest.mark.parametrize(
    "body", [{}, {"start": 5}, {"start": 5, "end": 4}, {"start": 1, "end": 2, "wanted": "maybe"}]
)
def test_what_is_no_answer_is_refused(room: Room, body: dict[str, Any]) -> None:
    room.refusal("/cameras/1/marks", body, status=400)


def test_who_may_ask(room: Room) -> None:
    viewer = {"authorization": f"Bearer {room.api_token(Role.VIEWER, frozenset({1}))}"}
    for path in ("try", "discover", "streams", "1/marks"):
        assert room.post(f"/cameras/{path}", {"url": "demo:"}, headers=viewer).status_code == 403
    assert room.get("/cameras/2/sight", headers=viewer).status_code == 404
    assert room.get("/cameras/1/sight", headers=viewer).status_code == 200
