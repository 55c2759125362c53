"""Published attacks on software of this kind, over a real socket: nothing outside is given out.

Each spelling is tried below every address that takes a part of a path, as a parameter and in
bodies. What they are after lies where such holes led: beside and above the data folder, in it
beside `shared`, hidden in `shared`, and behind links that somebody planted there.
"""

import json
import socket
from collections.abc import Iterator
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from urllib.parse import quote

import pytest

from chimera_storage.web.permissions import ROUTES
from tests.support.granian_room import served
from tests.support.web import Room, web_room
from tests.web.conftest import CAMERAS

CANARY = b"precious-canary"

# Ways of writing "one folder up, and this file".
UP = (
    "../{}",
    "..%2f{}",
    "%2e%2e/{}",
    "%2e%2e%2f{}",
    ".%2e/{}",
    "..;/{}",  # servlet containers cut a path's parameters off after the check
    "..;x=y/{}",
    "..%3b/{}",
    "..%00/{}",
    "..%5c{}",
    "..\\{}",
    "%5c..%5c{}",
    "%252e%252e%252f{}",  # decoded twice
    "..%252f{}",
    "..%255c{}",
    "%c0%ae%c0%ae/{}",  # overlong UTF-8 (IIS, 2000)
    "%c0%ae%c0%ae%c0%af{}",
    "..%c0%af{}",
    "..%c1%9c{}",
    "%e0%80%ae%e0%80%ae/{}",
    "%uff0e%uff0e/{}",
    "%u002e%u002e%u2215{}",
    "%ef%bc%8e%ef%bc%8e/{}",  # full-width dots
    "%ef%bc%8e%ef%bc%8e%ef%bc%8f{}",
    "%e2%80%a4%e2%80%a4/{}",  # one dot leaders
    "%c2%2e%c2%2e/{}",
    "....//{}",  # what is left where "../" is cut out once
    "..././{}",
    "....\\/{}",
    "./../{}",
    "x/../../{}",
    "1/../../{}",
    "..%0d%0a/{}",
    "..%20/{}",
    "..%09/{}",
    "..../{}",
)
# Ways of writing an absolute address.
ABSOLUTE = (
    "{}",  # motionEye: os.path.join(folder, absolute) is the absolute one
    "/{}",
    "//{}",
    "%2f{}",
    "%252f{}",
    "file://{}",
    "file:%2f%2f{}",
    "~/..{}",
    "~root{}",
    "C:{}",
    "\\\\localhost{}",
    "|cat {}",
    "php://filter/resource={}",
)
BELOW = (
    "/shared/",
    "/shared/captures/",
    "/shared/captures/1/",
    "/frames/",
    "/frames/1/",
    "/cameras/",
    "/cameras/1/",
    "/convert/download/",
    "/convert/download/output_1_",
    "/convert/sprite/",
    "/convert/process/",
    "/link/",
    "/link/x.y/",
    "/static/",
    "/static",  # nginx's alias without a slash
    "/",
)


