"""The same behind the real HTTP server: what only a socket shows."""

import asyncio
import os
import socket
from collections.abc import AsyncGenerator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from structlog.testing import capture_logs

from chimera_storage.errors import ConversionError
from tests.support.granian_room import exchange, served
from tests.support.waiting import wait_for
from tests.support.web import NOW, Room, web_room
from tests.web.conftest import CAMERAS
from tests.web.test_shared import ATTACKS

WISH = b'{"camera":1,"save":false}'
CREATE_VIDEO = (
    b"POST /convert/createVideo HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    b"Content-Length: %d\r\n\r\n%b" % (len(WISH), WISH)
)
LARGE = os.urandom(1_000_000) * 20


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with web_room(tmp_path_factory.mktemp("served"), camera=CAMERAS) as made:
        made.save_many(1, 3)
        (made.captures / "large.zip").write_bytes(LARGE)
        yield made


@pytest.fixture(scope="module")
def port(room: Room) -> Iterator[int]:
    with served(room) as number:
        yield number


@pytest.fixture(scope="module")
def http(port: int) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        yield client


def is_well(port: int) -> bool:
    request = b"GET /storage/health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    return exchange(port, request).startswith(b"HTTP/1.1 200 OK")


def open_files(path: Path) -> int:
    links = Path("/proc/self/fd").iterdir()
    return sum(1 for link in links if link.is_symlink() and os.path.realpath(link) == str(path))


def test_ranges_heads_and_conditions(http: httpx.Client) -> None:
    address = "/shared/captures/large.zip"
    whole = http.get(address)
    assert whole.content == LARGE
    part = http.get(address, headers={"range": "bytes=1000000-9999999"})
    assert part.status_code == 206
    assert part.content == LARGE[1_000_000:10_000_000]
    head = http.head(address)
    assert head.headers["content-length"] == str(len(LARGE))
    assert http.get(address, headers={"if-none-match": head.headers["etag"]}).status_code == 304
    assert http.get(address, headers={"range": "bytes=20000000-"}).status_code == 416
    assert http.head("/shared/captures").status_code == 302


@pytest.mark.parametrize("attack", [a for a in ATTACKS if "secret" not in a])
def test_no_path_leads_outside(port: int, attack: str) -> None:
    request = f"GET {attack} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = exchange(port, request.encode())
    assert answer[9:12] in {b"302", b"400", b"404", b"414"}, (attack, answer[:200])
    if answer[9:12] == b"302":
        assert b"\r\nlocation: /shared/" in answer


async def _endless(room: Room) -> AsyncGenerator[bytes, None]:
    room.conversions.streams_open += 1
    try:
        while True:
            yield b"x" * 65536
            await asyncio.sleep(0)
    finally:
        room.conversions.streams_open -= 1


def test_2021_bug_a_client_that_goes_away_stops_the_work(
    room: Room, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stream(**_wish: Any) -> AsyncGenerator[bytes, None]:
        return _endless(room)

    monkeypatch.setattr(room.conversions, "stream", stream)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(CREATE_VIDEO)
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert room.conversions.streams_open == 1
    wait_for(lambda: room.conversions.streams_open == 0, "the generator to be closed")
    assert is_well(port)


def test_bug_a_client_that_went_away_before_the_first_byte_left_the_work_running(
    room: Room, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def long_in_coming(**_wish: Any) -> AsyncGenerator[bytes, None]:
        room.conversions.streams_open += 1
        try:
            await asyncio.Event().wait()
            yield b""
        finally:
            room.conversions.streams_open -= 1

    monkeypatch.setattr(room.conversions, "stream", long_in_coming)
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(CREATE_VIDEO)
        wait_for(lambda: room.conversions.streams_open == 1, "the work to begin")
    wait_for(lambda: room.conversions.streams_open == 0, "the generator to be closed")
    assert is_well(port)


def test_a_stream_that_breaks_off_ends_the_connection_so_that_the_client_knows(
    port: int, room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def breaking(**_wish: Any) -> AsyncGenerator[bytes, None]:
        yield b"the first part"
        await asyncio.sleep(0)
        raise ConversionError("the encoder stopped")

    monkeypatch.setattr(room.conversions, "stream", breaking)
    with capture_logs() as lines:
        answer = exchange(port, CREATE_VIDEO)
        wait_for(lambda: lines, "the failure to be logged")
    assert [line["event"] for line in lines] == ["download_broken_off"]
    assert b"the first part" in answer
    assert not answer.endswith(b"0\r\n\r\n")
    assert is_well(port)


def test_an_archive_that_cannot_be_whole_ends_short_of_its_length(room: Room, port: int) -> None:
    for number in range(4):
        image = room.save(2, NOW, number=number, content=b"x" * 1_200_000)
    url = room.answer("/convert/createZip", {"camera": 2, "link": True})["url"]
    room.archive.layout.image_path(image.key).unlink()

    answer = exchange(port, f"GET {url} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())

    head, _, body = answer.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 OK")
    assert b"content-length: 4800" in head
    assert 1_200_000 <= len(body) < 4_800_000
    assert is_well(port)


def test_a_download_that_is_broken_off_closes_the_file(room: Room, port: int) -> None:
    path = room.captures / "large.zip"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.sendall(b"GET /shared/captures/large.zip HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
        wait_for(lambda: open_files(path) == 1, "the file to be open")
    wait_for(lambda: open_files(path) == 0, "the file to be closed")
    assert is_well(port)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (b"GET /storage/health HTTP/1.0\r\n\r\n", b"200"),
        (b"GET /cameras HTTP/1.1\r\nHost: evil.example\r\nConnection: close\r\n\r\n", b"403"),
        (b"GET /cameras HTTP/1.1\r\nHost: \xff\xfe\r\nConnection: close\r\n\r\n", b"403"),
        (b"GET / HTTP/1.0\r\nHost: localhost\r\nCookie: \xff=\xfe\r\n\r\n", b"200"),
        (b"BREW /cameras HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"405"),
        (b"GET /\xff HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", b"400"),
        (b"GET /cameras HTTP/9.9\r\n\r\n", b"400"),
        (b"nonsense\r\n\r\n", b"400"),
        (
            b"GET /cameras HTTP/1.1\r\nHost: localhost\r\n" + b"x: y\r\n" * 10_000 + b"\r\n",
            b"431",
        ),
        (
            b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 99999999\r\n"
            b"Content-Type: application/json\r\nConnection: close\r\n\r\n{",
            b"413",
        ),
        (
            b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\nConnection: close\r\n\r\nzz\r\n",
            b"400",
        ),
    ],
    ids=lambda value: ascii(value)[:40],
)
def test_odd_requests_get_a_clear_answer_and_the_next_one_works(
    port: int, request_bytes: bytes, status: bytes
) -> None:
    answer = exchange(port, request_bytes)
    assert answer.partition(b" ")[2].startswith(status), answer[:300]
    assert is_well(port)


def test_pipelined_requests_are_all_answered_in_order(port: int) -> None:
    first = b"GET /storage/health HTTP/1.1\r\nHost: localhost\r\n\r\n"
    last = b"GET /nowhere HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"
    answer = exchange(port, first * 3 + last)
    assert answer.count(b"HTTP/1.1 200 OK") == 3
    assert answer.rindex(b"HTTP/1.1 404 Not Found") > answer.rindex(b"HTTP/1.1 200 OK")


def test_a_connection_dropped_within_the_body_leaves_the_server_well(port: int) -> None:
    for begin in (b"", b"{", b'{"camera":'):
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            connection.sendall(
                b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n"
                b"Content-Type: application/json\r\n\r\n" + begin
            )
    assert is_well(port)
