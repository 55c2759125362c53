"""A power cut: what the disk holds at that moment, and nothing that was only in memory.

A small ext4 file system lies in a file, which holds what was written to the "disk"; a copy of it
taken while the file system is mounted is what a power cut would leave. Mounted, its journal is
played back as after a real one.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path

import pytest

from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import open_index
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import SystemClock
from tests.support.archive import EVER, JPEG

SILENT = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)

SAVER = """
import sys
from pathlib import Path
from chimera_storage.clock import to_us
from chimera_storage.model import Event
from tests.support.archive import JPEG, NOW, open_store
with open_store(Path(sys.argv[1])) as store:
    writer = store.writer()
    start = to_us(NOW)
    writer.note_event(Event(camera=1, start_us=start, end_us=None))
    for number in range(10**9):
        for n in range(20):
            at = start + (number * 20 + n) * 90_000_000 + 5
            writer.save(1, at, JPEG, width=32, height=16, score=0.5, event=start)
        print("saved", flush=True)
        sys.stdin.readline()
        writer.flush()
        print("flushed", flush=True)
        sys.stdin.readline()
"""


@contextmanager
def mounted(image: Path, folder: Path) -> Iterator[None]:
    folder.mkdir()
    try:
        # The journal is written by fsync alone, not by the clock.
        subprocess.run(
            ["mount", "-o", "loop,commit=300", image, folder], check=True, capture_output=True
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a file system in a file cannot be mounted here: {error}")
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


@pytest.fixture
def disk(tmp_path: Path) -> Path:
    """A file with an ext4 file system."""
    if os.geteuid() != 0:
        pytest.skip("mounting a file system takes root")
    if shutil.which("mkfs.ext4") is None:
        pytest.skip("mkfs.ext4 is not installed")
    image = tmp_path / "disk"
    with image.open("wb") as file:
        file.truncate(24 * 2**20)
    subprocess.run(["mkfs.ext4", "-q", "-F", image], check=True)
    return image


@pytest.mark.parametrize("rounds", [1, 3])
@pytest.mark.parametrize("moment", ["flushed", "saved"])
def test_a_power_cut_takes_nothing_of_what_was_flushed(
    moment: str, rounds: int, disk: Path, tmp_path: Path
) -> None:
    with mounted(disk, tmp_path / "before"):
        saver = subprocess.Popen(
            [sys.executable, "-c", SAVER, str(tmp_path / "before/data")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert saver.stdin is not None
        assert saver.stdout is not None
        flushed = 0
        while True:
            said = saver.stdout.readline().strip()
            flushed += said == "flushed"
            if said == moment and flushed == rounds:
                break
            saver.stdin.write("go on\n")
            saver.stdin.flush()
        shutil.copy(disk, tmp_path / "after-disk")
        saver.kill()
        saver.communicate()
    with mounted(tmp_path / "after-disk", tmp_path / "after"):
        layout = Layout(tmp_path / "after/data", UTC)
        index = open_index(layout)
        try:
            rows = index.images(1, *EVER)
            assert len(rows) == 20 * flushed
            assert all(layout.image_path(row.key).read_bytes() == JPEG for row in rows)
            assert all(row.score == 0.5 for row in rows)
            before = len(index.events(1, *EVER))
            assert before == 1
        finally:
            index.close()
        for path in layout.root.glob("index.db*"):
            path.unlink()
        assert_the_same_comes_from_the_files(layout, 20 * flushed)


def assert_the_same_comes_from_the_files(layout: Layout, flushed: int) -> None:
    """Also without the index: what is beside the images was as durable as they."""
    index = open_index(layout)
    try:
        reconciler = Reconciler(Archive(layout, index, SystemClock()))
        reconciler.start()
        assert reconciler.wait_complete(20)
        reconciler.close()
        assert sum(row.score == 0.5 for row in index.images(1, *EVER)) == flushed
        assert len(index.events(1, *EVER)) == 1
    finally:
        index.close()
    assert check(layout, SystemClock(), SILENT).left == 0
