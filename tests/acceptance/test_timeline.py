"""The timeline in a real browser, with the real server and a day of three cameras' images.

Pictures of it are kept in test-results/timeline-….
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Locator, Page, Route, expect

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.writer import ImageWriter
from tests.support.browser import DESKTOP, PHONE, open_page
from tests.support.day_of_images import write_day
from tests.support.saved_images import picture
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(180)]

PICTURES = Path(__file__).parents[2] / "test-results"
DAY = date(2026, 1, 31)
ZONE = "Europe/Berlin"
BEGIN_MS = int(datetime(2026, 1, 30, 23, tzinfo=UTC).timestamp()) * 1000
NAMES = {1: "Front door", 2: "Driveway", 3: "Garden"}
HOUR_MS = 3_600_000


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    """Three cameras that are not recorded, with a day of images; another day with a few."""
    folder = tmp_path_factory.mktemp("timeline")
    write_day(folder / "data", DAY, list(NAMES), events=14, images_of_an_event=12, zone=ZONE)
    write_day(folder / "data", DAY - timedelta(days=3), [2], events=2, zone=ZONE)
    cameras = "".join(
        f'[[camera]]\nid = {id_}\nname = "{name}"\nurl = "http://127.0.0.1:9/"\npaused = true\n'
        for id_, name in NAMES.items()
    )
    config = f'[server]\ntimezone = "{ZONE}"\n{cameras}'
    with RunningServer(folder, config) as server:
        yield server


def address(server: RunningServer, **query: object) -> str:
    text = "&".join(f"{name}={value}" for name, value in ({"day": DAY} | query).items())
    return f"{server.url}/timeline?{text}"


def events_of(server: RunningServer, camera: int = 1) -> dict[str, list[Any]]:
    """Their times to the millisecond, each in a list of its own."""
    route = f"/motion/events?camera={camera}&start={DAY}&end={DAY}"
    found = server.http.get(route).json()["list"]
    return {name: [event[name] for event in found] for name in ("start", "end", "images")}


def where(page: Page) -> str:
    """The address as it is now; `page.url` is known to be another only when Playwright hears."""
    address: str = page.evaluate("location.href")
    return address


def said(page: Page, name: str) -> int | None:
    """A number of the address, once it is written there."""
    value = parse_qs(urlsplit(where(page)).query).get(name)
    return None if value is None else int(value[0])


def lanes(page: Page) -> Locator:
    drawing = page.locator("#lanes:not([aria-busy])")
    expect(drawing).to_be_visible()
    return drawing


def place(page: Page, ms: int, *, ruler: bool = False, lane: int = 0) -> tuple[float, float]:
    """Where a moment of the whole day is on the screen."""
    box = lanes(page).bounding_box()
    assert box is not None
    x = box["x"] + (ms - BEGIN_MS) / (24 * HOUR_MS) * box["width"]
    return x, box["y"] + (30 if ruler else 60 + lane * 58)


def drag(page: Page, begin: tuple[float, float], end: tuple[float, float]) -> None:
    page.mouse.move(*begin)
    page.mouse.down()
    page.mouse.move(*end, steps=6)
    page.mouse.up()


def choose(page: Page, from_ms: int, to_ms: int) -> None:
    """A range by dragging along the ruler."""
    drag(page, place(page, from_ms, ruler=True), place(page, to_ms, ruler=True))
    expect(page.locator("#range-images")).not_to_be_empty()


def shown(page: Page, tile: int = 0) -> int:
    """How opaque the middle of a tile is: 0 while nothing is drawn, then 255."""
    opaque: int = page.evaluate(OPACITY, tile)
    return opaque


def is_drawn(page: Page, tile: int = 0) -> None:
    wait_for(lambda: shown(page, tile) == 255, "a picture on the stage")


@pytest.mark.parametrize(("size", "dark"), [(DESKTOP, False), (DESKTOP, True), (PHONE, False)])
def test_the_day_is_shown_with_its_last_image_and_its_events(
    size: tuple[int, int], dark: bool, server: RunningServer
) -> None:
    kept = PICTURES / f"timeline-day{'-dark' if dark else ''}"
    with open_page(f"{server.url}/timeline", kept, size=size, dark=dark) as (page, complaints):
        expect(page.locator("#day-text")).to_have_text(re.compile("31 Jan 2026"))
        is_drawn(page)
        expect(page.locator("#events li")).to_have_count(18)
        expect(page.locator("#events-count")).to_have_text("18 liveliest of 42")
        last = max(int(e) for e in events_of(server, 1)["end"])
        wait_for(lambda: said(page, "camera") is not None, "the view in the address")
        slider = lanes(page)
        assert int(slider.get_attribute("aria-valuenow") or 0) >= last // 1000 - 86_400
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert complaints == []


def test_dragging_in_a_lane_scrubs_and_the_image_itself_is_shown_at_rest(
    server: RunningServer,
) -> None:
    event = events_of(server, 2)
    begin = event["start"][4]
    with open_page(address(server), PICTURES / "timeline-scrub") as (page, complaints):
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        drag(page, place(page, begin - 2 * HOUR_MS, lane=1), place(page, begin, lane=1))
        expect(page.locator("#stage .name")).to_have_text("Driveway")
        wait_for(lambda: said(page, "camera") == 2, "the camera in the address")
        is_drawn(page)
        wait_for(
            lambda: (
                page.evaluate("1")
                and any(re.search(r"/captures/2/.*\.jpg\?inline$", url) for url in asked)
            ),
            "the whole image",
        )
        wait_for(
            lambda: page.evaluate("1") and any("/convert/sprite/" in url for url in asked),
            "small pictures",
        )
        assert said(page, "from") is None
        assert complaints == []


def test_a_range_is_chosen_by_mouse_and_moved_by_its_handles(server: RunningServer) -> None:
    nine, ten, twelve = (BEGIN_MS + h * HOUR_MS for h in (9, 10, 12))
    with open_page(address(server), PICTURES / "timeline-range") as (page, complaints):
        choose(page, nine, ten)
        wait_for(lambda: said(page, "to") is not None, "the range in the address")
        pixel = 24 * HOUR_MS / 1200
        assert said(page, "from") == pytest.approx(nine, abs=2 * pixel)
        x, y = place(page, said(page, "to") or 0, ruler=True)
        drag(page, (x + 5, y), place(page, twelve, ruler=True))
        wait_for(lambda: abs((said(page, "to") or 0) - twelve) < 4 * pixel, "the moved end")
        assert said(page, "from") == pytest.approx(nine, abs=2 * pixel)
        page.get_by_label("From", exact=True).fill("08:30:15")
        page.get_by_label("From", exact=True).press("Tab")
        wait_for(
            lambda: said(page, "from") == BEGIN_MS + 8 * HOUR_MS + 30 * 60_000 + 15_000,
            "the typed begin",
        )
        page.get_by_role("button", name="Clear").click()
        wait_for(lambda: said(page, "from") is None, "no range")
        page.go_back()
        wait_for(lambda: said(page, "from") is not None, "the range again")
        expect(page.locator("#range-chosen")).to_be_visible()
        assert complaints == []


def test_everything_is_reached_by_keyboard(server: RunningServer) -> None:
    events = events_of(server)
    view = address(server, camera=1, cameras=1, at=BEGIN_MS)
    with open_page(view, PICTURES / "timeline-keys") as (page, complaints):
        slider = lanes(page)
        slider.focus()
        page.keyboard.press("n")
        wait_for(lambda: said(page, "at") == events["start"][0], "the first event")
        page.keyboard.press("i")
        page.keyboard.press("ArrowRight")
        page.keyboard.press("ArrowRight")
        wait_for(lambda: said(page, "at") == events["start"][0] + 500, "two images later")
        page.keyboard.press("o")
        wait_for(lambda: said(page, "to") == events["start"][0] + 500, "the end")
        page.keyboard.press("Shift+ArrowRight")
        wait_for(lambda: said(page, "to") == events["start"][0] + 750, "an image more")
        page.keyboard.press("PageDown")
        wait_for(lambda: said(page, "at") == events["start"][1], "the next event")
        page.keyboard.press("p")
        wait_for(lambda: said(page, "at") == events["start"][0], "the one before")
        page.keyboard.press("End")
        wait_for(lambda: said(page, "at") == events["end"][-1], "the last image")
        page.keyboard.press("+")
        wait_for(lambda: "view=" in where(page), "a part of the day")
        page.keyboard.press("0")
        wait_for(lambda: "view=" not in where(page), "the whole day")
        page.keyboard.press("Escape")
        wait_for(lambda: said(page, "from") is None, "no range")
        assert re.search(r"\d:\d\d:\d\d", slider.get_attribute("aria-valuetext") or "")
        assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_the_range_is_played_and_ends_where_it_ends(
    size: tuple[int, int], server: RunningServer
) -> None:
    events = events_of(server)
    begin, end = events["start"][2], events["end"][2]
    view = address(server, camera=1, at=begin, **{"from": begin, "to": end})
    with open_page(view, PICTURES / "timeline-play", size=size) as (page, complaints):
        is_drawn(page)
        page.locator("#fps").fill("30")
        page.locator("#play").click()
        wait_for(lambda: said(page, "at") == end, "the end of the range")
        expect(page.locator("#play")).to_have_attribute("aria-label", "Play")
        assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_cameras_are_compared_at_the_same_moment(
    size: tuple[int, int], server: RunningServer
) -> None:
    begin = events_of(server)["start"][3]
    with open_page(address(server, at=begin, camera=1), PICTURES / "timeline-side", size=size) as (
        page,
        complaints,
    ):
        lanes(page)
        page.locator("#side").click()
        expect(page.locator("#stage .name")).to_have_text(list(NAMES.values()))
        for tile in range(3):
            is_drawn(page, tile)
        page.get_by_role("button", name="Garden").first.click()
        expect(page.locator("#stage .name")).to_have_text(["Front door", "Driveway"])
        wait_for(lambda: "cameras=1,2" in where(page), "the cameras in the address")
        page.reload()
        expect(page.locator("#stage .name")).to_have_text(["Front door", "Driveway"])
        page.go_back()
        expect(page.locator("#stage .name")).to_have_text(list(NAMES.values()))
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0]
        assert complaints == []


def test_events_are_jumped_to_by_their_pictures(server: RunningServer) -> None:
    with open_page(address(server), PICTURES / "timeline-events", size=PHONE) as (
        page,
        complaints,
    ):
        first = page.locator("#events button").first
        expect(first.locator("img")).to_be_visible()
        wait_for(lambda: first.locator("img").evaluate("i => i.naturalWidth") > 0, "a picture")
        wait_for(lambda: said(page, "at") is not None, "the newest moment")
        at = said(page, "at")
        first.click()
        wait_for(lambda: said(page, "at") != at, "the event's moment")
        expect(first).to_have_attribute("aria-current", "true")
        page.go_back()
        wait_for(lambda: said(page, "at") == at, "where it was")
        assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_day_is_chosen_from_the_calendar(size: tuple[int, int], server: RunningServer) -> None:
    with open_page(address(server), PICTURES / "timeline-calendar", size=size) as (
        page,
        complaints,
    ):
        lanes(page)
        page.locator("#day-choose").click()
        dialog = page.locator("#calendar")
        expect(dialog.locator("[data-much]")).to_have_text(["28", "31"])
        page.screenshot(path=PICTURES / "timeline-calendar" / f"open-{size[0]}.png")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("ArrowLeft")
        page.keyboard.press("Enter")
        expect(page.locator("#day-text")).to_have_text(re.compile("28 Jan 2026"))
        expect(page.locator("#stage .name")).to_have_text("Driveway")
        page.locator("#day-next").click()
        expect(page.locator("#day-text")).to_have_text(re.compile("29 Jan 2026"))
        expect(page.locator("#stage .nothing")).to_be_visible()
        page.go_back()
        expect(page.locator("#day-text")).to_have_text(re.compile("28 Jan 2026"))
        assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_video_of_the_range_is_made_with_its_size_and_time_told_before(
    size: tuple[int, int], server: RunningServer
) -> None:
    events = events_of(server)
    begin, end = events["start"][1], events["end"][2]
    view = address(server, camera=1, **{"from": begin, "to": end})
    with open_page(view, PICTURES / "timeline-make", size=size) as (page, complaints):
        page.get_by_role("button", name="Video or archive").click()
        takes = page.locator("#make-takes")
        expect(takes).to_have_text(re.compile(r"images · about [\d.]+\s[kM]?B · plays for \d+\ss"))
        page.get_by_label("Images per second", exact=True).last.fill("60")
        page.get_by_label("Height").select_option("360")
        expect(takes).to_have_text(re.compile(r"plays for \d+\ss"))
        page.screenshot(path=PICTURES / "timeline-make" / f"dialog-{size[0]}.png")
        page.locator("#make-go").click()
        row = page.locator("#making .tl-process")
        expect(row.get_by_role("link", name="Download")).to_be_visible(timeout=60_000)
        made = server.post("/convert/listProcess", status="done")["list"][0]
        assert made["frames"] == events["images"][1] + events["images"][2]
        assert made["options"] == {"height": 360}
        assert complaints == []


def test_an_archive_of_the_range_is_downloaded_in_the_size_that_was_told(
    server: RunningServer, tmp_path: Path
) -> None:
    events = events_of(server)
    begin, end = events["start"][1], events["end"][1]
    view = address(server, camera=1, **{"from": begin, "to": end})
    with open_page(view, PICTURES / "timeline-zip") as (page, complaints):
        page.get_by_role("button", name="Video or archive").click()
        page.locator("#make label", has_text="Zip").click()
        page.get_by_label("Store it on the server").uncheck()
        takes = page.locator("#make-takes")
        expect(takes).to_have_text(re.compile(rf"^{events['images'][1]} images · exactly"))
        with page.expect_download() as download:
            page.locator("#make-go").click()
        download.value.save_as(tmp_path / "images.zip")
        told = server.post("/convert/estimate", camera=1, start=begin, end=end, format="zip")
        assert (tmp_path / "images.zip").stat().st_size == told["size"]
        assert complaints == []


def test_a_range_is_kept_and_let_go(server: RunningServer) -> None:
    events = events_of(server)
    view = address(server, camera=1, **{"from": events["start"][0], "to": events["end"][0]})
    with open_page(view, PICTURES / "timeline-keep") as (page, complaints):
        page.locator("#range-keep").click()
        page.get_by_label("Why").fill("parcel")
        page.locator("dialog[open]").get_by_role("button", name="Keep").click()
        expect(page.locator("#range-said")).to_have_text(re.compile("Kept"))
        expect(page.locator("#kept-list li")).to_have_text(re.compile("parcel"))
        kept = server.http.get("/file/listKeep").json()["list"]
        assert [(k["camera"], k["reason"]) for k in kept] == [(1, "parcel")]
        page.locator("#kept-list button").click()
        page.locator("dialog[open]").get_by_role("button", name="Let go").click()
        expect(page.locator("#kept")).to_be_hidden()
        assert server.http.get("/file/listKeep").json()["list"] == []
        assert complaints == []


@pytest.mark.parametrize("size", [DESKTOP, PHONE])
def test_a_range_is_deleted_after_it_was_said_what_goes(
    size: tuple[int, int], server: RunningServer
) -> None:
    camera = 3
    events = events_of(server, camera)
    place_ = -1 if size == PHONE else -2
    begin, end = events["start"][place_], events["end"][place_]
    images = events["images"][place_]
    view = address(server, camera=camera, **{"from": begin, "to": end})
    with open_page(view, PICTURES / "timeline-delete", size=size) as (page, complaints):
        delete = page.locator("#range-delete")
        delete.click()
        dialog = page.locator("dialog[open]")
        expect(dialog).to_contain_text(f"{images} images of")
        page.screenshot(path=PICTURES / "timeline-delete" / f"dialog-{size[0]}.png")
        dialog.get_by_role("button", name="Cancel").click()
        before = server.post("/file/pathFileCount", camera=camera)["count"]
        delete.click()
        dialog.get_by_role("button", name="Delete").click()
        expect(page.locator("#range-said")).to_have_text(re.compile(f"{images} images deleted"))
        assert server.post("/file/pathFileCount", camera=camera)["count"] == before - images
        record = server.http.get("/file/listDeletions").json()["list"][0]
        assert (record["rule"], record["count"]) == ("rangeDelete", images)
        assert complaints == []


def test_images_that_are_all_being_read_are_not_offered_for_deletion(server: RunningServer) -> None:
    event = events_of(server, 1)
    view = address(server, camera=1, **{"from": event["start"][0], "to": event["end"][0]})
    with open_page(view, PICTURES / "timeline-delete-busy") as (page, complaints):

        def answer(route: Route) -> None:
            """All of them are kept, and a video is being made of them."""
            asked: dict[str, Any] = route.request.post_data_json or {}
            counts = {"kept": 0, "busy": 12} if asked["kept"] else {"kept": 12, "busy": 0}
            route.fulfill(json={"preview": True, "deleted": 0, "bytes": 0, **counts})

        page.route("**/file/rangeDelete", answer)
        page.locator("#range-delete").click()
        expect(page.locator("#range-said")).to_contain_text("12 more are being read")
        expect(page.locator("dialog[open]")).to_have_count(0)
        assert complaints == []


def test_an_event_that_goes_on_is_drawn_to_now_and_not_into_the_future(
    server: RunningServer,
) -> None:
    event = events_of(server, 1)
    now = event["start"][0] + 60_000

    def go_on(route: Route) -> None:
        found = route.fetch().json()
        found["events"] = {
            name: column[:1] if isinstance(column, list) else column
            for name, column in found["events"].items()
        }
        found["events"]["lasts"] = [None]
        route.fulfill(json={**found, "now": now})

    with open_page("about:blank", PICTURES / "timeline-goes-on") as (page, complaints):
        complaints.clear()
        page.route("**/timeline/activity?*", go_on)
        page.goto(address(server, cameras=1, camera=1))
        lanes(page)
        share = (now + (BEGIN_MS + 24 * HOUR_MS - now) / 2 - BEGIN_MS) / (24 * HOUR_MS)
        assert page.evaluate(ORANGE, (event["start"][0] + 30_000 - BEGIN_MS) / (24 * HOUR_MS)) > 0
        assert page.evaluate(ORANGE, share) == 0


def test_the_view_is_in_the_link(server: RunningServer) -> None:
    begin = events_of(server, 2)["start"][5]
    part = f"{begin - HOUR_MS}-{begin + HOUR_MS}"
    view = address(server, cameras="2,3", camera=2, at=begin, view=part, side=1)
    with open_page(view, PICTURES / "timeline-link") as (page, complaints):
        is_drawn(page, 1)
        expect(page.locator("#stage .name")).to_have_text(["Driveway", "Garden"])
        page.context.grant_permissions(["clipboard-read", "clipboard-write"])
        page.locator("#copy-link").click()
        expect(page.locator("#link-said")).to_have_text("Copied")
        copied = page.evaluate("navigator.clipboard.readText()")
        for name, value in (("at", begin), ("view", part), ("side", 1), ("cameras", "2,3")):
            assert f"{name}={value}" in copied
        assert complaints == []


def test_today_grows_while_one_looks(server: RunningServer) -> None:
    now = datetime.now(UTC)
    layout = Layout(server.data, ZoneInfo(ZONE))
    index = Index(layout.index)
    writer = ImageWriter(layout, index, sync_interval_s=3600)

    def save(number: int) -> int:
        at_us = int(now.timestamp() + number) * 1_000_000
        writer.save(1, at_us, picture(number), width=64, height=48)
        writer.flush()
        return at_us // 1000

    try:
        save(0)
        with open_page(f"{server.url}/timeline", PICTURES / "timeline-today") as (page, complaints):
            lanes(page)
            expect(page.locator("#day-images")).to_have_text("1 image")
            is_drawn(page)
            newest = save(1)
            expect(page.locator("#day-images")).to_have_text("2 images")
            wait_for(lambda: said(page, "at") == newest, "the newest image")
            page.keyboard.press("ArrowLeft")
            wait_for(lambda: said(page, "at") == newest - 1000, "the one before")
            save(2)
            expect(page.locator("#day-images")).to_have_text("3 images")
            assert said(page, "at") == newest - 1000, "the position stays in the hand"
            assert complaints == []
    finally:
        writer.close()
        index.close()
        server.post("/file/rangeDelete", camera=1, start=int(now.timestamp()) * 1000, end=9e12)


def test_two_fingers_zoom_and_one_scrubs(server: RunningServer) -> None:
    with open_page(address(server), PICTURES / "timeline-touch", size=PHONE) as (page, complaints):
        box = lanes(page).bounding_box()
        assert box is not None
        page.evaluate(FINGERS, [box["x"] + 150, box["x"] + 230, box["y"] + 90, 70])
        wait_for(lambda: "view=" in where(page), "a part of the day")
        begin, end = map(int, parse_qs(urlsplit(where(page)).query)["view"][0].split("-"))
        assert end - begin < 14 * HOUR_MS
        assert complaints == []


def test_what_is_deleted_elsewhere_is_gone_from_the_drawing(server: RunningServer) -> None:
    day = DAY - timedelta(days=3)
    view = address(server, day=day, camera=2, cameras=2)
    with open_page(view, PICTURES / "timeline-gone") as (page, complaints):
        lanes(page)
        expect(page.locator("#events-count")).to_have_text("2")
        found = server.http.get(f"/motion/events?camera=2&start={day}&end={day}").json()["list"]
        stays, event = found
        gone = server.post("/file/rangeDelete", camera=2, start=event["start"], end=event["end"])
        assert gone["deleted"] == event["images"]
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")  # or in 15 s
        expect(page.locator("#events-count")).to_have_text("1")
        expect(page.locator("#day-images")).to_have_text(f"{stays['images']} images")
        assert complaints == []


# Looked at in a copy: a canvas that is read slows down, and the browser says so.
OPACITY = """(i) => {
  const canvas = document.querySelectorAll("#stage canvas")[i];
  if (!canvas) return 0;
  const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, canvas.width / 2, canvas.height / 2, 1, 1, 0, 0, 1, 1);
  return copy.getImageData(0, 0, 1, 1).data[3];
}"""

# How many points of an event's colour the drawing has at a share of its width.
ORANGE = """(share) => {
  const canvas = document.querySelector("#lanes canvas");
  const copy = new OffscreenCanvas(5, canvas.height).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, 2 - Math.round(share * canvas.width), 0);
  const { data } = copy.getImageData(0, 0, 5, canvas.height);
  let found = 0;
  for (let i = 0; i < data.length; i += 4) found += data[i] - data[i + 2] > 80 ? 1 : 0;
  return found;
}"""

# Two fingers at x0 and x1, spread by so much to each side.
FINGERS = """([x0, x1, y, by]) => {
  const host = document.getElementById("lanes");
  host.setPointerCapture = () => {};
  const fire = (type, pointerId, clientX) => host.dispatchEvent(new PointerEvent(type, {
    pointerId, clientX, clientY: y, pointerType: "touch", button: 0, bubbles: true }));
  fire("pointerdown", 1, x0);
  fire("pointerdown", 2, x1);
  for (let i = 1; i <= 5; i += 1) {
    fire("pointermove", 1, x0 - (by * i) / 5);
    fire("pointermove", 2, x1 + (by * i) / 5);
  }
  fire("pointerup", 1, x0 - by);
  fire("pointerup", 2, x1 + by);
}"""
