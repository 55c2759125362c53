"""Users and API tokens over HTTP, and that nobody can lock all admins out."""

from collections.abc import Callable
from typing import Any

import pytest

from chimera_storage.access import Role
from chimera_storage.web.people_pages import program_of
from tests.support.web import Room

PASSWORD = "correct horse"


@pytest.fixture
def admin(room: Room) -> Room:
    """The room as the user owner, an admin with a session, asks."""
    room.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
    room.headers = {"cookie": session(room, "owner")}
    return room


def session(room: Room, name: str, password: str = PASSWORD) -> str:
    answer = room.post("/login", {"name": name, "password": password}, headers={"cookie": ""})
    assert answer.status_code == 200, answer.text
    return answer.headers["set-cookie"].partition(";")[0]


def user(room: Room, name: str) -> dict[str, Any]:
    found = [u for u in room.get("/users").json()["list"] if u["name"] == name]
    assert len(found) == 1
    return dict(found[0])


def test_a_user_is_added_changed_and_removed(admin: Room) -> None:
    made = admin.answer(
        "/users", {"name": "Kid", "password": PASSWORD, "role": "viewer", "cameras": [1]}
    )
    assert made["name"] == "kid"
    assert (made["role"], made["cameras"], made["disabled"]) == ("viewer", [1], False)
    kid = {"cookie": session(admin, "kid")}
    assert admin.get("/users", headers=kid).status_code == 403
    assert [c["id"] for c in admin.get("/cameras", headers=kid).json()["cameras"]] == [1]
    assert user(admin, "kid")["sessions"] == 1

    assert admin.answer("/users/change", {"name": "kid", "role": "operator"})["cameras"] == [1]
    everything = admin.answer("/users/change", {"name": "kid", "cameras": "all"})
    assert (everything["role"], everything["cameras"]) == ("operator", None)
    assert len(admin.get("/cameras", headers=kid).json()["cameras"]) == 2

    assert admin.answer("/users/remove", {"name": "kid"}) == {"removed": True, "name": "kid"}
    assert admin.get("/me", headers=kid).status_code == 401
    assert "no such user" in admin.refusal("/users/remove", {"name": "kid"}, status=404)


def test_an_admin_sees_all_cameras_whatever_was_before(admin: Room) -> None:
    admin.answer("/users", {"name": "kid", "password": PASSWORD, "cameras": "1"})
    assert admin.answer("/users/change", {"name": "kid", "role": "admin"})["cameras"] is None
    limited = {"name": "other", "password": PASSWORD, "role": "admin", "cameras": [1]}
    assert "every camera" in admin.refusal("/users", limited, status=400)


def test_who_is_disabled_is_out_at_once_and_comes_back_with_the_same_password(admin: Room) -> None:
    admin.answer("/users", {"name": "kid", "password": PASSWORD, "role": "operator"})
    kid = {"cookie": session(admin, "kid")}
    link = admin.post("/links", {"camera": 1, "hours": 1}, headers=kid).json()["url"]
    assert admin.get(link).status_code == 200
    assert admin.answer("/users/change", {"name": "kid", "disabled": True})["disabled"]
    assert admin.get("/me", headers=kid).status_code == 401
    assert admin.get(link).status_code == 404
    answer = admin.post("/login", {"name": "kid", "password": PASSWORD}, headers={"cookie": ""})
    assert answer.status_code == 401
    admin.answer("/users/change", {"name": "kid", "disabled": True})  # twice is once
    assert not admin.answer("/users/change", {"name": "kid", "disabled": False})["disabled"]
    session(admin, "kid")


def test_bug_a_user_who_was_added_disabled_could_log_in(admin: Room) -> None:
    kid = {"name": "kid", "password": PASSWORD, "disabled": True}
    assert admin.answer("/users", kid)["disabled"] is True
    log_in = {"name": "kid", "password": PASSWORD}
    assert admin.post("/login", log_in, headers={"cookie": ""}).status_code == 401
    admin.answer("/users/change", {"name": "kid", "disabled": False})
    assert session(admin, "kid")


