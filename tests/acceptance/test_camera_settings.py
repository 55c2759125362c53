"""The pages of cameras' settings on the real server: every flow, on a desktop and a phone."""

import json
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.motion.clips import write_clip
from tests.support.accessibility import barriers
from tests.support.browser import CHROMIUM, DESKTOP, PHONE, open_page
from tests.support.onvif_camera import PASSWORD, USER, onvif_camera
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [
    pytest.mark.acceptance,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
]
PICTURES = Path(__file__).parents[2] / "test-results" / "camera-settings"
CONFIG = """
# the yard
[[camera]]
id = 1
url = "{clip}"
loop = true
name = "Yard"
[camera.motion]
threshold = 0.001   # found by trying
event_gap = 1
post_capture = 1
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("settings")
    write_clip(folder / "clip.mp4", 9, [(1, 3)])
    config = CONFIG.format(clip=folder / "clip.mp4")
    with RunningServer(folder, config) as running:
        wait_for(lambda: ended_events(running), "an event that ended")
        yield running


def ended_events(server: RunningServer) -> list[Any]:
    events = server.http.get("/motion/events?camera=1&days=1").json()["list"]
    return [event for event in events if event["end"] is not None and event["best"]]


def stored(server: RunningServer) -> dict[int, Any]:
    text = (server.data.parent / "storage.toml").read_text()
    return {camera["id"]: camera for camera in tomllib.loads(text)["camera"]}


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    """By the mouse, over the picture; shares of its width and height."""
    box = page.locator("#areas").bounding_box()
    assert box is not None
    x0, y0, x1, y1 = (
        box["x"] + begin[0] * box["width"],
        box["y"] + begin[1] * box["height"],
        box["x"] + end[0] * box["width"],
        box["y"] + end[1] * box["height"],
    )
    page.mouse.move(x0, y0)
    page.mouse.down()
    page.mouse.move((x0 + x1) / 2, (y0 + y1) / 2)
    page.mouse.move(x1, y1)
    page.mouse.up()


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (PHONE, True)])
def test_areas_are_drawn_by_hand_and_by_keyboard_and_saved_where_they_were_drawn(
    server: RunningServer, size: tuple[int, int], dark: bool
) -> None:
    url = f"{server.url}/settings/cameras/1"
    with open_page(url, PICTURES / "areas", size=size, dark=dark) as (page, complaints):
        expect(page.locator("#picture")).to_be_visible()
        before = len(stored(server)[1]["motion"].get("mask", []))
        page.get_by_role("button", name="Mask", exact=True).click()
        page.locator("#areas").scroll_into_view_if_needed()
        drag(page, (0.35, 0.35), (0.1, 0.2))
        first = page.get_by_role("button", name="Corner 1:")
        expect(first).to_have_attribute("aria-label", "Corner 1: 10%, 20%")
        first.focus()
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowDown")
        expect(first).to_be_focused()
        expect(first).to_have_attribute("aria-label", "Corner 1: 11%, 21%")
        page.get_by_role("button", name="New corner between 1 and 2").focus()
        page.keyboard.press("Enter")
        page.get_by_role("button", name="Corner 4:").focus()
        page.keyboard.press("Delete")
        page.get_by_role("button", name="Zone", exact=True).click()
        page.get_by_label("Percent of the picture").fill("2")
        page.get_by_label("Only at this time of the day").fill("22:00-06:00")
        page.screenshot(path=PICTURES / f"areas-chosen-{size[0]}.png", full_page=True)
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#save-bar")).to_be_hidden()
        motion = stored(server)[1]["motion"]
        mask, zone = motion["mask"][before], motion["zone"][-1]
        assert len(mask["polygon"]) == 4
        assert mask["polygon"][0] == pytest.approx([0.11, 0.21], abs=0.011)
        assert (zone["threshold"], zone["hours"]) == (0.02, "22:00-06:00")
        assert "# found by trying" in (server.data.parent / "storage.toml").read_text()
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        page.get_by_role("button", name="Zone 1", exact=True).click()
        for summary in page.locator("details > summary").all():
            summary.click()
        assert barriers(page) == []
    assert complaints == []


def test_the_chart_shows_what_moves_and_the_threshold_is_changed(server: RunningServer) -> None:
    with open_page(f"{server.url}/settings/cameras/1", PICTURES / "chart") as (page, complaints):
        expect(page.locator("#state")).to_have_text("Connected")
        moved = "document.querySelector('#chart path').getAttribute('d') || ''"
        heights = f"({moved}).split(/[ML]/).slice(1).map((p) => Number(p.split(',')[1]))"
        wait_for(lambda: page.evaluate(f"Math.min(...{heights}) < 120"), "a score")
        expect(page.locator("#boxes rect")).not_to_have_count(0, timeout=40_000)
        expect(page.locator("#floor")).to_contain_text("of 255")
        seen = "document.getElementById('picture')"
        with_boxes = f"{seen}.src.includes('latest.jpg?at=')"
        wait_for(lambda: page.evaluate(with_boxes), "the picture that the boxes are of")
        page.get_by_role("button", name="Live").click()
        shown = f"{seen}.src.endsWith('live.mjpeg') && {seen}.naturalWidth > 0"
        wait_for(lambda: page.evaluate(shown), "the live picture")
        page.screenshot(path=PICTURES / "live.png")
        page.get_by_role("button", name="Live").click()
        wait_for(lambda: page.evaluate(f"{seen}.src.startsWith('blob:')"), "a picture")
        page.locator("#threshold").focus()
        for _ in range(4):
            page.keyboard.press("ArrowRight")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.locator("#save-bar")).to_be_hidden()
    assert complaints == []
    assert 0.001 < stored(server)[1]["motion"]["threshold"] < 0.01


# How far the words of the threshold's label reach into its value.
OVERLAP = """() => {
  const said = document.getElementById("threshold-said");
  const words = document.createRange();
  words.selectNode(said.parentElement.firstChild);
  const value = document.createRange();
  value.selectNodeContents(said);
  const box = value.getBoundingClientRect();
  const reach = (line) =>
    Math.min(line.right - box.left, line.bottom - box.top, box.bottom - line.top);
  return Math.max(...[...words.getClientRects()].map(reach));
}"""


def test_the_noise_is_drawn_over_the_picture(server: RunningServer) -> None:
    url = f"{server.url}/settings/cameras/1"
    with open_page(url, PICTURES / "noise") as (page, complaints):
        expect(page.locator("#noise-legend")).to_be_hidden()
        page.get_by_role("button", name="Noise").click()
        expect(page.locator("#noise-legend")).to_contain_text("Changes by itself")
        wait_for(
            lambda: page.evaluate("document.getElementById('noise-map').width") > 1, "a drawn map"
        )
        page.get_by_role("button", name="Noise").click()
        expect(page.locator("#noise-map")).to_be_hidden()
        assert complaints == []


def test_the_threshold_stands_beside_its_name_in_every_language(server: RunningServer) -> None:
    for locale in ("de-DE", "en-GB", "es-ES"):
        page_of_it = f"{server.url}/settings/cameras/1"
        with open_page(page_of_it, PICTURES / "narrow", size=PHONE, locale=locale) as (page, _):
            expect(page.locator("#threshold-said")).not_to_be_empty()
            overlap = page.evaluate(OVERLAP)
            assert overlap <= 0, f"{locale}: {overlap} px"


@pytest.mark.parametrize(("size", "answer"), [(DESKTOP, "No"), (PHONE, "Yes")])
def test_past_motion_is_judged_and_a_camera_paused(
    server: RunningServer, size: tuple[int, int], answer: str
) -> None:
    url = f"{server.url}/settings/cameras/1"
    with open_page(url, PICTURES / "wanted", size=size) as (page, complaints):
        card = page.locator("#events li").first
        card.get_by_role("button", name=answer).click()
        expect(card.get_by_role("button", name=answer)).to_have_attribute("aria-pressed", "true")
        page.reload()
        said = page.locator("#events").get_by_role("button", name=answer, pressed=True)
        expect(said).not_to_have_count(0)
        page.get_by_role("button", name="Pause").click()
        expect(page.locator("#state")).to_have_text("Paused")
        assert stored(server)[1]["paused"] is True
        page.get_by_role("button", name="Resume").click()
        expect(page.locator("#state")).to_have_text("Connected")
    assert complaints == []
    lines = (server.data / "marks" / "1.jsonl").read_text().splitlines()
    assert json.loads(lines[-1])["wanted"] is (answer == "Yes")


@pytest.mark.parametrize(("size", "number"), [(DESKTOP, 2), (PHONE, 3)])
def test_a_camera_is_tried_added_and_removed(
    server: RunningServer, size: tuple[int, int], number: int
) -> None:
    url = f"{server.url}/settings/cameras"
    with open_page(url, PICTURES / "add", size=size) as (page, complaints):
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_label("Address", exact=False).first.fill("rtsp://viewer:secret@127.0.0.1:1/x")
        page.get_by_role("button", name="Test picture").click()
        expect(page.locator("#test-said")).to_contain_text("refuses the connection")
        assert "409" in complaints.pop()
        page.get_by_label("Address", exact=False).first.fill("demo:2")
        page.get_by_role("button", name="Test picture").click()
        expect(page.locator("#test-picture")).to_be_visible()
        expect(page.locator("#test-said")).to_contain_text("×")
        page.get_by_label("Address", exact=False).first.fill("rtsp://127.0.0.1:1/x")
        page.get_by_role("button", name="Test picture").click()
        expect(page.locator("#test-said")).to_contain_text("refuses the connection")
        expect(page.locator("#test-picture")).to_be_hidden()  # it is of the address before
        assert "409" in complaints.pop()
        page.get_by_label("Address", exact=False).first.fill("demo:2")
        page.get_by_role("button", name="Test picture").click()
        expect(page.locator("#test-said")).to_contain_text("×")
        page.screenshot(path=PICTURES / f"tried-{size[0]}.png", full_page=True)
        assert barriers(page) == []
        page.get_by_label("Name", exact=True).fill("Street")
        page.get_by_label("Number", exact=True).fill(str(number))
        page.get_by_role("button", name="Add and record").click()
        page.wait_for_url(f"**/settings/cameras/{number}")
        expect(page.locator("#state")).to_have_text("Connected")
        expect(page.locator("#picture")).to_be_visible()
        assert stored(server)[number] == {"id": number, "url": "demo:2", "name": "Street"}
        page.get_by_role("button", name="Remove this camera").click()
        expect(page.get_by_role("dialog")).to_contain_text("Remove Street?")
        page.get_by_role("dialog").get_by_role("button", name="Remove this camera").click()
        page.wait_for_url(url)
    assert number not in stored(server)
    assert complaints == []


def test_a_camera_in_the_network_is_found_and_one_of_its_streams_taken(
    server: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The network is this machine's own: the answer of the search is the test camera's."""
    with (
        onvif_camera(main="rtsp://127.0.0.1:1/main") as camera,
        open_page(f"{server.url}/settings/cameras", PICTURES / "network") as (page, complaints),
    ):
        found = {"name": "Yard Eye", "host": "127.0.0.1", "service": camera.service}
        page.route("**/cameras/discover", lambda route: route.fulfill(json={"cameras": [found]}))
        page.get_by_role("button", name="Add a camera").click()
        page.get_by_role("button", name="Search the network").click()
        page.get_by_role("button", name="Search", exact=True).click()
        page.get_by_role("button", name="Yard Eye").click()
        page.get_by_label("User", exact=True).fill(USER)
        page.get_by_label("Password", exact=True).fill(PASSWORD)
        page.get_by_role("button", name="Show its streams").click()
        expect(page.get_by_role("button", name="main stream")).to_contain_text("1920 × 1080 H264")
        page.screenshot(path=PICTURES / "network.png")
        page.get_by_role("button", name="main stream").click()
        address = page.locator("input[name=url]")
        expect(address).to_have_value("rtsp://viewer:p%40ss%3C%26%3Eword@127.0.0.1:1/main")
        expect(page.locator("#test-said")).to_contain_text("refuses the connection")
        assert "409" in complaints.pop()
    assert complaints == []
