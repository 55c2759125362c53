"""The pages in a real browser, with the real server and the demonstration camera.

Pictures of each page are kept in test-results/.
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.browser import DESKTOP, PHONE, open_page
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

PICTURES = Path(__file__).parents[2] / "test-results"
PATIENCE_MS = 30_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server whose demonstration camera has saved some images of something passing by."""
    with RunningServer(tmp_path_factory.mktemp("pages"), args=("--demo",)) as server:
        wait_for(
            lambda: server.post("/file/pathFileCount", camera=1)["count"] > 20,
            lambda: f"the first images of the demonstration; the log:\n{server.log}",
        )
        yield server


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_newest_image_is_shown_with_the_cameras_state(
    size: tuple[int, int], server: RunningServer
) -> None:
    with open_page(server.url, PICTURES / "home", size=size) as (page, complaints):
        card = page.locator(".camera")
        expect(card.locator(".name")).to_have_text("Demonstration")
        expect(card.locator(".state")).to_have_text(re.compile("recording|watching"))
        image = card.locator("img")
        expect(image).to_be_visible()
        least = 640 if size == DESKTOP else 320  # it is asked for in the size in which it is shown
        wait_for(lambda: image.evaluate("i => i.naturalWidth") >= least, "the image to load")
        expect(page.locator("#usage")).to_have_text(
            re.compile(r"^[\d.]+ .?B used · [\d.]+ .?B free on")
        )
        wide = page.evaluate("document.documentElement.scrollWidth")
        assert wide <= size[0], "nothing sticks out to the side"
        assert complaints == []


def test_motion_boxes_are_drawn_over_the_image(server: RunningServer) -> None:
    with open_page(server.url, PICTURES / "boxes", dark=True) as (page, complaints):
        # The demonstration is quiet for up to 40 s between two passes.
        expect(page.locator(".camera svg.boxes rect").first).to_be_attached(timeout=90_000)
        assert complaints == []


def test_a_camera_is_shown_live_paused_and_resumed(server: RunningServer) -> None:
    with open_page(server.url, PICTURES / "live", size=PHONE) as (page, complaints):
        card = page.locator(".camera")
        card.get_by_role("button", name="Show Demonstration large").click()
        live = page.get_by_role("dialog").locator("img")
        wait_for(lambda: live.evaluate("i => i.naturalWidth") > 0, "a live picture")
        assert "live.mjpeg" in str(live.get_attribute("src"))
        page.screenshot(path=PICTURES / "live" / "large.png")
        page.go_back()
        expect(page.get_by_role("dialog")).to_be_hidden()
        card.get_by_role("button", name="Pause").click()
        expect(card.locator(".state")).to_have_text("paused: nothing is recorded")
        card.get_by_role("button", name="Resume").click()
        expect(card.locator(".state")).to_have_text(re.compile("recording|watching"))
        assert complaints == []


def test_a_video_is_made_shown_played_and_deleted(server: RunningServer) -> None:
    with open_page(f"{server.url}/processes", PICTURES / "video") as (page, complaints):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        make(page, "Video")
        row = page.locator(".process", has_text="Video").first
        button = row.get_by_role("link", name="Download")
        expect(button).to_be_visible(timeout=PATIENCE_MS)
        link = button.get_attribute("href")
        assert link is not None
        process = server.post("/convert/listProcess")["list"][0]
        row.get_by_role("button", name="Play").click()
        video = page.get_by_role("dialog").locator("video")
        wait_for(lambda: video.evaluate("v => v.ended"), "the video to be played")
        assert video.evaluate("v => v.videoWidth") == 1280
        seconds = video.evaluate("v => v.duration")
        assert seconds == pytest.approx(process["frames"] / 60, abs=0.1)
        page.get_by_role("dialog").get_by_role("button", name="Close").click()
        delete(page, row)
        expect(page.locator(".process", has_text="Video")).to_have_count(0)
        times = sum("listProcess" in url for url in asked)
        assert times <= 2, "changes are pushed, not asked for"
        assert server.http.get(link).status_code == 404
        assert complaints == []


def test_a_zip_is_made_and_downloaded(server: RunningServer, tmp_path: Path) -> None:
    with open_page(f"{server.url}/processes", PICTURES / "zip", size=PHONE) as (page, complaints):
        make(page, "Archive")
        row = page.locator(".process", has_text="Zip").first
        button = row.get_by_role("link", name="Download")
        expect(button).to_be_visible(timeout=PATIENCE_MS)
        with page.expect_download() as download:
            button.click()
        download.value.save_as(tmp_path / "images.zip")
        assert (tmp_path / "images.zip").read_bytes().startswith(b"PK")
        assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_folders_lead_to_the_images(size: tuple[int, int], server: RunningServer) -> None:
    with open_page(f"{server.url}/shared/", PICTURES / "folder", size=size) as (page, complaints):
        for name in (r"captures", r"Demonstration", r"\d{4}-\d\d-\d\d", r"\d\d:\d\d"):
            page.locator("main ul li a", has_text=re.compile(name)).first.click()
        image = page.locator("main img").first
        expect(image).to_be_visible()
        wait_for(lambda: image.evaluate("i => i.naturalWidth") > 0, "the image to load")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert complaints == []


def test_the_api_documentation_needs_no_other_host(server: RunningServer) -> None:
    with open_page(f"{server.url}/docs", PICTURES / "docs") as (page, complaints):
        expect(page.locator("body")).to_contain_text("/convert/createVideo")
        assert complaints == []


def make(page: Page, kind: str) -> None:
    """Make a video (60 images a second) or archive of the last hour with the form."""
    form = page.locator("form#make")
    if not form.is_visible():
        page.locator("#new > summary").click()
    expect(form.locator("[name=start]")).not_to_have_value("")
    form.locator(".choice label", has_text=kind).click()
    if kind == "Video":
        page.get_by_text("More options").click()
        page.get_by_label("Images per second").fill("60")
    page.get_by_role("button", name="Make", exact=True).click()


def delete(page: Page, row: object) -> None:
    """Press the row's Delete and say yes."""
    row.get_by_role("button", name="Delete").click()  # type: ignore[attr-defined]
    page.get_by_role("dialog").get_by_role("button", name="Delete").click()
