"""One camera's files against its rows, an hour at a time. `watch` decides when and what.

Rules that keep footage and rows safe:
- A row goes only when `lstat` says that its file does not exist, and never while the camera's
  folder is missing or was exchanged (a lost mount); that is logged instead.
- A file is taken in beside a running recorder too. The row is inserted by whoever comes first; the
  recorder's replaces ours, because it knows score, boxes and event, and ours never replaces one
  of the same size.
- After rows are inserted their files are looked for again: see `writer` on deletions in between.
"""

import os
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

from chimera_storage.archive import walk
from chimera_storage.archive.adopt import LEFTOVER_AGE_S, Age, Refusal, read_image
from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import is_temporary
from chimera_storage.log import get_logger
from chimera_storage.model import Image, ImageKey

_BATCH = 200  # images read between two transactions

_log = get_logger()

Identity = tuple[int, int]  # of a folder: device and inode


class InterruptedComparisonError(Exception):
    """`closing` was set."""


class Comparer:
    """Compares one camera's files with its rows and changes the rows.

    `closing`: once set, methods raise InterruptedComparisonError between two files.
    `on_unfinished` hears of files that are still being written to: camera and name.
    """

    def __init__(
        self,
        archive: Archive,
        closing: threading.Event,
        on_unfinished: Callable[[int, str], None],
    ) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._clock = archive.clock
        self._closing = closing
        self._on_unfinished = on_unfinished
        self._missing: set[int] = set()

    def identity(self, camera: int) -> Identity | None:
        """Device and inode of the camera's folder; None where it is missing or a symlink."""
        folder = self._layout.camera_folder(camera)
        if folder.is_dir() and not folder.is_symlink():
            self._missing.discard(camera)
            status = folder.stat()
            return status.st_dev, status.st_ino
        if camera not in self._missing:
            self._missing.add(camera)
            _log.warning("camera_folder_missing", camera=camera, effect="its rows are kept")
        return None

    def compare_hour(
        self,
        camera: int,
        hour: int,
        flat: Iterable[ImageKey] | None,
        *,
        identity: Identity,
        min_age_s: float = 0.0,
    ) -> tuple[int, int]:
        """`flat`: the hour's flat files, None where only the dated ones are compared."""
        known = self._index.sizes(camera, hour)
        folder = self._layout.hour_folder(camera, hour)
        found = self._list_dated(camera, folder)
        if flat is None:
            known = {key: size for key, size in known.items() if not key.flat}
        else:
            found |= {key: str(self._layout.image_path(key)) for key in flat}
        unknown: dict[ImageKey, str] = {}
        for key, path in found.items():
            self._stop_where_closing()
            try:
                status = os.lstat(path)
            except FileNotFoundError:
                continue
            if key not in known:
                if min_age_s == 0 or Age.of(status, self._clock).seconds >= min_age_s:
                    unknown[key] = path
            elif status.st_size != known[key]:
                unknown[key] = path
        gone = [key for key in known if key not in found]
        return self.adopt(unknown, replace=known), self.remove(camera, gone, identity)

    def adopt(
        self, files: dict[ImageKey, str], *, replace: Iterable[ImageKey] = frozenset()
    ) -> int:
        """Takes files in; those of `replace` have a row that tells of another file."""
        outdated = set(replace)
        added = 0
        batch: list[Image] = []
        refused: list[ImageKey] = []
        for key, path in files.items():
            self._stop_where_closing()
            image = read_image(path, key, self._clock)
            if isinstance(image, Image):
                batch.append(image)
            elif self._refused(key, path, image):
                refused.append(key)
            if len(batch) == _BATCH:
                added += self._insert(batch, outdated)
                batch = []
        if refused:
            example = self._layout.image_path(refused[0]).name
            _log.warning(
                "files_are_no_images",
                camera=refused[0].camera,
                files=len(refused),
                example=example,
            )
        return added + self._insert(batch, outdated)

    def _insert(self, batch: list[Image], outdated: set[ImageKey]) -> int:
        new = self._index.add_images([image for image in batch if image.key not in outdated])
        self._index.add_images([image for image in batch if image.key in outdated], replace=True)
        gone = [i.key for i in batch if walk.is_gone(self._layout.image_path(i.key))]
        return new - self._index.remove_images(gone)

    def _refused(self, key: ImageKey, path: str, why: Refusal) -> bool:
        """Whether it stays refused and its owner should know."""
        if why is Refusal.UNFINISHED:
            self._on_unfinished(key.camera, os.path.basename(path))  # noqa: PTH119
        elif why is Refusal.EMPTY and not key.flat:
            # A name without content is all that a power cut leaves of an image not yet synced.
            _drop_if_leftover(Path(path), self._archive)
        else:
            return why is not Refusal.GONE
        return False

    def remove(self, camera: int, keys: list[ImageKey], identity: Identity) -> int:
        """Removes the rows whose files are gone, unless the camera's folder is another by now."""
        gone = [key for key in keys if walk.is_gone(self._layout.image_path(key))]
        if not gone or self.identity(camera) != identity:
            return 0
        return self._index.remove_images(gone)

    def _list_dated(self, camera: int, folder: Path) -> dict[ImageKey, str]:
        try:
            names = os.listdir(folder)  # noqa: PTH208
        except (FileNotFoundError, NotADirectoryError):
            return {}
        found = {}
        for name in names:
            key = self._layout.dated_key(camera, folder.parent.name, folder.name, name)
            if key is not None:
                found[key] = f"{folder}/{name}"
        if len(found) < len(names):
            drop_leftovers(folder, self._archive)
        return found

    def _stop_where_closing(self) -> None:
        if self._closing.is_set():
            raise InterruptedComparisonError


def drop_leftovers(folder: Path, archive: Archive) -> None:
    """Deletes temporary files that nobody has written to for an hour."""
    for name in os.listdir(folder):  # noqa: PTH208
        if is_temporary(name):
            _drop_if_leftover(folder / name, archive)


def _drop_if_leftover(path: Path, archive: Archive) -> None:
    with suppress(OSError):
        status = path.lstat()
        if Age.of(status, archive.clock).seconds > LEFTOVER_AGE_S:
            path.unlink()
            _log.info("leftover_deleted", file=path.name, bytes=status.st_size)
