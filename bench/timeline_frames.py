"""How the timeline of a day with 50,000 images behaves: its routes, its first view, its frames.

    PYTHONPATH=. python bench/timeline_frames.py FOLDER [--images 50000] [--total 1000000]

Makes a data folder in FOLDER (which must not exist): an index of a million images of four cameras,
and files of one day of the first one, hard links to 16 pictures of 640 x 360. Then, with the
server's application behind Granian in this process: times of the routes, and the processor time of
an answer with its client; what Chromium loads for the first view, and until a picture is on the
stage; and of 6 s each of scrubbing, zooming, panning and playing the time between two frames
(requestAnimationFrame) and what the page's own script took of those in which it drew. Headless
Chromium draws without a GPU, on the same cores: an upper bound.
"""

import argparse
import os
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path

import httpx
from playwright.sync_api import Page, Request, sync_playwright
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.day_of_images import HEIGHT, WIDTH, pictures
from tests.support.granian_room import served
from tests.support.web import web_room

from chimera_storage.archive.index import Index
from chimera_storage.archive.index.image_rows import Row
from chimera_storage.archive.layout import Layout

DAY = datetime(2026, 1, 31, tzinfo=UTC)
BEGIN_S = int(DAY.timestamp())
EVENT_IMAGES, PER_SECOND = 100, 5
SECONDS = 6
CAMERAS = [{"id": n, "name": f"Camera {n}", "url": "x"} for n in (1, 2, 3, 4)]


def rows(camera: int, begin_s: int, length_s: int, images: int, jpegs: list[bytes]) -> list[Row]:
    """Events of a hundred images, five a second, evenly over the time."""
    events = images // EVENT_IMAGES
    found: list[Row] = []
    for n in range(events):
        first_s = begin_s + n * length_s // events
        for i in range(EVENT_IMAGES):
            second, number = first_s + i // PER_SECOND, i % PER_SECOND
            size, score = len(jpegs[i % len(jpegs)]), (i * 37 % 100) / 1000
            fraction_us = number * 1_000_000 // PER_SECOND
            found.append(
                (camera, second, number, 0, fraction_us, size, 1, WIDTH, HEIGHT, score, None,
                 first_s * 1_000_000)
            )  # fmt: skip
    return found


def make(root: Path, images: int, total: int) -> None:
    """The index, and the files of the day."""
    layout = Layout(root, UTC)
    layout.captures.mkdir(parents=True)
    jpegs = [jpeg for jpeg, _ in pictures(1)]
    for number, jpeg in enumerate(jpegs):
        (root / f"picture-{number}").write_bytes(jpeg)
    index = Index(layout.index)
    day = rows(1, BEGIN_S, 86_340, images, jpegs)
    index.fill(1, day)
    rest = (total - images) // 4
    for camera in (1, 2, 3, 4):
        index.fill(camera, rows(camera, BEGIN_S - 10 * 86_400, 10 * 86_400, rest, jpegs))
    index.close()
    for i, path in enumerate(layout.image_paths(1, [(r[1], r[2], r[3], r[5]) for r in day])):
        if not i % EVENT_IMAGES or not Path(path).parent.exists():
            Path(path).parent.mkdir(parents=True, exist_ok=True)
        os.link(root / f"picture-{i % EVENT_IMAGES % len(jpegs)}", path)


def routes(url: str) -> None:
    """Median and longest of 20 of each route."""
    span = f"camera=1&start={DAY:%Y-%m-%d}&end={DAY:%Y-%m-%d}"
    middle = BEGIN_S * 1000 + 43_200_000
    asked = {
        "a day by minutes": f"/timeline/activity?{span}",
        "an hour by 5 seconds": f"/timeline/activity?camera=1&start={middle}"
        f"&end={middle + 3_599_999}&every=5",
        "images of ten minutes": f"/timeline/images?camera=1&start={middle}&end={middle + 599_999}",
        "images of the day, 20,000 of them": f"/timeline/images?{span}&limit=20000",
        "days of a month": "/timeline/days?month=2026-01",
        "the page": "/timeline",
    }
    with httpx.Client(base_url=url) as client:
        for name, path in asked.items():
            client.get(path)
            times = []
            cpu_s = time.process_time()
            for _ in range(20):
                began = time.perf_counter()
                answer = client.get(path)
                times.append((time.perf_counter() - began) * 1000)
            cpu_s = time.process_time() - cpu_s
            assert answer.status_code == 200, answer.text
            packed = int(answer.headers["content-length"]) / 1000
            print(
                f"{name}: {statistics.median(times):.1f} ms (longest {max(times):.1f},"
                f" processor {cpu_s * 50:.1f}), {packed:.1f} kB sent"
                f" of {len(answer.content) / 1000:.0f}"
            )
        for name, body in {
            "what a video of the day takes": {"format": "mp4"},
            "what a zip of the day takes": {"format": "zip"},
        }.items():
            body |= {"camera": 1, "start": f"{DAY:%Y-%m-%d}", "end": f"{DAY:%Y-%m-%d}"}
            times = []
            for _ in range(5):
                began = time.perf_counter()
                client.post("/convert/estimate", json=body)
                times.append((time.perf_counter() - began) * 1000)
            print(f"{name}: {statistics.median(times):.1f} ms")


