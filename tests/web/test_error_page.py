"""A browser that is led to where there is nothing for it gets a page with a way home."""

import pytest

from chimera_storage.access import Role
from chimera_storage.errors import StorageError
from tests.support.web import Room

BROWSER = {"accept": "text/html,application/xhtml+xml,*/*;q=0.8", "accept-language": "de"}


@pytest.mark.parametrize(
    ("address", "status", "words"),
    [
        ("/nothing", 404, "Hier ist nichts"),
        ("/shared/captures/1/20200101/", 404, "Hier ist nichts"),
        ("/static/nothing.js", 404, "Hier ist nichts"),
        ("/file/pathClean", 405, "Das ist keine Seite"),
        ("/cameras/77/latest.jpg?width=x", 404, "Hier ist nichts"),
        ("/timeline/days?month=x", 400, "Das hat nicht geklappt"),
    ],
)
def test_a_browser_is_told_in_its_language_and_led_home(
    address: str, status: int, words: str, room: Room
) -> None:
    page = room.get(address, headers=BROWSER)
    assert page.status_code == status
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert words in page.text
    assert 'href="/"' in page.text
    said = room.get(address)
    assert said.headers["content-type"] == "application/json"
    assert said.json()["error"]
    assert said.headers.get("allow") == page.headers.get("allow")


def test_who_may_not_see_a_page_is_told_why(room: Room) -> None:
    viewer = {"authorization": f"Bearer {room.api_token(Role.VIEWER)}"}
    page = room.get("/settings/people", headers=BROWSER | viewer)
    assert (page.status_code, page.headers["content-type"][:9]) == (403, "text/html")
    assert "Das dürfen Sie nicht sehen" in page.text
    assert "This needs the role admin" in page.text
    assert room.get("/settings/people", headers=viewer).json()["error"].startswith("this needs")


def test_a_fault_and_a_lost_disk_are_pages_too(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    for error, status, words in (
        (StorageError("the data folder is gone"), 503, "Speicher"),
        (RuntimeError("secret"), 500, "Der Server hat einen Fehler gemacht"),
    ):

        def fail(*_: object, error: Exception = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(room.archive.index, "hourly", fail)
        page = room.get("/timeline/days", headers=BROWSER)
        assert page.status_code == status
        assert words in page.text
        assert "secret" not in page.text
        assert 'href="/"' in page.text
        assert room.get("/timeline/days").json()["error"]
