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
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.model import ImageKey
from tests.support.archive import EVER, JPEG, NOW, open_store

NOW_S = to_us(NOW) // 1_000_000
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


@pytest.mark.parametrize("flat", [False, True])
def test_files_that_come_back_after_their_rows_went_for_good_are_found(
    flat: bool, disk: Path, tmp_path: Path
) -> None:
    """The index may be written back before the journal of the file system that holds the files."""
    with mounted(disk, tmp_path / "before"), open_store(tmp_path / "before/data") as store:
        keys = [ImageKey(camera=1, second=NOW_S + n, number=0, flat=flat) for n in range(3)]
        for key in keys:
            path = store.layout.image_path(key)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(JPEG)
        for folder in [store.layout.camera_folder(1), *store.layout.camera_folder(1).rglob("*")]:
            os.utime(folder, (NOW_S, NOW_S))  # nobody changed it for long: it is noted as compared
        compare(store.archive)
        compared = store.index.folders(1)
        assert all(stamp[0] == NOW_S * 10**9 for stamp in compared.values())
        os.sync()
        shutil.copy(disk, tmp_path / "after-disk")
        if flat:
            assert store.archive.delete(keys[:1]) == (1, 1)
        else:
            assert store.archive.deleter.span(1, NOW_S, NOW_S).count == 1
        for part in ("index.db", "index.db-wal", "index.db-shm"):
            shutil.copy(store.layout.root / part, tmp_path / part)
    with mounted(tmp_path / "after-disk", tmp_path / "after"):
        for part in ("index.db", "index.db-wal", "index.db-shm"):
            shutil.copy(tmp_path / part, tmp_path / "after/data" / part)
        with open_store(tmp_path / "after/data") as store:
            assert store.index.totals(1).count == 2
            compare(store.archive)
            assert list(store.index.keys(1)) == keys


def compare(archive: Archive) -> None:
    """What the server does at its start."""
    reconciler = Reconciler(archive)
    reconciler.start()
    assert reconciler.wait_complete(20)
    reconciler.close()


def assert_the_same_comes_from_the_files(layout: Layout, flushed: int) -> None:
    """Also without the index: what is beside the images was as durable as they."""
    index = open_index(layout)
    try:
        compare(Archive(layout, index, SystemClock()))
        assert sum(row.score == 0.5 for row in index.images(1, *EVER)) == flushed
        assert len(index.events(1, *EVER)) == 1
    finally:
        index.close()
    assert check(layout, SystemClock(), SILENT).left == 0
