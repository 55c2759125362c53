"""Videos as Debian's Chromium plays them: every image a frame, as bright as the image itself."""

import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import simplejpeg
from playwright.sync_api import Page

from tests.support.browser import open_page
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

BEGIN_S = 1_769_884_200  # 2026-01-31 18:30:00 UTC
WIDTH, HEIGHT = 1280, 720  # HD: a player that is told nothing takes another matrix
# The extremes of the range, and colours that a wrong matrix shows.
COLOURS = [(0, 0, 0), (255, 255, 255), (128, 128, 128), (200, 30, 30), (30, 160, 60), (40, 60, 200)]
FPS = 5
TOLERANCE = 6  # of 255, at each end of three roundings

PLAY = """
async ([address, at, isVideo]) => {
  const canvas = document.createElement("canvas");
  const element = document.createElement(isVideo ? "video" : "img");
  element.muted = true;
  element.src = address;
  document.body.prepend(element);
  const once = (name) => new Promise((done, failed) => {
    element.addEventListener(name, done, { once: true });
    element.addEventListener("error", () => failed(element.error?.message), { once: true });
  });
  await once(isVideo ? "loadeddata" : "load");
  const colours = [];
  for (const second of at) {
    if (isVideo) {  // sought is not shown yet
      const shown = new Promise((done) => element.requestVideoFrameCallback(done));
      element.currentTime = second;
      await once("seeked");
      await shown;
    }
    [canvas.width, canvas.height] = isVideo
      ? [element.videoWidth, element.videoHeight] : [element.naturalWidth, element.naturalHeight];
    const context = canvas.getContext("2d", { willReadFrequently: true });
    context.drawImage(element, 0, 0);
    const middle = context.getImageData(canvas.width / 2, canvas.height / 2, 1, 1).data;
    colours.push([middle[0], middle[1], middle[2]]);
  }
  return { colours, duration: element.duration, size: [canvas.width, canvas.height] };
}
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("played")
    for number, colour in enumerate(COLOURS * 4):
        pixels = np.empty((HEIGHT, WIDTH, 3), np.uint8)
        pixels[:] = colour
        path = image_path(folder, number)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(simplejpeg.encode_jpeg(pixels, quality=90, colorspace="RGB"))
    with RunningServer(folder) as running:
        wait_for(
            lambda: running.post("/file/pathFileCount", camera=1)["count"] == len(COLOURS) * 4,
            "the images to be known",
        )
        yield running


def image_path(folder: Path, number: int) -> Path:
    taken = datetime.fromtimestamp(BEGIN_S + number // 10, UTC)
    dated = folder / "data/shared/captures/1" / f"{taken:%Y%m%d}" / f"{taken:%H}"
    return dated / f"{taken:%Y%m%d-%H%M%S}-{number % 10:02d}.jpg"


def wish(**changes: Any) -> dict[str, Any]:
    times = {"start": BEGIN_S * 1000, "end": (BEGIN_S + 60) * 1000}
    return {"camera": 1, "fps": FPS} | times | changes


def made(server: RunningServer, **changes: Any) -> str:
    """The address of a video, when it is there."""
    created = server.post("/convert/createVideo", **wish(**changes))
    wait_for(
        lambda: not server.http.get(f"/convert/process/{created['id']}").json()["running"],
        lambda: f"the video; the log:\\n{server.log}",
    )
    return str(created["url"])


def play(page: Page, address: str, at: list[float], *, is_video: bool = True) -> Any:
    return page.evaluate(PLAY, [f"{address}?inline", at, is_video])


@pytest.mark.parametrize("options", [{}, {"save": False}, {"codec": "av1"}], ids=str)
def test_chromium_plays_every_frame_as_bright_as_the_image(
    server: RunningServer, tmp_path: Path, options: dict[str, Any]
) -> None:
    if options.get("save", True):
        address = made(server, **options)
    else:
        data = server.http.post("/convert/createVideo", json=wish(**options)).content
        address = f"/shared/captures/streamed-{time.monotonic_ns()}.mp4"
        (server.data / address.lstrip("/")).write_bytes(data)
    at = [(number + 0.5) / FPS for number in range(len(COLOURS) * 4)]
    with open_page(server.url, tmp_path) as (page, complaints):
        played = play(page, address, at)
        first = image_path(server.data.parent, 0).relative_to(server.data)
        images = [
            play(page, f"/{first.parent}/{image_path(server.data, n).name}", [0], is_video=False)
            for n in range(len(COLOURS))
        ]
        assert complaints == []
    assert played["size"] == [WIDTH, HEIGHT]
    assert played["duration"] == pytest.approx(len(at) / FPS, abs=0.001)
    shown = [image["colours"][0] for image in images]
    for colour, image, drawn in zip(played["colours"], shown * 4, COLOURS * 4, strict=True):
        assert colour == pytest.approx(image, abs=TOLERANCE)
        assert colour == pytest.approx(drawn, abs=TOLERANCE)


def test_real_pace_plays_as_long_as_it_took(server: RunningServer, tmp_path: Path) -> None:
    address = made(server, pace="real")
    with open_page(server.url, tmp_path) as (page, complaints):
        played = play(page, address, [0.05, 0.15, 2.3])
        assert complaints == []
    # 24 images in three seconds, the last four spread over the third.
    assert played["duration"] == pytest.approx(2.75 + 1 / FPS, abs=0.01)
    assert played["colours"][0] == pytest.approx(COLOURS[0], abs=TOLERANCE)
    assert played["colours"][1] == pytest.approx(COLOURS[1], abs=TOLERANCE)
    assert played["colours"][2] == pytest.approx(COLOURS[21 % 6], abs=TOLERANCE)
