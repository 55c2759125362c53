"""Cameras that misbehave and clients that ask for everything, by chance with a seed."""

import random
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import av
import httpx

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.support.footage import write_frames, write_scene
from tests.support.rtsp_camera import Act, Camera, Clip

from chimera_storage.motion.demo import DemoScene

SIZES = ((320, 180), (240, 136), (424, 240))
FPS = 8
CLIP_S = 45
ENDINGS = {".mp4", ".avi", ".mkv"}


def clips(footage: Path | None, folder: Path, count: int) -> list[list[Clip]]:
    """For each of `count` cameras its scene in every size; made once and kept in `folder`.

    `footage`: a folder of videos, used in turn; None: the demonstration scene.
    """
    folder.mkdir(parents=True, exist_ok=True)
    files = sorted(p for p in footage.iterdir() if p.suffix in ENDINGS) if footage else []
    made = []
    for number in range(count):
        of_camera = []
        for width, height in SIZES:
            path = folder / f"{number}-{width}x{height}.mp4"
            if not path.exists():
                part = path.with_suffix(".part.mp4")
                if files:
                    source = files[number % len(files)]
                    write_frames(part, shrunk(source, width, height), fps=FPS, gop=2 * FPS)
                else:
                    write_scene(
                        part, DemoScene(width, height, FPS, seed=number), CLIP_S, gop=2 * FPS
                    )
                part.rename(path)
            of_camera.append(Clip.read(path))
        made.append(of_camera)
    return made


def shrunk(path: Path, width: int, height: int) -> Iterator[av.VideoFrame]:
    """The first pictures of a video, FPS of them a second, in another size."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        due_s = 0.0
        for frame in container.decode(stream):
            if frame.time is None or frame.time >= CLIP_S:
                return
            if frame.time >= due_s:
                due_s += 1 / FPS
                yield frame.reformat(width, height, "yuv420p")


class Fates:
    """What one camera does, connection by connection."""

    def __init__(self, seed: int, sizes: Sequence[Clip]) -> None:
        self._chance = random.Random(seed)
        self._sizes = sizes

    def __call__(self) -> Act:
        chance = self._chance
        if chance.random() < 0.1:
            return Act((), "refuses")
        parts = 2 if chance.random() < 0.3 else 1  # another size in the same stream
        played = [(clip, chance.randrange(60, 600)) for clip in chance.sample(self._sizes, parts)]
        count = sum(pictures for _, pictures in played)
        stalls = {
            chance.randrange(5, count): chance.choice((0.4, 1.5, 4.0, 7.0, 14.0))
            for _ in range(chance.randrange(3))
        }
        end = chance.choices(("ends", "cut", "silent"), (6, 2, 1))[0]
        return Act(tuple(played), end, stalls)


class LyingCamera(Camera):
    """Says it sent one picture more than it did: what the account has to find."""

    @property
    def sent(self) -> int:
        return super().sent + 1


class Clients:
    """Threads that ask a server for everything it has, until closed.

    `answers` counts them by kind and status, `wrong` keeps what none should get.
    """

    def __init__(self, url: str, cameras: Sequence[int], seed: int) -> None:
        self._url = url
        self._cameras = cameras
        self._over = threading.Event()
        self._lock = threading.Lock()
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []
        self._threads = [
            threading.Thread(target=self._run, args=(work, seed + n), daemon=True)
            for n, work in enumerate(
                (self._look, self._look, self._convert, self._delete, self._listen)
            )
        ]

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """Ask no more."""
        self._over.set()
        for thread in self._threads:
            thread.join(60)
            assert not thread.is_alive(), "a client got no answer for a minute"

    def _run(self, work: Any, seed: int) -> None:
        chance = random.Random(seed)
        with httpx.Client(base_url=self._url, timeout=60) as http:
            while not self._over.is_set():
                try:
                    work(http, chance)
                except httpx.HTTPError as error:
                    self._note("broken", None, f"{type(error).__name__}: {error}")

    def _listen(self, http: httpx.Client, chance: random.Random) -> None:
        """Listens to the events of conversions, and comes back after a while."""
        until_s = time.monotonic() + chance.uniform(5, 40)
        with http.stream("GET", "/convert/events?limit=0") as answer:
            self._note("events", answer.status_code)
            for _ in answer.iter_raw():
                if self._over.is_set() or time.monotonic() > until_s:
                    break

    def _note(self, kind: str, status: int | None, text: str = "") -> None:
        with self._lock:
            self.answers[f"{kind} {status}"] += 1
            if (status is None or status >= 500) and len(self.wrong) < 100:
                self.wrong.append(f"{kind} {status} {text[:300]}")

    def _ask(self, http: httpx.Client, kind: str, route: str, body: Any = None) -> httpx.Response:
        answer = http.get(route) if body is None else http.post(route, json=body)
        self._note(kind, answer.status_code, answer.text if answer.status_code >= 500 else "")
        return answer

    def _look(self, http: httpx.Client, chance: random.Random) -> None:
        camera = chance.choice(self._cameras)
        for kind, route, body in (
            ("page", "/", None),
            ("cameras", "/cameras", None),
            ("latest", f"/cameras/{camera}/latest.jpg", None),
            ("status", "/motion/status", None),
            ("events of motion", f"/motion/events?camera={camera}", None),
            ("folder", f"/shared/captures/{camera}/", None),
            ("size", "/file/pathSize", {"camera": camera}),
            ("usage", "/usage", None),
            ("hours", "/file/hourStats", None),
            ("metrics", "/metrics", None),
            ("list", "/convert/listFramesVideo", {"camera": camera, "frames": 20}),
        ):
            answer = self._ask(http, kind, route, body)
            if kind == "list" and answer.status_code == 200:
                for link in answer.json()["list"][:5]:
                    self._ask(http, "image", httpx.URL(link).path)
            if self._over.wait(chance.uniform(0.1, 0.6)):
                return

    def _convert(self, http: httpx.Client, chance: random.Random) -> None:
        camera = chance.choice(self._cameras)
        now_ms = round(time.time() * 1000)
        span = {"camera": camera, "start": now_ms - chance.choice((60, 300)) * 1000, "end": now_ms}
        kind = chance.choice(("createVideo", "createVideo", "createZip"))
        answer = self._ask(http, kind, f"/convert/{kind}", span | {"save": chance.random() < 0.7})
        is_json = answer.headers.get("content-type", "").startswith("application/json")
        made = answer.json().get("id") if answer.status_code == 200 and is_json else None
        if made and chance.random() < 0.3:
            self._ask(http, "cancel", "/convert/cancelProcess", {"id": made})
        if chance.random() < 0.3:
            done = self._ask(http, "processes", "/convert/listProcess?status=done").json()["list"]
            if len(done) > 10:
                self._ask(http, "unmake", "/convert/deleteProcess", {"id": done[-1]["id"]})
        self._over.wait(chance.uniform(2, 12))

    def _delete(self, http: httpx.Client, chance: random.Random) -> None:
        """Cleans by hand now and then: the rules do it all the time."""
        camera = chance.choice(self._cameras)
        end_ms = round(time.time() * 1000) - chance.randrange(60, 300) * 1000
        span = {"camera": camera, "start": end_ms - 20_000, "end": end_ms}
        self._ask(http, "delete a time", "/file/rangeDelete", span)
        self._ask(http, "rules", "/file/applyRules", {})
        self._over.wait(chance.uniform(10, 30))
