"""Who may come in, and what may be asked for from where."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable
from typing import Any

import jwt
import pytest

from tests.support.web import NOW, Room

KEY = "0123456789abcdef" * 4
HTML = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8"}


def token(key: str = KEY, algorithm: str = "HS256", **claims: Any) -> str:
    return jwt.encode({"username": "owner", **claims}, key, algorithm=algorithm)


def by_hand(header: dict[str, str], claims: dict[str, Any], key: str = "") -> str:
    def part(value: dict[str, Any]) -> str:
        return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")

    signed = f"{part(header)}.{part(claims)}"
    if not key:
        return signed + "."
    signature = hmac.new(key.encode(), signed.encode(), hashlib.sha256).digest()
    return f"{signed}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


@pytest.fixture
def locked(make_room: Callable[..., Room]) -> Room:
    return make_room(server={"secret_key": KEY, "host": "0.0.0.0"})


def accepts(room: Room, **headers: str) -> bool:
    response = room.get("/cameras", headers=headers)
    assert response.status_code in {200, 401}
    assert response.status_code == 200 or response.json()["error"]
    return response.status_code == 200


def test_the_cookie_opens_wherever_it_stands_and_so_does_the_header(locked: Room) -> None:
    good = token()
    assert accepts(locked, cookie=f"bearertoken=Bearer%20{good}")
    assert accepts(locked, cookie=f"a=b; bearertoken=Bearer%20{good}; c=d")
    assert accepts(locked, cookie=f"xbearertoken=no;bearertoken=Bearer%20{good}")
    assert accepts(locked, cookie=f'a="1"; bearertoken="Bearer {good}"')
    assert accepts(locked, cookie=f"bearertoken=old; bearertoken=Bearer%20{good}")
    assert accepts(locked, authorization=f"Bearer {good}")
    assert accepts(locked, authorization=f"bearer {good}")


def test_a_token_of_a_chimera_install_is_understood_whatever_else_it_says(locked: Room) -> None:
    now = int(time.time())
    claims = {"iat": now + 60, "sub": 7, "aud": "web", "jti": 5, "exp": now + 1000}
    assert accepts(locked, authorization=f"Bearer {by_hand({'alg': 'HS256'}, claims, KEY)}")


def test_a_short_key_works_like_in_node(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"secret_key": "secret"})
    signed = by_hand({"alg": "HS256", "typ": "JWT"}, {"username": "x"}, "secret")
    assert accepts(room, authorization=f"Bearer {signed}")
    wrong = by_hand({"alg": "HS256", "typ": "JWT"}, {"username": "x"}, "secret0")
    assert not accepts(room, authorization=f"Bearer {wrong}")


def test_expired_unsigned_and_wrongly_signed_tokens_are_refused(locked: Room) -> None:
    now = int(time.time())
    good = token()
    claims = {"username": "owner"}
    bad = [
        token(exp=now - 1),
        token(nbf=now + 1000),
        token(key=KEY[::-1]),
        token(algorithm="HS512"),
        by_hand({"alg": "none"}, claims),
        by_hand({"alg": "None"}, claims),
        by_hand({"alg": "none"}, claims, KEY),
        by_hand({"alg": "HS256"}, claims),
        by_hand({"alg": "HS256"}, {"exp": "soon"}, KEY),
        good[:-2],
        good + "x",
        good.rpartition(".")[0] + ".",
        "",
        "x",
        "a.b.c",
        "." * 50,
        "%C3%A9" * 20,
        "%00%0d%0a",
    ]
    for one in bad:
        assert not accepts(locked, cookie=f"bearertoken=Bearer%20{one}"), one
        assert not accepts(locked, authorization=f"Bearer {one}"), one
    for cookie in (f"bearertoken={good}", f"bearertoken=Basic%20{good}", "bearertoken", "=;;="):
        assert not accepts(locked, cookie=cookie)
    assert not accepts(locked, authorization=f"Basic {good}")
    assert not accepts(locked)


def test_every_route_but_health_and_static_files_is_locked(locked: Room) -> None:
    locked.save(1, NOW)
    documented = locked.app.openapi()["paths"]
    assert len(documented) > 14
    opened = set()
    for path in [*documented, "/", "/docs", "/openapi.json", "/shared", "/nowhere"]:
        address = path.replace("{path}", "captures/").replace("{camera}", "1")
        for method in ("GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"):
            if locked.request(method, address).status_code != 401:
                opened.add(path)
    links = {"/link/{text}", "/link/{text}/{file}"}  # which are what is shown instead
    assert opened == {"/storage/health", "/storage/ready", "/login"} | links
    for target in ("/static/../cameras", "/static/%2e%2e/cameras", "//cameras", "/cameras/"):
        assert locked.get_raw(target)[0] in {401, 404}


def test_a_refused_program_gets_json_and_what_would_be_right(locked: Room) -> None:
    response = locked.post("/file/pathSize", {"camera": 1})
    assert response.status_code == 401
    assert "bearertoken" in response.json()["error"]
    assert response.headers["www-authenticate"].startswith("Bearer")
    assert locked.post("/file/pathSize", {"camera": 1}, headers=HTML).status_code == 401


def test_a_browser_is_sent_to_the_log_in_page_of_the_web_app(
    make_room: Callable[..., Room],
) -> None:
    room = make_room(server={"secret_key": KEY, "login_url": "https://chimera.example/"})
    response = room.get("/shared/captures/", headers=HTML)
    assert response.status_code == 302
    assert response.headers["location"] == "https://chimera.example/?loginForm"
    assert response.headers["cache-control"] == "no-store"


def test_a_browser_is_sent_to_the_servers_own_page_where_no_web_app_is_configured(
    locked: Room,
) -> None:
    response = locked.get("/", headers=HTML)
    assert response.status_code == 302
    assert response.headers["location"] == "/login"
    deep = locked.get("/shared/captures/?page=2", headers=HTML)
    assert deep.headers["location"] == "/login?next=/shared/captures/%3Fpage%3D2"
    page = locked.get("/login", headers=HTML)
    assert page.status_code == 200
    assert "Please log in" in page.text
    style = locked.get("/static/style.css")
    assert style.status_code == 200


# where a request comes from


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("127.0.0.1:8083", 200),
        ("localhost:8083", 200),
        ("LOCALHOST", 200),
        ("[::1]:8083", 200),
        ("", 200),
        ("evil.example", 403),
        ("evil.example:8083", 403),
        ("127.0.0.1.evil.example", 403),
        ("localhost.evil.example:80", 403),
        ("192.168.1.5:8083", 403),
        ("[::2]", 403),
        ("::::", 403),
    ],
)
def test_without_a_key_only_this_machine_is_a_right_host(
    room: Room, host: str, status: int
) -> None:
    for path in ("/", "/cameras", "/storage/health", "/shared/captures/"):
        response = room.get(path, headers={"host": host})
        assert response.status_code == status, path
        if status == 403:
            assert "Host" in response.json()["error"]


def test_the_public_address_is_a_right_host_too(make_room: Callable[..., Room]) -> None:
    room = make_room(server={"public_url": "https://cctv.example"})
    assert room.get("/cameras", headers={"host": "cctv.example"}).status_code == 200
    assert room.get("/cameras", headers={"host": "other.example"}).status_code == 403


def test_with_a_key_any_host_is_right(locked: Room) -> None:
    headers = {"host": "cctv.example", "authorization": f"Bearer {token()}"}
    assert locked.get("/cameras", headers=headers).status_code == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"origin": "http://127.0.0.1:8083"}, 200),
        ({"origin": "http://127.0.0.1:8083", "sec-fetch-site": "same-origin"}, 200),
        ({"sec-fetch-site": "same-origin", "origin": "http://gateway.lan"}, 200),
        ({"sec-fetch-site": "none"}, 200),
        ({"origin": "http://gateway.lan", "x-forwarded-host": "gateway.lan"}, 403),
        ({"origin": "https://chimera.example", "sec-fetch-site": "cross-site"}, 200),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "cross-site", "origin": "https://evil.example"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://127.0.0.1:9999"}, 403),
        ({"origin": "http://127.0.0.1:8083.evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": ""}, 403),
        ({"origin": "http://["}, 403),
    ],
)
def test_a_change_that_another_site_asks_for_is_refused(
    make_room: Callable[..., Room], headers: dict[str, str], status: int
) -> None:
    room = make_room(server={"login_url": "https://chimera.example"})
    room.save(1, NOW)
    response = room.post("/file/pathDelete", {"camera": 1}, headers=headers)
    assert response.status_code == status
    assert (room.archive.index.totals(1).count == 0) is (status == 200)
    if status == 403 and "x-forwarded-host" not in headers:
        assert "another site" in response.json()["error"]
        assert room.get("/cameras", headers=headers).status_code == 200


def test_every_answer_has_the_security_headers(room: Room) -> None:
    image = room.save(1, NOW)
    for path in ("/", "/docs", "/cameras", "/nowhere", "/static/style.css", room.url(image)):
        headers = room.get(path).headers
        assert headers["x-content-type-options"] == "nosniff", path
        assert "frame-ancestors 'none'" in headers["content-security-policy"]
        assert "unsafe-eval" not in headers["content-security-policy"]
        policy = dict(
            part.split(maxsplit=1) for part in headers["content-security-policy"].split("; ")
        )
        assert policy["default-src"] == "'none'"
        assert policy.get("script-src", "'self'") == "'self'"
        assert headers["referrer-policy"] == "same-origin"
    refused = room.get("/", headers={"host": "evil.example"})
    assert refused.headers["x-content-type-options"] == "nosniff"
