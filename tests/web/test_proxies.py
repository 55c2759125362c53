"""Behind a reverse proxy: whom to believe, and the path below which the server is shown."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from chimera_storage.access import Role
from tests.support.web import NOW, Room, web_room
from tests.web.conftest import CAMERAS

ROOT = "/cams/at-home"
HTML = {"accept": "text/html"}
PASSWORD = "correct horse"


@pytest.fixture(scope="module")
def below(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A server that a proxy shows below a path, open."""
    with web_room(
        tmp_path_factory.mktemp("below"), camera=CAMERAS, server={"root_path": ROOT}
    ) as room:
        room.save(1, NOW)
        yield room


@pytest.mark.parametrize("prefix", [ROOT, ""])
def test_routes_are_found_with_the_path_and_where_the_proxy_cut_it_off(
    below: Room, prefix: str
) -> None:
    for path in ("/", "/cameras", "/docs", "/openapi.json", "/static/page.js", "/favicon.ico"):
        assert below.get(prefix + path).status_code == 200, path
    assert below.get(f"{prefix}/static/swagger/swagger-ui.css").status_code == 200
    assert below.get(f"{prefix}/shared/captures/1/").status_code == 200
    assert below.get(f"{prefix}/nothing").status_code == 404


def test_only_whole_names_are_the_path(below: Room) -> None:
    assert below.get(ROOT).status_code == 200
    assert below.get(f"{ROOT}cameras").status_code == 404
    assert below.get(f"{ROOT}{ROOT}/cameras").status_code == 404
    assert below.get(f"{ROOT}/../cameras").status_code in {200, 404}


def test_every_address_in_pages_and_answers_begins_with_the_path(below: Room) -> None:
    for page in ("/", "/docs", "/shared/captures/", "/account", "/login"):
        text = below.get(ROOT + page).text
        assert f'data-root="{ROOT}"' in text
        found = re.findall(r'(?:href|src|action)="(/[^"]*)"', text)
        assert found, page
        assert all(address.startswith(f"{ROOT}/") for address in found), (page, found)
    image = below.get(f"{ROOT}/cameras").json()["cameras"][0]["latest"]["url"]
    assert image.startswith(f"{ROOT}/shared/captures/1/")
    assert below.get(image).status_code == 200
    made = below.answer(f"{ROOT}/convert/createVideo", {"camera": 1})
    assert made["url"].startswith(f"{ROOT}/shared/captures/output_1_")
    assert below.answer("/convert/listProcess")["list"][0]["link"] == made["url"]
    listed = below.answer("/convert/listFramesVideo", {"camera": 1})["list"]
    frames = below.get("/events?camera_id=1&date=2026-01-31").json()["events"]
    link = below.answer("/links", {"camera": 1, "hours": 1})["url"]
    for address in (listed[0], frames[0]["url"], link):
        assert address.startswith(f"{ROOT}/")
        assert below.get(address).status_code == 200
    assert f'src="{ROOT}/link/' in below.get(link).text
    assert below.answer("/links", {"file": listed[0]})["kind"] == "file"
    assert below.get("/openapi.json").json()["servers"] == [{"url": ROOT}]


def test_redirects_and_the_cookie_stay_below_the_path(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"root_path": ROOT})
    for prefix in (ROOT, ""):
        assert (
            room.get(f"{prefix}/shared/captures").headers["location"] == f"{ROOT}/shared/captures/"
        )
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    for prefix in (ROOT, ""):
        to_login = room.get(f"{prefix}/shared/captures/", headers=HTML)
        assert to_login.headers["location"] == f"{ROOT}/login?next=/shared/captures/"
        form = {"name": "owner", "password": PASSWORD, "next": "/shared/captures/"}
        answer = room.request("POST", f"{prefix}/login", data=form, headers=HTML)
        assert answer.headers["location"] == f"{ROOT}/shared/captures/"
        assert f"; Path={ROOT};" in answer.headers["set-cookie"]
    assert room.get(f"{ROOT}/cameras").status_code == 401
    assert room.get(f"{ROOT}/storage/health").status_code == 200