def test_a_new_password_ends_the_sessions_and_leaves_a_disabled_user_disabled(admin: Room) -> None:
    admin.answer("/users", {"name": "kid", "password": PASSWORD})
    kid = {"cookie": session(admin, "kid")}
    admin.answer("/users/change", {"name": "kid", "password": "another horse"})
    assert admin.get("/me", headers=kid).status_code == 401
    session(admin, "kid", "another horse")
    admin.answer("/users/change", {"name": "kid", "disabled": True})
    assert admin.answer("/users/change", {"name": "kid", "password": PASSWORD})["disabled"]
    assert "8 to 1024" in admin.refusal(
        "/users/change", {"name": "kid", "password": "short"}, status=400
    )


def test_ones_own_password_is_changed_where_the_present_one_is_asked_for(admin: Room) -> None:
    changed = {"name": "OWNER", "password": "another horse"}
    assert "/account/password" in admin.refusal("/users/change", changed, status=409)
    session(admin, "owner")


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/users/remove", {"name": "owner"}),
        ("/users/change", {"name": "owner", "role": "operator"}),
        ("/users/change", {"name": "owner", "disabled": True}),
    ],
)
def test_the_last_admin_stays_whoever_asks(admin: Room, path: str, body: dict[str, Any]) -> None:
    admin.answer("/users", {"name": "second", "password": PASSWORD, "role": "admin"})
    admin.answer("/users/change", {"name": "second", "disabled": True})
    token = {"authorization": f"Bearer {admin.api_token()}", "cookie": ""}
    for headers in ({}, token):
        answer = admin.post(path, body, headers=headers)
        assert answer.status_code == 409
        assert "last admin" in answer.json()["error"]
    now = user(admin, "owner")
    assert (now["role"], now["disabled"], now["sessions"]) == ("admin", False, 1)
    admin.answer("/users/change", {"name": "second", "disabled": False})
    assert admin.post(path, body).status_code == 200


def test_two_admins_cannot_remove_each_other(admin: Room) -> None:
    admin.answer("/users", {"name": "second", "password": PASSWORD, "role": "admin"})
    second = {"cookie": session(admin, "second")}
    assert admin.post("/users/remove", {"name": "owner"}, headers=second).status_code == 200
    assert admin.post("/users/remove", {"name": "second"}, headers=second).status_code == 409
    assert admin.get("/me").status_code == 401


def test_the_first_user_is_an_admin_and_there_is_no_token_before(room: Room) -> None:
    assert room.get("/me").json()["kind"] == "open"
    kid = {"name": "kid", "password": PASSWORD, "role": "viewer"}
    assert "has to be an admin" in room.refusal("/users", kid, status=409)
    assert "add a user first" in room.refusal("/tokens", {"name": "ha"}, status=409)
    room.answer("/users", {**kid, "role": "admin"})
    assert room.get("/me").status_code == 401
    assert room.get("/me", headers={"cookie": session(room, "kid")}).json()["role"] == "admin"


def test_a_token_is_made_shown_once_and_revoked(admin: Room) -> None:
    made = admin.answer("/tokens", {"name": "ha", "cameras": "2", "days": "30"})
    assert made["token"].startswith("cs_")
    assert made["expires"] - made["created"] == 30 * 86_400_000
    bearer = {"authorization": f"Bearer {made['token']}", "cookie": ""}
    assert admin.get("/me", headers=bearer).json()["cameras"] == [2]
    listed = admin.get("/tokens").json()["list"]
    assert [token["id"] for token in listed] == [made["id"]]
    assert made["token"] not in admin.get("/tokens").text + admin.get("/settings/people").text
    assert admin.answer("/tokens/revoke", {"id": made["id"]})["revoked"]
    assert not admin.answer("/tokens/revoke", {"id": made["id"]})["revoked"]
    assert admin.get("/me", headers=bearer).status_code == 401


