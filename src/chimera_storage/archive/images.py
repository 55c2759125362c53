"""Images at rest: opening and deleting them. Files go before rows; writing is in `writer`.

A row is removed only when its file is gone, so a file that cannot be deleted stays counted. A crash
between the two leaves rows without files, which the next comparison (`compare`) takes away.
"""

import os
import stat
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from chimera_storage.archive import sidecar, walk
from chimera_storage.archive.index import BATCH, Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import Clock
from chimera_storage.errors import NotFoundError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import ImageKey

__all__ = ["Archive", "ImageWriter"]

_log = get_logger()


class Archive:
    """Reading and deleting; one per process. Thread-safe."""

    def __init__(self, layout: Layout, index: Index, clock: Clock) -> None:
        self.layout = layout
        self.index = index
        self.clock = clock

    def open(self, key: ImageKey) -> BinaryIO:
        """An open descriptor of the file, never of what a symlink in its place leads to.

        Raises NotFoundError where it is gone or no regular file, StorageError where it cannot be
        read.
        """
        try:
            descriptor = os.open(
                self.layout.image_path(key),
                os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK,
            )
        except PermissionError as error:
            raise StorageError(f"the image cannot be read: {error.strerror}") from None
        except OSError:
            raise NotFoundError("there is no such image") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotFoundError("there is no such image")
        return os.fdopen(descriptor, "rb")

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
        asked = gone = 0
        cameras: set[int] = set()
        batch: list[ImageKey] = []
        folders: set[Path] = set()

        def commit() -> None:
            self.index.remove_images(batch)
            batch.clear()
            _remove_emptied(folders)

        for key in keys:
            asked += 1
            path = self.layout.image_path(key)
            if not self._unlink(key, path, checked=cameras):
                continue
            gone += 1
            batch.append(key)
            if not key.flat:
                folders.add(path.parent)
            if len(batch) == BATCH:
                commit()
        commit()
        for camera in cameras:
            _sync_folder(self.layout.camera_folder(camera))
        return asked, gone

    def delete_camera(self, camera: int) -> int:
        """Every image of a camera, known to the index or not; returns how many files went.

        Images saved while this runs may stay. Raises StorageError.
        """
        _, gone = self.delete(self.files(camera))
        self.delete(self.index.keys(camera))  # rows whose file was gone before
        return gone

    def _unlink(self, key: ImageKey, path: Path, *, checked: set[int]) -> bool:
        """Whether the file is gone. `checked`: cameras whose folder is no symlink, added to."""
        if key.camera not in checked:
            if self.layout.camera_folder(key.camera).is_symlink():
                _log.error("delete_refused", camera=key.camera, problem="folder is a symlink")
                return False
            checked.add(key.camera)
        try:
            path.unlink()
        except FileNotFoundError:
            return True
        except OSError as error:
            _log.error("delete_failed", camera=key.camera, file=path.name, problem=error.strerror)
            return False
        return True


def _remove_emptied(folders: set[Path]) -> None:
    """Removes the hours' folders that are empty, then their days'; a writer makes them anew."""
    for hour in folders:
        with suppress(OSError):  # not empty, or gone
            if os.listdir(hour) == [sidecar.NAME]:  # noqa: PTH208 - names are enough
                (hour / sidecar.NAME).unlink()
            hour.rmdir()
            hour.parent.rmdir()
    folders.clear()


def _sync_folder(folder: Path) -> None:
    """Makes deletions below durable, at the cost of one: journals keep the order of changes."""
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _unlistable(camera: int, error: OSError) -> StorageError:
    return StorageError(f"the folder of camera {camera} cannot be read: {error.strerror}")
