"""What no client should send, over a real socket: a clear refusal, and the next request works."""

import gzip
import itertools
import socket
import struct
from collections.abc import Iterator

import pytest

from chimera_storage.web import parsing
from tests.support.granian_room import exchange, served
from tests.support.waiting import wait_for
from tests.support.web import Room, web_room
from tests.web.conftest import CAMERAS

JSON = "application/json"
HEALTH = b"GET /storage/health HTTP/1.1\r\nHost: localhost\r\n\r\n"


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    with web_room(tmp_path_factory.mktemp("bad"), camera=CAMERAS) as made:
        made.save_many(1, 3)
        (made.captures / "large.zip").write_bytes(bytes(20_000_000))
        yield made


@pytest.fixture(scope="module")
def port(room: Room) -> Iterator[int]:
    with served(room) as number:
        yield number


@pytest.fixture(autouse=True)
def still_well(port: int) -> Iterator[None]:
    yield
    close = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    assert exchange(port, close).startswith(b"HTTP/1.1 200 OK")


def post(body: bytes, kind: str = JSON, path: str = "/file/pathSize", more: str = "") -> bytes:
    head = (
        f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: {kind}\r\n{more}"
        f"Content-Length: {len(body)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + body


def chunked(*parts: bytes) -> bytes:
    head = (
        b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Transfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    return head + b"".join(b"%x\r\n%b\r\n" % (len(part), part) for part in parts) + b"0\r\n\r\n"


def status_of(answer: bytes) -> int:
    assert answer.startswith(b"HTTP/1."), answer[:100]
    return int(answer.split(b" ", 2)[1])


@pytest.mark.parametrize(
    "body",
    [
        b"[" * 500_000,
        b'{"camera":' * 100_000,
        b'{"camera":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
        b'{"camera":' + b"9" * 1_000_000 + b"}",
        b'{"camera":1e999999}',
        b'{"camera":-1e999999}',
        b'{"camera":NaN}',
        b'{"camera":Infinity}',
        b'{"camera":"\\ud800"}',
        b'{"camera":"\xff\xfe"}',
        b'{"camera":"\xed\xa0\x80"}',
        b"{" + b",".join(b'"%d":1' % n for n in range(100_000)) + b"}",
        b'"text"',
        b"1",
        b"null",
        b"{camera:1}",
        b"{'camera':1}",
        b'{"camera":1}{"camera":2}',
        b'{"camera":1',
        b"\x00" * 1000,
        '{"camera": 1}'.encode("utf-16")[:-1],
        gzip.compress(b'{"camera": 1}', mtime=0),
    ],
    ids=lambda body: ascii(body[:30]),
)
def test_what_is_no_json_of_use_is_refused(port: int, body: bytes) -> None:
    assert status_of(exchange(port, post(body), timeout_s=60)) == 400


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("text/xml", b"<!DOCTYPE x [<!ENTITY y SYSTEM 'file:///etc/passwd'>]><x>&y;</x>"),
        ("multipart/form-data; boundary=x", b"--x\r\nContent-Disposition: form-data\r\n\r\n--x--"),
        ("multipart/form-data", b"x"),
        ("application/x-www-form-urlencoded", b"&".join(b"a%d=1" % n for n in range(50_000))),
        ("application/x-www-form-urlencoded", b"camera=%ff%fe"),
        ("application/x-www-form-urlencoded", b"camera=1&camera=2"),
        ("application/x-www-form-urlencoded", b"\xff\xfe"),
        ("application/octet-stream", b'{"camera": 1}'),
        ("application/x-python-pickle", b"cos\nsystem\n(S'true'\ntR."),
        ("text/plain; charset=utf-7", b"+AHsAIgBj-"),
        ("", b'{"camera": 1}'),
        ("\x0b", b'{"camera": 1}'),
    ],
)
def test_another_content_type_is_refused(port: int, kind: str, body: bytes) -> None:
    assert status_of(exchange(port, post(body, kind))) == 400


def test_a_body_is_read_up_to_its_bound_however_it_comes(port: int) -> None:
    whole = b'{"camera": 1, "x": "' + b"x" * (parsing.MAX_BODY_BYTES - 22) + b'"}'
    assert len(whole) == parsing.MAX_BODY_BYTES
    assert status_of(exchange(port, post(whole))) == 200
    assert status_of(exchange(port, post(whole + b" "))) == 413
    parts = [whole[begin : begin + 50_000] for begin in range(0, len(whole), 50_000)]
    assert status_of(exchange(port, chunked(*parts))) == 200
    assert status_of(exchange(port, chunked(*parts, b" " * 50_000))) == 413
    assert status_of(exchange(port, chunked(b'{"camera"', b": 1", b"}"))) == 200


