"""Who may see some cameras reaches nothing of another, by any route and any spelling."""

import asyncio
import html
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from starlette.routing import Route
from starlette.staticfiles import StaticFiles

from chimera_storage.access import ANYBODY_HERE, Kind, Role, Who
from chimera_storage.errors import ConfigurationError
from chimera_storage.model import Deletion, Event
from chimera_storage.web.permissions import ROUTES, Cameras, missing_entries
from chimera_storage.web.seen import _Conversions
from chimera_storage.web.sight import asked_by
from tests.support.web import NOW, Room, web_room

HIDDEN, NAME = 777, "Secret garden"
CAMERAS = (
    {"id": 1, "name": "Front door", "url": "rtsp://192.0.2.1/one"},
    {"id": HIDDEN, "name": NAME, "url": "rtsp://192.0.2.1/seven"},
)
# Not within a random id.
SECRET = re.compile("(?<![0-9a-z])777(?![0-9a-z])|Secret.garden|hushhush", re.IGNORECASE)
IMAGE = b"\xff\xd8 hushhush \xff\xd9"
US = 1_000_000


class Limited:
    """A room with two cameras, and somebody who may see the first alone."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.image = room.save(1, NOW)
        early = NOW - timedelta(seconds=90)
        self.hidden = room.save(HIDDEN, early, content=IMAGE, event=self._us(early))
        room.save(HIDDEN, NOW, content=IMAGE)
        begin = self._us(early)
        event = Event(camera=HIDDEN, start_us=begin, end_us=begin + US)
        room.archive.index.add_events([event])
        self.process = room.answer("/convert/createVideo", {"camera": HIDDEN})["id"]
        room.conversions.finish(self.process, b"hushhush")
        room.archive.index.add_conversion(room.conversions.all[self.process])
        self.output = room.archive.layout.output_name(room.conversions.all[self.process])
        self.running = room.answer("/convert/createZip", {"camera": HIDDEN})["id"]
        link = room.answer("/convert/createZip", {"camera": HIDDEN, "link": True})
        self.download = link["url"].rpartition("/")[2]
        self.keep = room.answer("/file/createKeep", {"camera": HIDDEN, "hours": 1})["id"]
        room.archive.index.note_deletion(
            Deletion(
                at_us=self._us(NOW),
                who="cli",
                rule="days",
                camera=HIDDEN,
                images=1,
                bytes=1,
                oldest_us=0,
                newest_us=1,
            )
        )
        (room.captures / "1" / "alias").symlink_to(room.captures / str(HIDDEN))
        (room.captures / "other").mkdir()
        (room.captures / "other" / "hushhush.txt").write_text("hushhush")
        (room.captures / "hushhush.mp4").write_bytes(IMAGE)
        token = room.api_token(Role.OPERATOR, frozenset({1}))
        self.headers = {"authorization": f"Bearer {token}"}
        self.admin = {"authorization": f"Bearer {room.api_token()}"}

    @staticmethod
    def _us(moment: Any) -> int:
        return int(moment.timestamp()) * US

    def ask(self, method: str, path: str, body: Any = None) -> httpx.Response:
        answer = self.room.request(method, path, json=body, headers=self.headers)
        assert answer.status_code < 500, (path, body, answer.text)
        return answer

    def tells_nothing(self, method: str, path: str, body: Any = None) -> int:
        """The status, after a look at all that was answered."""
        answer = self.ask(method, path, body)
        headers = {name: v for name, v in answer.headers.items() if name != "location"}
        told = answer.text + str(headers)
        for sent in (path, html.escape(path), json.dumps(body), str(body), ascii(body)):
            told = told.replace(sent, "")
        if answer.is_error:  # a refusal may repeat what was asked for
            told = re.sub(r"(there is no camera|\w+ is) [^;]*;", "", told)
        found = SECRET.search(told)
        assert found is None, (method, path, body, answer.text[:500])
        return answer.status_code


@pytest.fixture(scope="module")
def limited(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Limited]:
    with web_room(tmp_path_factory.mktemp("limited"), camera=CAMERAS) as room:
        yield Limited(room)


def test_the_secrets_are_there_for_who_may_see_them(limited: Limited) -> None:
    """Without this the tests below could pass for want of anything to find."""
    for path in (
        "/cameras",
        "/motion/status",
        "/usage",
        "/shared/captures/",
        "/convert/listProcess",
        "/file/listKeep",
        "/file/listDeletions",
        "/file/hourStats",
        "/file/pathStats",
        "/file/dailyStats",
        f"/motion/events?camera={HIDDEN}",
    ):
        assert SECRET.search(limited.room.get(path, headers=limited.admin).text), path


def filled(path: str, limited: Limited) -> list[str]:
    """The route's address with whatever of the hidden camera its parameters can name."""
    name = limited.room.url(limited.hidden).rpartition("/")[2]
    values = {
        "camera": [str(HIDDEN), "Secret%20garden", "777.0", "%37%37%37", "0777", "secret garden"],
        "file": [name],
        "id": [limited.process, limited.running],
        "name": [limited.download, limited.output],
        "text": ["x"],
        "path:path": [
            f"captures/{HIDDEN}",
            f"captures/{HIDDEN}/",
            limited.room.url(limited.hidden).removeprefix("/shared/"),
            f"captures/{limited.output}",
            "captures/",
            "",
            "captures/1/alias/",
            "captures/1/alias",
            "captures/other/",
            "captures/other/hushhush.txt",
            "captures/hushhush.mp4",
        ],
    }
    addresses = [path]
    for parameter in re.findall(r"{([^}]+)}", path):
        addresses = [
            address.replace(f"{{{parameter}}}", value)
            for address in addresses
            for value in values[parameter]
        ]
    return addresses


