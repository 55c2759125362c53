"""How an image comes to rest: whole under its name at once, durable and in the index soon after.

1. It is written to a temporary file in its folder and linked into place. A link never replaces
   what stands there: with a name taken (a restart within the second, a clock set back) the next
   number is tried. From here on `kill -9` loses nothing; the comparison at start finds the file.
2. Every `sync_interval_s` the files saved meanwhile are synced, what their names do not say is
   added to their hours' sidecars, those and the folders are synced, then one transaction inserts
   the rows. A power cut loses at most what was saved since.
3. After that the files are looked for once more, and the rows of those that somebody deleted
   in between are taken out. Deleting goes file first, row second, so one of the two sees the other.
"""

import errno
import os
import secrets
import threading
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TypeVar

from chimera_storage.archive import sidecar, walk
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import HOUR_S, SECOND_US, TEMPORARY_SUFFIX, Layout
from chimera_storage.archive.mark import Mark
from chimera_storage.durable import sync_file, sync_folder
from chimera_storage.errors import InvalidInputError, StorageError, storage_error
from chimera_storage.log import get_logger
from chimera_storage.model import Box, Event, Image, ImageKey

_TRIES = 5  # a folder that is emptied and removed under our hands is made again this often
# One journal commit serves all that wait for it: 0.25 ms for each file in place of 3.6 ms.
_SYNCS_AT_ONCE = 8
# Of batches that fail the newest so many images are held, some 60 MB; the files of all are there.
MOST_WAITING = 100_000
# A file system without hard links (exFAT, some network shares) says one of these.
_NO_LINKS = (errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS)

_log = get_logger()
_T = TypeVar("_T")