def test_a_body_that_comes_too_slowly_is_given_up(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parsing, "MAX_BODY_SECONDS", 0.2)
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        connection.sendall(post(b'{"camera": 1}')[:-5])
        assert status_of(connection.recv(4096)) == 408


@pytest.mark.parametrize(
    ("request_bytes", "statuses"),
    [
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: " + b"y" * 1_000_000 + b"\r\n\r\n", {431}),
        (b"GET /" + b"a" * 1_000_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 414, 431}),
        (b"GET /?" + b"a=1&" * 20_000 + b" HTTP/1.1\r\nHost: localhost\r\n\r\n", {200, 414, 431}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nno colon\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\nx: a\x00b\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: localhost\r\n : x\r\n\r\n", {400}),
        (b"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n", {403}),
        (b"GET / HTTP/1.1\nHost: localhost\n\n", {200, 400}),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 200, {400}),  # TLS
        (b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", {400}),
        (b"CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400, 403, 404, 405}),
        (b"GET http://evil.example/cameras HTTP/1.1\r\nHost: evil.example\r\n\r\n", {400, 403}),
        (b"OPTIONS * HTTP/1.1\r\nHost: localhost\r\n\r\n", {400, 404, 405}),
        (b"GET /cameras HTTP/1.0\r\n\r\n", {200}),
        (b"GET /cameras HTTP/1.0\r\nHost: localhost\r\nConnection: keep-alive\r\n\r\n", {200}),
        (b"GET /cameras\r\n\r\n", {400}),
        (
            b"GET /convert/events HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\n"
            b"Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
            {200, 400, 403, 426},
        ),
        (
            b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nContent-Length: 13\r\n"
            b'Content-Length: 14\r\n\r\n{"camera": 1}',
            {400},
        ),
        (
            b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nContent-Length: -1\r\n\r\n",
            {400},
        ),
        (
            b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: gzip\r\n\r\n",
            {400},
        ),
        (
            b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n"
            b"Content-Type: application/json\r\n\r\n" + b"f" * 40 + b"\r\n",
            {400},
        ),
    ],
    ids=lambda value: ascii(value)[:50] if isinstance(value, bytes) else "",
)
def test_what_is_no_request_is_refused_or_the_connection_closed(
    port: int, request_bytes: bytes, statuses: set[int]
) -> None:
    with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
        try:
            connection.sendall(request_bytes)
            answer = connection.recv(4096)
        except ConnectionError:
            return
    assert not answer or status_of(answer) in statuses, answer[:200]


def test_a_body_that_hides_a_second_request_hides_none(port: int) -> None:
    """Content-Length beside Transfer-Encoding, as request smuggling has it."""
    hidden = b"GET /file/pathStats HTTP/1.1\r\nHost: localhost\r\n\r\n"
    head = (
        b"POST /file/pathSize HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: %d\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    )
    answer = exchange(port, head % (5 + len(hidden)) + b"0\r\n\r\n" + hidden)
    assert answer.count(b"HTTP/1.1 ") <= 1
    assert not answer or status_of(answer) == 400


def test_requests_in_a_row_are_answered_in_their_order(port: int) -> None:
    keep = post(b'{"camera": 1}').replace(b"Connection: close\r\n", b"")
    bad = post(b"{").replace(b"Connection: close\r\n", b"")
    last = HEALTH.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
    answer = exchange(port, (keep + HEALTH + bad) * 30 + last, timeout_s=60)
    statuses = [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]
    assert statuses == [200, 200, 400] * 30 + [200]


def test_a_request_that_breaks_off_anywhere_harms_nobody(port: int) -> None:
    whole = post(b'{"camera": 1}')
    abort = struct.pack("ii", 1, 0)  # closing sends a reset
    for end, resets in itertools.product(range(0, len(whole), 7), (False, True)):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
            connection.sendall(whole[:end])


def test_an_answer_that_is_not_read_to_its_end_harms_nobody(room: Room, port: int) -> None:
    abort = struct.pack("ii", 1, 0)
    requests = [
        b"GET /shared/captures/large.zip HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /convert/events HTTP/1.1\r\nHost: localhost\r\n\r\n",
        b"GET /cameras HTTP/1.1\r\nHost: localhost\r\n\r\n",
    ]
    for request, size, resets in itertools.product(requests, (0, 1, 200, 70_000), (False, True)):
        with socket.create_connection(("127.0.0.1", port), timeout=20) as connection:
            if resets:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, abort)
            connection.sendall(request)
            received = 0
            while received < size and b"large" in request:
                received += len(connection.recv(size - received))
    wait_for(lambda: not room.conversions.feed._listeners, "the end of all streams")