BODIES: tuple[dict[str, Any], ...] = (
    {},
    *({"camera": camera} for camera in (HIDDEN, "777", NAME, "SECRET GARDEN", 777.0, " 777 ")),
    {"path": "shared/captures/777"},
    {"path": "./shared/captures/Secret garden/"},
    {"camera": 1, "path": "shared/captures/777"},
    {"camera_id": HIDDEN, "date": "2026-01-31"},
    {"camera": HIDDEN, "start": "2026-01-31", "end": "2026-01-31"},
)


def test_no_route_tells_anything_of_a_camera_that_one_may_not_see(limited: Limited) -> None:
    ids = (limited.process, limited.running, limited.keep)
    bodies = [*BODIES, *({"id": known} for known in ids)]
    bodies += [{**body, "days": 7} for body in bodies] + [
        {**body, "save": False} for body in BODIES
    ]
    before = limited.room.conversions.all.copy()
    for entry in ROUTES:
        method, path = entry.split(" ")
        for address in filled(path, limited):
            if method == "GET" and path == "/convert/events":
                continue  # it does not end; see below
            if method == "GET":
                limited.tells_nothing("HEAD", address)
                for body in bodies:
                    query = "&".join(f"{name}={value}" for name, value in body.items())
                    limited.tells_nothing("GET", f"{address}?{query}")
            else:
                for body in bodies:
                    limited.tells_nothing(method, address, body)
    after = limited.room.conversions.all
    assert {i: c for i, c in after.items() if c.camera == HIDDEN} == before
    assert [kept.id for kept in limited.room.archive.keep.ranges()].count(limited.keep) == 1
    assert limited.room.archive.index.totals(HIDDEN).count == 2


def test_a_route_that_names_a_camera_does_not_know_it(limited: Limited) -> None:
    for entry, needs in ROUTES.items():
        method, path = entry.split(" ")
        if needs.cameras is Cameras.NAMED:
            for camera in ("777", NAME):
                address = path.replace("{camera}", camera).replace("{file}", "x.jpg")
                query = f"?camera={camera}&camera_id={camera}&date=2026-01-31&start=0&end=1"
                body = {"camera": camera, "hours": 1}
                asked = (address + query, None) if method == "GET" else (address, body)
                assert limited.ask(method, *asked).status_code == 404, entry


def test_what_may_be_seen_is_there(limited: Limited) -> None:
    """Leaving out everything would pass the tests above."""
    cameras = limited.ask("GET", "/cameras").json()["cameras"]
    assert [camera["id"] for camera in cameras] == [1]
    assert limited.ask("GET", limited.room.url(limited.image)).status_code == 200
    assert limited.ask("GET", "/cameras/1/latest.jpg").status_code == 200
    assert limited.ask("POST", "/file/pathSize", {"camera": "front door"}).status_code == 200
    listing = limited.ask("GET", "/shared/captures/").text
    assert "Front door" in listing
    assert "1 entry" in listing
    usage = limited.ask("GET", "/usage").json()
    assert usage["total_frames"] == 1
    assert usage["used_gb"] == 0
    assert usage["breakdown"]["videos"] == 0
    assert usage["forecast"] is None
    own = limited.ask("POST", "/convert/createVideo", {"camera": 1}).json()["id"]
    assert limited.ask("GET", "/convert/listProcess").json()["list"][0]["id"] == own
    assert limited.ask("POST", "/convert/cancelProcess", {"id": own}).json()["cancelled"]


@pytest.mark.parametrize(
    "target",
    [
        "/shared/captures/%37%37%37/",
        "/shared/captures/1/../777/",
        "/shared/captures/1/%2e%2e/777/",
        "/shared/captures/1%2f..%2f777/",
        "/shared//captures/777/",
        "//shared/captures/777/",
        "/shared/captures/./777/",
        "/shared/captures/777%2f",
        "/shared/captures/0777/",
        "/shared/captures/1/alias/20260131/",
        "/static/../shared/captures/777/",
        "/static/%2e%2e/shared/captures/777/",
        "/link/../shared/captures/777/",
        "/SHARED/captures/777/",
        "/shared;x/captures/777/",
        "/frames/1/..%2f777%2f{name}",
        "/frames/777/{name}",
        "/frames/1%2f..%2f777/{name}",
        "/frames/1/{name}",
        "/cameras/777/latest.jpg",
        "/cameras/1%2f..%2f777/latest.jpg",
        "/cameras/777%00/latest.jpg",
        "/cameras/+777/latest.jpg",
        "/cameras/%EF%BC%97%EF%BC%97%EF%BC%97/latest.jpg",
        "/cameras/777/latest.jpg?camera=1",
        "/cameras/777/latest.jpg/",
    ],
)
def test_frigates_cross_camera_trap_no_spelling_leads_to_another_camera(
    limited: Limited, target: str
) -> None:
    name = limited.room.url(limited.hidden).rpartition("/")[2]
    for method in ("GET", "HEAD", "POST", "OPTIONS", "DELETE", "PROPFIND"):
        status, headers, body = limited.room.get_raw(
            target.replace("{name}", name), method, headers=limited.headers
        )
        assert status in {302, 307, 400, 404, 405}, (method, target, status)
        assert b"hushhush" not in body
        assert "alias" in target or "location" not in headers or status in {302, 307}


