"""What a camera sees now, as one picture and as a stream."""

import socket
from collections.abc import Iterator

import numpy as np
import pytest
import simplejpeg

from chimera_storage.model import Box, CameraReport, CameraState, LivePicture
from chimera_storage.web.boxes import with_boxes
from tests.support.granian_room import served
from tests.support.waiting import wait_for
from tests.support.web import NOW, Room, web_room
from tests.web.conftest import CAMERAS

GREY: bytes = simplejpeg.encode_jpeg(np.full((90, 160, 3), 128, np.uint8), 90)
BOX = Box(400, 300, 200, 100)  # of a picture of 1600x900


def connected(room: Room, state: CameraState = CameraState.CONNECTED) -> None:
    room.recorders.said = [CameraReport(camera=1, state=state, since_us=0)]


def picture(number: int = 1) -> LivePicture:
    return LivePicture(camera=1, time_us=number, jpeg=GREY, width=1600, height=900, boxes=(BOX,))


def is_marked(jpeg: bytes, x: int, y: int) -> bool:
    red, _, blue = simplejpeg.decode_jpeg(jpeg)[y, x].astype(int)
    return bool(red - blue > 60)


def test_the_newest_picture_is_what_the_camera_sees_now(room: Room) -> None:
    room.save(1, NOW, content=b"saved", boxes=(BOX,))
    connected(room)
    room.recorders.live = picture()
    assert room.get("/cameras/1/latest.jpg").content == GREY
    assert room.get("/cameras/front%20door/latest.jpg?boxes=0").content == GREY
    part = room.get("/cameras/1/latest.jpg", headers={"range": "bytes=0-1"})
    assert (part.status_code, part.content) == (206, GREY[:2])
    assert room.request("HEAD", "/cameras/1/latest.jpg").headers["content-length"] == str(len(GREY))
    for state in (CameraState.FAILED, CameraState.PAUSED, CameraState.STARTING):
        connected(room, state)
        assert room.get("/cameras/1/latest.jpg").content == b"saved"


def test_boxes_are_drawn_where_something_moves(room: Room) -> None:
    connected(room)
    room.recorders.live = picture()
    drawn = room.get("/cameras/1/latest.jpg?boxes").content
    assert is_marked(drawn, 40, 35)
    assert is_marked(drawn, 50, 30)
    assert not is_marked(drawn, 50, 35)
    assert not is_marked(drawn, 20, 20)


def test_boxes_are_drawn_into_a_saved_image_too(room: Room) -> None:
    large = simplejpeg.encode_jpeg(np.full((720, 1280, 3), 128, np.uint8), 90)
    room.save(1, NOW, content=large, boxes=(Box(100, 100, 200, 200),))
    assert room.get("/cameras/1/latest.jpg").content == large
    assert is_marked(room.get("/cameras/1/latest.jpg?boxes=true").content, 200, 101)
    room.save(1, NOW, 5, content=b"no JPEG", boxes=(BOX,))
    assert room.get("/cameras/1/latest.jpg?boxes").content == b"no JPEG"


@pytest.mark.parametrize(
    "box", [Box(-50, -50, 9000, 9000), Box(1599, 899, 1, 1), Box(0, 0, 0, 0), Box(5000, 0, 9, 9)]
)
def test_a_box_that_is_not_in_the_picture_harms_nothing(box: Box) -> None:
    assert simplejpeg.decode_jpeg(with_boxes(GREY, [box], 1600, 900)).shape == (90, 160, 3)


def test_there_is_no_stream_of_a_camera_that_shows_nothing(room: Room) -> None:
    for state in (None, CameraState.FAILED, CameraState.ENDED):
        if state is not None:
            connected(room, state)
        assert room.get("/cameras/1/live.mjpeg").status_code == 409
    assert room.get("/cameras/77/live.mjpeg").status_code == 404


@pytest.fixture(scope="module")
def live_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with web_room(tmp_path_factory.mktemp("live"), camera=CAMERAS) as room:
        yield room


def test_a_stream_goes_on_until_the_client_leaves(live_room: Room) -> None:
    room = live_room
    connected(room)
    room.recorders.live = picture()
    with served(room) as port, socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"GET /cameras/1/live.mjpeg?boxes HTTP/1.1\r\nHost: localhost\r\n\r\n")
        received = b""
        for number in (2, 3):
            while received.count(b"--picture\r\nContent-Type: image/jpeg\r\n") < number - 1:
                received += client.recv(65536)
            assert room.recorders.looking == 1
            room.recorders.show(picture(number))
        while received.count(b"--picture\r\n") < 3:
            received += client.recv(65536)
        head = received.partition(b"\r\n\r\n")[0]
        assert b"content-type: multipart/x-mixed-replace; boundary=picture" in head
        length = int(received.partition(b"Content-Length: ")[2].partition(b"\r\n")[0])
        jpeg = received.partition(b"Content-Length: ")[2].partition(b"\r\n\r\n")[2][:length]
        assert is_marked(jpeg, 40, 35)
        client.close()
        wait_for(lambda: room.recorders.looking == 0, "the end of the looking")
