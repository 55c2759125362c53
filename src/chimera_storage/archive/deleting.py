"""Deleting images: files first, then their rows and totals, then the folders that emptied.

A row goes only when its file is gone, so a file that cannot be deleted stays counted; a crash
between the two leaves rows without files, which the next comparison takes away.

A span of seconds goes as a whole: its rows are read as plain tuples, its files unlinked, and its
rows deleted by one statement, which costs a quarter of deleting them one by one. Files are unlinked
by several threads: two thirds of an unlink is waiting for the disk (ext4: 72 us, with four threads
35 us each), and a server that answers meanwhile holds the interpreter's lock.
"""

import errno
import os
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from chimera_storage.archive import sidecar
from chimera_storage.archive.index import BATCH, Index
from chimera_storage.archive.index.spans import SpanRow
from chimera_storage.archive.layout import HOUR_S, Layout
from chimera_storage.durable import sync_folder
from chimera_storage.errors import storage_error
from chimera_storage.log import get_logger
from chimera_storage.model import ImageKey

THINNED = ".thinned"  # in an hour's folder: its images were thinned; see upkeep
_HIDDEN = frozenset({sidecar.NAME, THINNED})  # go with the last image
_CHUNK = 4000  # rows of a span between two transactions; a writer waits some 10 ms for one
_UNLINKERS = 4
_PORTION = 500  # files of one of them

_log = get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """What went: images, their bytes, and the first and last second that they were of."""

    count: int = 0
    size: int = 0
    first_s: int = 0
    last_s: int = 0


class Deleter:
    """Deletes images of one archive.

    Every method raises StorageError where the index fails, and on a read-only disk.
    """

    def __init__(self, layout: Layout, index: Index) -> None:
        self._layout = layout
        self._index = index

    def keys(self, keys: Iterable[ImageKey]) -> tuple[int, int]:
        """(asked for, gone) of single images; one whose file was gone already counts as gone."""
        asked = gone = 0
        cameras: dict[int, bool] = {}
        batch: list[ImageKey] = []
        folders: set[Path] = set()

        def commit() -> None:
            self._index.remove_images(batch)
            batch.clear()
            remove_emptied(folders)

        for key in keys:
            asked += 1
            path = self._layout.image_path(key)
            if key.camera not in cameras:
                cameras[key.camera] = self._is_ours(key.camera)
            if not (cameras[key.camera] and _unlink(str(path))):
                continue
            gone += 1
            batch.append(key)
            if not key.flat:
                folders.add(path.parent)
            if len(batch) == BATCH:
                commit()
        commit()
        for camera, is_ours in cameras.items():
            if is_ours:
                self.sync(camera)
        return asked, gone

    def span(
        self, camera: int, first_s: int, last_s: int, *, stop: Callable[[], bool] = lambda: False
    ) -> Removed:
        """What went of the images of these seconds (since 1970, both included), oldest first.

        Ends early, in good order, once `stop()` is true. `sync` makes it durable.
        """
        if not self._is_ours(camera):
            return Removed()
        with ThreadPoolExecutor(_UNLINKERS, thread_name_prefix="unlink") as unlinkers:
            return self._span(camera, first_s, last_s, stop, unlinkers)

    def _span(
        self,
        camera: int,
        first_s: int,
        last_s: int,
        stop: Callable[[], bool],
        unlinkers: ThreadPoolExecutor,
    ) -> Removed:
        count = size = 0
        seconds: list[int] = []
        while first_s <= last_s and not stop():
            rows = self._index.span_rows(camera, first_s, last_s, limit=_CHUNK)
            if not rows:
                break
            end_s = last_s
            if len(rows) == _CHUNK:  # whole seconds only; the last one may be cut
                end_s = rows[-1][0]
                if rows[0][0] < end_s:
                    rows = [row for row in rows if row[0] < end_s]
                    end_s -= 1
                else:
                    rows = self._index.span_rows(camera, end_s, end_s, limit=10**9)
            gone = self._files(camera, rows, unlinkers)
            if len(gone) < len(rows) or not self._index.remove_span(
                camera, first_s, end_s, expected=len(rows)
            ):
                self._index.remove_images(_key(camera, row) for row in gone)
            self._remove_emptied_hours(camera, rows)
            count += len(gone)
            size += sum(row[3] for row in gone)
            seconds += [row[0] for row in (*gone[:1], *gone[-1:])]
            first_s = end_s + 1
        if not count:
            return Removed()
        return Removed(count=count, size=size, first_s=seconds[0], last_s=seconds[-1])

    def sync(self, camera: int) -> None:
        """Makes deletions of a camera durable, at the cost of one: journals keep the order."""
        with suppress(OSError):
            sync_folder(self._layout.camera_folder(camera))

    def _files(
        self, camera: int, rows: list[SpanRow], unlinkers: ThreadPoolExecutor
    ) -> list[SpanRow]:
        """Unlinks the files of the rows; those rows whose file is gone."""

        def unlink(portion: list[SpanRow]) -> list[SpanRow]:
            paths = self._layout.image_paths(camera, portion)
            return [row for row, path in zip(portion, paths, strict=True) if _unlink(path)]

        portions = (rows[at : at + _PORTION] for at in range(0, len(rows), _PORTION))
        return list(chain.from_iterable(unlinkers.map(unlink, portions)))

    def _remove_emptied_hours(self, camera: int, rows: list[SpanRow]) -> None:
        hours = {row[0] // HOUR_S for row in rows if not row[2]}
        remove_emptied({self._layout.hour_folder(camera, hour) for hour in hours})

    def _is_ours(self, camera: int) -> bool:
        if self._layout.camera_folder(camera).is_symlink():
            _log.error("delete_refused", camera=camera, problem="folder is a symlink")
            return False
        return True


def remove_emptied(folders: set[Path]) -> None:
    """Removes the hours' folders that are empty, then their days'; a writer makes them anew."""
    for hour in folders:
        with suppress(OSError):  # not empty, or gone
            names = os.listdir(hour)  # noqa: PTH208 - names are enough
            if _HIDDEN.issuperset(names):
                for name in names:
                    (hour / name).unlink()
                hour.rmdir()
                hour.parent.rmdir()
    folders.clear()


def _unlink(path: str) -> bool:
    """Whether the file is gone. Raises StorageError on a read-only disk, which keeps all others."""
    try:
        os.unlink(path)  # noqa: PTH108 - a Path for each of half a million takes longer than this
    except FileNotFoundError:
        return True
    except OSError as error:
        if error.errno == errno.EROFS:
            raise storage_error("images cannot be deleted", error) from error
        camera, _, name = path.rpartition("captures/")[2].partition("/")
        _log.error("delete_failed", camera=camera, file=name, problem=error.strerror)
        return False
    return True


def _key(camera: int, row: SpanRow) -> ImageKey:
    number = None if row[1] < 0 else row[1]
    return ImageKey(camera=camera, second=row[0], number=number, flat=bool(row[2]))