def test_a_folder_that_one_may_not_see_is_not_even_redirected_to(limited: Limited) -> None:
    for path in ("777", "777/", "other", "other/", limited.output, "hushhush.mp4", "nothing"):
        for method in ("GET", "HEAD"):
            assert limited.ask(method, f"/shared/captures/{path}").status_code == 404, path


def test_the_path_of_one_camera_serves_only_its_own(limited: Limited) -> None:
    answer = limited.ask("GET", "/cameras/1/latest.jpg?camera=777&camera_id=777")
    assert answer.status_code == 200
    assert b"hushhush" not in answer.content


def test_the_method_cannot_be_overridden(limited: Limited) -> None:
    viewer = {"authorization": f"Bearer {limited.room.api_token(Role.VIEWER)}"}
    for name in ("x-http-method-override", "x-http-method", "x-method-override"):
        answer = limited.room.get("/file/pathDelete", headers=viewer | {name: "POST"})
        assert answer.status_code == 405
    for path in ("/file/pathDelete", "/file/pathdelete", "/file/pathDelete/", "//file/pathDelete"):
        answer = limited.room.post(path, {"camera": 1}, headers=viewer)
        assert answer.status_code in {403, 404}
    original = {"x-original-url": "/file/pathDelete", "x-rewrite-url": "/file/pathDelete"}
    answer = limited.room.post("/motion/status", {"camera": 1}, headers=viewer | original)
    assert answer.status_code == 405
    assert limited.room.archive.index.totals(1).count == 1


def test_websockets_are_closed(limited: Limited) -> None:
    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    scope = {"type": "websocket", "path": "/cameras", "headers": [], "query_string": b""}
    asyncio.run(limited.room.app(scope, receive, send))
    assert sent == [{"type": "websocket.close", "code": 1008}]


# the table


def test_every_route_has_an_entry_and_every_entry_a_route(limited: Limited) -> None:
    assert missing_entries(limited.room.app.routes) == []


@pytest.mark.parametrize("kind", ["route", "plain", "mount", "websocket"])
def test_a_route_without_an_entry_is_found(kind: str, tmp_path: Path) -> None:
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    before = set(missing_entries(app.routes))
    match kind:
        case "route":
            app.get("/new")(lambda: None)
        case "plain":
            app.router.routes.append(Route("/new", lambda _: None))
        case "mount":
            app.mount("/new", StaticFiles(directory=tmp_path))
        case _:
            app.websocket("/new")(lambda _: None)
    assert any("/new" in entry for entry in set(missing_entries(app.routes)) - before)


def test_a_limited_viewer_may_not_ask_what_is_about_all_cameras(limited: Limited) -> None:
    everything = [e for e, needs in ROUTES.items() if needs.cameras is Cameras.ALL]
    assert "POST /file/previewRules" in everything
    for entry in everything:
        assert limited.ask(*_asked(entry), {"camera": 1, "days": 1}).status_code == 403


def test_a_sub_path_that_begins_as_a_route_does_is_refused(
    make_room: Callable[..., Room],
) -> None:
    for root in ("/storage", "/shared", "/file/pathSize", "/cameras"):
        with pytest.raises(ConfigurationError, match="begins as a route"):
            make_room(server={"root_path": root})


def test_events_of_processes_hold_those_alone_that_may_be_seen(limited: Limited) -> None:
    hidden = limited.room.conversions.all[limited.process]
    own = replace(hidden, id="own-20260131-190000", camera=1)
    somebody = Who(kind=Kind.TOKEN, role=Role.VIEWER, cameras=frozenset({1}))
    feed = limited.room.conversions.feed

    async def heard() -> list[Any]:
        with _Conversions(limited.room.conversions).changes() as changes:
            for conversion in (hidden, own):
                feed.changed(conversion)
            news = [c.id for c in await changes.news(1) or () if not isinstance(c, str)]
            for conversion in (hidden, own):
                feed.deleted(conversion.id)
            return [*news, *(await changes.news(1) or ())]

    for who, ids in ((somebody, [own.id]), (ANYBODY_HERE, [hidden.id, own.id])):
        with asked_by(who):
            assert asyncio.run(heard()) == [*ids, *ids]


def _asked(entry: str) -> tuple[str, str]:
    method, _, path = entry.partition(" ")
    return method, path
