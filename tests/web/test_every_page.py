"""Every page there is, on a desktop and a phone, light and dark: no barrier, nothing heavy.

Which pages there are is asked of the routes, so that a new one is looked at without being named
here; only what stands in an address's braces has to be.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import Page, expect

from chimera_storage.access import Role
from chimera_storage.clock import to_us
from chimera_storage.model import Box, CameraReport, CameraState, Event
from chimera_storage.web.permissions import ROUTES
from tests.support.accessibility import COLOURS, barriers
from tests.support.browser import CHROMIUM, DESKTOP, PHONE, shared_browser
from tests.support.granian_room import served
from tests.support.waiting import wait_for
from tests.support.web import NOW, Room, web_room

pytestmark = [
    pytest.mark.skipif(not CHROMIUM.exists(), reason="needs Debian's chromium"),
    pytest.mark.timeout(300),
]
PICTURES = Path(__file__).parents[2] / "test-results" / "pages"
NOW_US = to_us(NOW)
PASSWORD = "correct horse"
MOST_BYTES = 150_000
QUIET_MS, LONG_QUIET_MS = 300, 900  # for so long nothing is fetched any more
# What opens more of a page: it is looked at open too.
OPENERS = ("details > summary", "[popovertarget]:visible")
NO_PAGES = {"/docs", "/convert/events"}  # Swagger UI, as it comes; an answer without an end


def photograph() -> bytes:
    """A JPEG as large as a camera's, 1280 x 720."""
    noise = np.random.default_rng(1).normal(0, 9, (720, 1280, 3))
    slope = np.linspace(40, 200, 1280)[None, :, None]
    pixels = np.clip(slope + noise, 0, 255).astype(np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(pixels, quality=80)
    return encoded


@pytest.fixture(scope="module")
def room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """Four cameras with images, events, a process of every state, an admin and a link."""
    cameras = [{"id": n, "name": f"Camera of the {n}. floor", "url": "x"} for n in range(1, 5)]
    cameras[1]["name"] = "Lieferanteneinfahrt" * 5  # as long as a name may be, in one word
    exports = [{"name": "recap", "cron": "30 6 * * *"}]
    with web_room(tmp_path_factory.mktemp("pages"), camera=cameras, exports=exports) as made:
        jpeg = photograph()
        assert len(jpeg) > 100_000
        event = NOW_US - 60_000_000
        for camera in range(1, 4):
            for second in range(60):
                taken = NOW - timedelta(seconds=second)
                box = (Box(100, 100, 200, 200),)
                made.save(camera, taken, content=jpeg, boxes=box, event=event, score=0.01)
            made.archive.index.add_events([Event(camera=camera, start_us=event, end_us=NOW_US)])
        states = (CameraState.CONNECTED, CameraState.FAILED, CameraState.PAUSED)
        made.recorders.said = [
            CameraReport(camera=n + 1, state=state, since_us=NOW_US, problem="no route to host")
            for n, state in enumerate(states)
        ]
        for route, body in (("Video", {}), ("Zip", {}), ("Video", {"codec": "h265"})):
            process = made.answer(f"/convert/create{route}", {"camera": 1, "hours": 1} | body)
        made.conversions.finish(process["id"])
        made.link = made.answer("/links", {"camera": 1, "hours": 1})["url"]  # type: ignore[attr-defined]
        made.accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
        made.api_token()
        yield made


@pytest.fixture(scope="module")
def url(room: Room) -> Iterator[str]:
    with served(room) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def pages(room: Room) -> list[str]:
    """Of every route that answers with a page: asked, not listed; before Playwright's loop runs."""
    folder = "captures/1/20260131/18"  # the hour that all of its images but one are of
    values = {
        "camera": ["1"],
        "path:path": ["captures/", "captures/1/", f"{folder}/"],
        "text": [room.link.rpartition("/")[2]],  # type: ignore[attr-defined]
    }
    found = []
    headers = {"accept": "text/html", "authorization": f"Bearer {room.api_token()}"}
    for route in ROUTES:
        method, _, path = route.partition(" ")
        names = re.findall(r"{([^}]+)}", path)
        if method != "GET" or path in NO_PAGES or not set(names) <= values.keys():
            continue
        filled = [path]
        for name in names:
            filled = [one.replace(f"{{{name}}}", v) for one in filled for v in values[name]]
        for address in filled:
            answer = room.get(address, headers=headers)
            is_page = answer.headers.get("content-type", "").startswith("text/html")
            if is_page and answer.status_code == 200:
                found.append(address)
    assert {"/", "/processes", "/account", "/login", "/shared/captures/"} <= set(found)
    return found


class Wire:
    """What came over the wire for a page, with nothing in the cache."""

    def __init__(self, page: Page) -> None:
        self.bytes = 0.0
        self.running: set[str] = set()
        session = page.context.new_cdp_session(page)
        session.send("Network.enable")
        session.send("Network.setCacheDisabled", {"cacheDisabled": True})
        session.on("Network.requestWillBeSent", self._begun)
        session.on("Network.loadingFinished", self._finished)
        session.on("Network.loadingFailed", lambda event: self.running.discard(event["requestId"]))

    def _begun(self, event: dict[str, Any]) -> None:
        if event.get("type") != "EventSource":  # it has no end
            self.running.add(event["requestId"])

    def _finished(self, event: dict[str, Any]) -> None:
        self.bytes += event["encodedDataLength"]
        self.running.discard(event["requestId"])


def opened(page: Page, url: str, wire: Wire) -> list[str]:
    """The page and its first view, all of it there; what is wrong with that."""
    wire.bytes = 0
    wire.running.clear()
    page.goto(url)

    def is_quiet() -> bool:
        before = wire.bytes
        # Of a few requests Chromium tells no end: then nothing more comes for long.
        page.wait_for_timeout(LONG_QUIET_MS if wire.running else QUIET_MS)
        return wire.bytes == before

    try:
        busy = page.locator("[aria-busy=true]:visible")
        wait_for(lambda: not busy.count(), "all of it")
    except AssertionError as error:
        return [str(error)]
    with suppress(AssertionError):  # a page that shows what is live is never quiet
        wait_for(is_quiet, "nothing to be fetched any more", timeout_s=6)
    wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    wrong = [f"{wide} pixels stick out"] if wide > 0 else []
    if wire.bytes > MOST_BYTES:
        wrong.append(f"the first view has {wire.bytes:,.0f} bytes")
    return wrong


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_every_page_is_light_and_has_no_barrier(
    size: tuple[int, int], pages: list[str], url: str
) -> None:
    found: list[str] = []
    weights: dict[str, int] = {}
    page = shared_browser().new_page(
        viewport={"width": size[0], "height": size[1]}, reduced_motion="reduce"
    )
    page.on("console", lambda m: found.extend([m.text] * (m.type in {"error", "warning"})))
    page.on("pageerror", lambda error: found.append(str(error)))
    wire = Wire(page)
    for address in ["/login", *pages]:
        before = len(found)
        found += opened(page, url + address, wire)
        weights[address] = int(wire.bytes)
        for opener in OPENERS:
            for one in page.locator(opener).all():
                one.click(force=True)
        found += barriers(page)
        picture(page, address, size, "light")
        page.emulate_media(color_scheme="dark")
        found += barriers(page, only=COLOURS)
        picture(page, address, size, "dark")
        page.emulate_media(color_scheme="light")
        found[before:] = [f"{address}: {what}" for what in found[before:]]
        if address == "/login":
            log_in(page)
    page.close()
    (PICTURES / f"bytes-{size[0]}.json").write_text(json.dumps(weights, indent=1))
    assert found == []


def test_many_cameras_on_a_sharp_screen_are_light_and_found_by_name(tmp_path: Path) -> None:
    cameras = [{"id": n, "name": f"Floor {n}", "url": "x"} for n in range(1, 31)]
    with web_room(tmp_path, camera=cameras) as made, served(made) as port:
        for n in range(1, 31):
            made.save(n, NOW, content=photograph())
        for address, rows in (("/", ".camera"), ("/settings/cameras", ".camera-rows li")):
            page = shared_browser().new_page(
                viewport={"width": DESKTOP[0], "height": DESKTOP[1]}, device_scale_factor=2
            )
            assert opened(page, f"http://127.0.0.1:{port}{address}", Wire(page)) == []
            expect(page.locator("main img:visible").first).to_be_visible()
            page.get_by_label("Find a camera").fill("floor 17")
            expect(page.locator(f"{rows}:visible")).to_have_count(1)
            page.close()


def log_in(page: Page) -> None:
    page.get_by_label("Name").fill("owner")
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Log in").click()
    expect(page.locator(".camera").first).to_be_visible()


def picture(page: Page, address: str, size: tuple[int, int], look: str) -> None:
    name = re.sub(r"\W+", "_", re.sub("/link/.*", "link", address)).strip("_") or "now"
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"{name}-{size[0]}-{look}.png", full_page=True)
