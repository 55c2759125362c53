"""Processes that save and delete images until they are killed, and a look at what is left.

Each prints a line when something is certain: a saver after an image has its name, a deleter before
it deletes. What they printed is held against files, index and server after the crash.
"""

import random
import signal
import subprocess
import sys
import threading
import zlib
from collections import Counter
from dataclasses import dataclass, field
from datetime import UTC
from pathlib import Path

import numpy as np
import simplejpeg

from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.walk import all_keys
from chimera_storage.clock import SystemClock
from chimera_storage.model import ImageKey
from tests.support.server import RunningServer, clean_environment
from tests.support.waiting import wait_for

CAMERAS = (1, 2, 3, 4)
_KEPT = 400  # images of a camera; the deleter takes the older ones

SAVER = """
import os, random, sys, time, zlib
from datetime import UTC
from pathlib import Path
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.model import Box, Event
from tests.support.crashing import random_jpeg
root, cameras, seed = Path(sys.argv[1]), [int(c) for c in sys.argv[2].split(",")], sys.argv[3]
random.seed(seed)
layout = Layout(root, UTC)
writer = ImageWriter(layout, Index(layout.index), sync_interval_s=0.1)
writer.start()
event = None
for number in range(10**9):
    camera, at_us = cameras[number % len(cameras)], time.time_ns() // 1000
    if number % 40 == 0:
        if event is not None:
            writer.note_event(Event(camera=cameras[0], start_us=event, end_us=at_us))
        event = at_us
        writer.note_event(Event(camera=cameras[0], start_us=event, end_us=None))
    jpeg = random_jpeg()
    image = writer.save(
        camera, at_us, jpeg, width=64, height=48, score=0.5, boxes=(Box(1, 2, 3, 4),),
        event=event if camera == cameras[0] else None,
    )
    path = layout.image_path(image.key).relative_to(layout.captures)
    os.write(1, f"{path} {zlib.crc32(jpeg)}\\n".encode())
    time.sleep(0.004)
"""

DELETER = """
import os, sys, time
from datetime import UTC
from pathlib import Path
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
root, kept = Path(sys.argv[1]), int(sys.argv[2])
layout = Layout(root, UTC)
archive = Archive(layout, Index(layout.index), SystemClock())
while True:
    for camera in archive.index.cameras():
        keys = list(archive.index.keys(camera))[:-kept][:60]
        for key in keys:
            path = layout.image_path(key).relative_to(layout.captures)
            os.write(1, f"{path} -\\n".encode())
        archive.delete(keys)
    time.sleep(0.005)
"""


def random_jpeg() -> bytes:
    """A small picture unlike any other."""
    pixels = np.frombuffer(random.randbytes(6 * 8 * 3), np.uint8).reshape(6, 8, 3)
    jpeg: bytes = simplejpeg.encode_jpeg(
        np.ascontiguousarray(pixels.repeat(8, 0).repeat(8, 1)), colorspace="RGB"
    )
    return jpeg


class Worker:
    """One of the programs above, and what it has printed."""

    def __init__(self, program: str, *arguments: object) -> None:
        self.lines: list[str] = []
        self._process = subprocess.Popen(
            [sys.executable, "-c", program, *map(str, arguments)],
            stdout=subprocess.PIPE,
            env=clean_environment(),
            cwd=Path(__file__).parents[2],
        )
        self._reader = threading.Thread(target=self._read)
        self._reader.start()

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as pipe:
            self.lines.extend(line.decode().rstrip("\n") for line in pipe)

    def kill(self) -> None:
        """Ends it at whatever it is doing, and waits for the last it said."""
        assert self._process.poll() is None, f"it ended by itself: {self._process.returncode}"
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()
        self._reader.join()


@dataclass(slots=True)
class Counts:
    """How many images were saved (printed), renamed (on disk), indexed and served."""

    rounds: int = 0
    saved: int = 0
    deleted: int = 0
    unprinted: int = 0  # on disk and not printed: killed between the two
    renamed: int = 0
    indexed: int = 0
    served: int = 0
    without_score: int = 0  # killed before their batch
    killed: Counter[str] = field(default_factory=Counter)


