"""Signed links serve exactly what they were made for, as long and as often as they say."""

import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chimera_storage.access import ACCOUNTS_NAME, Role
from chimera_storage.log import redact
from tests.support.web import NOW, Room, web_room
from tests.web.conftest import CAMERAS

SPAN: dict[str, Any] = {"camera": 1, "start": "20260131-183000", "end": "20260131-184500"}
INSIDE = NOW - timedelta(minutes=20)


class Shown:
    """A room with images in and beside a span, and a maker of links."""

    def __init__(self, room: Room) -> None:
        self.room = room
        self.first = room.save(1, NOW - timedelta(minutes=30), content=b"first")
        self.inside = room.save(1, INSIDE, content=b"inside")
        self.last = room.save(1, NOW - timedelta(minutes=15), content=b"last")
        self.before = room.save(1, NOW - timedelta(minutes=30, seconds=1), content=b"before")
        self.after = room.save(1, NOW - timedelta(minutes=14, seconds=59), content=b"after")
        self.other = room.save(2, INSIDE, content=b"other")
        self.admin = {"authorization": f"Bearer {room.api_token()}"}
        token = room.api_token(Role.OPERATOR, frozenset({1}))
        self.maker = {"authorization": f"Bearer {token}"}

    def make(self, status: int = 200, /, **body: Any) -> Any:
        answer = self.room.post("/links", body, headers=self.maker)
        assert answer.status_code == status, answer.text
        return answer.json()

    def open(self, address: str, method: str = "GET", **headers: str) -> httpx.Response:
        return self.room.request(method, address, headers=headers)

    def name(self, image: Any) -> str:
        return self.room.url(image).rpartition("/")[2]


@pytest.fixture
def shown(make_room: Callable[..., Room]) -> Shown:
    return Shown(make_room())


@pytest.fixture(scope="module")
def still(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shown]:
    """For tests that change nothing that others look at."""
    with web_room(tmp_path_factory.mktemp("links"), camera=CAMERAS) as room:
        yield Shown(room)


def test_a_file_is_served_to_who_has_the_link_whole_and_in_parts(still: Shown) -> None:
    made = still.make(file=still.room.url(still.inside))
    assert (made["kind"], made["camera"], made["uses"]) == ("file", 1, None)
    answer = still.open(made["url"])
    assert (answer.status_code, answer.content) == (200, b"inside")
    assert answer.headers["content-disposition"].startswith("attachment")
    assert answer.headers["referrer-policy"] == "no-referrer"
    assert answer.headers["cache-control"] == "private, no-store"
    assert still.open(made["url"] + "?inline").headers["content-disposition"].startswith("inline")
    part = still.open(made["url"], range="bytes=2-4")
    assert (part.status_code, part.content) == (206, b"sid")
    assert still.open(made["url"], "HEAD").headers["content-length"] == "6"


def test_bug_a_link_worked_longer_than_the_token_that_made_it(still: Shown) -> None:
    token = still.room.api_token(Role.OPERATOR, lasts_s=7200)
    maker = {"authorization": f"Bearer {token}"}
    body = {"file": still.room.url(still.inside)}
    for hours, lasts_s in ((1, 3600), (24, 7200)):
        made = still.room.post("/links", {**body, "validHours": hours}, headers=maker).json()
        assert made["expires"] - made["created"] == lasts_s * 1000


def test_nothing_else_is_served(still: Shown) -> None:
    file = still.make(file=still.room.url(still.inside))["url"]
    span = still.make(**SPAN)["url"]
    for beyond in (
        f"{file}/",
        f"{file}/{still.name(still.inside)}",
        f"{span}/{still.name(still.before)}",
        f"{span}/{still.name(still.after)}",
        f"{span}/..%2f2%2f{still.name(still.other)}",
        f"{span}/../{still.name(still.inside)}",
        f"{span}/",
        f"{span}/x",
        f"{span}/%00",
        f"{span}/{still.name(still.inside)}/x",
        f"{span}/{still.name(still.inside)}%00",
        "/link/",
        "/link",
    ):
        status, _, body = still.room.get_raw(beyond)
        assert status in {401, 404}, beyond
        assert b"inside" not in body
    for text in (file, span):
        secret = text.rpartition("/")[2]
        for path in ("/cameras", still.room.url(still.inside), "/shared/captures/", "/links"):
            for headers in (
                {"authorization": f"Bearer {secret}"},
                {"cookie": f"chimera_storage_session={secret}"},
            ):
                assert still.open(path, **headers).status_code == 401
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert still.open(file, method).status_code == 405


