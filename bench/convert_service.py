"""Conversions in the running server: first bytes, clients that go, cancels, and recording beside.

    .venv/bin/python bench/convert_service.py [--images FOLDER] [--folder FOLDER] [--seconds 60]

- how long after the request the first byte of an unsaved video comes (10 times, 500 images), and
  with each option, when a process is ready and right after another video took it;
- how long after a client has gone away its process is over; how long a cancel takes, and that it
  leaves no process and no file;
- two cameras (RTSP, 1080p, 10 frames a second, played by a server on this machine) are recorded
  while nothing else happens, and while two videos are made: frames that are missing within events,
  by the times of the images.
"""

import argparse
import shutil
import statistics
import sys
import time
from contextlib import closing, suppress
from itertools import pairwise
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.convert_video import BEGIN_S, drawn, take_in
from tests.support.footage import write_scene
from tests.support.rtsp import RtspServer
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.motion.demo import DemoScene

RATE = 10
CLIP_S = 30.0
CONFIG = """
[convert]
at_once = 2
[[camera]]
id = 11
url = "{0}"
[[camera]]
id = 12
url = "{1}"
"""


def conversion_processes(parent: int) -> set[int]:
    """The server's conversion processes, the one that is kept ready included."""
    found = set()
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            is_conversion = b"chimera_storage.convert" in (folder / "cmdline").read_bytes()
            if int(fields[1]) == parent and fields[0] != "Z" and is_conversion:
                found.add(int(folder.name))
    return found


def wish(**changes: object) -> dict[str, object]:
    """All images of camera 1."""
    return {"camera": 1, "start": BEGIN_S * 1000, "end": (BEGIN_S + 3600) * 1000} | changes


OPTIONS: list[dict[str, object]] = [
    {"codec": "mjpeg"}, {"pace": "real"}, {"timestamps": True},
    {"codec": "h265", "height": 1440}, {"codec": "av1", "height": 1440},
]  # fmt: skip


def stream_once(server: RunningServer, **options: object) -> tuple[float, float]:
    """(seconds until the first byte, seconds from the client's leaving to the end of the work)."""
    before = conversion_processes(server.pid)
    began = time.monotonic()
    with server.http.stream(
        "POST", "/convert/createVideo", json=wish(save=False, **options)
    ) as answer:
        assert answer.status_code == 200
        next(answer.iter_raw())
        first_s = time.monotonic() - began
        time.sleep(0.5)
    left = time.monotonic()
    wait_for(lambda: not before & conversion_processes(server.pid), "the end of the work")
    return first_s, time.monotonic() - left


def cancel_once(server: RunningServer) -> float:
    """Seconds that a cancel takes until nothing is left."""
    before = conversion_processes(server.pid)
    made = server.post("/convert/createVideo", **wish())["id"]

    def is_under_way() -> bool:
        return bool(server.http.get(f"/convert/process/{made}").json()["progress"] > 0)

    wait_for(is_under_way, "the video to be under way")
    began = time.monotonic()
    assert server.post("/convert/cancelProcess", id=made)["cancelled"]
    assert not before & conversion_processes(server.pid)
    assert not list((server.data / "shared/captures").glob(f"*output*{made}*"))
    return time.monotonic() - began


def missing_frames(layout: Layout, camera: int, start_s: float, end_s: float) -> tuple[int, int]:
    """(images, frames that are missing between two images of one event) of this time."""
    with closing(Index(layout.index)) as index:
        images = index.images(camera, int(start_s * 1e6), int(end_s * 1e6))
    missing = 0
    for one, other in pairwise(images):
        if one.event is not None and one.event == other.event:
            missing += round((other.taken_at_us - one.taken_at_us) / 1e6 * RATE) - 1
    return len(images), missing


def record(server: RunningServer, layout: Layout, seconds: float, what: str) -> None:
    """Let cameras be recorded for a while, and say what came of it."""
    start_s = time.time()
    videos = 0
    end_s = start_s + seconds
    running: list[str] = []
    while time.time() < end_s:
        if what != "nothing":
            running = [
                made
                for made in running
                if server.http.get(f"/convert/process/{made}").json()["running"]
            ]
            while len(running) < 2:
                running.append(server.post("/convert/createVideo", **wish())["id"])
                videos += 1
        time.sleep(0.5)
    for made in running:
        server.post("/convert/cancelProcess", id=made)
    time.sleep(3)  # until the last images are written into the index
    for camera in (11, 12):
        images, missing = missing_frames(layout, camera, start_s, end_s)
        print(f"beside {what}: camera {camera} {images} images, {missing} frames missing in events")
    if videos:
        print(f"  (videos begun meanwhile: {videos})", flush=True)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/bench-service"))  # noqa: S108
    parser.add_argument("--seconds", type=float, default=60)
    given = parser.parse_args()
    shutil.rmtree(given.folder / "run", ignore_errors=True)
    (given.folder / "run").mkdir(parents=True)
    paths = sorted(given.images.glob("*.jpg")) if given.images else []
    paths = paths or drawn(given.folder / "images", 300)
    layout = take_in(given.folder / "run/data", (paths * 2)[:500])
    for number in (1, 2):
        clip = given.folder / f"clip{number}.mp4"
        if not clip.exists():
            write_scene(clip, DemoScene(1920, 1080, RATE, seed=number), CLIP_S)
    with RtspServer(given.folder) as rtsp:
        config = CONFIG.format(rtsp.url("clip1.mp4"), rtsp.url("clip2.mp4"))
        with RunningServer(given.folder / "run", config) as server:
            time.sleep(5)
            streams, cancels = [], []
            for _ in range(10):
                streams.append(stream_once(server))
                time.sleep(4)  # until a process is ready again
            for options in OPTIONS:
                ready, _ = stream_once(server, **options)
                at_once, _ = stream_once(server, **options)
                print(f"{options}: {ready * 1000:.0f} ms, right after another {at_once * 1000:.0f}")
                time.sleep(4)
            for _ in range(5):
                cancels.append(cancel_once(server))
                time.sleep(4)
            for what, values in (
                ("first byte", [first for first, _ in streams]),
                ("work over after the client has gone", [over for _, over in streams]),
                ("cancel", cancels),
            ):
                median, most = statistics.median(values) * 1000, max(values) * 1000
                print(f"{what}: median {median:.0f} ms, longest {most:.0f} ms", flush=True)
            record(server, layout, given.seconds, "nothing")
            record(server, layout, given.seconds, "two videos")


if __name__ == "__main__":
    main()
