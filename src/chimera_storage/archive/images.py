"""Images at rest: opening and deleting them. Files go before rows; writing is in `writer`.

A row is removed only when its file is gone, so a file that cannot be deleted stays counted. A crash
between the two leaves rows without files, which the next comparison (`compare`) takes away.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

from chimera_storage.archive import walk
from chimera_storage.archive.deleting import Deleter, Removed
from chimera_storage.archive.holds import Holds
from chimera_storage.archive.index import Index
from chimera_storage.archive.keep import KeepFile
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import Mark
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import Clock
from chimera_storage.errors import NotFoundError, StorageError
from chimera_storage.model import ImageKey

__all__ = ["Archive", "ImageWriter", "read_image"]

_FARTHEST_S = 2**40  # beyond every time that a name can say


class Archive:
    """Reading and deleting; one per process. Thread-safe."""

    def __init__(self, layout: Layout, index: Index, clock: Clock) -> None:
        self.layout = layout
        self.index = index
        self.clock = clock
        self.mark = Mark(layout)
        self.deleter = Deleter(layout, index)
        self.keep = KeepFile(layout)
        self.holds = Holds(clock)

    def open(self, key: ImageKey) -> BinaryIO:
        """An open descriptor of the file, never of what a symlink in its place leads to.

        Raises NotFoundError where it is gone or no regular file, StorageError where it cannot be
        read.
        """
        return os.fdopen(_open(self.layout.image_path(key)), "rb")

    def files(self, camera: int) -> Iterator[ImageKey]:
        """Every image file of a camera, in the index or not. Raises StorageError."""
        try:
            yield from walk.all_keys(self.layout, camera)
        except OSError as error:
            raise _unlistable(camera, error) from None

    def delete(self, keys: Iterable[ImageKey]) -> tuple[int, int]:
        """(asked for, gone). Files first, then rows and totals, in batches.

        Emptied dated folders go too. A file that was gone already counts as gone; one that cannot
        be deleted keeps its row. Raises StorageError where the index fails.
        """
        return self.deleter.keys(keys)

    def delete_camera(self, camera: int) -> Removed:
        """Every image of a camera, known to the index or not; how many, and bytes of the known.

        Those count too whose file was gone before. Images saved while this runs may stay. Raises
        StorageError.
        """
        known = self.deleter.span(camera, -_FARTHEST_S, _FARTHEST_S)
        _, unknown = self.delete(self.files(camera))
        return replace(known, count=known.count + unknown)


def read_image(path: str | Path, most: int) -> bytes | None:
    """The bytes of an image at a path that `Layout` made, read at once.

    None where it is gone, no regular file, unreadable or larger than `most` bytes.
    """
    try:
        descriptor = _open(path)
    except (NotFoundError, StorageError):
        return None
    try:
        size = os.fstat(descriptor).st_size
        data = os.read(descriptor, size + 1) if size <= most else b""
        while 0 < len(data) <= size and (rest := os.read(descriptor, size + 1 - len(data))):
            data += rest
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return data if len(data) == size <= most else None


def _open(path: str | Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    except PermissionError as error:
        raise StorageError(f"the image cannot be read: {error.strerror}") from None
    except OSError:
        raise NotFoundError("there is no such image") from None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise NotFoundError("there is no such image")
    return descriptor


def _unlistable(camera: int, error: OSError) -> StorageError:
    return StorageError(f"the folder of camera {camera} cannot be read: {error.strerror}")