def test_names_that_are_taken_or_none_are_refused(admin: Room) -> None:
    body = {"name": "owner", "password": PASSWORD}
    assert "already" in admin.refusal("/users", body, status=409)
    for name in ("", "a b", "../x", "-x", "x" * 65, 7, None, ["x"]):
        admin.refusal("/users", {"name": name, "password": PASSWORD}, status=400)
        admin.refusal("/tokens", {"name": name}, status=400)
    admin.answer("/tokens", {"name": "ha"})
    assert "already" in admin.refusal("/tokens", {"name": "HA"}, status=409)
    wrong_values: tuple[dict[str, Any], ...] = (
        {"role": "owner"},
        {"role": 1},
        {"cameras": []},
        {"cameras": "x"},
        {"cameras": [1.5]},
        {"cameras": [[1]]},
        {"cameras": True},
        {"cameras": {"1": 1}},
        {"days": 0},
        {"days": "never"},
    )
    for wrong in wrong_values:
        admin.refusal("/tokens", {"name": "other", **wrong}, status=400)


def test_only_admins_come_to_it(admin: Room) -> None:
    asked = [("GET", "/users"), ("GET", "/tokens"), ("GET", "/settings/people")]
    asked += [
        ("POST", path)
        for path in ("/users", "/users/change", "/users/remove", "/tokens", "/tokens/revoke")
    ]
    for role in (Role.VIEWER, Role.OPERATOR):
        headers = {"authorization": f"Bearer {admin.api_token(role)}", "cookie": ""}
        for method, path in asked:
            assert admin.request(method, path, headers=headers, json={}).status_code == 403, path
    for method, path in asked:
        answer = admin.request(method, path, headers={"cookie": ""}, json={})
        assert answer.status_code == 401


def test_another_sites_page_can_change_nothing(admin: Room) -> None:
    evil = {"origin": "https://evil.example", "sec-fetch-site": "cross-site"}
    body = {"name": "evil", "password": PASSWORD, "role": "admin"}
    assert admin.post("/users", body, headers=evil).status_code == 403
    assert admin.post("/users", headers=evil, data=body).status_code == 403
    assert len(admin.get("/users").json()["list"]) == 1


# the pages


def test_the_page_shows_everybody_and_everything_that_opens_the_door(admin: Room) -> None:
    admin.answer("/users", {"name": "kid", "password": PASSWORD, "cameras": [1, 2]})
    admin.answer("/tokens", {"name": "home-assistant", "days": 3})
    admin.answer("/links", {"camera": 1, "start": "20260131-180000", "end": "20260131-183000"})
    page = admin.get("/settings/people", headers={"user-agent": "x"}).text
    for text in ("kid", "Front door, Camera 2", "home-assistant", "18:00:00 – 18:30:00"):
        assert text in page, text
    assert "argon2" not in page


def test_the_account_page_shows_ones_own_alone(admin: Room) -> None:
    admin.answer("/users", {"name": "op", "password": PASSWORD, "role": "operator", "cameras": [1]})
    own = {"cookie": session(admin, "op")}
    admin.answer("/links", {"camera": 2, "hours": 1})
    admin.post("/links", {"camera": 1, "start": "20260131-180000"}, headers=own)
    page = admin.get("/account", headers=own).text
    assert "Front door ·" in page
    assert "Camera 2" not in page
    assert page.count('data-post="/sessions/revoke"') == 1


@pytest.mark.parametrize(
    ("agent", "program"),
    [
        (
            "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/141.0.0.0 Safari/537.36",
            "Chrome, Linux",
        ),
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/141.0.0.0 Safari/537.36 Edg/141.0.0.0",
            "Edge, Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15"
            " (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
            "Safari, iPhone",
        ),
        ("Mozilla/5.0 (Android 15; Mobile; rv:140.0) Firefox/140.0", "Firefox, Android"),
        ("python-httpx/0.28", "python-httpx/0.28"),
        ("x" * 200, "x" * 60),
        ("", ""),
    ],
)
def test_a_browser_is_named_as_people_name_it(agent: str, program: str) -> None:
    assert program_of(agent) == program


def test_without_a_log_in_the_page_says_that_the_first_user_is_an_admin(
    make_room: Callable[..., Room],
) -> None:
    page = make_room().get("/settings/people").text
    assert "Nobody has to log in here" in page
    assert '<option value="admin" selected>' in page
