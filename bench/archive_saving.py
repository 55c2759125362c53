"""Images saved a second, beside plain write and rename of the same bytes with the same syncing.

    python bench/archive_saving.py FOLDER [--images 1000] [--runs 3] [--interval 1]

Four cameras, a thread each, 1080p JPEGs of about 150 kB, as fast as they go; the time ends when all
are durable (and, of ours, in the index). The peers write a temporary file and rename it; every
interval they sync what was saved meanwhile: file after file with fsync, in eight threads like ours,
or the whole file system with syncfs. Nothing of what they save is in an index, has a CRC-32 or a
sidecar. Runs take turns; medians.
"""

import argparse
import ctypes
import os
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC
from pathlib import Path
from statistics import median

import numpy as np
import simplejpeg

from chimera_storage.archive.images import ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout

CAMERAS = (1, 2, 3, 4)
START_US = 1_767_225_600_000_000
STEP_US = 100_000
Save = Callable[[int, int, bytes], object]


def jpeg() -> bytes:
    """A 1080p picture of about 150 kB."""
    noise = np.random.default_rng(1).normal(128, 12, (1080, 1920, 1)).clip(0, 255)
    encoded: bytes = simplejpeg.encode_jpeg(noise.astype(np.uint8), quality=32, colorspace="GRAY")
    return encoded


def in_threads(save: Save, images: int, data: bytes) -> None:
    """Every camera saves its share."""

    def camera(id_: int) -> None:
        for n in range(images // len(CAMERAS)):
            save(id_, START_US + n * STEP_US, data)

    with ThreadPoolExecutor(len(CAMERAS)) as cameras:
        list(cameras.map(camera, CAMERAS))


def ours(folder: Path, images: int, interval_s: float, data: bytes) -> None:
    """Through ImageWriter."""
    layout = Layout(folder, UTC)
    layout.captures.mkdir(parents=True)
    index = Index(layout.index)
    writer = ImageWriter(layout, index, sync_interval_s=interval_s)
    writer.start()
    in_threads(
        lambda camera, us, jpeg: writer.save(
            camera, us, jpeg, width=1920, height=1080, score=0.1, event=START_US
        ),
        images,
        data,
    )
    writer.close()
    assert sum(index.totals(camera).count for camera in CAMERAS) == images
    index.close()


class Plain:
    """Write and rename, and a thread that syncs."""

    def __init__(self, folder: Path, sync: Callable[[Path, list[Path]], None]) -> None:
        self._folder, self._sync = folder, sync
        self._saved: list[Path] = []
        for camera in CAMERAS:
            (folder / str(camera)).mkdir(parents=True)

    def run(self, images: int, interval_s: float, data: bytes) -> None:
        """Save, sync every interval, and at the end."""
        closing = threading.Event()

        def syncing() -> None:
            while not closing.wait(interval_s):
                self._sync_saved()

        thread = threading.Thread(target=syncing)
        thread.start()
        in_threads(self._save, images, data)
        closing.set()
        thread.join()
        self._sync_saved()

    def _save(self, camera: int, us: int, data: bytes) -> None:
        path = self._folder / str(camera) / f"{us}.jpg"
        temporary = path.with_suffix(".tmp")
        with temporary.open("wb", buffering=0) as file:
            file.write(data)
        temporary.rename(path)
        self._saved.append(path)

    def _sync_saved(self) -> None:
        saved, self._saved = self._saved, []
        self._sync(self._folder, saved)


def one_by_one(_: Path, saved: list[Path]) -> None:
    """fsync of each, then of their folders."""
    for path in [*saved, *{path.parent for path in saved}]:
        _fsync(path)


def eight_at_once(_: Path, saved: list[Path]) -> None:
    """The same in threads."""
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(_fsync, saved))
        list(threads.map(_fsync, {path.parent for path in saved}))


def syncfs(folder: Path, _: list[Path]) -> None:
    """All that the file system has to write, whoever wrote it."""
    descriptor = os.open(folder, os.O_RDONLY)
    assert ctypes.CDLL(None).syncfs(descriptor) == 0
    os.close(descriptor)


def _fsync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure what saving images costs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1000)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--interval", type=float, default=1.0)
    given = parser.parse_args()
    data = jpeg()
    peers = {
        "plain, fsync one by one": one_by_one,
        "plain, eight fsyncs at once": eight_at_once,
        "plain, syncfs": syncfs,
    }
    rates: dict[str, list[float]] = {}
    for _ in range(given.runs):
        for name in ("ours", *peers):
            folder = given.folder / "saving"
            shutil.rmtree(folder, ignore_errors=True)
            os.sync()
            started = time.perf_counter()
            if name == "ours":
                ours(folder, given.images, given.interval, data)
            else:
                Plain(folder, peers[name]).run(given.images, given.interval, data)
            rates.setdefault(name, []).append(given.images / (time.perf_counter() - started))
            shutil.rmtree(folder)
    print(f"{given.images} images of {len(data) / 1000:.0f} kB, synced every {given.interval} s")
    print("| way | images/s | ours / this |\n| --- | --- | --- |")
    mine = median(rates["ours"])
    for name, found in rates.items():
        print(f"| {name} | {median(found):.0f} | {mine / median(found):.2f} |")


if __name__ == "__main__":
    main()
