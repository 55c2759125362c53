"""A file system of a few megabytes that can be filled, emptied and made read-only."""

import errno
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest


class SmallDisk:
    """A mounted tmpfs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / "filler"

    def fill(self, *, leave: int = 0) -> None:
        """Takes all room but `leave` bytes (whole pages of 4 KiB)."""
        self.empty()
        with self._filler.open("wb", buffering=0) as file:
            try:
                while True:
                    file.write(b"\1" * 65536)
            except OSError as error:
                assert error.errno == errno.ENOSPC
            file.truncate(os.fstat(file.fileno()).st_size - leave)

    def empty(self) -> None:
        """Gives the room back."""
        self._filler.unlink(missing_ok=True)

    def make_read_only(self, read_only: bool = True) -> None:
        """Mounts it anew. Nothing on it may be open for writing."""
        _mount("-o", f"remount,{'ro' if read_only else 'rw'}", self.folder)


@contextmanager
def small_disk(folder: Path, size_kb: int = 2048) -> Iterator[SmallDisk]:
    """Mounts one; skips the test where that is not allowed."""
    if os.geteuid() != 0:
        pytest.skip("mounting a small file system takes root")
    folder.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", folder)
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"a small file system cannot be mounted here: {error}")
    try:
        yield SmallDisk(folder)
    finally:
        subprocess.run(["umount", "--lazy", folder], check=True)


def _mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True, capture_output=True)
