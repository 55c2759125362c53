import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from chimera_storage.clock import SystemClock, to_us
from chimera_storage.errors import SourceError
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.http_camera import HttpSource
from tests.motion.clips import HEIGHT, WIDTH, jpegs, without_tables, write_clip
from tests.motion.reading import drain, read, read_jpegs
from tests.support.http_camera import HttpCamera, dripping_server, silent_server

CLOCK = SystemClock()
ODD = "p@s:s/w#rd%?"
ODD_ENCODED = "p%40s%3As%2Fw%23rd%25%3F"


def source(url: str, *, interval_s: float = 0.05, timeout_s: float = 5) -> HttpSource:
    return HttpSource(parse_address(url), "tcp", CLOCK, interval_s=interval_s, timeout_s=timeout_s)


@pytest.fixture(scope="module")
def pictures() -> list[bytes]:
    return jpegs(0.5, [])


@pytest.mark.parametrize("path", ["/mjpeg", "/mjpeg-length", "/snapshot.jpg"])
def test_the_cameras_own_jpegs_come_through_untouched(path: str, pictures: list[bytes]) -> None:
    with HttpCamera(pictures) as camera:
        began_us = to_us(CLOCK.now())
        frames = read_jpegs(source(camera.url(path)), 4)
    assert all(frame.jpeg in pictures for frame in frames)
    assert {frame.seen.size for frame in frames} == {(WIDTH, HEIGHT)}
    times = [frame.time_us for frame in frames]
    assert times == sorted(set(times))
    assert began_us <= times[0] <= times[-1] <= to_us(CLOCK.now())


@pytest.mark.parametrize("auth", ["basic", "digest"])
@pytest.mark.parametrize("path", ["/mjpeg", "/snapshot.jpg"])
def test_a_camera_gets_the_password_in_the_way_it_asks_for(
    auth: str, path: str, pictures: list[bytes]
) -> None:
    with HttpCamera(pictures, auth=auth, user="c@m", password=ODD) as camera:
        frames = read_jpegs(source(camera.url(path, f"c%40m:{ODD_ENCODED}")), 4)
    assert len(frames) == 4


@pytest.mark.parametrize("auth", ["basic", "digest"])
@pytest.mark.parametrize(
    ("credentials", "said"),
    [("cam:wrong", "refuses the user or the password"), ("", "asks for a user and password")],
)
def test_a_wrong_password_is_said_without_it(
    auth: str, credentials: str, said: str, pictures: list[bytes]
) -> None:
    with (
        HttpCamera(pictures, auth=auth, user="cam", password="secret") as camera,
        pytest.raises(SourceError, match=said) as raised,
    ):
        drain(source(camera.url("/mjpeg", credentials)))
    assert "wrong" not in str(raised.value)
    assert camera.requests == 0


@pytest.mark.parametrize(
    ("path", "said"),
    [("/page", "answers with a page"), ("/nothing", "404"), ("/mjpeg-once", "ended the stream")],
)
def test_what_is_no_stream_is_a_sentence(path: str, said: str, pictures: list[bytes]) -> None:
    with HttpCamera(pictures) as camera, pytest.raises(SourceError, match=said):
        read_jpegs(source(camera.url(path)), 1000)


def test_a_camera_that_is_switched_off_between_snapshots_is_noticed(pictures: list[bytes]) -> None:
    with HttpCamera(pictures) as camera:
        frames = source(camera.url("/snapshot.jpg")).frames(threading.Event())
        next(frames)
    with pytest.raises(SourceError):
        for _ in range(3):
            next(frames)


def test_damaged_pictures_are_left_out_and_counted(pictures: list[bytes]) -> None:
    cut = pictures[0][: len(pictures[0]) // 2]
    with HttpCamera([cut, pictures[1], b"no picture", pictures[2]]) as camera:
        found = source(camera.url("/mjpeg-length"))
        frames = read_jpegs(found, 3)
    assert [frame.jpeg for frame in frames] == [pictures[1], pictures[2], pictures[1]]
    assert found.damaged == 3


def test_pictures_that_are_cut_off_but_end_as_they_should_are_left_out(
    pictures: list[bytes],
) -> None:
    cut = pictures[0][: len(pictures[0]) // 2] + b"\xff\xd9"
    with HttpCamera([cut, pictures[1]]) as camera:
        found = source(camera.url("/mjpeg-length"))
        frames = read_jpegs(found, 2)
    assert {frame.jpeg for frame in frames} == {pictures[1]}
    assert found.damaged == 2


def test_pictures_without_huffman_tables_come_decoded_to_be_encoded_anew(
    pictures: list[bytes],
) -> None:
    with HttpCamera([without_tables(jpeg) for jpeg in pictures]) as camera:
        frames = read(source(camera.url("/mjpeg")), 2)
    assert {(f.picture.width, f.picture.height) for f in frames} == {(WIDTH, HEIGHT)}


def test_a_server_that_stays_silent_is_given_up() -> None:
    with silent_server() as port, pytest.raises(SourceError, match="did not answer"):
        drain(source(f"http://cam:secret@127.0.0.1:{port}/x", timeout_s=0.3))


@pytest.mark.parametrize(
    "head", [b"HTTP/1.1 200 OK\r\n" + b"X-Y: z\r\n" * 99, b"HTTP/1.1 302 Found\r\nLocation: /x\r\n"]
)
def test_a_server_that_drips_its_headers_does_not_hold_up_a_thread_for_hours(head: bytes) -> None:
    began_s = time.monotonic()
    with dripping_server(head) as port, pytest.raises(SourceError, match="did not answer"):
        drain(source(f"http://cam:secret@127.0.0.1:{port}/x", timeout_s=0.3))
    assert time.monotonic() - began_s < 2


@pytest.mark.parametrize("path", ["/mjpeg", "/snapshot.jpg"])
def test_a_camera_whose_clock_is_in_the_year_2000_gets_the_servers_time(
    path: str, pictures: list[bytes]
) -> None:
    began_us = to_us(CLOCK.now())
    with HttpCamera(pictures, date="Sat, 01 Jan 2000 00:00:00 GMT") as camera:
        frames = read_jpegs(source(camera.url(path)), 3)
    ended_us = to_us(CLOCK.now())
    assert all(began_us <= frame.time_us <= ended_us for frame in frames)


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("http://127.0.0.1:1", "refuses the connection"),
        ("http://no-such-host.invalid", "No host is known"),
    ],
)
def test_a_host_that_cannot_be_reached_is_a_sentence(host: str, said: str) -> None:
    with pytest.raises(SourceError, match=said):
        drain(source(f"{host}/x"))


def test_a_camera_that_speaks_no_tls_is_a_sentence(pictures: list[bytes]) -> None:
    with HttpCamera(pictures) as camera, pytest.raises(SourceError, match="does not speak TLS"):
        drain(source(camera.url("/mjpeg").replace("http:", "https:")))


@pytest.fixture
def video_server(tmp_path: Path) -> Iterator[str]:
    write_clip(tmp_path / "clip.mp4", 1, [])
    content = (tmp_path / "clip.mp4").read_bytes()

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/clip.mp4"
    server.shutdown()
    server.server_close()
    thread.join()


def test_other_video_over_http_is_read_by_ffmpeg(video_server: str) -> None:
    assert len(read(source(video_server), 5)) == 5
