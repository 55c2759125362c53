"""`?width=`: smaller images, who gets them, and how much making them may cost."""

import asyncio
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import httpx
import numpy as np
import pytest
import simplejpeg
from starlette.requests import Request

from chimera_storage.access import Role
from chimera_storage.web.serving import StoredFile
from chimera_storage.web.thumbnails import Thumbnails
from tests.support.granian_room import served
from tests.support.waiting import wait_for
from tests.support.web import NOW, Room


def jpeg(width: int, height: int = 180, *, shade: int = 90, colours: str = "RGB") -> bytes:
    channels = 1 if colours == "GRAY" else 3
    pixels = np.full((height, width, channels), shade, np.uint8)
    pixels[: height // 2, : width // 2] = 250
    encoded: bytes = simplejpeg.encode_jpeg(pixels, 90, colours, "420")
    return encoded


def size_of(answer: httpx.Response) -> tuple[int, int]:
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "image/jpeg"
    height, width = simplejpeg.decode_jpeg_header(answer.content)[:2]
    return width, height


@pytest.mark.parametrize(
    ("full", "asked", "sent"),
    [
        (1280, 160, 160),
        (1280, 1, 160),
        (1280, 161, 320),
        (1280, 320, 320),
        (1280, 640, 640),
        (1280, 1280, 1280),
        (1920, 160, 240),
        (1920, 1280, 1440),
        (352, 160, 176),
        (352, 352, 352),
        (100, 320, 100),
    ],
)
def test_the_image_comes_in_the_eighths_that_are_wide_enough(
    room: Room, full: int, asked: int, sent: int
) -> None:
    image = room.save(1, NOW, content=jpeg(full))
    answer = room.get(f"{room.url(image)}?inline&width={asked}")
    assert size_of(answer)[0] == sent
    pixels = simplejpeg.decode_jpeg(answer.content)
    assert pixels[5, 5].min() > 200, "the bright corner is where it was"
    assert 60 < pixels[-5, -5].mean() < 120
    if sent == full:
        assert answer.content == jpeg(full)
    else:
        assert len(answer.content) < len(jpeg(full))


def test_every_address_of_an_image_knows_the_width(room: Room) -> None:
    image = room.save(1, NOW, content=jpeg(1280))
    url = room.url(image)
    link = room.answer("/links", {"file": url})["url"]
    span = room.answer("/links", {"camera": 1, "hours": 1})["url"]
    name = url.rpartition("/")[2]
    for address in (url, f"/frames/1/{name}", "/cameras/1/latest.jpg", link, f"{span}/{name}"):
        assert size_of(room.get(address))[0] == 1280, address
        assert size_of(room.get(f"{address}?width=300"))[0] == 320, address


@pytest.mark.parametrize("width", ["x", "0", "-1", "1000000000", "1281", "1.5", "320&width=640"])
def test_a_width_that_is_none_is_refused(room: Room, width: str) -> None:
    image = room.save(1, NOW, content=jpeg(1280))
    for address in (room.url(image), "/cameras/1/latest.jpg"):
        answer = room.get(f"{address}?width={width}")
        assert answer.status_code == 400
        assert "width" in answer.json()["error"]


def test_conditions_ranges_and_head_work_as_for_the_whole_image(room: Room) -> None:
    image = room.save(1, NOW, content=jpeg(1280))
    address = f"{room.url(image)}?width=160"
    once = {"x-request-id": "same"}
    small, head = room.get(address, headers=once), room.request("HEAD", address, headers=once)
    assert head.content == b""
    assert head.headers == small.headers
    tag = small.headers["etag"]
    assert len({tag, room.get(room.url(image)).headers["etag"]}) == 2
    assert tag != room.get(f"{room.url(image)}?width=320").headers["etag"]
    assert room.get(address, headers={"if-none-match": tag}).status_code == 304
    part = room.get(address, headers={"range": "bytes=2-9"})
    assert (part.status_code, part.content) == (206, small.content[2:10])
    assert small.headers["cache-control"] == room.get(room.url(image)).headers["cache-control"]


def test_a_thumbnail_is_gone_and_changed_with_its_image(room: Room) -> None:
    image = room.save(1, NOW, content=jpeg(1280, shade=40))
    address = f"{room.url(image)}?width=160"
    before = room.get(address)
    room.save(1, NOW, content=jpeg(1280, shade=200))
    after = room.get(address)
    assert after.content != before.content
    assert after.headers["etag"] != before.headers["etag"]
    room.archive.delete([image.key])
    assert room.get(address).status_code == 404


def test_nobody_gets_a_small_one_who_may_not_see_the_large_one(room: Room) -> None:
    url = room.url(room.save(2, NOW, content=jpeg(1280)))
    admin = {"authorization": f"Bearer {room.api_token()}"}
    limited = {"authorization": f"Bearer {room.api_token(Role.VIEWER, frozenset({1}))}"}
    for address in (url, "/cameras/2/latest.jpg"):
        assert size_of(room.get(f"{address}?width=160", headers=admin))[0] == 160
        assert room.get(f"{address}?width=160", headers=limited).status_code == 404
        assert room.get(f"{address}?width=160").status_code == 401


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"no image",
        b"\xff\xd8 an image \xff\xd9",
        jpeg(1280)[:100],
    ],
    ids=["empty", "text", "no header", "part of a header"],
)
def test_what_cannot_be_made_smaller_is_sent_as_it_is(room: Room, content: bytes) -> None:
    image = room.save(1, NOW, content=content)
    answer = room.get(f"{room.url(image)}?width=160")
    assert answer.status_code == 200
    assert answer.content == content