class Crashes:
    """A data folder with a server, on which savers and a deleter are killed again and again."""

    def __init__(self, server: RunningServer, seed: int) -> None:
        self._server = server
        self._random = random.Random(seed)
        self._ways: list[str] = []  # of dying that are still to come, until each was there
        self.layout = Layout(server.data, UTC)
        self._crcs: dict[str, int] = {}
        self._announced: set[str] = set()
        self.counts = Counts()

    def round(self) -> None:
        """Load, kill -9 at a random moment, restart, compare. Raises AssertionError."""
        if not self._ways:
            self._ways = ["all", "all", "workers", "server"]
            self._random.shuffle(self._ways)
        chosen = self._ways.pop()
        seed = self._random.random()
        workers = [
            Worker(SAVER, self.layout.root, "1,2", f"{seed}a"),
            Worker(SAVER, self.layout.root, "3,4", f"{seed}b"),
            Worker(DELETER, self.layout.root, _KEPT),
        ]
        enough = self._random.randrange(2, 300)
        wait_for(
            lambda: (
                all(len(w.lines) >= min(enough, 20) for w in workers[:2])
                and sum(len(w.lines) for w in workers) >= enough
            ),
            "images",
        )
        self._random.shuffle(workers)
        before = self._random.randrange(4)  # of them are killed before the server
        for worker in workers[:before]:
            worker.kill()
        if chosen != "workers":
            self._server.stop(signal.SIGKILL)
        if chosen == "server":  # they go on without it
            self._server.start()
        for worker in workers[before:]:
            worker.kill()
        if chosen == "all":
            self._server.start()
        self.counts.killed[chosen] += 1
        self._take_notes(workers)
        self._compare()

    def finish(self) -> None:
        """Stops the server and checks everything. Raises AssertionError for any finding."""
        self._server.stop()
        listener = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)
        report = check(self.layout, SystemClock(), listener)
        assert report.left == 0, report
        assert report.images == self.counts.renamed

    def _take_notes(self, workers: list[Worker]) -> None:
        for worker in workers:
            for line in worker.lines:
                name, _, crc = line.partition(" ")
                if crc == "-":
                    self._announced.add(name)
                else:
                    self._crcs[name] = int(crc)
                    self.counts.saved += 1

    def _compare(self) -> None:
        files = self._files()
        lost = {name for name in self._crcs if name not in files} - self._announced
        assert not lost, f"renamed and lost: {sorted(lost)}"
        unprinted = files - self._crcs.keys()
        assert len(unprinted) <= 2, f"one of each saver at most: {sorted(unprinted)}"
        for name in files:
            crc = zlib.crc32((self.layout.captures / name).read_bytes())
            assert self._crcs.setdefault(name, crc) == crc, f"{name} is not what was saved"
        wait_for(lambda: self._served() == files, lambda: self._difference(files), timeout_s=90)
        indexed = self._indexed()
        assert indexed == files, f"indexed: {sorted(indexed ^ files)}"
        for camera in CAMERAS:
            of_camera = sum(name.startswith(f"{camera}/") for name in files)
            assert self._server.post("/file/pathFileCount", camera=camera)["count"] == of_camera
        for name in self._random.sample(sorted(files), min(20, len(files))):
            answer = self._server.http.get(f"/shared/captures/{name}")
            assert (answer.status_code, zlib.crc32(answer.content)) == (200, self._crcs[name])
        gone = self._announced - files
        self.counts.rounds += 1
        self.counts.deleted += len(gone)
        self.counts.unprinted += len(unprinted)
        self._note(files, indexed)
        self._crcs = {name: crc for name, crc in self._crcs.items() if name in files}
        self._announced &= files

    def _note(self, files: set[str], indexed: set[str]) -> None:
        self.counts.renamed, self.counts.indexed = len(files), len(indexed)
        self.counts.served = len(self._served())
        index = Index(self.layout.index)
        try:
            rows = [i for camera in CAMERAS for i in index.images(camera, -(2**62), 2**62)]
            self.counts.without_score = sum(row.score is None for row in rows)
        finally:
            index.close()

    def _files(self) -> set[str]:
        return {self._name(key) for camera in CAMERAS for key in all_keys(self.layout, camera)}

    def _indexed(self) -> set[str]:
        index = Index(self.layout.index)
        try:
            return {self._name(key) for camera in CAMERAS for key in index.keys(camera)}
        finally:
            index.close()

    def _served(self) -> set[str]:
        """Every image that the server lists, by its address."""
        listed = set()
        for camera in CAMERAS:
            answer = self._server.post(
                "/convert/listFramesVideo", camera=camera, hours=48, frames=10_000
            )
            listed |= {url.removeprefix("/shared/captures/") for url in answer["list"]}
        return listed

    def _difference(self, files: set[str]) -> str:
        served = self._served()
        return (
            f"files and answers to agree; not served: {sorted(files - served)[:5]},"
            f" not on disk: {sorted(served - files)[:5]}; the log:\n{self._server.log[-3000:]}"
        )

    def _name(self, key: ImageKey) -> str:
        return str(self.layout.image_path(key).relative_to(self.layout.captures))
