"""The page of videos and archives in a real browser: the form, every state, what can be done."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Locator, Page, expect

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import Conversion, ConversionStatus
from tests.support.accessibility import barriers
from tests.support.browser import CHROMIUM, PHONE, open_page
from tests.support.granian_room import served
from tests.support.web import NOW, Room, web_room

pytestmark = pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium")
NOW_US = to_us(NOW)
MINUTE_US = 60_000_000
CAMERAS = (
    {"id": 1, "name": "Front <b>door</b>", "url": "x"},
    {"id": 2, "name": "Street", "url": "x"},
)
EXPORTS = ({"name": "recap", "cron": "30 6 * * *", "cameras": [1], "options": {"pace": "smart"}},)
PASSWORD = "correct horse"


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    with web_room(
        tmp_path, camera=CAMERAS, exports=EXPORTS, server={"timezone": "Europe/Berlin"}
    ) as made:
        for second in range(31):
            made.save(1, NOW - timedelta(seconds=second))
        yield made


@pytest.fixture
def url(room: Room) -> Iterator[str]:
    with served(room) as port:
        yield f"http://127.0.0.1:{port}/processes"


def post(url: str, route: str, **body: Any) -> Any:
    return httpx.post(url.replace("/processes", route), json=body).json()


def row(page: Page, process_id: str) -> Locator:
    return page.locator(f'.process[data-key="{process_id}"]')


def form(page: Page) -> Locator:
    """The form, once it means the last hour."""
    found = page.locator("form#make")
    expect(found.locator("[name=start]")).to_have_value("2026-01-31T19:00", timeout=10_000)
    return found


def press_make(page: Page) -> Locator:
    """Press Make; returns where the result is told."""
    page.get_by_role("button", name="Make", exact=True).click()
    return page.locator("#make-result")


def test_every_state_of_a_process_is_shown_in_words(room: Room, url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, complaints):
        expect(page.locator("#no-process")).to_contain_text("None yet")
        form(page)
        expect(page.locator("#estimate")).to_contain_text("31 images, about ")
        expect(press_make(page)).to_have_text("Of 31 images it is being made.")
        (made,) = room.conversions.all.values()
        assert (made.fps, made.start_us) == (20, NOW_US - 60 * MINUTE_US)
        shown = row(page, made.id)
        expect(shown.locator(".what")).to_have_text("Front <b>door</b>")
        expect(shown.locator(".status")).to_have_text("waiting its turn, 31 images")
        room.conversions.become(
            replace(
                made,
                status=ConversionStatus.RUNNING,
                frames_done=10,
                started_us=NOW_US - 10_000_000,
            )
        )
        expect(shown.locator(".status")).to_have_text("32% of 31 images, 21\u00a0s left")
        assert shown.locator("progress").evaluate("bar => bar.value") == pytest.approx(0.3226)
        room.conversions.finish(made.id, b"x" * 2_500_000)
        expect(shown.locator(".status")).to_have_text("31 images · 2.5 MB")
        expect(shown.get_by_role("button", name="Play")).to_be_visible()
        expect(shown.get_by_role("link", name="Download")).to_have_attribute(
            "href", room.archive.layout.output_url(made)
        )
        assert complaints == []


def test_what_failed_says_why_and_is_made_again_with_the_same_wish(
    room: Room, url: str, tmp_path: Path
) -> None:
    wish = {"camera": 1, "hours": 2, "skip": 3, "height": 480, "codec": "h265", "fps": 7}
    first = post(url, "/convert/createVideo", **wish)["id"]
    failed = replace(
        room.conversions.all[first], status=ConversionStatus.FAILED, error="the disk is full"
    )
    room.conversions.all[first] = failed
    with open_page(url, tmp_path, size=PHONE) as (page, complaints):
        shown = row(page, first)
        expect(shown.locator(".status")).to_have_text("failed: the disk is full")
        expect(shown.locator(".options")).to_have_text(
            "7 per second · one image in 3 · 480 px high · H.265"
        )
        shown.get_by_role("button", name="Try again").click()
        expect(page.locator(".process")).to_have_count(2)
        again = next(c for c in room.conversions.all.values() if c.id != first)
        assert again.end_us // 1_000_000 == failed.end_us // 1_000_000
        same = ("type", "camera", "start_us", "fps", "skip", "options")
        assert [getattr(again, name) for name in same] == [getattr(failed, name) for name in same]
        assert complaints == []


def test_every_option_of_the_form_reaches_the_server(room: Room, url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path, size=PHONE, dark=True) as (page, complaints):
        page.locator("#new > summary").click()
        made = form(page)
        page.get_by_text("More options").click()
        made.locator("[name=fps]").fill("10")
        made.locator("[name=skip]").fill("2")
        made.locator("[name=height]").select_option("720")
        made.locator("[name=quality]").select_option("high")
        made.locator("[name=codec]").select_option("H.265")
        made.locator("[name=pace]").select_option("smart")
        made.get_by_text("Time and camera in the picture").click()
        expect(press_make(page)).to_have_text("Of 16 images it is being made.")
        made.locator(".choice label", has_text="Archive").click()
        expect(made.locator("[name=fps]")).to_be_hidden()
        made.locator("[name=archive_format]").select_option("tar")
        made.get_by_text("With a list of the images").click()
        press_make(page)
        expect(page.locator(".process")).to_have_count(2)
        video, archive = room.conversions.all.values()
        assert (video.fps, video.skip) == (10, 2)
        assert video.options.model_dump() == {
            "height": 720,
            "quality": "high",
            "codec": "h265",
            "timestamps": True,
            "pace": "smart",
        }
        assert (archive.type.value, archive.skip) == ("tar", 2)
        assert archive.options.model_dump() == {"manifest": True}
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE[0]
        assert complaints == []


def test_cancel_stops_and_delete_asks_once(room: Room, url: str, tmp_path: Path) -> None:
    process_id = post(url, "/convert/createZip", camera=1)["id"]
    with open_page(url, tmp_path) as (page, complaints):
        shown = row(page, process_id)
        shown.get_by_role("button", name="Cancel").click()
        expect(shown.locator(".status")).to_have_text("cancelled")
        expect(shown.get_by_role("button", name="Cancel")).to_be_hidden()
        dialog = page.get_by_role("dialog")
        shown.get_by_role("button", name="Delete").click()
        expect(dialog).to_contain_text("Delete this archive?")
        expect(dialog).to_contain_text("The images stay.")
        expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
        assert barriers(page) == []
        page.keyboard.press("Escape")
        expect(dialog).to_be_hidden()
        assert process_id in room.conversions.all
        shown.get_by_role("button", name="Delete").click()
        dialog.get_by_role("button", name="Delete").click()
        expect(page.locator(".process")).to_have_count(0)
        assert room.conversions.all == {}
        assert complaints == []


def test_a_link_for_somebody_else_is_made_and_works(room: Room, url: str, tmp_path: Path) -> None:
    process_id = post(url, "/convert/createZip", camera=1)["id"]
    room.conversions.finish(process_id, b"PK an archive")
    with open_page(url, tmp_path) as (page, complaints):
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        row(page, process_id).get_by_role("button", name="Copy a link").click()
        dialog = page.get_by_role("dialog")
        dialog.get_by_role("combobox").select_option("7 days")
        dialog.get_by_role("button", name="Copy link").click()
        expect(dialog.locator("output")).to_have_text("Copied.")
        address = page.evaluate("navigator.clipboard.readText()")
        assert dialog.locator("[name=address]").input_value() == address
        assert barriers(page) == []
        assert httpx.get(address).content == b"PK an archive"
        (link,) = room.accounts.links.list(made_by=None)
        assert link.expires_us == NOW_US + 7 * 86_400 * 1_000_000
        assert complaints == []


def many(room: Room, count: int) -> list[Conversion]:
    """Finished videos, the last one the newest; every tenth of camera 2."""
    made = [
        Conversion(
            id=f"many{number:04}-20260131-190000",
            type=room.conversions.all[next(iter(room.conversions.all))].type,
            camera=2 if number % 10 == 0 else 1,
            start_us=NOW_US - 60 * MINUTE_US,
            end_us=NOW_US,
            requested_us=NOW_US,
            fps=20,
            skip=1,
            frames=31,
            status=ConversionStatus.DONE,
        )
        for number in range(count)
    ]
    room.conversions.all = {conversion.id: conversion for conversion in made}
    return made


def test_hundreds_come_in_parts_and_are_filtered_by_the_server(
    room: Room, url: str, tmp_path: Path
) -> None:
    post(url, "/convert/createVideo", camera=1)
    made = many(room, 320)
    with open_page(url, tmp_path) as (page, complaints):
        rows = page.locator(".process")
        expect(page.locator("#total")).to_have_text("50 of 320")
        assert rows.first.get_attribute("data-key") == made[-1].id
        page.get_by_role("button", name="Show older ones").click()
        expect(rows).to_have_count(100)
        page.locator("#filter [name=camera]").select_option("Street")
        expect(page.locator("#total")).to_have_text("32 entries")
        expect(page.get_by_role("button", name="Show older ones")).to_be_hidden()
        room.conversions.become(replace(made[0], status=ConversionStatus.RUNNING, camera=1))
        room.conversions.become(replace(made[10], status=ConversionStatus.RUNNING))
        expect(row(page, made[10].id)).to_have_attribute("data-status", "running")
        page.locator("#filter [name=type]").select_option("Zip")
        expect(page.locator("#no-process")).to_have_text("There is none like that.")
        assert complaints == []


def test_an_unsaved_zip_is_downloaded_at_once(room: Room, url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, complaints):
        form(page).locator(".choice label", has_text="Archive").click()
        page.get_by_text("More options").click()
        page.locator("label", has_text="Download at once").last.click()
        with page.expect_download() as download:
            result = press_make(page)
        assert download.value.suggested_filename.endswith(".zip")
        expect(result).to_have_text("It is downloaded.")
        assert room.conversions.all == {}
        assert complaints == []


def test_what_cannot_be_made_is_said_in_words(url: str, tmp_path: Path) -> None:
    with open_page(url, tmp_path) as (page, _):  # the browser itself notes each failed request
        made = form(page)
        page.get_by_text("More options").click()
        made.locator("[name=fps]").fill("99")
        expect(press_make(page)).to_contain_text("a whole number from 1 to 60")
        made.locator("[name=fps]").fill("20")
        made.locator("[name=camera]").select_option("Street")
        expect(press_make(page)).to_have_text("There are no images in this range.")
        expect(page.locator("#estimate")).to_have_text("There are no images in this range.")


def test_a_viewer_sees_no_button_that_is_not_his_and_no_export_of_another_camera(
    room: Room, url: str, tmp_path: Path
) -> None:
    process_id = post(url, "/convert/createZip", camera=1)["id"]
    room.conversions.finish(process_id)
    room.accounts.add_user("guest", PASSWORD, role=Role.VIEWER, cameras=frozenset({1}))
    room.accounts.add_user("other", PASSWORD, role=Role.VIEWER, cameras=frozenset({2}))
    with open_page(url, tmp_path) as (page, complaints):
        log_in(page, "guest")
        shown = row(page, process_id)
        expect(shown.get_by_role("link", name="Download")).to_be_visible()
        expect(shown.get_by_role("button")).to_have_count(0)
        expect(page.locator("form#make")).to_have_count(0)
        expect(page.get_by_text("recap")).to_be_visible()
        page.context.clear_cookies()
        page.goto(url)
        log_in(page, "other")
        expect(page.locator("#no-process")).to_be_visible()
        expect(page.get_by_text("recap")).to_have_count(0)
        assert complaints == []


def test_a_session_that_was_ended_leads_from_the_open_page_to_the_login(
    room: Room, url: str, tmp_path: Path
) -> None:
    room.accounts.add_user("guest", PASSWORD, role=Role.VIEWER)
    with open_page(url, tmp_path) as (page, _):  # the browser itself notes what is refused
        log_in(page, "guest")
        expect(page.locator("#no-process")).to_be_visible()
        room.accounts.set_disabled("guest", disabled=True)
        # As somebody who comes back to the tab: its events are asked for anew.
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        expect(page).to_have_url(url.replace("/processes", "/login?next=/processes"))


def log_in(page: Page, name: str) -> None:
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