def first_view(page: Page, url: str) -> None:
    """Bytes and time until the last image of the day is on the stage."""
    done: list[Request] = []

    def note(request: Request) -> None:  # a method of a list cannot be a listener
        done.append(request)

    page.on("requestfinished", note)
    page.goto(f"{url}/timeline")
    page.wait_for_function(IS_SHOWN)
    shown_ms = page.evaluate("performance.now()")
    drawn_ms = page.evaluate(
        "performance.getEntriesByType('paint').find((e) => e.name === 'first-contentful-paint')"
        ".startTime"
    )
    page.wait_for_timeout(1500)
    page.remove_listener("requestfinished", note)
    size = sum(request.sizes()["responseBodySize"] for request in done)
    print(
        f"first view: {size / 1000:.0f} kB in {len(done)} requests,"
        f" first paint after {drawn_ms:.0f} ms, picture on the stage after {shown_ms:.0f} ms"
    )


def frames(page: Page, name: str, hand: str) -> None:
    """Drives the page from within for some seconds and prints what its frames took.

    `hand`: JavaScript that is called before each frame with its number and `point(type, x, y)`.
    """
    found = page.evaluate(WATCH.replace("/* hand */", hand), SECONDS * 1000)
    between, script = sorted(found["between"]), sorted(ms for ms in found["script"] if ms > 0)
    script = script or [0.0]
    late = sum(ms > 16.7 * 1.5 for ms in between)
    slow = 100 * sum(ms > 16.7 for ms in script) / len(script)
    print(
        f"{name}: {len(between) / SECONDS:.0f} frames a second, {100 * late / len(between):.1f} %"
        f" more than half a frame late, longest {between[-1]:.0f} ms; script in the {len(script)}"
        f" that it drew: median {statistics.median(script):.2f} ms,"
        f" 99 % below {script[len(script) * 99 // 100]:.1f} ms, {slow:.1f} % above 16.7 ms"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=50_000)
    parser.add_argument("--total", type=int, default=1_000_000)
    options = parser.parse_args()
    if not options.folder.exists():
        make(options.folder, options.images, options.total)
    with web_room(options.folder, camera=CAMERAS) as room, served(room) as port:
        url = f"http://127.0.0.1:{port}"
        routes(url)
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
            page = browser.new_page(viewport={"width": 1280, "height": 900})
            first_view(page, url)
            page.locator("#lanes").click(position={"x": 600, "y": 90})
            page.wait_for_timeout(2000)
            frames(page, "scrubbing the day", SCRUB)
            page.wait_for_timeout(1000)
            frames(page, "zooming", ZOOM)
            page.keyboard.press("0")
            for _ in range(4):
                page.locator("#zoom-in").click()
            page.wait_for_timeout(1000)
            frames(page, "panning an hour and a half", PAN)
            page.keyboard.press("0")
            page.locator("#lanes").focus()
            page.keyboard.press("Home")
            page.locator("#fps").fill("60")
            page.locator("#play").click()
            page.wait_for_timeout(1000)
            frames(page, "playing at 60 a second", "")
            print("reached:", page.locator("#pace").text_content() or "60 /s")
            browser.close()


IS_SHOWN = """() => {
  const canvas = document.querySelector("#stage canvas");
  if (!canvas || !canvas.width) return false;
  const copy = new OffscreenCanvas(1, 1).getContext("2d", { willReadFrequently: true });
  copy.drawImage(canvas, canvas.width / 2, canvas.height / 2, 1, 1, 0, 0, 1, 1);
  return copy.getImageData(0, 0, 1, 1).data[3] === 255;
}"""
SCRUB = """const x = 20 + Math.abs((n * 9) % 2320 - 1160);
point(n ? "pointermove" : "pointerdown", x, 90);"""
ZOOM = """document.getElementById("lanes").dispatchEvent(new WheelEvent("wheel", {
  deltaY: n % 120 < 60 ? -40 : 40, ctrlKey: true, clientX: 700, bubbles: true, cancelable: true
}));"""
PAN = """const x = 100 + Math.abs((n * 6) % 2000 - 1000);
point(n ? "pointermove" : "pointerdown", x, document.getElementById("lanes").clientHeight - 10);"""
# Time between frames, and what the page's handlers and callbacks took for each.
WATCH = """(lasts) => new Promise((resolve) => {
  const hand = (n, point) => { /* hand */ };
  const host = document.getElementById("lanes");
  host.setPointerCapture = () => {};
  const between = [], script = [];
  const ask = (window.asked ||= window.requestAnimationFrame.bind(window));
  const began = performance.now();
  let before = 0, busy = 0, n = 0;
  const timed = (does) => {
    const from = performance.now();
    does();
    busy += performance.now() - from;
  };
  window.requestAnimationFrame = (does) => ask((now) => timed(() => does(now)));
  const point = (type, x, y) => {
    const box = host.getBoundingClientRect();
    host.dispatchEvent(new PointerEvent(type, { pointerId: 9, pointerType: "touch", button: 0,
      clientX: box.left + x, clientY: box.top + y, bubbles: true }));
  };
  const tick = (now) => {
    if (before) { between.push(now - before); script.push(busy); }
    before = now;
    busy = 0;
    if (now - began > lasts) {
      point("pointerup", 600, 90);
      window.requestAnimationFrame = ask;
      resolve({ between, script });
      return;
    }
    timed(() => hand(n, point));
    n += 1;
    ask(tick);
  };
  ask(tick);
})"""

if __name__ == "__main__":
    main()
