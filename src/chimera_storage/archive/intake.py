"""Files become rows: by name, size and sidecar at once, by their content where they are young.

A million files are taken in at the speed of listing them only if none is opened. What a file alone
can say (CRC-32, width, height, whether it is an image at all) is asked of old files afterwards, by
`read_some`. Young ones are read and synced first: a file is durable before its row.
"""

import os
import stat
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from chimera_storage.archive import walk
from chimera_storage.archive.adopt import (
    DURABLE_AGE_S,
    LARGEST,
    LEFTOVER_AGE_S,
    SETTLED_AGE_S,
    Age,
    Refusal,
    read_image,
)
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index.image_rows import Row
from chimera_storage.archive.sidecar import Facts
from chimera_storage.archive.walk import Name
from chimera_storage.log import get_logger
from chimera_storage.model import Image, ImageKey

_MANY_YOUNG = 200  # files: beyond, one sync of everything is cheaper than one for each
_REFUSED_KEPT = 10_000
_READ_AT_ONCE = 200  # files between two transactions

_log = get_logger()


class Intake:
    """Makes rows of files. `look_again(camera, folder, file)` hears of those still written to."""

    def __init__(self, archive: Archive, look_again: Callable[[int, str, str], None]) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._clock = archive.clock
        self._look_again = look_again
        self._refused: dict[ImageKey, tuple[int, int]] = {}  # → mtime_ns and size
        self._told_of: set[int] = set()
        self._young = 0
        self._read_up_to: ImageKey | None = None

    def begin(self) -> None:
        """A folder begins: how many young ones it has is counted anew."""
        self._young = 0

    def row(
        self,
        key: ImageKey,
        name: Name,
        file: str,
        folder: tuple[int, str],
        facts: Mapping[Name, Facts],
    ) -> Row | None:
        """The row of a file; None where it is none of an image, gone, or not whole yet.

        `folder`: an open descriptor of the folder, and its name below the camera's.
        """
        descriptor, below = folder
        try:
            status = os.lstat(file, dir_fd=descriptor)
        except OSError:
            return None
        begin = (key.camera, *name, int(key.flat))
        known = facts.get(name)
        if known is not None and known[1] == status.st_size:
            return (*begin, *known)
        if self._refused.get(key) == (status.st_mtime_ns, status.st_size):
            return None
        why = self._first_look(status)
        if why is None and self._is_durable(status):
            return (*begin, 0, status.st_size, None, 0, 0, None, None, None)
        image = why or read_image(self._layout.image_path(key), key, self._clock)
        if isinstance(image, Refusal):
            self._refuse(key, below, file, status, image)
            return None
        return (*begin, 0, image.size, image.crc32, image.width, image.height, None, None, None)

    @staticmethod
    def known_rows(
        camera: int, descriptor: int, files: dict[Name, str], facts: Mapping[Name, Facts]
    ) -> list[Row]:
        """The rows of a dated folder's files whose sidecar knows them, in its order: that of time.

        They are taken out of `files`. For an index that is made anew: without a key, a sort or a
        call for each of a million.
        """
        rows: list[Row] = []
        lstat, found = os.lstat, files.get
        for name, known in facts.items():
            file = found(name)
            if file is None:
                continue
            try:
                size = lstat(file, dir_fd=descriptor).st_size
            except OSError:
                continue
            if size == known[1]:
                del files[name]
                rows.append((camera, *name, 0, *known))
        return rows

    def read_some(self, files: int) -> int:
        """Reads up to `files` that were taken in unread, and notes what they say; how many.

        One that turns out to be no image loses its row. 0: there are no more; the next call begins
        with the first again, which may have become readable.
        """
        rows = self._index.unread(files, after=self._read_up_to)
        self._read_up_to = rows[-1].key if rows else None
        self._read(rows)
        return len(rows)

    def read_camera(self, camera: int) -> None:
        """Reads all of one camera that were taken in unread."""
        after: ImageKey | None = None
        while rows := self._index.unread(_READ_AT_ONCE, camera=camera, after=after):
            after = rows[-1].key
            self._read(rows)

    def _read(self, rows: list[Image]) -> None:
        read: list[Image] = []
        changed: list[Image] = []
        gone: list[ImageKey] = []
        for row in rows:
            path = self._layout.image_path(row.key)
            image = read_image(path, row.key, self._clock, sync=False)
            if isinstance(image, Image):
                (read if image.size == row.size else changed).append(image)
            elif image is not Refusal.UNREADABLE:
                gone.append(row.key)
                with suppress(OSError):
                    self._refuse(row.key, walk.below(row.key, path), path.name, path.lstat(), image)
        self._index.set_contents(read)
        self._index.add_images(changed, replace=True)
        self._index.remove_images(gone)

    def _is_durable(self, status: os.stat_result) -> bool:
        """Whether the kernel wrote it back by now; the inode's own time tells of copies too."""
        age = Age.of(status, self._clock)
        if age.untouched_seconds > DURABLE_AGE_S:
            return True
        self._young += 1
        if self._young == _MANY_YOUNG:
            os.sync()
        return self._young > _MANY_YOUNG and age.seconds > SETTLED_AGE_S

    def _first_look(self, status: os.stat_result) -> Refusal | None:
        """Why a file of this status is no image; None where it may be one."""
        if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
            return Refusal.NO_IMAGE
        if status.st_size:
            return None
        is_young = Age.of(status, self._clock).seconds < SETTLED_AGE_S
        return Refusal.UNFINISHED if is_young else Refusal.EMPTY

    def _refuse(
        self, key: ImageKey, below: str, file: str, status: os.stat_result, why: Refusal
    ) -> None:
        if why is Refusal.UNFINISHED:
            self._look_again(key.camera, below, file)
        elif why is Refusal.EMPTY and not key.flat:
            # A name without content is all that a power cut leaves of an image not yet synced.
            drop_if_leftover(self._layout.image_path(key), self._archive)
        elif why is not Refusal.GONE:
            while len(self._refused) >= _REFUSED_KEPT:
                self._refused.pop(next(iter(self._refused)))
            if why is not Refusal.UNREADABLE:
                stamp = (status.st_mtime_ns, status.st_size)
                self._refused[key] = stamp
            if key.camera not in self._told_of:
                self._told_of.add(key.camera)
                _log.warning("files_are_no_images", camera=key.camera, example=file)


def drop_leftovers(folder: str, archive: Archive) -> None:
    """Deletes temporary files in a folder that nobody has written to for an hour."""
    for name in walk.temporary_files(folder):
        drop_if_leftover(Path(folder) / name, archive)


def drop_if_leftover(path: Path, archive: Archive) -> None:
    """Deletes a file that nobody has written to for an hour."""
    with suppress(OSError):
        status = path.lstat()
        if Age.of(status, archive.clock).untouched_seconds > LEFTOVER_AGE_S:
            path.unlink()
            _log.info("leftover_deleted", file=path.name, bytes=status.st_size)
