"""The pictures of the pages in README and docs: `make screenshots`.

A real server with three demonstration cameras, whose past day is painted and saved before it
starts; Debian's Chromium looks at it. Each picture is at most 100 kB of WebP.
"""

import random
import tempfile
import time
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
from playwright.sync_api import Page, sync_playwright
from tests.support.browser import CHROMIUM, FLAGS
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

from chimera_storage.archive.images import ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.model import Event
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.picture import encode_jpeg

FOLDER = Path(__file__).parent
ZONE = "Europe/Berlin"
DAY_S = 86_400
SECOND_US = 1_000_000
MOST_BYTES = 100_000
DESKTOP, PHONE = (1200, 780), (390, 780)
CAMERAS = {1: "Front door", 2: "Street", 3: "Yard"}
# How much goes on in each hour of a day, from midnight.
BUSY = (1, 1, 0, 0, 0, 1, 3, 6, 8, 5, 3, 3, 5, 4, 3, 4, 6, 9, 8, 6, 4, 3, 2, 1)
CONFIG = f'[server]\ntimezone = "{ZONE}"\n' + "".join(
    f'[[camera]]\nid = {camera}\nname = "{name}"\nurl = "demo:{camera}"\n'
    for camera, name in CAMERAS.items()
)


def paint_the_past(root: Path) -> None:
    """What the cameras would have saved since yesterday morning."""
    layout = Layout(root, ZoneInfo(ZONE))
    layout.captures.mkdir(parents=True)
    index = Index(layout.index)
    writer = ImageWriter(layout, index, sync_interval_s=3600)
    chance = random.Random(7)
    now_s = int(time.time())
    for camera in CAMERAS:
        seen = _passes(camera)
        for hour_s in range(now_s // 3600 * 3600 - 30 * 3600, now_s, 3600):
            for _ in range(chance.randint(0, BUSY[time.localtime(hour_s).tm_hour])):
                begin_us = int((hour_s + chance.uniform(0, 3500)) * SECOND_US)
                if begin_us < (now_s - 120) * SECOND_US:
                    _save(writer, camera, begin_us, chance.choice(seen))
        writer.flush()
    writer.close()
    index.close()


def _passes(camera: int) -> list[list[tuple[bytes, tuple[tuple[int, int, int, int], ...]]]]:
    """Some things that go by, each as JPEGs with where it is in them."""
    scene = DemoScene(seed=camera)
    found, going = [], []
    for n in range(0, 2400, 4):
        boxes = scene.objects(n)
        if boxes:
            going.append((encode_jpeg(scene.frame(n), 80), boxes))
        elif going:
            found.append(going)
            going = []
    return [pictures for pictures in found if len(pictures) > 3]


def _save(writer: ImageWriter, camera: int, begin_us: int, pictures: list) -> None:  # type: ignore[type-arg]
    for number, (jpeg, boxes) in enumerate(pictures):
        writer.save(
            camera,
            begin_us + number * 400_000,
            jpeg,
            width=1280,
            height=720,
            score=sum(w * h for _, _, w, h in boxes) / (1280 * 720),
            boxes=boxes,
            event=begin_us,
        )
    end_us = begin_us + len(pictures) * 400_000
    writer.note_event(Event(camera=camera, start_us=begin_us, end_us=end_us))


def make_some(server: RunningServer) -> None:
    """A finished video and a finished archive."""
    server.post("/convert/createZip", camera=2, hours=3, manifest=True)
    server.post("/convert/createVideo", camera=1, hours=6, pace="smart", timestamps=True)
    wait_for(
        lambda: not any(p["running"] for p in server.post("/convert/listProcess")["list"]),
        "the video and the archive to be made",
        timeout_s=180,
    )


def take(page: Page, name: str) -> None:
    """The page as it is now, as small as its size allows."""
    png = np.frombuffer(page.screenshot(), np.uint8)
    picture = cv2.imdecode(png, cv2.IMREAD_COLOR)
    for quality in range(92, 20, -4):
        done, webp = cv2.imencode(".webp", picture, [cv2.IMWRITE_WEBP_QUALITY, quality])
        if done and len(webp) <= MOST_BYTES:
            (FOLDER / f"{name}.webp").write_bytes(webp.tobytes())
            return
    raise SystemExit(f"{name} does not fit into {MOST_BYTES} bytes")


def visit(server: RunningServer) -> None:
    """Every page of interest, once on a desktop and once on a phone."""
    yesterday = datetime.now(ZoneInfo(ZONE)).date() - timedelta(days=1)
    newest = server.http.get("/cameras").json()["cameras"][0]["latest"]["url"]
    addresses = {
        "now": "/",
        "timeline": f"/timeline?day={yesterday}",
        "processes": "/processes",
        "disk": "/disk",
        "files": newest.rpartition("/")[0] + "/",
        "camera": "/settings/cameras/1",
    }
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=str(CHROMIUM), args=list(FLAGS))
        for size, look in ((DESKTOP, "light"), (PHONE, "dark")):
            page = browser.new_page(
                viewport={"width": size[0], "height": size[1]},
                color_scheme="dark" if look == "dark" else "light",
                locale="en-GB",
                reduced_motion="reduce",
                device_scale_factor=1 if size == DESKTOP else 1.5,
            )
            for name, address in addresses.items():
                if name == "processes":  # one that is being made while the picture is taken
                    server.post("/convert/createVideo", camera=3, hours=30, codec="av1")
                answer = page.goto(server.url + address)
                if answer is None or answer.status != 200:
                    continue
                page.wait_for_timeout(2500)  # a picture is taken once what is fetched is there
                take(page, name if size == DESKTOP else f"{name}-phone")
        browser.close()


def main() -> None:
    """Write all of them anew."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        paint_the_past(root / "data")
        with RunningServer(root, CONFIG) as server:
            make_some(server)
            visit(server)


if __name__ == "__main__":
    main()
