"""Every file and every row of the archive looked at: `chimera-storage check`.

Reading is all that `Verifier` does; it works beside a running server. What is in motion there is
left out: files without a row that are younger than a minute may get theirs, and a row without a
file is looked for again at the end, as whoever deletes takes the file first. `repair` puts right
what was found.
"""

import errno
import os
import stat
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path

from chimera_storage.archive import sidecar, walk
from chimera_storage.archive.adopt import LEFTOVER_AGE_S, Age, dimensions
from chimera_storage.archive.findings import Kind, Report
from chimera_storage.archive.index import Index
from chimera_storage.archive.jpeg import Wholeness, wholeness
from chimera_storage.archive.layout import HOUR_S, SECOND_US, Layout, is_temporary
from chimera_storage.clock import Clock, from_us, to_us
from chimera_storage.model import ConversionStatus, Event, Image, ImageKey

_YOUNG_S = 60.0  # a file so young may still be written to, or wait for its row
_SETTLED_S = 3.0  # who deletes removes rows so long after the files at most
_LARGEST = 256 * 1024 * 1024  # bytes; no camera's image, and not to be read into memory

Hour = tuple[int, int]  # camera, hours since 1970


class Verifier:
    """Looks at everything once.

    `index` None: there is none that could be used, and only files are looked at. `in_use`: a server
    works on the data folder. `on_progress` hears how many images are through.

    `report` holds what was found, `checked` the cameras. What there is to put right: `orphans`;
    `missing` by camera; `changed`, with the content that the files have; `no_images`;
    `unlike_sidecar`, with what is to stand in both; `unkept`, of which nothing stands beside the
    images; `torn` sidecars; `lost_events`; `leftovers`.
    """

    def __init__(
        self,
        layout: Layout,
        index: Index | None,
        clock: Clock,
        *,
        in_use: bool,
        on_progress: Callable[[int], None],
    ) -> None:
        self._layout = layout
        self._index = index
        self._clock = clock
        self._in_use = in_use
        self._on_progress = on_progress
        self.report = Report()
        self.checked: list[int] = []
        self.orphans: list[ImageKey] = []
        self.missing: dict[int, list[ImageKey]] = defaultdict(list)
        self.changed: list[Image] = []
        self.no_images: list[ImageKey] = []
        self.unlike_sidecar: list[Image] = []
        self.unkept: list[Image] = []
        self.torn: set[Hour] = set()
        self.lost_events: list[Event] = []
        self.leftovers: list[Path] = []
        self._suspects: dict[Hour, float] = {}

    def cameras(self) -> list[int]:
        """Every camera with a folder or rows. Raises OSError, StorageError."""
        known = self._index.cameras() if self._index else []
        return sorted({*walk.camera_ids(self._layout), *known})

    def verify(self, cameras: Iterable[int]) -> None:
        """Looks at these cameras. Raises OSError where a folder cannot be listed, StorageError."""
        for camera in cameras:
            self.checked.append(camera)
            self._verify_camera(camera)
        self._look_for_missing_again()

    def verify_outputs(self, camera: int | None) -> None:
        """Looks at finished conversions, of one camera or all. Raises OSError, StorageError."""
        self._note_leftovers(self._layout.captures)
        if self._index is None:
            return
        rows = {row.id: row for row in self._index.conversions()}
        for path in sorted(self._layout.captures.iterdir()):
            named = self._layout.parse_output(path.name)
            if named is None or camera not in (None, named.camera) or not path.is_file():
                continue
            row, size = rows.get(named.id), path.stat().st_size
            if row is None and size:
                self.report.add(Kind.OUTPUT_ORPHAN, path.name)
            elif row is not None and row.status is ConversionStatus.DONE and row.size != size:
                detail = f"{size} bytes, {row.size} when it was made"
                self.report.add(Kind.OUTPUT_CHANGED, path.name, detail)
        for row in rows.values():
            if row.status is not ConversionStatus.DONE or camera not in (None, row.camera):
                continue
            if walk.is_gone(self._layout.output_path(row)):
                self.report.add(Kind.OUTPUT_MISSING, self._layout.output_name(row))

    # one camera

    def _verify_camera(self, camera: int) -> None:
        flat: dict[int, list[ImageKey]] = defaultdict(list)
        dated: list[int] = []
        folder = self._layout.camera_folder(camera)
        if folder.is_dir() and not folder.is_symlink():
            for key in walk.flat_keys(self._layout, camera):
                flat[key.second // HOUR_S].append(key)
            dated = list(walk.dated_hours(self._layout, camera))
            self._note_leftovers(folder)
        known = self._index.hours(camera) if self._index else []
        for hour in sorted({*flat, *dated, *known}):
            self._verify_hour(camera, hour, flat.pop(hour, []))
        if self._index:
            for hour in self._index.wrong_hours(camera):
                self.report.add(Kind.TOTALS, self._folder_name(camera, hour))
            if self._index.sum_is_wrong(camera):
                self.report.add(Kind.TOTALS, str(camera), "the sum of its hours")

    def _verify_hour(self, camera: int, hour: int, flat: list[ImageKey]) -> None:
        rows = self._rows(camera, hour)
        kept = self._kept(camera, hour)  # after the rows: it is written before them
        files = {*flat, *self._dated(camera, hour)}
        for key in sorted(files, key=_in_order):
            self._verify_image(key, rows.get(key), kept.get(key))
            self._on_progress(self.report.images)
        if rows.keys() - files:
            self._suspects[camera, hour] = time.monotonic()
        self._verify_events(camera, [row for row in rows.values() if row.event is not None])

    def _rows(self, camera: int, hour: int) -> dict[ImageKey, Image]:
        if self._index is None:
            return {}
        first = hour * HOUR_S
        rows = self._index.images(camera, first * SECOND_US, (first + HOUR_S - 1) * SECOND_US)
        return {row.key: row for row in rows}

    def _dated(self, camera: int, hour: int) -> list[ImageKey]:
        try:
            keys = list(walk.hour_keys(self._layout, camera, hour))
            self._note_leftovers(self._layout.hour_folder(camera, hour))
        except (FileNotFoundError, NotADirectoryError):
            return []
        return keys

    # one image

    def _verify_image(self, key: ImageKey, row: Image | None, kept: Image | None) -> None:
        path = self._layout.image_path(key)
        name = self._name(path)
        try:
            status, data = _read(path)
        except FileNotFoundError:
            return  # deleted since the folder was listed
        except OSError as error:
            if error.errno != errno.ELOOP:  # symlinks are no images, and are left alone
                self.report.add(Kind.UNREADABLE, name, os.strerror(error.errno or 0))
            return
        if data is None:
            return
        self.report.images += 1
        self.report.size += len(data)
        young = Age.of(status, self._clock).seconds < _YOUNG_S
        whole = wholeness(data)
        if whole is Wholeness.NONE:
            if not young:
                self.report.add(Kind.NO_IMAGE, name, f"{len(data)} bytes" if data else "empty")
                self.no_images.append(key)
            return
        if whole is Wholeness.CUT_SHORT and not young:
            self.report.add(Kind.CUT_SHORT, name)
        if self._index is None or (young and self._in_use):
            return
        if row is None:
            self.report.add(Kind.ORPHAN, name)
            self.orphans.append(key)
        else:
            self._compare(row, kept, data, name)

    def _compare(self, row: Image, kept: Image | None, data: bytes, name: str) -> None:
        """A row and what is kept beside the image against the image; the image is right."""
        crc32 = zlib.crc32(data)
        content = (len(data), crc32)
        if kept is not None and (kept.size, kept.crc32) != content:
            kept = None  # of another image that had this name
        unread = row.crc32 is None and row.size == len(data)
        if unread and kept is None:
            self.report.add(Kind.UNREAD, name)
        elif not unread and (row.size, row.crc32) != content:
            width, height = dimensions(data)
            image = replace(row, size=len(data), crc32=crc32, width=width, height=height)
            self.changed.append(kept or image)
            detail = f"{len(data)} bytes, {row.size} when it was saved"
            self.report.add(Kind.CHANGED, name, detail if row.size != len(data) else "")
        elif kept is not None and kept != row:
            self.report.add(Kind.SIDECAR, name, "the index says something else")
            self.unlike_sidecar.append(kept if unread or row.score is None else row)
        elif kept is None and not row.key.flat and _is_more_than_its_file(row):
            self.report.add(Kind.SIDECAR, name, "nothing is kept beside the image")
            self.unkept.append(row)

    # what is kept beside images

    def _kept(self, camera: int, hour: int) -> dict[ImageKey, Image]:
        """What the hour's sidecar says of each image."""
        folder = self._layout.hour_folder(camera, hour)
        found = sidecar.read(folder, hour)
        if found.skipped and self._age(folder / sidecar.NAME) > _YOUNG_S:
            name = self._name(folder / sidecar.NAME)
            self.report.add(Kind.SIDECAR, name, f"{found.skipped} bytes cannot be read")
            self.torn.add((camera, hour))
        return {image.key: image for image in found.as_images(camera)}

    def _verify_events(self, camera: int, rows: list[Image]) -> None:
        """The events that images say they belong to are in the index."""
        starts = {row.event: row.taken_at_us for row in rows if row.event is not None}
        if self._index is None or not starts:
            return
        known = {e.start_us for e in self._index.events(camera, min(starts), max(starts))}
        now_us = to_us(self._clock.now())
        for start_us in sorted(starts.keys() - known):
            last_us = starts[start_us]
            if not (self._in_use and abs(now_us - last_us) < _YOUNG_S * SECOND_US):
                name = f"{camera} {from_us(start_us):%Y-%m-%d %H:%M:%S} UTC"
                self.report.add(Kind.EVENT, name)
                self.lost_events.append(Event(camera=camera, start_us=start_us, end_us=last_us))

    # rows without files

    def _look_for_missing_again(self) -> None:
        for (camera, hour), seen_at in self._suspects.items():
            if self._in_use:
                time.sleep(max(0.0, seen_at + _SETTLED_S - time.monotonic()))
            for key in self._rows(camera, hour):
                path = self._layout.image_path(key)
                if walk.is_gone(path):
                    self.report.add(Kind.MISSING, self._name(path))
                    self.missing[camera].append(key)

    # helpers

    def _note_leftovers(self, folder: Path) -> None:
        for name in os.listdir(folder):  # noqa: PTH208 - names are enough, and there are many
            if is_temporary(name):
                path = folder / name
                if self._age(path) > LEFTOVER_AGE_S:
                    self.report.add(Kind.LEFTOVER, self._name(path))
                    self.leftovers.append(path)

    def _age(self, path: Path) -> float:
        """Seconds since anything happened to it; 0 where it is gone."""
        try:
            return Age.of(path.lstat(), self._clock).untouched_seconds
        except OSError:
            return 0.0

    def _name(self, path: Path) -> str:
        return str(path.relative_to(self._layout.captures))

    def _folder_name(self, camera: int, hour: int) -> str:
        return self._name(self._layout.hour_folder(camera, hour))


def _in_order(key: ImageKey) -> tuple[int, int, bool]:
    return key.second, -1 if key.number is None else key.number, key.flat


def _is_more_than_its_file(row: Image) -> bool:
    """Whether a row says what neither name nor content of its image do."""
    return row.score is not None or row.event is not None or row.taken_at_us % SECOND_US != 0


def _read(path: Path) -> tuple[os.stat_result, bytes | None]:
    """The file's status and content; None: not a regular file, or far too large. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
            return status, None
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return status, file.read()
    finally:
        os.close(descriptor)