# whom to believe


def address_of_session(room: Room, **headers: str) -> Any:
    body = {"name": "owner", "password": PASSWORD}
    answer = room.request("POST", "/login", json=body, headers=headers)
    assert answer.status_code == 200, answer.text
    return room.accounts.sessions()[0].address


@pytest.mark.parametrize(
    ("trusted", "forwarded", "address"),
    [
        (["127.0.0.1"], "198.51.100.7", "198.51.100.7"),
        (["127.0.0.1"], "203.0.113.1, 198.51.100.7", "198.51.100.7"),
        (["127.0.0.1", "198.51.100.0/24"], "203.0.113.1, 198.51.100.7", "203.0.113.1"),
        (["127.0.0.1", "0.0.0.0/0"], "203.0.113.1, 198.51.100.7", "203.0.113.1"),
        (["127.0.0.1"], "198.51.100.7:4711", "198.51.100.7"),
        (["127.0.0.1"], "[2001:db8::7]:4711", "2001:db8::7"),
        (["127.0.0.1"], "2001:db8::7", "2001:db8::7"),
        (["127.0.0.1"], "unknown", "127.0.0.1"),
        (["127.0.0.1"], "", "127.0.0.1"),
        (["127.0.0.1"], "203.0.113.1, evil<script>", "127.0.0.1"),
        (["10.0.0.0/8"], "198.51.100.7", "127.0.0.1"),
        ([], "198.51.100.7", "127.0.0.1"),
    ],
)
def test_who_asks_is_taken_from_proxies_that_are_trusted_alone(
    make_room: Callable[..., Room], trusted: list[str], forwarded: str, address: str
) -> None:
    room = make_room(server={"trusted_proxies": trusted})
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    headers = {"x-forwarded-for": forwarded}
    assert address_of_session(room, **headers) == address


def test_several_headers_are_one_list(make_room: Callable[..., Room]) -> None:
    room = make_room()
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    headers = [("x-forwarded-for", "203.0.113.1"), ("x-forwarded-for", "198.51.100.7")]
    body = {"name": "owner", "password": PASSWORD}
    assert room.request("POST", "/login", json=body, headers=headers).status_code == 200
    assert room.accounts.sessions()[0].address == "198.51.100.7"


@pytest.mark.parametrize("trusted", [True, False])
def test_scheme_and_host_are_believed_from_trusted_proxies_alone(
    make_room: Callable[..., Room], trusted: bool
) -> None:
    room = make_room(server={"trusted_proxies": ["127.0.0.1"] if trusted else []})
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    form = {"name": "owner", "password": PASSWORD}
    proto = {"x-forwarded-proto": "https"}
    assert ("; Secure" in room.post("/login", form, headers=proto).headers["set-cookie"]) is trusted
    other = {"origin": "http://cams.example", "x-forwarded-host": "cams.example"}
    assert room.post("/login", form, headers=other).status_code == (200 if trusted else 403)
    odd = {"origin": "http://cams.example", "x-forwarded-host": "cams.example/evil"}
    assert room.post("/login", form, headers=odd).status_code == 403


