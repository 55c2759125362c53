"""Folder pages in a real browser with the real server: the viewer, videos in place, order, pages.

Pictures are kept in test-results/.
"""

import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import Page, expect

from chimera_storage.archive.layout import Layout
from chimera_storage.model import ImageKey
from tests.support.browser import DESKTOP, PHONE, open_page
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

PICTURES = Path(__file__).parents[2] / "test-results"
BEGIN = datetime(2026, 1, 31, 18, tzinfo=UTC)
IMAGES = 230
HOUR = "/shared/captures/1/20260131/18/"
SIZES = pytest.mark.parametrize("size", [DESKTOP, PHONE])


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """A server with an hour of images, each of a shade of its own, and a video of them."""
    folder = tmp_path_factory.mktemp("folders")
    layout = Layout(folder / "data", ZoneInfo("UTC"))
    for number in range(IMAGES):
        key = ImageKey(camera=1, second=int(BEGIN.timestamp()) + number, number=0)
        path = layout.image_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = np.full((360, 640, 3), number, np.uint8)
        path.write_bytes(simplejpeg.encode_jpeg(pixels, 80))
    with RunningServer(folder) as server:
        wait_for(
            lambda: server.post("/file/pathFileCount", path="shared/captures/1")["count"] == IMAGES,
            "the images to be known",
        )
        made = server.post("/convert/createVideo", camera=1, start="2026-01-31", end="2026-02-01")
        wait_for(
            lambda: server.post("/convert/statusProcess", id=made["id"])["status"] == "done",
            "the video",
        )
        yield server


def shade(page: Page, selector: str) -> int:
    """The grey of the picture that is shown."""
    found: int = page.locator(selector).evaluate(
        """async (image) => {
          try {
            await image.decode();
          } catch {
            return -1000; // another one came meanwhile
          }
          const canvas = new OffscreenCanvas(1, 1).getContext("2d");
          canvas.drawImage(image, 0, 0, 1, 1);
          return canvas.getImageData(0, 0, 1, 1).data[0];
        }"""
    )
    return found


def is_shown(page: Page, number: int) -> None:
    """The whole image of that second stands in the viewer."""
    viewer = page.locator("dialog.viewer")
    minute, second = divmod(number, 60)
    expect(page).to_have_url(re.compile(f"#20260131-18{minute:02}{second:02}-00.jpg$"))
    wait_for(lambda: abs(shade(page, "dialog.viewer img") - number) <= 2, "the image")
    wait_for(lambda: viewer.locator("img").evaluate("i => i.naturalWidth") == 640, "it whole")


@SIZES
def test_a_folder_is_a_grid_of_small_images_that_come_when_they_are_scrolled_to(
    size: tuple[int, int], server: RunningServer
) -> None:
    with open_page("about:blank", PICTURES / "folder", size=size) as (page, complaints):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        complaints.clear()
        page.goto(server.url + HOUR)
        first = page.locator(".pictures img").first
        wait_for(lambda: first.evaluate("i => i.naturalWidth") == 160, "a small image")
        expect(page.locator(".pictures li")).to_have_count(200)
        small = [url for url in asked if "width=160" in url]
        assert 0 < len(small) < 200, "what is far below is not asked for"
        assert not [url for url in asked if url.endswith(".jpg?inline")], "no whole image"
        last = page.locator(".pictures img").last
        last.scroll_into_view_if_needed()
        wait_for(lambda: last.evaluate("i => i.naturalWidth") == 160, "the last one")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert [c for c in complaints if "another host" not in c] == []