class Client:
    """Sends targets as they are, which no library does, over one connection while that lasts."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None

    def ask(self, target: str, method: str = "GET", body: bytes = b"") -> tuple[int, bytes]:
        """(status, headers and body); (0, b"") where the connection was closed without a word."""
        head = (
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(body)}\r\n"
            "Content-Type: application/json\r\n\r\n"
        )
        if self._socket is None:
            self._socket = socket.create_connection(("127.0.0.1", self._port), timeout=20)
        answer = HTTPResponse(self._socket, method=method)
        try:
            self._socket.sendall(head.encode("utf-8", "surrogateescape") + body)
            answer.begin()
            said = str(answer.headers).encode() + answer.read()
        except (HTTPException, ConnectionError):
            self.close()
            return 0, b""
        if answer.will_close or answer.status == 400:
            self.close()
        return answer.status, said

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    outer = tmp_path_factory.mktemp("outer")
    (outer / "data").mkdir()
    with web_room(outer / "data", camera=CAMERAS) as made:
        made.save_many(1, 3)
        for folder in (outer, made.root, made.root / "shared", made.captures):
            name = "canary.txt" if folder in (outer, made.root) else ".canary.txt"
            (folder / name).write_bytes(CANARY)
        planted = made.captures / "1"
        (planted / "file.jpg").symlink_to(outer / "canary.txt")
        (planted / "20260131-190000-77.jpg").symlink_to(outer / "canary.txt")
        (planted / "relative.jpg").symlink_to("../../../canary.txt")
        (planted / "folder").symlink_to(outer)
        (planted / "chain").symlink_to(planted / "folder")
        (made.captures / "3").symlink_to(outer)
        yield made


@pytest.fixture(scope="module")
def client(room: Room) -> Iterator[Client]:
    with served(room) as port:
        made = Client(port)
        yield made
        made.close()


def is_refused(status: int, said: bytes, what: object) -> None:
    assert CANARY not in said, what
    assert b"SQLite format" not in said, what
    assert b"root:x:0" not in said, what
    assert status < 500, (what, status)


def test_a_canary_would_be_seen(room: Room, client: Client) -> None:
    (room.captures / "shown.txt").write_bytes(CANARY)
    status, said = client.ask("/shared/captures/shown.txt")
    assert (status, CANARY in said) == (200, True)
    (room.captures / "shown.txt").unlink()


@pytest.mark.parametrize("below", BELOW)
def test_no_spelling_leads_out_of_an_address(room: Room, client: Client, below: str) -> None:
    targets = [
        below + way.format("") * (depth - 1) + way.format(name)
        for way in UP
        for depth in (1, 2, 3, 5)
        for name in ("canary.txt", "index.db", ".canary.txt")
    ]
    outside = str(room.root / "canary.txt")
    targets += [below + way.format(outside) for way in ABSOLUTE]
    targets += [below + quote(way.format(outside), safe="") for way in ABSOLUTE]
    for target in targets:
        status, said = client.ask(target.replace(" ", "%20"))
        is_refused(status, said, target)
        assert status in {0, 302, 400, 404}, (target, status)


@pytest.mark.parametrize(
    "target",
    [
        "/shared/captures/1/file.jpg",
        "/shared/captures/1/relative.jpg",
        "/shared/captures/1/folder/canary.txt",
        "/shared/captures/1/chain/canary.txt",
        "/shared/captures/1/chain/data/canary.txt",
        "/shared/captures/3/canary.txt",
        "/shared/captures/1/folder/",
        "/shared/captures/3/",
        "/frames/1/20260131-190000-77.jpg",
        "/frames/1/file.jpg",
        "/frames/3/canary.txt",
        "/cameras/3/canary.txt",
    ],
)
def test_links_planted_in_the_data_folder_lead_nowhere(client: Client, target: str) -> None:
    for suffix in ("", "?inline", "?width=160", "?page=1"):
        status, said = client.ask(target + suffix)
        is_refused(status, said, target)
        assert status in {400, 404}, (target, status)


QUERIES = (
    "/index.php?view=file&path=/../../canary.txt",  # ZoneMinder
    "/index.php?view=image&eid=../../../&fid=canary.txt",
    "/cgi-bin/nph-zms?monitor=1%20AND%20SLEEP(5)",
    "/zm/index.php?view=request&request=modal&modal=delconfirm&sort=Id;SELECT%20SLEEP(5)",
    "/picture/1/download/..%2f..%2fcanary.txt",  # motionEye
    "/movie/1/download//etc/passwd",
    "/static/../../../canary.txt",
    "/api/1/latest.jpg?path=../../canary.txt",  # Frigate
    "/vod/1/..%2f..%2fcanary.txt",
    "/clips/..%2fcanary.txt",
    "/exports/..%2f..%2fcanary.txt",
    "/recordings/../canary.txt",
    "/events?camera_id=1'%20OR%20'1'='1&date=2026-01-31",
    "/events?camera_id=1&date=2026-01-31'%20UNION%20SELECT%20sql%20FROM%20sqlite_master--",
    "/events?camera_id=1&date=2026-01-31&per_page=1;DROP%20TABLE%20images",
    "/motion/events?camera=1%20OR%201=1&limit=1%20UNION%20SELECT%201",
    "/convert/listProcess?status=done'%20OR%201=1--",
    "/convert/process/x'%20OR%20'1'='1",
    "/file/listDeletions?limit=1;DELETE%20FROM%20deletions",
    "/shared/captures/?page=1%20UNION%20SELECT%201",
    "/shared/captures/1/?sort=;rm%20-rf",
    "/cameras/1/latest.jpg?width=../../canary.txt",
)


@pytest.mark.parametrize("target", QUERIES)
def test_a_published_request_gets_nothing(room: Room, client: Client, target: str) -> None:
    status, said = client.ask(target)
    is_refused(status, said, target)
    assert b"CREATE TABLE" not in said
    assert room.archive.index.totals(1).count == 3


HOSTILE = (
    "1 OR 1=1",
    "1' OR '1'='1",
    "1; DROP TABLE images;--",
    "1 UNION SELECT sql FROM sqlite_master",
    "../../canary.txt",
    "shared/captures/../../canary.txt",
    "shared/captures/1/../../../canary.txt",
    "/etc/passwd",
    "..\\..\\canary.txt",
    "shared/captures/1\u0000",
    "shared/captures/\uff0e\uff0e/canary.txt",
    "1\n2",
    "\ud800",
    "$(cat canary.txt)",
    "`id`",
    "{{7*7}}",
    "%n%n%s",
    {"$gt": ""},
    ["1"],
    [[1]],
    {"camera": 1},
    1e308,
    -1,
    10**18,
    True,
)


def test_no_body_reaches_a_path_or_a_statement(room: Room, client: Client) -> None:
    fields = ("camera", "path", "id", "file", "process", "start", "end", "name", "list", "format")
    for entry in ROUTES:
        method, _, path = entry.partition(" ")
        if method == "GET" or "{" in path or path in {"/login", "/account/password"}:
            continue
        for value in HOSTILE:
            body = dict.fromkeys(fields, value) | {"days": 1, "hours": None, "preview": True}
            for wish in (body, {"camera": value, "days": 99999}, {"id": value}, {"path": value}):
                status, said = client.ask(path, method, json.dumps(wish).encode())
                is_refused(status, said, (entry, wish))
    assert room.archive.index.totals(1).count == 3
    assert len(list(Path(room.captures / "1").rglob("2026*-00.jpg"))) == 3
    assert client.ask("/storage/health")[0] == 200