class ImageWriter:
    """Saves the images of one recorder process. Thread-safe.

    `sync_interval_s`: seconds between two batches, and what a power cut may take.
    """

    def __init__(self, layout: Layout, index: Index, *, sync_interval_s: float) -> None:
        self._layout = layout
        self._index = index
        self._mark = Mark(layout)
        self._interval_s = sync_interval_s
        self._lock = threading.Lock()  # of the six below
        self._numbers: dict[int, tuple[int, int]] = {}  # camera → second, next number in it
        self._pending: list[Image] = []
        self._events: list[Event] = []
        self._made_in: set[Path] = set()  # folders in which a folder was made
        self._beside: set[Image | Event] = set()  # of a batch that failed: in the sidecars already
        self._failure: StorageError | None = None
        self._flushing = threading.Lock()
        self._syncers = ThreadPoolExecutor(_SYNCS_AT_ONCE, thread_name_prefix="image-sync")
        self._closing = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins to write batches every `sync_interval_s`."""
        self._thread = threading.Thread(target=self._run, name="image-writer", daemon=True)
        self._thread.start()

    def save(
        self,
        camera: int,
        taken_at_us: int,
        jpeg: bytes,
        *,
        width: int,
        height: int,
        score: float | None = None,
        boxes: tuple[Box, ...] = (),
        event: int | None = None,
        numbered: bool = True,
    ) -> Image:
        """Returns when the file stands under its name.

        `taken_at_us`: microseconds since 1970; `width`, `height` and `boxes` in pixels. An image
        that is not `numbered` (a periodic one) gets a number only where its name is taken. Raises
        StorageError where the image cannot be written (full, read-only, not mounted ...). Raises it
        too, once, when a batch failed since the last call: then this image stands under its name
        all the same, and both are indexed when a batch goes through, which is tried again by
        itself.
        Raises InvalidInputError for values that no image can have.
        """
        pixels = [width, height, *(value for box in boxes for value in box)]
        if not jpeg or any(not 0 <= value <= 0xFFFF for value in pixels):
            raise InvalidInputError("an image has bytes, and sides of 0 to 65535 pixels")
        second = taken_at_us // SECOND_US
        self._mark.check_writable()
        try:
            key = self._place(camera, second, jpeg, numbered=numbered)
        except OSError as error:
            raise storage_error("an image cannot be saved", error) from error
        image = Image(
            key=key,
            taken_at_us=taken_at_us,
            size=len(jpeg),
            crc32=zlib.crc32(jpeg),
            width=width,
            height=height,
            score=score,
            boxes=boxes,
            event=event,
        )
        with self._lock:
            self._pending.append(image)
            failure, self._failure = self._failure, None
        if failure is not None:
            raise failure
        return image

    def note_event(self, event: Event) -> None:
        """An event that began, or ended, is in the index with the next batch.

        Raises InvalidInputError for a time that has no name.
        """
        self._layout.stamp(event.start_us if event.end_us is None else event.end_us)
        with self._lock:
            self._events.append(event)

    def flush(self) -> None:
        """Returns when all saved so far are durable and indexed; images deleted since are not.

        Raises StorageError; what could not be written is kept and tried again, of images the newest
        MOST_WAITING. Those before are taken in by the comparison, as after a crash.
        """
        with self._flushing:
            with self._lock:
                batch, self._pending = self._pending, []
                events, self._events = self._events, []
                made_in, self._made_in = self._made_in, set()
            try:
                self._write_batch(batch, events, made_in)
            except BaseException:
                with self._lock:
                    self._pending[:0] = batch
                    self._beside.difference_update(self._pending[:-MOST_WAITING])
                    del self._pending[:-MOST_WAITING]
                    self._events[:0] = events
                    self._made_in |= made_in
                raise
            with self._lock:
                self._failure = None

    def close(self) -> None:
        """flush, then stop. Raises StorageError where the last batch cannot be written."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            self.flush()
        finally:
            self._syncers.shutdown()

    # placing a file

    def _place(self, camera: int, second: int, jpeg: bytes, *, numbered: bool) -> ImageKey:
        with self._lock:
            known, number = self._numbers.get(camera, (second, 0))
        if known != second:
            number = 0
        if not numbered:
            number -= 1  # what is tried after the name without one
        key = ImageKey(camera=camera, second=second, number=number if numbered else None)
        path = self._layout.image_path(key)
        temporary = self._write_temporary(camera, path, jpeg)
        try:
            while not _link(temporary, path):
                number += 1
                key = ImageKey(camera=camera, second=second, number=number)
                path = self._layout.image_path(key)
        finally:
            with suppress(OSError):
                temporary.unlink()
        with self._lock:
            known, next_number = self._numbers.get(camera, (second, 0))
            if known != second:
                next_number = 0
            self._numbers[camera] = (second, max(next_number, number + 1))
        return key

    def _write_temporary(self, camera: int, path: Path, jpeg: bytes) -> Path:
        temporary = path.with_name(f".{path.stem}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW
        for attempt in range(_TRIES):
            try:
                descriptor = os.open(temporary, flags, 0o644)
                break
            except FileNotFoundError:
                if attempt == _TRIES - 1:
                    raise
                self._make_folder(camera, path.parent)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                rest = memoryview(jpeg)
                while rest:
                    rest = rest[file.write(rest) :]
        except BaseException:
            with suppress(OSError):
                temporary.unlink()
            raise
        return temporary

    def _make_folder(self, camera: int, folder: Path) -> None:
        """Makes a dated folder, and notes where one was made so that it becomes durable."""
        if not self._layout.captures.is_dir():
            raise StorageError("the folder shared/captures is gone; is its disk mounted?")
        if self._layout.camera_folder(camera).is_symlink():
            raise StorageError(
                f"the folder of camera {camera} is a symbolic link; a folder is right"
            )
        for made in (folder.parent.parent, folder.parent, folder):
            with suppress(FileExistsError):
                made.mkdir()
                with self._lock:
                    self._made_in.add(made.parent)

    # batches

    def _write_batch(self, batch: list[Image], events: list[Event], made_in: set[Path]) -> None:
        if batch:
            # Else images of a disk that was unmounted would look deleted.
            self._mark.check_writable()
        try:
            paths = [self._layout.image_path(image.key) for image in batch]
            synced = self._each(partial(_where_there, sync_file), paths)
            there = [image for image, is_there in zip(batch, synced, strict=True) if is_there]
            folders = made_in | self._append_to_sidecars(there, events)
            self._each(partial(_where_there, sync_folder), sorted(folders))
        except OSError as error:
            raise storage_error("images cannot be synced", error) from error
        # Events first: of images without rows the comparison knows the event, of rows it does not.
        self._index.add_events(events)
        # In place of what is there: the comparison knows a file's size, we know its score too.
        self._index.add_images(there, replace=True)
        gone = [i.key for i in there if walk.is_gone(self._layout.image_path(i.key))]
        self._index.remove_images(gone)
        self._beside.clear()

    def _append_to_sidecars(self, images: list[Image], events: list[Event]) -> set[Path]:
        """The folders in which something changed. Raises OSError."""
        hours: dict[Path, list[Image | Event]] = defaultdict(list)
        for image in images:
            hours[self._layout.image_path(image.key).parent].append(image)
        for event in events:
            if event.end_us is not None:
                hour = event.end_us // (SECOND_US * HOUR_S)
                hours[self._layout.hour_folder(event.camera, hour)].append(event)

        def append(folder: Path) -> bool:
            # A batch that is tried again has some of its own there already.
            new = [item for item in hours[folder] if item not in self._beside]
            blocks = sidecar.encode_images(item for item in new if isinstance(item, Image))
            blocks += sidecar.encode_events(item for item in new if isinstance(item, Event))
            appended = sidecar.append(folder, blocks) if blocks else folder.is_dir()
            with self._lock:
                self._beside.update(new)
            return appended

        appended = self._each(append, list(hours))
        return {folder for folder, there in zip(hours, appended, strict=True) if there}

    def _each(self, action: Callable[[_T], bool], items: Iterable[_T]) -> list[bool]:
        """What `action` says of each, several at a time. Raises what it raises."""
        return list(self._syncers.map(action, items))

    def _run(self) -> None:
        failing = False
        while not self._closing.wait(self._interval_s):
            failure: StorageError | None = None
            try:
                self.flush()
            except StorageError as error:
                failure = error
            except Exception:  # saving depends on this thread, so none ends it
                failure = StorageError("images cannot be indexed, by a fault of the server")
                if not failing:
                    _log.exception("images_flush_fault")
            if failure is not None:
                with self._lock:
                    self._failure = failure
                if not failing:
                    _log.error("images_flush_failed", problem=str(failure))
            elif failing:
                _log.info("images_flush_works_again")
            failing = failure is not None


def _link(temporary: Path, path: Path) -> bool:
    """Gives the file its name; False where that is taken. Raises OSError."""
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    except OSError as error:
        if error.errno not in _NO_LINKS:
            raise
        if os.path.lexists(path):
            return False
        temporary.rename(path)
    return True


def _where_there(sync: Callable[[Path], None], path: Path) -> bool:
    """Makes it durable; False where it is gone. Raises OSError."""
    try:
        sync(path)
    except FileNotFoundError:
        return False
    return True