def test_a_span_is_a_page_and_its_images(still: Shown) -> None:
    url = still.make(**SPAN)["url"]
    page = still.open(url)
    assert page.status_code == 200
    assert "Front door" in page.text
    assert "3 images" in page.text
    begun = int((NOW - timedelta(minutes=30)).timestamp() * 1000)
    assert f'<time data-ms="{begun}"' in page.text  # shown in the reader's form by page.js
    addresses = re.findall(r'<img data-src="(/link/[^"]+)"', page.text)
    assert len(addresses) == 3
    assert all(f'<noscript><img src="{a}?width=160"' in page.text for a in addresses)
    found = [still.open(address) for address in addresses]
    assert [answer.content for answer in found] == [b"last", b"inside", b"first"]
    assert found[0].headers["content-disposition"].startswith("inline")
    assert "/shared" not in page.text
    assert "Nothing here any more" in still.open(f"{url}?page=2").text
    assert still.open(f"{url}?page=x").status_code == 400


def test_a_process_is_served_when_it_is_done(shown: Shown) -> None:
    process = shown.room.post("/convert/createVideo", {"camera": 1}, headers=shown.maker).json()
    made = shown.make(process=process["id"])
    assert shown.open(made["url"]).status_code == 404
    shown.room.conversions.finish(process["id"], b"a video")
    answer = shown.open(made["url"])
    assert answer.content == b"a video"
    assert answer.headers["content-type"] == "video/mp4"
    assert shown.room.post(
        "/convert/deleteProcess", {"id": process["id"]}, headers=shown.admin
    ).json()["deleted"]
    assert shown.open(made["url"]).status_code == 404


def test_every_change_of_the_text_makes_it_lead_nowhere(still: Shown) -> None:
    url = still.make(file=still.room.url(still.inside))["url"]
    other = still.make(file=still.room.url(still.last))["url"]
    id_, _, signature = url.removeprefix("/link/").partition(".")
    other_id, _, other_signature = other.removeprefix("/link/").partition(".")
    for text in (
        f"{id_}.{other_signature}",
        f"{other_id}.{signature}",
        f"{id_}.{signature[:-1]}{'A' if signature[-1] != 'A' else 'B'}",
        f"{id_}.{signature}=",
        f"{id_}.{signature[:-1]}",
        f"{id_}.",
        id_,
        f"{id_.swapcase()}.{signature}",
        f".{signature}",
        "x" * 5000,
        "%00",
        f"{id_}.{signature}%0a",
        f"%20{id_}.{signature}",
    ):
        status, _, body = still.room.get_raw(f"/link/{text}")
        assert status == 404, text
        assert b"inside" not in body


@pytest.mark.parametrize(
    "column", ["target", "kind", "camera", "start_us", "end_us", "made_by", "expires_us", "uses"]
)
def test_a_row_that_was_changed_opens_nothing(shown: Shown, column: str) -> None:
    url = shown.make(file=shown.room.url(shown.inside))["url"]
    assert shown.open(url).status_code == 200
    changed = {
        "target": shown.room.url(shown.last).removeprefix("/shared/"),
        "kind": "range",
        "made_by": "owner",
        "expires_us": 1 << 60,
    }
    with closing(sqlite3.connect(shown.room.root / ACCOUNTS_NAME)) as connection, connection:
        value = changed.get(column, 1 if column != "camera" else 2)
        connection.execute(f"update links set {column} = ?", [value])  # noqa: S608
    assert shown.open(url).status_code == 404