def test_an_image_that_was_cut_short_is_shown_as_far_as_it_goes(room: Room) -> None:
    whole = jpeg(1280, 720)
    image = room.save(1, NOW, content=whole[: len(whole) * 3 // 4])
    assert size_of(room.get(f"{room.url(image)}?width=160")) == (160, 90)


def test_grey_images_stay_grey(room: Room) -> None:
    image = room.save(1, NOW, content=jpeg(1280, colours="GRAY"))
    answer = room.get(f"{room.url(image)}?width=160")
    assert simplejpeg.decode_jpeg_header(answer.content)[2] == "Gray"


def test_videos_and_folders_take_no_notice_of_a_width(room: Room) -> None:
    (room.captures / "clip.mp4").write_bytes(b"a video")
    assert room.get("/shared/captures/clip.mp4?width=160").content == b"a video"
    assert room.get("/shared/captures/?width=160").status_code == 200


# what it may cost


def test_what_is_remembered_has_a_bound_and_is_used(room: Room) -> None:
    image = room.save(1, NOW, content=jpeg(1280))
    others = [room.save(2, NOW, number, jpeg(1280, shade=number)) for number in range(20)]
    small = len(room.get(f"{room.url(image)}?width=160").content)
    thumbnails = Thumbnails(most_bytes=5 * (small + 500))

    def ask(image: object) -> None:
        file = room.archive.open(image.key)  # type: ignore[attr-defined]
        stored = StoredFile(file, name="image.jpg")
        sent = asyncio.run(thumbnails.sized(_request("width=160"), stored))
        assert sent.size < 2 * small
        assert file.closed, "the image is not held open"

    ask(image)
    ask(image)
    assert thumbnails.made == 1
    for other in others:
        ask(other)
        assert thumbnails.bytes <= 5 * (small + 500)
    ask(image)
    assert thumbnails.made == 22, "it had to give way to later ones"


def test_a_hundred_asked_for_at_once_are_all_made_while_others_are_answered(
    make_room: Callable[..., Room],
) -> None:
    room = make_room()
    images = [room.save(1, NOW, number, jpeg(1280, 720, shade=number)) for number in range(100)]
    with served(room) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        with ThreadPoolExecutor(100) as many:
            asked = [
                many.submit(httpx.get, f"{client.base_url}{room.url(image)}?width=160", timeout=60)
                for image in images
            ]
            assert client.get("/me").status_code == 200
            answers = [future.result() for future in asked]
        assert {size_of(answer) for answer in answers} == {(160, 90)}
        assert len({answer.content for answer in answers}) > 50, "each its own"


def test_who_has_gone_away_before_its_turn_is_not_worked_for(room: Room) -> None:
    images = [room.save(1, NOW, number, jpeg(3840, 2160, shade=number)) for number in range(60)]
    last = f"{room.url(images[-1])}?width=160"
    with served(room) as port:
        connections = []
        for image in images:
            connection = socket.create_connection(("127.0.0.1", port))
            address = f"{room.url(image)}?width=160"
            connection.sendall(f"GET {address} HTTP/1.1\r\nHost: {room.host}\r\n\r\n".encode())
            connections.append(connection)
        for connection in connections:
            connection.close()
        began = time.monotonic()
        wait_for(lambda: _is_sent(port, room, last), "the last to be made for who stays")
        assert time.monotonic() - began < 30
        made = room.app.state.thumbnails.made
        assert made < 60


def _is_sent(port: int, room: Room, address: str) -> bool:
    answer = httpx.get(f"http://127.0.0.1:{port}{address}", timeout=30)
    return size_of(answer) == (480, 270)


def _request(query: str) -> Request:
    async def receive() -> dict[str, object]:
        await asyncio.Event().wait()
        return {}

    scope = {"type": "http", "method": "GET", "query_string": query.encode(), "headers": []}
    return Request(scope, receive)