@pytest.mark.parametrize(
    ("forwarded", "status"),
    [
        ("198.51.100.7", 403),
        ("127.0.0.1, 198.51.100.7", 403),
        ("198.51.100.7, 127.0.0.1", 403),
        ("unknown", 403),
        ("127.0.0.1", 200),
        ("::1", 200),
    ],
)
def test_a_server_that_nobody_logs_in_to_answers_nobody_from_afar_through_a_proxy(
    make_room: Callable[..., Room], forwarded: str, status: int
) -> None:
    for trusted in (["127.0.0.1"], []):
        room = make_room(server={"trusted_proxies": trusted, "public_url": "https://cams.example"})
        headers = {"x-forwarded-for": forwarded, "host": "cams.example"}
        answer = room.get("/cameras", headers=headers)
        assert answer.status_code == status
        if status == 403:
            assert "add a user" in answer.json()["error"]


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("x-real-ip", "203.0.113.9", 403),
        ("x-real-ip", "unknown", 403),
        ("x-real-ip", "127.0.0.1", 200),
        ("forwarded", "for=203.0.113.9;proto=https", 403),
    ],
)
def test_a_proxy_is_known_by_what_other_proxies_say_too(
    room: Room, name: str, value: str, status: int
) -> None:
    """nginx hands on 127.0.0.1 as Host and names who asks as it was told, often in X-Real-IP."""
    assert room.get("/cameras", headers={name: value}).status_code == status
    token = room.api_token(Role.VIEWER)
    headers = {name: value, "authorization": f"Bearer {token}"}
    assert room.get("/cameras", headers=headers).status_code == 200


# files that nginx sends


def test_nginx_is_told_where_the_file_is_and_nobody_else_is(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"x_accel_redirect": "/_shared"})
    image = room.save(1, NOW)
    token = room.api_token(Role.VIEWER, frozenset({1}))
    hidden = room.save(2, NOW)
    headers = {"authorization": f"Bearer {token}"}
    direct = room.get(room.url(image), headers=headers)
    assert direct.content
    assert "x-accel-redirect" not in direct.headers
    assert (
        "x-accel-redirect"
        not in room.get(
            room.url(image), headers=headers | {"x-forwarded-for": "198.51.100.7"}
        ).headers
    )
    proxied = headers | {"x-sendfile-type": "X-Accel-Redirect"}
    told = room.get(room.url(image) + "?inline", headers=proxied)
    assert told.headers["x-accel-redirect"] == room.url(image).replace("/shared/", "/_shared/")
    assert told.headers["content-type"] == "image/jpeg"
    assert told.headers["content-disposition"].startswith("inline")
    assert told.content == b""
    (room.captures / "1" / "a b%.txt").write_text("x")
    odd = room.get("/shared/captures/1/a%20b%25.txt", headers=proxied)
    assert odd.headers["x-accel-redirect"] == "/_shared/captures/1/a%20b%25.txt"
    refused = room.get(room.url(hidden), headers=proxied)
    assert refused.status_code == 404
    assert "x-accel-redirect" not in refused.headers
    assert room.get("/shared/captures/", headers=proxied).status_code == 200


def test_nginx_sends_what_links_lead_to_and_images_by_their_names(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(server={"x_accel_redirect": "/_shared"})
    image = room.save(1, NOW)
    path = room.url(image).removeprefix("/shared")
    name = path.rpartition("/")[2]
    process = room.answer("/convert/createVideo", {"camera": 1})["id"]
    room.conversions.finish(process)
    output = f"/captures/{room.archive.layout.output_name(room.conversions.all[process])}"
    span = room.answer("/links", {"camera": 1, "hours": 1})["url"]
    nginx = {"x-sendfile-type": "X-Accel-Redirect"}
    for address, sent in (
        (f"/frames/1/{name}", path),
        (f"{span}/{name}", path),
        (room.answer("/links", {"file": room.url(image)})["url"], path),
        (room.answer("/links", {"process": process})["url"], output),
    ):
        answer = room.get(address, headers=nginx)
        assert answer.headers["x-accel-redirect"] == f"/_shared{sent}", address
        assert answer.content == b""
    assert "x-accel-redirect" not in room.get("/cameras/1/latest.jpg", headers=nginx).headers


def test_who_is_no_trusted_proxy_cannot_ask_where_files_are(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"x_accel_redirect": "/_shared", "trusted_proxies": ["10.0.0.1"]})
    image = room.save(1, NOW)
    answer = room.get(room.url(image), headers={"x-sendfile-type": "X-Accel-Redirect"})
    assert answer.content
    assert "x-accel-redirect" not in answer.headers
