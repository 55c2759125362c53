"""Logging in and out over HTTP, sessions, and who may do what."""

import asyncio
import threading
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import closing
from datetime import timedelta
from typing import Any

import httpx
import pytest

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Role
from tests.support.web import NOW, Room, web_room
from tests.web.conftest import CAMERAS

PASSWORD = "correct horse"
PAGE = {"accept": "text/html,*/*;q=0.8"}
COOKIE = "chimera_storage_session"


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """A room with an owner; each test logs in by itself."""
    with web_room(tmp_path_factory.mktemp("accounts"), camera=CAMERAS) as room:
        room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
        room.accounts.add_user("guest", PASSWORD, role=Role.VIEWER)
        yield room


def log_in(room: Room, name: str = "owner", **options: Any) -> httpx.Response:
    return room.request("POST", "/login", data={"name": name, "password": PASSWORD}, **options)


def cookie(answer: httpx.Response) -> dict[str, str]:
    return {"cookie": f"a=b; {COOKIE}={answer.cookies[COOKIE]}"}


def test_a_form_logs_in_and_goes_on_where_it_was_sent_from(shared: Room) -> None:
    form = {"name": "owner", "password": PASSWORD, "next": "/shared/captures/?page=2"}
    answer = shared.request("POST", "/login", data=form, headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/shared/captures/?page=2"
    assert answer.headers["cache-control"] == "no-store"
    page = shared.get("/", headers=PAGE | cookie(answer))
    assert page.status_code == 200
    assert "owner" in page.text


@pytest.mark.parametrize(
    "address",
    [
        "//evil.example",
        "/\\evil.example",
        "https://evil.example",
        "javascript:alert(1)",
        "/a\r\nset-cookie: x=y",
        "/\t/evil.example",
        "evil",
        "/é",
        ["/a"],
    ],
)
def test_no_log_in_leads_to_another_site(shared: Room, address: Any) -> None:
    body = {"name": "owner", "password": PASSWORD, "next": address}
    answer = shared.request("POST", "/login", json=body, headers=PAGE)
    assert answer.status_code == 303
    assert answer.headers["location"] == "/"
    asked = shared.get("/login", params={"next": str(address)}).text
    assert 'name="next" value="/"' in asked


def test_the_cookie_is_for_this_server_alone_and_secure_behind_https(shared: Room) -> None:
    plain = log_in(shared).headers["set-cookie"]
    assert plain.endswith("HttpOnly; Max-Age=2592000; Path=/; SameSite=lax")
    own = {"origin": "https://127.0.0.1:8083"}
    assert "; Secure" in log_in(shared, headers=own).headers["set-cookie"]
    proxied = {"x-forwarded-proto": "https"}
    assert "; Secure" in log_in(shared, headers=proxied).headers["set-cookie"]


def test_a_wrong_password_shows_the_form_again_and_tells_a_program_401(shared: Room) -> None:
    wrong = {"name": "owner", "password": "wrong horse"}
    page = shared.request("POST", "/login", data=wrong, headers=PAGE)
    assert page.status_code == 401
    assert "The name or the password is wrong." in page.text
    assert "wrong horse" not in page.text
    refused = shared.post("/login", wrong)
    assert refused.status_code == 401
    assert refused.json() == {"error": "the name or the password is wrong"}
    assert "set-cookie" not in refused.headers


@pytest.mark.parametrize(
    "body", [{}, {"name": "owner"}, {"name": 1, "password": "x"}, {"name": "a", "password": [1]}]
)
def test_what_is_no_name_and_password_is_refused(shared: Room, body: Any) -> None:
    assert "hush" not in shared.refusal("/login", body, status=400)


def test_too_many_wrong_passwords_from_an_address_keep_others_out_of_nothing(
    make_room: Callable[..., Room],
) -> None:
    room = make_room()
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    session = cookie(log_in(room))
    evil = {"x-forwarded-for": "198.51.100.7"}
    wrong = {"name": "owner", "password": "wrong horse"}
    for _ in range(5):
        assert room.post("/login", wrong, headers=evil).status_code == 401
    refused = room.post("/login", wrong, headers=evil)
    assert refused.status_code == 429
    assert refused.headers["retry-after"] == "1"
    assert log_in(room, headers=evil).status_code == 429
    assert log_in(room).status_code == 200
    assert room.get("/cameras", headers=session | evil).status_code == 200
    room.clock.time += timedelta(seconds=0.1)
    assert log_in(room, headers=evil).status_code == 429
    room.accounts.set_password("owner", PASSWORD)
    assert log_in(room, headers=evil).status_code == 200


def test_bug_many_guesses_at_once_from_one_address_kept_the_owner_in_line(room: Room) -> None:
    """They waited for their turn to be refused, and who came last of nine was refused as well."""
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    wrong = {"name": "owner", "password": "wrong horse"}
    evil = {"x-forwarded-for": "198.51.100.7"}

    async def ask() -> tuple[list[int], int]:
        transport = httpx.ASGITransport(app=room.app)
        async with httpx.AsyncClient(transport=transport, base_url=f"http://{room.host}") as client:

            async def post(body: Any, headers: dict[str, str]) -> int:
                return (await client.post("/login", json=body, headers=headers)).status_code

            guesses = [asyncio.create_task(post(wrong, evil)) for _ in range(40)]
            while sum(guess.done() for guess in guesses) < 32:
                await asyncio.sleep(0)
            own = await post({"name": "owner", "password": PASSWORD}, {})
            return [await guess for guess in guesses], own

    statuses, own = asyncio.run(ask())
    assert own == 200
    assert sorted(statuses) == [401] * 5 + [429] * 35


def test_logging_out_ends_the_session_and_logging_in_again_the_one_before(shared: Room) -> None:
    first = cookie(log_in(shared))
    second = cookie(log_in(shared, headers=first))
    assert shared.get("/cameras", headers=first).status_code == 401
    answer = shared.request("POST", "/logout", headers=second)
    assert answer.json() == {"loggedOut": True}
    assert f'{COOKIE}=""' in answer.headers["set-cookie"]
    assert shared.get("/cameras", headers=second).status_code == 401
    page = shared.request("POST", "/logout", headers=PAGE | cookie(log_in(shared)))
    assert (page.status_code, page.headers["location"]) == (303, "/login")


def test_one_sees_and_ends_ones_own_sessions_and_an_admin_all(shared: Room) -> None:
    guest, owner = cookie(log_in(shared, "guest")), cookie(log_in(shared))
    mine = shared.get("/sessions", headers=guest).json()["list"]
    assert {session["user"] for session in mine} == {"guest"}
    assert [session["current"] for session in mine].count(True) == 1
    everybodys = shared.get("/sessions", headers=owner).json()["list"]
    assert {session["user"] for session in everybodys} == {"guest", "owner"}
    assert "digest" not in str(everybodys)

    owners = next(s["id"] for s in everybodys if s["current"])
    refused = shared.post("/sessions/revoke", {"id": owners}, headers=guest)
    assert refused.json() == {"revoked": False, "id": owners}
    guests = next(s["id"] for s in mine if s["current"])
    assert shared.post("/sessions/revoke", {"id": guests}, headers=owner).json()["revoked"]
    assert shared.get("/me", headers=guest).status_code == 401
    page = shared.get("/account", headers=owner | PAGE)
    assert "owner" in page.text
    assert owners in page.text
    form = {"id": owners}
    ended = shared.request("POST", "/sessions/revoke", data=form, headers=owner | PAGE)
    assert (ended.status_code, ended.headers["location"]) == (303, "/account")
    assert shared.get("/me", headers=owner).status_code == 401


def test_who_one_is(shared: Room, room: Room) -> None:
    assert room.get("/me").json() == {"kind": "open", "name": "", "role": "admin", "cameras": None}
    token = shared.api_token(Role.OPERATOR, frozenset({2, 1}))
    told = shared.get("/me", headers={"authorization": f"Bearer {token}"}).json()
    assert told["kind"] == "token"
    assert (told["role"], told["cameras"]) == ("operator", [1, 2])


def test_changing_ones_password_ends_ones_other_sessions_and_goes_on_here(room: Room) -> None:
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    here, elsewhere = cookie(log_in(room)), cookie(log_in(room))
    wish = {"old": PASSWORD, "new": "staple in the meadow"}
    answer = room.post("/account/password", wish, headers=here)
    assert (answer.status_code, answer.json()) == (200, {"changed": True})
    assert "HttpOnly" in answer.headers["set-cookie"]
    for old in (here, elsewhere):
        assert room.get("/me", headers=old).status_code == 401
    assert room.get("/me", headers=cookie(answer)).json()["name"] == "owner"
    assert log_in(room).status_code == 401
    again = {"old": wish["new"], "new": PASSWORD}
    page = room.request("POST", "/account/password", data=again, headers=PAGE | cookie(answer))
    assert (page.status_code, page.headers["location"]) == (303, "/account")
    assert log_in(room).status_code == 200


def test_a_password_is_changed_by_its_user_alone(room: Room) -> None:
    wish = {"old": PASSWORD, "new": "staple in the meadow"}
    assert room.post("/account/password", wish).status_code == 403  # nobody has to log in
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    token = {"authorization": f"Bearer {room.api_token()}"}
    assert room.post("/account/password", wish, headers=token).status_code == 403
    here = cookie(log_in(room))
    for body, status in (
        (wish | {"old": "wrong"}, 401),
        (wish | {"new": "short"}, 400),
        ({"old": PASSWORD}, 400),
        (wish | {"new": 12345678}, 400),
    ):
        assert room.post("/account/password", body, headers=here).status_code == status, body
    for _ in range(5):
        status = room.post("/account/password", wish | {"old": "wrong"}, headers=here).status_code
    assert status == 429
    assert room.get("/me", headers=here).status_code == 200


def test_the_list_of_deletions_names_who_asked(room: Room) -> None:
    room.save_many(1, 3)
    assert room.answer("/file/pathDelete", {"camera": 1})["deleted"]
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    token = {"authorization": f"Bearer {room.api_token()}"}
    here = cookie(log_in(room))
    for headers in (here, token):
        room.save_many(1, 3)
        assert room.post("/file/pathDelete", {"camera": 1}, headers=headers).json()["deleted"]
    listed = room.get("/file/listDeletions", headers=here).json()["list"]
    assert [entry["who"] for entry in listed] == ["token:test0", "owner", "api"]


def test_a_session_or_token_in_the_wrong_place_opens_nothing(shared: Room) -> None:
    token = shared.api_token()
    secret = cookie(log_in(shared))["cookie"].rpartition("=")[2]
    for headers in (
        {"authorization": f"Basic {token}"},
        {"authorization": token},
        {"authorization": f"Bearer {secret}"},
        {"authorization": f"Bearer {token}x"},
        {"cookie": f"{COOKIE}={token}"},
        {"cookie": f"x{COOKIE}={secret}"},
        {"cookie": f"{COOKIE}=" + secret[:-1]},
        {"x-api-key": token},
    ):
        assert shared.get("/cameras", headers=headers).status_code == 401, headers
    assert shared.get(f"/cameras?token={token}").status_code == 401


def test_another_site_can_neither_log_one_in_nor_out(shared: Room) -> None:
    session = cookie(log_in(shared))
    evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    for path in ("/login", "/logout", "/sessions/revoke"):
        answer = shared.request("POST", path, headers=session | evil)
        assert answer.status_code == 403
        assert "set-cookie" not in answer.headers
    assert shared.get("/me", headers=session).status_code == 200


def test_the_pages_say_nothing_of_who_there_is_and_logging_in_needs_no_script(shared: Room) -> None:
    page = shared.get("/login", headers=PAGE)
    assert "<script" not in page.text
    assert "owner" not in page.text
    assert "script-src 'self'" in page.headers["content-security-policy"]
    account = shared.get("/account", headers=PAGE | cookie(log_in(shared, "guest")))
    assert "owner" not in account.text


def test_a_download_that_runs_ends_when_its_session_is_revoked(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    room.save(1, NOW)
    room.accounts.add_user("owner", PASSWORD, role=Role.OPERATOR)
    session = cookie(log_in(room))
    sent = []

    async def stream(**_wish: Any) -> AsyncGenerator[bytes, None]:
        for number in range(4):
            if number == 2:
                room.accounts.log_out("owner")
            sent.append(number)
            yield b"part"
            await asyncio.sleep(0)

    monkeypatch.setattr(type(room.conversions), "stream", lambda _self, **wish: stream(**wish))
    answer = room.post("/convert/createVideo", {"camera": 1, "save": False}, headers=session)
    assert answer.content != b"part" * 4
    assert sent == [0, 1, 2]


# what each role may do

ALLOWED = {
    Role.VIEWER: {("POST", "/convert/listFramesVideo"), ("GET", "/cameras"), ("GET", "/usage")},
    Role.OPERATOR: {("POST", "/convert/createVideo"), ("POST", "/file/createKeep")},
    Role.ADMIN: {
        ("POST", "/convert/deleteProcess"),
        ("POST", "/file/pathClean"),
        ("POST", "/file/applyRules"),
        ("POST", "/file/pathDelete"),
    },
}


@pytest.mark.parametrize("role", list(Role))
def test_a_role_may_what_those_before_it_may_and_no_more(
    make_room: Callable[..., Room], role: Role
) -> None:
    room = make_room()
    room.save(1, NOW)
    made = room.answer("/convert/createVideo", {"camera": 1})["id"]
    headers = {"authorization": f"Bearer {room.api_token(role)}"}
    body = {"camera": 1, "days": 1, "id": made}
    for needed, routes in ALLOWED.items():
        for method, path in sorted(routes):
            answer = room.request(
                method, path, headers=headers, json=body if method == "POST" else None
            )
            if role.covers(needed):
                assert answer.status_code in {200, 400}, (path, answer.text)
            else:
                assert answer.status_code == 403, path
                error = f"this needs the role {needed}; yours is {role}"
                assert answer.json() == {"error": error}
    assert (room.archive.index.totals(1).count == 0) is (role is Role.ADMIN)


def test_an_accounts_file_that_hangs_holds_nobody_up(
    make_room: Callable[..., Room], monkeypatch: pytest.MonkeyPatch
) -> None:
    room = make_room()
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    session = cookie(log_in(room))
    goes_on, looks = threading.Event(), []
    refresh = room.accounts.refresh

    def hang() -> None:
        looks.append(1)
        goes_on.wait(20)
        refresh()

    async def ask() -> None:
        transport = httpx.ASGITransport(app=room.app)
        async with httpx.AsyncClient(
            transport=transport, base_url=f"http://{room.host}", headers=session
        ) as client:
            for _ in range(3):
                room.clock.time += timedelta(seconds=1)
                answer = await asyncio.wait_for(client.get("/me"), 5)
                assert answer.status_code == 200
            assert len(looks) == 1
            with closing(Accounts(room.root / ACCOUNTS_NAME, room.clock)) as elsewhere:
                elsewhere.revoke_session(elsewhere.sessions()[0].id)
            goes_on.set()
            for _ in range(50):
                room.clock.time += timedelta(seconds=1)
                if (answer := await client.get("/me")).status_code != 200:
                    break
                await asyncio.sleep(0.1)
            assert answer.status_code == 401

    monkeypatch.setattr(room.accounts, "refresh", hang)
    other = threading.Timer(15, goes_on.set)
    other.start()
    try:
        asyncio.run(ask())
    finally:
        other.cancel()
        goes_on.set()