def test_it_ends_by_time_by_revocation_and_with_its_maker(shown: Shown) -> None:
    url = shown.make(**SPAN, validHours=2)["url"]
    shown.room.clock.time += timedelta(hours=2, seconds=-1)
    assert shown.open(url).status_code == 200
    shown.room.clock.time += timedelta(seconds=1)
    assert shown.open(url).status_code == 404
    assert shown.room.get("/links", headers=shown.admin).json()["list"] == []

    made = shown.make(**SPAN)
    for headers, revoked in ((shown.maker, True), (shown.maker, False)):
        answer = shown.room.post("/links/revoke", {"id": made["id"]}, headers=headers)
        assert answer.json() == {"revoked": revoked, "id": made["id"]}
    assert shown.open(made["url"]).status_code == 404

    url = shown.make(**SPAN)["url"]
    assert shown.open(url).status_code == 200
    shown.room.accounts.remove_token(shown.room.accounts.tokens()[-1].name)
    assert shown.open(url).status_code == 404


def test_links_of_a_user_end_with_a_change_of_role(shown: Shown) -> None:
    password = "correct horse"
    shown.room.accounts.add_user("owner", password, role=Role.OPERATOR)
    login = shown.room.post("/login", {"name": "owner", "password": password})
    cookie = f"chimera_storage_session={login.cookies['chimera_storage_session']}"
    url = shown.room.post("/links", {**SPAN, "camera": 2}, headers={"cookie": cookie}).json()["url"]
    assert shown.open(url).status_code == 200
    shown.room.accounts.set_role("owner", Role.OPERATOR, frozenset({1}))
    assert shown.open(url).status_code == 404


def test_uses_are_counted_by_address_and_hour(shown: Shown) -> None:
    made = shown.make(**SPAN, uses=2)
    url = made["url"]

    def at(address: str, path: str = "", method: str = "GET") -> int:
        return shown.open(url + path, method, **{"x-forwarded-for": address}).status_code

    assert at("192.0.2.9", method="HEAD") == 200
    image = "/" + shown.name(shown.inside)
    assert [at("192.0.2.1"), at("192.0.2.1", image), at("192.0.2.1")] == [200, 200, 200]
    assert at("192.0.2.2", image) == 200
    assert [at("192.0.2.3"), at("192.0.2.3", image)] == [404, 404]
    assert at("192.0.2.2") == 200
    [listed] = shown.room.get("/links", headers=shown.maker).json()["list"]
    assert (listed["uses"], listed["used"]) == (2, 2)
    shown.room.clock.time += timedelta(hours=1)
    assert at("192.0.2.2") == 404


def test_what_cannot_be_seen_cannot_be_handed_out(still: Shown) -> None:
    for body in (
        {**SPAN, "camera": 2},
        {"file": still.room.url(still.other)},
        {"file": "/shared/captures/nothing.jpg"},
        {"process": "unknown-20260131-190000"},
    ):
        still.make(404, **body)
    for wrong in (
        {},
        {"camera": 1},
        {"file": "/etc/passwd"},
        {"file": "/shared/../accounts.db"},
        {"file": "/shared/captures/1/"},
        {"file": 1},
        {"file": still.room.url(still.inside), "process": "x"},
        {**SPAN, "uses": 0},
        {**SPAN, "validHours": 0},
        {**SPAN, "validHours": 8761},
    ):
        still.make(400, **wrong)


def test_one_sees_ones_own_links_an_admin_all_and_a_viewer_makes_none(still: Shown) -> None:
    made = still.make(**SPAN)
    other = {"authorization": f"Bearer {still.room.api_token(Role.OPERATOR)}"}
    assert still.room.get("/links", headers=other).json()["list"] == []
    assert not still.room.post("/links/revoke", {"id": made["id"]}, headers=other).json()["revoked"]
    ids = [link["id"] for link in still.room.get("/links", headers=still.admin).json()["list"]]
    assert made["id"] in ids
    assert "url" not in still.room.get("/links", headers=still.admin).text
    viewer = {"authorization": f"Bearer {still.room.api_token(Role.VIEWER)}"}
    assert still.room.post("/links", SPAN, headers=viewer).status_code == 403


def test_no_log_line_shows_a_link() -> None:
    line = redact("GET /cams/link/abc.def/x.jpg?inline failed")
    assert line == "GET /cams/link/***/x.jpg?inline failed"