@SIZES
def test_images_are_looked_through_one_after_the_other(
    size: tuple[int, int], server: RunningServer
) -> None:
    url = f"{server.url}{HOUR}?sort=oldest"
    with open_page(url, PICTURES / "viewer", size=size, dark=True) as (page, complaints):
        page.locator(".pictures a").nth(10).click()
        is_shown(page, 10)
        page.keyboard.press("ArrowRight")
        is_shown(page, 11)
        page.get_by_role("button", name="Previous image").click()
        is_shown(page, 10)
        expect(page.locator(".viewer-more")).to_contain_text("11 of 200")
        page.screenshot(path=PICTURES / "viewer" / f"{size[0]}-open.png")
        swipe(page, -200)
        is_shown(page, 11)
        swipe(page, 200)
        is_shown(page, 10)
        page.keyboard.press("Home")
        is_shown(page, 0)
        expect(page.get_by_role("button", name="Previous image")).to_be_hidden()
        page.keyboard.press("Escape")
        expect(page.locator("dialog.viewer")).to_be_hidden()
        assert "#" not in page.url
        expect(page.locator(".pictures a").first).to_be_focused()
        assert complaints == []


def test_keys_go_on_from_the_first_image_whose_button_back_is_disabled(
    server: RunningServer,
) -> None:
    url = f"{server.url}{HOUR}?sort=oldest"
    with open_page(url, PICTURES / "viewer-first") as (page, complaints):
        page.locator(".pictures a").first.click()
        is_shown(page, 0)
        page.keyboard.press("ArrowRight")
        is_shown(page, 1)
        page.get_by_role("button", name="Previous image").click()
        is_shown(page, 0)
        page.keyboard.press("ArrowRight")
        is_shown(page, 1)
        assert complaints == []


def test_the_viewer_goes_on_to_the_next_page_and_back_closes_it(server: RunningServer) -> None:
    with open_page(f"{server.url}{HOUR}?sort=oldest", PICTURES / "viewer-pages") as (page, errors):
        page.locator(".pictures a").nth(199).click()
        is_shown(page, 199)
        page.keyboard.press("ArrowRight")
        page.wait_for_url("**page=2#*")
        is_shown(page, 200)
        page.keyboard.press("ArrowLeft")
        page.wait_for_url("**page=1#*")
        is_shown(page, 199)
        page.goto(f"{server.url}{HOUR}?sort=oldest")
        page.locator(".pictures a").first.click()
        is_shown(page, 0)
        page.go_back()
        expect(page.locator("dialog.viewer")).to_be_hidden()
        page.goto(f"{server.url}{HOUR}?sort=oldest#20260131-180007-00.jpg")
        is_shown(page, 7)
        assert errors == []


@SIZES
def test_a_video_plays_where_it_is_listed(size: tuple[int, int], server: RunningServer) -> None:
    url = f"{server.url}/shared/captures/"
    with open_page(url, PICTURES / "folder-video", size=size) as (page, complaints):
        expect(page.locator(".folders a").first).to_contain_text("230 images")
        page.get_by_role("button", name="Play").click()
        video = page.locator(".files video")
        wait_for(lambda: video.evaluate("v => v.videoWidth") == 640, "the video to load")
        assert video.evaluate("v => v.error") is None
        page.screenshot(path=PICTURES / "folder-video" / f"{size[0]}-playing.png")
        page.get_by_role("button", name="Close the video").click()
        expect(video).to_have_count(0)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert complaints == []


def test_pages_are_chosen_by_number(server: RunningServer) -> None:
    with open_page(f"{server.url}{HOUR}", PICTURES / "folder-pages") as (page, complaints):
        page.get_by_role("link", name="Oldest").click()
        expect(page.locator(".pictures time").first).to_have_attribute(
            "data-ms", str(int(BEGIN.timestamp()) * 1000)
        )
        page.get_by_role("link", name="Next page").click()
        expect(page.locator(".pictures li")).to_have_count(30)
        expect(page.get_by_text("Page 2 of 2")).to_be_visible()
        assert complaints == []


def swipe(page: Page, by: int) -> None:
    """A finger from the middle to the side, as a touch screen tells of it."""
    page.locator("dialog.viewer").evaluate(
        """(dialog, by) => {
          const touch = { identifier: 1, target: dialog, clientY: 300 };
          const at = (x) => [new Touch({ ...touch, clientX: x })];
          const tell = (name, x) => dialog.dispatchEvent(new TouchEvent(name, {
            touches: name === "touchend" ? [] : at(x), changedTouches: at(x), bubbles: true,
          }));
          tell("touchstart", 200);
          tell("touchend", 200 + by);
        }""",
        by,
    )
