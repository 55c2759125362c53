"""The page at / in a real browser: every state of a camera, and what goes wrong.

tests/acceptance/test_pages.py clicks through the main job with the real server.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import expect

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import Box, CameraReport, CameraState, Health, LivePicture
from tests.support.accessibility import barriers
from tests.support.browser import CHROMIUM, PHONE, open_page
from tests.support.granian_room import served
from tests.support.waiting import wait_for
from tests.support.web import NOW, Room, web_room

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")
NOW_US = to_us(NOW)
MINUTE_US = 60_000_000
PASSWORD = "correct horse"


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
            CameraReport(camera=3, state=CameraState.PAUSED, since_us=NOW_US),
        ]
        yield made


@pytest.fixture
def url(room: Room) -> Iterator[str]:
    with served(room) as port:
        yield f"http://127.0.0.1:{port}"


def test_cameras_say_in_words_how_they_are(url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path, size=PHONE, dark=True) as (page, complaints):
        first, second, third = (page.locator(".camera").nth(i) for i in range(3))
        expect(first.locator("h2")).to_have_text("Front <b>door</b>")
        expect(first.locator(".state")).to_have_text("recording since 19:58")
        expect(first.locator(".taken")).to_have_text("20:00:00")
        expect(first.locator(".stored")).to_contain_text("31 images, ")
        expect(first.locator(".stream")).to_contain_text("640×360, 13/s")
        expect(first.locator(".boxes rect")).to_have_count(2)
        assert first.locator(".boxes").get_attribute("viewBox") == "0 0 1280 720"
        expect(second.locator(".state")).to_have_text(
            "no picture for 3 min: the connection was refused"
        )
        expect(second.locator(".no-picture")).to_be_visible()
        expect(third.locator(".state")).to_have_text("paused: nothing is recorded")
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
        expect(image).to_have_attribute(
            "src", re.compile(re.escape(room.url(newer))), timeout=10_000
        )
        expect(page.locator('.camera[data-mark="the same card"] .boxes rect')).to_have_count(0)
        assert complaints == []


def test_a_camera_is_shown_large_at_an_address_of_its_own(
    room: Room, url: str, tmp_path: Path
) -> None:
    room.recorders.live = LivePicture(
        camera=1, time_us=NOW_US, jpeg=picture(200), width=640, height=360
    )
    with open_page(url, tmp_path, size=PHONE) as (page, complaints):
        page.get_by_role("button", name="Show Front <b>door</b> large").click()
        large = page.get_by_role("dialog")
        expect(large.locator("h2")).to_have_text("Front <b>door</b>")
        expect(large.locator(".state")).to_have_text("recording since 19:58")
        expect(large.locator("img")).to_be_visible()
        large.get_by_role("radio", name="Last saved").check()
        expect(large.locator(".boxes rect")).to_have_count(2)
        newer = room.save(1, NOW + timedelta(seconds=5), content=picture(200))
        expect(large.locator("img")).to_have_attribute(
            "src", re.compile(re.escape(room.url(newer))), timeout=10_000
        )
        page.go_back()
        expect(large).to_be_hidden()
        page.goto(f"{url}/#camera-1")
        expect(large).to_be_visible()
        large.get_by_role("button", name="Close").click()
        expect(large).to_be_hidden()
        expect(page).to_have_url(f"{url}/")
        assert complaints == []


def test_a_quiet_camera_is_looked_at_and_large_it_is_live(
    room: Room, url: str, tmp_path: Path
) -> None:
    connected = CameraReport(camera=2, state=CameraState.CONNECTED, since_us=NOW_US)
    room.recorders.said[1] = connected
    room.recorders.live = LivePicture(
        camera=2, time_us=NOW_US, jpeg=picture(200), width=640, height=360
    )
    with open_page(url, tmp_path) as (page, complaints):
        card = page.locator(".camera").nth(1)
        expect(card.locator("img")).to_have_attribute("src", re.compile("/cameras/2/latest.jpg"))
        expect(card.locator(".taken")).to_have_text("20:00:00")
        expect(card.locator(".no-picture")).to_be_hidden()
        card.get_by_role("button", name="Show Street large").click()
        large = page.get_by_role("dialog")
        expect(large.locator("img")).to_have_attribute("src", re.compile("/2/live.mjpeg"))
        wait_for(lambda: room.recorders.looking == 1, "somebody to look at the stream")
        assert barriers(page) == []
        large.get_by_role("radio", name="Last saved").check()
        wait_for(lambda: room.recorders.looking == 0, "nobody to look at the stream any more")
        large.get_by_role("radio", name="Live").check()
        wait_for(lambda: room.recorders.looking == 1, "somebody to look again")
        page.keyboard.press("Escape")
        wait_for(lambda: room.recorders.looking == 0, "the stream to end with the dialog")
        assert complaints == []


def test_pause_and_resume_are_for_who_may(room: Room, url: str, tmp_path: Path) -> None:
    room.accounts.add_user("guest", PASSWORD, role=Role.VIEWER)
    with open_page(url, tmp_path) as (page, complaints):
        page.get_by_label("Name").fill("guest")
        page.get_by_label("Password").fill(PASSWORD)
        page.get_by_role("button", name="Log in").click()
        expect(page.locator(".camera")).to_have_count(3)
        expect(page.get_by_role("button", name="Pause")).to_have_count(0)
        expect(page.get_by_role("button", name="Resume")).to_have_count(0)
        assert complaints == []


def test_the_page_speaks_the_browsers_language_and_the_chosen_one(url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path, locale="de-AT") as (page, complaints):
        card = page.locator(".camera").first
        expect(card.locator(".state")).to_have_text("nimmt auf seit 19:58")
        expect(card.locator(".stored")).to_contain_text("31 Bilder, ")
        expect(page.locator(".camera .name").last).to_have_text("Kamera 3")
        page.get_by_role("button", name="Español").click()
        expect(card.locator(".state")).to_have_text("grabando desde las 19:58")
        assert page.locator("html").get_attribute("lang") == "es"
        assert complaints == []


def test_what_goes_wrong_is_said_until_it_is_over(url: str, tmp_path: Path) -> None:
    # The browser itself notes each failed request.
    with open_page(url, tmp_path, locale="de-DE") as (page, _):
        expect(page.locator(".camera")).to_have_count(3)
        page.context.set_offline(True)
        expect(page.locator("#trouble")).to_contain_text("antwortet nicht", timeout=10_000)
        page.get_by_role("button", name="Pause").first.click()
        error = page.locator(".camera .error").first  # not what the browser calls it
        expect(error).to_have_text("Der Server antwortet nicht.")
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
        expect(page.locator("#no-camera").get_by_role("link", name="Add a camera")).to_be_visible()
        assert complaints == []
