"""The page at / in a real browser: every state of cameras and processes, and what goes wrong.

tests/acceptance/test_pages.py clicks through the main job with the real server.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import Locator, Page, expect

from chimera_storage.clock import to_us
from chimera_storage.model import Box, CameraReport, CameraState, ConversionStatus, Health
from tests.support.browser import CHROMIUM, PHONE, open_page
from tests.support.granian_room import served
from tests.support.web import NOW, Room, web_room

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")
NOW_US = to_us(NOW)
MINUTE_US = 60_000_000


def picture(shade: int) -> bytes:
    pixels = np.full((360, 640, 3), shade, np.uint8)
    pixels[100:200, 100:200] = (255, 160, 0)
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=80)
    return encoded


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    cameras = [
        {"id": 1, "name": "Front <b>door</b>", "url": "x"},
        {"id": 2, "name": "Street", "url": "x"},
        {"id": 3, "url": "x"},
    ]
    with web_room(tmp_path, camera=cameras, server={"timezone": "Europe/Berlin"}) as made:
        for second in range(30):
            made.save(1, NOW - timedelta(seconds=second), content=picture(90))
        boxes = (Box(100, 100, 100, 100), Box(300, 50, 40, 40))
        made.save(1, NOW, 1, picture(120), boxes=boxes)
        made.recorders.said = [
            CameraReport(
                camera=1,
                state=CameraState.CONNECTED,
                since_us=NOW_US - 90 * MINUTE_US,
                fps=12.5,
                width=640,
                height=360,
                recording=True,
                event_since_us=NOW_US - 2 * MINUTE_US,
            ),
            CameraReport(
                camera=2,
                state=CameraState.FAILED,
                since_us=NOW_US - 3 * MINUTE_US,
                problem="the connection was refused",
            ),
            CameraReport(camera=3, state=CameraState.STARTING, since_us=NOW_US),
        ]
        yield made


@pytest.fixture
def url(room: Room) -> Iterator[str]:
    with served(room) as port:
        yield f"http://127.0.0.1:{port}"


def row(page: Page, process_id: str) -> Locator:
    return page.locator(f'.process[data-key="{process_id}"]')


def make(page: Page) -> Locator:
    """Press Make once the form means the last hour; returns where the result is told."""
    expect(page.locator("[name=start]")).to_have_value("2026-01-31T19:00")
    page.get_by_role("button", name="Make").click()
    return page.locator("#make-result")


def test_cameras_say_in_words_how_they_are(url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path, size=PHONE, dark=True) as (page, complaints):
        first, second, third = (page.locator(".camera").nth(i) for i in range(3))
        expect(first.locator("h2")).to_have_text("Front <b>door</b>")
        expect(first.locator(".state")).to_have_text("recording since 19:58")
        expect(first.locator(".taken")).to_have_text("20:00:00")
        expect(first.locator(".stored")).to_contain_text("31 images, ")
        expect(first.locator(".stream")).to_contain_text("640×360, 13 per second")
        expect(first.locator(".boxes rect")).to_have_count(2)
        assert first.locator(".boxes").get_attribute("viewBox") == "0 0 1280 720"
        expect(second.locator(".state")).to_have_text(
            "no picture for 3 min: the connection was refused"
        )
        expect(second.locator(".no-picture")).to_be_visible()
        expect(third.locator(".state")).to_have_text("connecting …")
        assert complaints == []


def test_a_camera_that_sees_nothing_more_says_so(room: Room, url: str, tmp_path: Path) -> None:
    covered = CameraReport(
        camera=1,
        state=CameraState.CONNECTED,
        since_us=NOW_US - 90 * MINUTE_US,
        health=Health.COVERED,
        health_since_us=NOW_US - 5 * MINUTE_US,
    )
    room.recorders.said[0] = covered
    with open_page(url, tmp_path) as (page, complaints):
        card = page.locator(".camera").first
        expect(card.locator(".state")).to_have_text(
            "since 19:55 hardly anything can be seen; is something in front of the lens?"
        )
        expect(card).to_have_attribute("data-light", "failed")
        room.recorders.said[0] = replace(covered, health=Health.OK, health_since_us=None)
        expect(card.locator(".state")).to_have_text(
            "watching since 18:30, nothing moves", timeout=10_000
        )
        assert complaints == []


def test_a_new_image_takes_the_place_of_the_old_one_without_a_new_card(
    room: Room, url: str, tmp_path: Path
) -> None:
    with open_page(url, tmp_path) as (page, complaints):
        image = page.locator(".camera img").first
        expect(image).to_be_visible()
        page.evaluate("document.querySelector('.camera').dataset.mark = 'the same card'")
        newer = room.save(1, NOW + timedelta(seconds=5), content=picture(200))
        expect(image).to_have_attribute("src", f"{room.url(newer)}?inline", timeout=10_000)
        expect(page.locator('.camera[data-mark="the same card"] .boxes rect')).to_have_count(0)
        assert complaints == []


def test_every_state_of_a_process_is_shown_in_words(room: Room, url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, complaints):
        expect(page.locator("#no-process")).to_be_visible()
        page.locator("[name=fps]").fill("10")
        expect(make(page)).to_have_text("The video of 31 images is being made.")
        (made,) = room.conversions.all.values()
        assert (made.fps, made.start_us) == (10, NOW_US - 60 * MINUTE_US)
        shown = row(page, made.id)
        expect(shown.locator(".status")).to_have_text("waiting its turn, 31 images")
        running = replace(
            made,
            status=ConversionStatus.RUNNING,
            frames_done=10,
            started_us=NOW_US - 10_000_000,
        )
        room.conversions.become(running)
        expect(shown.locator(".status")).to_have_text("32 % of 31 images, 21 s left")
        assert shown.locator("progress").evaluate("bar => bar.value") == pytest.approx(0.3226)
        room.conversions.become(
            replace(made, status=ConversionStatus.FAILED, error="the disk is full")
        )
        expect(shown.locator(".status")).to_have_text("failed: the disk is full")
        room.conversions.finish(made.id, b"x" * 2_500_000)
        expect(shown.locator(".status")).to_have_text("31 images, 2.5 MB")
        expect(shown.locator(".play")).to_be_visible()
        assert complaints == []


def test_cancel_stops_and_delete_asks_once(room: Room, url: str, tmp_path: Path) -> None:
    answer = httpx.post(f"{url}/convert/createZip", json={"camera": 1}).json()
    with open_page(url, tmp_path) as (page, complaints):
        shown = row(page, answer["id"])
        shown.get_by_role("button", name="Cancel").click()
        expect(shown.locator(".status")).to_have_text("cancelled")
        expect(shown.get_by_role("button", name="Cancel")).to_be_hidden()
        dialog = page.get_by_role("dialog")
        shown.get_by_role("button", name="Delete").click()
        expect(dialog).to_contain_text("Delete this archive?")
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        shown.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Keep it").click()
        expect(dialog).to_be_hidden()
        assert answer["id"] in room.conversions.all
        shown.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Delete").click()
        expect(page.locator(".process")).to_have_count(0)
        assert room.conversions.all == {}
        assert complaints == []


def test_times_are_filled_in_while_another_field_is_being_set(url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, complaints):
        page.locator("[name=skip]").focus()
        page.evaluate("document.querySelector('[name=start]').value = ''")
        expect(page.locator("[name=start]")).to_have_value("2026-01-31T19:00")
        assert complaints == []


def test_an_unsaved_zip_is_downloaded_at_once(room: Room, url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, complaints):
        page.locator("form#make .choice label", has_text="Zip").click()
        expect(page.locator("[name=fps]")).to_be_hidden()
        page.get_by_text("Keep it on the server").click()
        with page.expect_download() as download:
            result = make(page)
        assert download.value.suggested_filename.endswith(".zip")
        expect(result).to_have_text("The zip is downloaded.")
        assert room.conversions.all == {}
        assert complaints == []


def test_what_goes_wrong_is_said_in_words(url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, _):  # the browser itself notes each failed request
        page.locator("[name=fps]").fill("99")
        expect(make(page)).to_contain_text("a whole number from 1 to 60")
        page.locator("[name=fps]").fill("20")
        page.locator("[name=camera]").select_option("Street")
        expect(make(page)).to_have_text("There are no images in this range.")
        page.context.set_offline(True)
        expect(page.locator("#trouble")).to_contain_text("does not answer", timeout=10_000)
        expect(page.locator(".camera")).to_have_count(3)
        page.context.set_offline(False)
        expect(page.locator("#trouble")).to_be_hidden(timeout=10_000)


def test_an_image_opened_alone_is_shown_without_a_broken_policy(
    room: Room, url: str, tmp_path: Path
) -> None:
    image = room.archive.index.latest(1)
    assert image is not None
    with open_page(f"{url}{room.url(image)}?inline", tmp_path) as (page, complaints):
        assert page.locator("img").evaluate("image => image.naturalWidth") == 640
        assert complaints == []


def test_without_a_camera_the_page_says_what_to_do_next(tmp_path: Path) -> None:
    with (
        web_room(tmp_path) as room,
        served(room) as port,
        open_page(f"http://127.0.0.1:{port}", tmp_path) as (page, complaints),
    ):
        expect(page.locator("#no-camera")).to_contain_text("[[camera]]")
        assert complaints == []
