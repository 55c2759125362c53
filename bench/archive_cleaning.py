"""Deleting many images through the server, beside `rm` of the same files.

    PYTHONPATH=. python bench/archive_cleaning.py FOLDER [--images 500000] [--rounds 20]

Two data folders of bench/archive_footage.py are made in FOLDER, with as many cameras as rounds. The
real server runs on one of them, and a process saves ten images a second for one more camera there
(and syncs them every second). In each round a camera of the first folder is removed with `rm -r`,
and a camera of the other by the server (POST /file/pathClean) while this process asks for the
recording camera's size. The order changes from round to round: a shared disk is twice as fast in
one minute as in the next. In the end each image saved meanwhile has to be on disk and in the index.
"""

import argparse
import os
import subprocess
import sys
import threading
import time
from pathlib import Path
from statistics import median
from typing import Self

import httpx
from archive_footage import make
from tests.support.server import RunningServer

RECORDING = "900"
SAVER = """
import sys, time
from datetime import UTC
from pathlib import Path
from chimera_storage.archive import mark
from chimera_storage.archive.images import ImageWriter
from chimera_storage.archive.layout import Layout
layout = Layout(Path(sys.argv[1]), UTC)
index = mark.open_index(layout)
writer = ImageWriter(layout, index, sync_interval_s=1.0)
writer.start()
JPEG = b"\\xff\\xd8" + bytes(100_000) + b"\\xff\\xd9"
print("ready", flush=True)
saved = 0
import select
while not select.select([sys.stdin], [], [], 0.1)[0]:
    writer.save(int(sys.argv[2]), time.time_ns() // 1000, JPEG, width=8, height=8)
    saved += 1
writer.close()
index.close()
print(saved, flush=True)
"""


class Saving:
    """Another process that saves; `saved` is how many once it was left."""

    def __init__(self, data: Path) -> None:
        self._data = data
        self.saved = 0

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(self._data), RECORDING],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        out, _ = self._process.communicate("stop\n")
        self.saved = int(out)


def remove(folder: Path) -> float:
    """Seconds that `rm` takes."""
    os.sync()
    started = time.perf_counter()
    subprocess.run(["rm", "-r", str(folder)], check=True)
    return time.perf_counter() - started


def clean(server: RunningServer, camera: str) -> float:
    """Seconds that the server takes."""
    os.sync()
    started = time.perf_counter()
    body = {"camera": camera, "days": 1}
    assert server.http.post("/file/pathClean", json=body, timeout=600).json()["deleted"]
    return time.perf_counter() - started


class Asking:
    """Asks for the recording camera's size while it is entered; `answers` in milliseconds."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=30)
        self.answers: list[float] = []

    def __enter__(self) -> Self:
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask)
        self._thread.start()
        return self

    def _ask(self) -> None:
        while not self._over.wait(0.01):
            asked = time.perf_counter()
            self._http.post("/file/pathSize", json={"camera": RECORDING}).raise_for_status()
            self.answers.append((time.perf_counter() - asked) * 1000)

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()


def check_nothing_is_lost(server: RunningServer, saved: int, rounds: int) -> None:
    """What was saved meanwhile is there, and what was to go is gone."""
    assert len(server.images(int(RECORDING))) == saved
    assert server.post("/file/pathFileCount", camera=RECORDING)["count"] == saved
    for camera in range(1, rounds + 1):
        counted = server.http.post("/file/pathFileCount", json={"camera": str(camera)})
        assert counted.json().get("count", 0) == 0
        assert not server.images(camera)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure deleting images.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=500_000)
    parser.add_argument("--rounds", type=int, default=20)
    given = parser.parse_args()
    theirs, ours = (given.folder / name / "data" for name in ("rm", "ours"))
    for data in (theirs, ours):
        if not data.exists():
            make(data, given.images, given.rounds, flat=False)
    took: list[tuple[float, float]] = []
    with RunningServer(ours.parent) as server:
        while server.post("/file/pathSize", camera="1")["confidence"] != 100:
            time.sleep(0.1)
        asking = Asking(server.url)
        with Saving(ours) as saving:
            known = {"camera": RECORDING}
            while server.http.post("/file/pathSize", json=known).status_code != 200:
                time.sleep(0.1)
            for camera in range(1, given.rounds + 1):
                folder = theirs / "shared/captures" / str(camera)
                rm = remove(folder) if camera % 2 else 0.0
                with asking:
                    cleaned = clean(server, str(camera))
                took.append((rm or remove(folder), cleaned))
        check_nothing_is_lost(server, saving.saved, given.rounds)
    answers = sorted(asking.answers)
    rm, cleaned = (sum(side) for side in zip(*took, strict=True))
    ratios = sorted(ours / theirs for theirs, ours in took)
    print(f"{saving.saved} images saved meanwhile, all there")
    print(
        f"{given.images:,} images: rm {rm:.2f} s, ours {cleaned:.2f} s: {cleaned / rm:.2f}"
        f" (rounds: {ratios[0]:.2f} to {ratios[-1]:.2f}, median {median(ratios):.2f})"
    )
    p99 = answers[int(len(answers) * 0.99) - 1]
    print(f"{len(answers)} answers meanwhile: median {median(answers):.1f}, p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
