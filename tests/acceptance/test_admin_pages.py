"""People, account, storage and health in a real browser with the real server.

The tests of a class share a server and go on where the one before ended. Pictures are kept in
test-results/.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Page, expect

from chimera_storage.archive.layout import Layout
from chimera_storage.model import ImageKey
from tests.support.browser import DESKTOP, PHONE, open_page
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

PICTURES = Path(__file__).parents[2] / "test-results"
PASSWORD = "correct horse battery"
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
CONFIG = """
[retention]
days = 365
[[camera]]
id = 1
name = "Front door"
url = "rtsp://127.0.0.1:1/none"
"""


def fill(layout: Layout, days: int) -> None:
    """An image each day at this time, of camera 1; twice as many of camera 2."""
    now = int(datetime.now(UTC).timestamp())
    for back in range(days):
        for camera in (1, 2, 2):
            second = now - back * 86_400 - 60
            key = ImageKey(camera=camera, second=second, number=back % 2 + camera)
            path = layout.image_path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(b"\xff\xd8" + b"x" * 1000)


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("admin")
    fill(Layout(folder / "data", ZoneInfo("UTC")), 20)
    with RunningServer(folder, CONFIG) as server:
        wait_for(lambda: server.post("/file/pathFileCount", camera=2)["count"] == 20, "images")
        yield server


def log_in(page: Page, server: RunningServer, path: str, name: str = "owner") -> None:
    page.goto(f"{server.url}/login?next={path}")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page).to_have_url(re.compile(re.escape(path) + "$"))


def answer(page: Page, button: str) -> None:
    """Press a button of the dialog that asks."""
    page.locator("dialog[open]").get_by_role("button", name=button).click()


def fits(page: Page, size: tuple[int, int]) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= size[0]


def test_kept_times_are_let_go_and_the_heat_map_is_of_one_camera(server: RunningServer) -> None:
    server.post("/file/createKeep", camera=1, hours=1, reason="parcel")
    with open_page(f"{server.url}/disk", PICTURES / "disk-kept", dark=True) as (page, complaints):
        expect(page.locator("#kept")).to_contain_text("parcel")
        page.locator("#kept").get_by_role("button", name="Keep no longer").click()
        answer(page, "Keep no longer")
        expect(page.locator("#kept")).to_contain_text("Nothing is kept")
        page.locator("#heat-camera").select_option("2")
        expect(page).to_have_url(re.compile(r"\?camera=2"))
        expect(page.locator("#heat-camera")).to_have_value("2")
        assert complaints == []


@SIZES
def test_the_storage_page_tells_and_cleans_up(size: tuple[int, int], server: RunningServer) -> None:
    camera = 1 if size == DESKTOP else 2
    with open_page(f"{server.url}/disk", PICTURES / "disk", size=size) as (page, complaints):
        expect(page.locator("#room h2")).to_have_text(re.compile(r"[\d.]+ .B of [\d.]+ .B free"))
        assert page.locator("#use rect").count() >= 20
        assert page.locator(".heat td[class^=l]").count() >= 20
        row = page.locator(f"[data-camera='{camera}']")
        expect(row).to_contain_text("20 images")
        row.get_by_role("button", name="Clean up").click()
        dialog = page.locator("dialog[open]")
        expect(dialog.locator(".clean-what")).to_have_text("No image is as old as that.")
        expect(dialog.get_by_role("button", name="Delete")).to_be_disabled()
        dialog.get_by_label("Delete images older than").fill("15")
        expect(dialog.locator(".clean-what")).to_have_text(re.compile("^5 images go, which frees"))
        page.screenshot(path=PICTURES / "disk" / f"{size[0]}-clean.png")
        dialog.get_by_role("button", name="Delete").click()
        expect(row).to_contain_text("15 images")
        expect(page.locator("#deletions tbody tr").first).to_contain_text("clean-up")
        row.get_by_role("button", name="Delete all").click()
        expect(page.locator("dialog[open]")).to_contain_text("15 images")
        answer(page, "Cancel")
        expect(row).to_contain_text("15 images")
        row.get_by_role("button", name="Delete all").click()
        answer(page, "Delete")
        expect(page.locator("#deletions tbody tr").first).to_contain_text("all of a camera")
        expect(page.locator(f"[data-camera='{camera}'] button")).to_have_count(0)
        count = server.post("/file/pathFileCount", path=f"shared/captures/{camera}")["count"]
        assert count == 0
        fits(page, size)
        assert complaints == []


def test_rules_say_what_they_would_take_and_take_it_when_told(tmp_path: Path) -> None:
    config = CONFIG.replace("days = 365", "days = 5")
    with RunningServer(tmp_path, config) as server:
        layout = Layout(server.data, ZoneInfo("UTC"))
        wait_for(lambda: server.http.get("/storage/ready").status_code == 200, "readiness")
        fill(layout, 20)  # after the rules were carried out at the start
        wait_for(lambda: server.post("/file/pathFileCount", camera=2)["count"] == 20, "images")
        with open_page(f"{server.url}/disk", PICTURES / "disk-rules", size=PHONE) as (page, bad):
            rules = page.locator("#rules")
            expect(rules).to_contain_text("Images go after 5 days.")
            rules.get_by_role("button", name="Do it now").click()
            expect(page.locator("dialog[open]")).to_contain_text("30")
            answer(page, "Cancel")
            assert server.post("/file/pathFileCount", camera=1)["count"] == 20
            rules.get_by_role("button", name="Do it now").click()
            answer(page, "Delete")
            expect(rules).to_contain_text("Nothing would go now.")
            expect(page.locator("#deletions tbody tr").first).to_contain_text("15")
            assert server.post("/file/pathFileCount", camera=1)["count"] == 5
            fits(page, PHONE)
            assert bad == []


@SIZES
def test_the_health_page_says_what_is_wrong(size: tuple[int, int], server: RunningServer) -> None:
    with open_page(f"{server.url}/settings/health", PICTURES / "health", size=size) as (page, bad):
        expect(page.locator(".state-line")).to_have_text("Nothing is recorded.")
        expect(page.locator("#health .rows").first).to_contain_text("refuses the connection")
        expect(page.locator(".facts")).to_contain_text("files and index agree")
        page.locator("html").evaluate("() => { window.stays = true; }")
        fits(page, size)
        assert bad == []


@SIZES
def test_the_first_user_closes_the_door_and_all_is_managed_in_the_browser(
    size: tuple[int, int], tmp_path: Path
) -> None:
    with (
        RunningServer(tmp_path, CONFIG) as server,
        open_page(f"{server.url}/settings/people", PICTURES / "people", size=size) as (page, bad),
    ):
        form = page.locator("#users form[data-post='/users']")
        form.get_by_label("Name").fill("owner")
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_role("button", name="Add a user").click()
        expect(page).to_have_url(re.compile("/login"))
        log_in(page, server, "/settings/people")

        page.locator("#users").get_by_text("Add a user").first.click()
        form = page.locator("#users form[data-post='/users']")
        form.get_by_label("Name").fill("Kid")
        form.get_by_label("Password").fill("short12")
        form.get_by_role("button", name="Add a user").click()
        expect(page.locator("[data-user=kid]")).to_have_count(0)
        form.get_by_label("Password").fill(PASSWORD)
        form.get_by_text("All cameras").click()
        form.get_by_text("Front door").click()
        form.get_by_role("button", name="Add a user").click()
        kid = page.locator("[data-user=kid]")
        expect(kid.locator(".badge")).to_have_text("viewer")
        expect(kid.locator("p").first).to_contain_text("Front door")

        kid.get_by_text("Change").click()
        kid.get_by_label("Role").select_option("operator")
        kid.get_by_role("button", name="Save").click()
        expect(kid.locator(".badge")).to_have_text("operator")
        kid.get_by_text("Change").click()
        kid.get_by_role("button", name="Disable").click()
        answer(page, "Disable")
        expect(kid.locator(".badge").last).to_have_text("disabled")

        owner = page.locator("[data-user=owner]")
        owner.get_by_text("Change").click()
        owner.get_by_role("button", name="Remove").click()
        answer(page, "Remove")
        expect(page.locator("#trouble")).to_contain_text("last admin")
        bad[:] = [complaint for complaint in bad if "409" not in complaint]

        page.locator("#tokens").get_by_text("Make a token").first.click()
        form = page.locator("#tokens form")
        form.get_by_label("Name").fill("home-assistant")
        form.get_by_role("button", name="Make a token").click()
        secret = page.locator("dialog.secret input").input_value()
        assert secret.startswith("cs_")
        page.screenshot(path=PICTURES / "people" / f"{size[0]}-token.png")
        page.get_by_role("button", name="Done").click()
        headers = {"authorization": f"Bearer {secret}"}
        assert server.http.get("/me", headers=headers).json()["kind"] == "token"

        page.locator("#links").get_by_text("Make a link").first.click()
        page.locator("#links form").get_by_role("button", name="Make a link").click()
        link = page.locator("dialog.secret input").input_value()
        page.get_by_role("button", name="Done").click()
        assert server.http.get(link).status_code == 200
        page.locator("#links").get_by_role("button", name="Revoke").click()
        answer(page, "Revoke")
        expect(page.locator("#links")).to_contain_text("No link works at present.")
        assert server.http.get(link).status_code == 404

        page.locator("#tokens").get_by_role("button", name="Revoke").click()
        answer(page, "Revoke")
        expect(page.locator("#tokens .rows li")).to_have_count(0)
        assert server.http.get("/me", headers=headers).status_code == 401

        fits(page, size)
        kid.get_by_text("Change").click()
        kid.get_by_role("button", name="Remove").click()
        answer(page, "Remove")
        expect(kid).to_have_count(0)
        assert bad == []


@SIZES
def test_ones_own_password_and_sessions(size: tuple[int, int], tmp_path: Path) -> None:
    with (
        RunningServer(tmp_path, CONFIG) as server,
        open_page(server.url, PICTURES / "account", size=size, dark=True) as (page, bad),
    ):
        page.goto("about:blank")  # an open page would lead to the log-in by itself
        server.post("/users", name="owner", password=PASSWORD, role="admin")
        body = {"name": "owner", "password": PASSWORD}
        assert server.http.post("/login", json=body).status_code == 200  # another browser
        log_in(page, server, "/account")
        page.wait_for_load_state()
        bad.clear()  # the page before was of a server that asked nobody to log in
        expect(page.locator("#sessions .rows li")).to_have_count(2)
        mine = page.locator("#sessions li", has_text="this one")
        expect(mine).to_have_count(1)
        page.locator("#sessions li", has_not_text="this one").get_by_role("button").click()
        expect(page.locator("#sessions .rows li")).to_have_count(1)
        assert server.http.get("/me").status_code == 401

        page.get_by_label("Present password").fill("a wrong one")
        page.get_by_label("New password").fill("another horse")
        page.get_by_role("button", name="Change password").click()
        expect(page.locator("output[data-kind=error]")).to_be_visible()
        bad[:] = [complaint for complaint in bad if "401" not in complaint]
        page.get_by_label("Present password").fill(PASSWORD)
        page.get_by_label("New password").fill("another horse")
        page.get_by_role("button", name="Change password").click()
        expect(page.locator("output")).to_have_text("The password is changed.")
        body["password"] = "another horse"
        assert server.http.post("/login", json=body).status_code == 200
        page.goto(f"{server.url}/account")
        expect(page.locator("h1")).to_have_text("Account")
        fits(page, size)
        assert bad == []
