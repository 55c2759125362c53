"""Deleting many images through the server, beside `rm` of the same files.

    PYTHONPATH=. python bench/archive_cleaning.py FOLDER [--images 500000]

Three data folders of bench/archive_footage.py are made in FOLDER, two cameras each. Two cameras are
removed with `rm -r`: of the first folder with nothing beside it, of the second while a process
saves ten images a second for a third camera (and syncs them every second). Of the last the real
server deletes every image (POST /file/pathClean, a camera after the other), while the same is saved
and this process asks for that camera's size. In the end each of those images has to be on disk and
in the index.
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

from archive_footage import make
from tests.support.server import RunningServer

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
print("ready", flush=True)
saved = 0
import select
while not select.select([sys.stdin], [], [], 0.1)[0]:
    writer.save(9, time.time_ns() // 1000, b"\\xff\\xd8" + bytes(100_000) + b"\\xff\\xd9",
                width=8, height=8)
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
            [sys.executable, "-c", SAVER, str(self._data)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        self._process.stdout.readline()
        return self

    def __exit__(self, *_: object) -> None:
        out, _ = self._process.communicate("stop\n")
        self.saved = int(out)


def remove(data: Path) -> float:
    """Seconds that `rm` takes."""
    cameras = [str(data / "shared/captures" / camera) for camera in ("1", "2")]
    os.sync()
    started = time.perf_counter()
    subprocess.run(["rm", "-r", *cameras], check=True)
    return time.perf_counter() - started


def clean(data: Path) -> tuple[float, list[float]]:
    """Seconds that deleting took, and the milliseconds of answers meanwhile."""
    with RunningServer(data.parent) as server:
        while server.post("/file/pathSize", camera="1")["confidence"] != 100:
            time.sleep(0.1)
        answers: list[float] = []
        over = threading.Event()

        def ask() -> None:
            while not over.wait(0.01):
                asked = time.perf_counter()
                server.post("/file/pathSize", camera="9")
                answers.append((time.perf_counter() - asked) * 1000)

        os.sync()
        with Saving(data) as saving:
            known = {"camera": "9"}
            while server.http.post("/file/pathSize", json=known).status_code != 200:
                time.sleep(0.1)
            asking = threading.Thread(target=ask)
            asking.start()
            started = time.perf_counter()
            for camera in ("1", "2"):
                body = {"camera": camera, "days": 1}
                assert server.http.post("/file/pathClean", json=body, timeout=600).json()["deleted"]
            took = time.perf_counter() - started
            over.set()
            asking.join()
        assert len(server.images(9)) == server.post("/file/pathFileCount", camera="9")["count"]
        assert len(server.images(9)) == saving.saved
        for camera in ("1", "2"):
            assert server.http.post("/file/pathFileCount", json={"camera": camera}).json() in (
                {"count": 0, "confidence": 100},
                {"error": f"there is no camera '{camera}'; GET /cameras lists all"},
            )
        print(f"{saving.saved} images saved meanwhile, all there")
    return took, sorted(answers)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure deleting images.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=500_000)
    given = parser.parse_args()
    alone, beside, ours = (given.folder / name / "data" for name in ("alone", "beside", "ours"))
    for data in (alone, beside, ours):
        if not data.exists():
            make(data, given.images, 2, flat=False)
    quiet = remove(alone)
    with Saving(beside):
        busy = remove(beside)
    took, answers = clean(ours)
    print(f"{given.images:,} images: rm {quiet:.2f} s, rm while images are saved {busy:.2f} s,")
    print(f"ours while images are saved {took:.2f} s: {took / quiet:.2f}, {took / busy:.2f}")
    p99 = answers[int(len(answers) * 0.99) - 1]
    print(f"answers meanwhile: median {median(answers):.1f}, p99 {p99:.1f} ms")


if __name__ == "__main__":
    main()
