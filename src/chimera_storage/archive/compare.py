"""One camera's files against its rows, a folder at a time. `watch` decides when and what.

A folder that looks as it did when it was compared last (modification time and inode, see
`index.folders`) is passed over, so a start with a million images looks at some thousand folders.

Rules that keep footage and rows safe:
- A row goes only when `lstat` says that its file does not exist, and never while the data folder's
  mark is missing or the camera's folder was exchanged meanwhile (a lost mount).
- A file is taken in beside a running recorder too. The row is inserted by whoever comes first; the
  recorder's replaces ours, because it knows score, boxes and event, and ours never replaces one
  of the same size.
- After rows are inserted their files are looked for again: see `writer` on deletions in between.
"""

import os
import time
from collections.abc import Callable, Iterable, Mapping

from chimera_storage.archive import beside, sidecar, walk
from chimera_storage.archive.adopt import read_image
from chimera_storage.archive.changed import ChangedFolders
from chimera_storage.archive.flat import FlatFiles
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index.folders import Stamp, hour_name
from chimera_storage.archive.index.image_rows import Row
from chimera_storage.archive.intake import Intake, drop_leftovers
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.archive.sidecar import Facts
from chimera_storage.archive.walk import Name, Names, to_key
from chimera_storage.log import get_logger
from chimera_storage.model import Image, ImageKey

_PAUSE_EVERY = 500  # files
_FILL = 10_000  # rows at once
_RECORDER_S = 10.0  # a file without a row for this long has lost its recorder

_log = get_logger()

Identity = tuple[int, int]  # of a folder: device and inode
Counts = tuple[int, int]  # rows added, rows removed


class Comparer:
    """Compares one camera's files with its rows and changes the rows. For one thread at a time.

    `pause` is called every few milliseconds of work and may raise; `look_again(camera, folder,
    file)` hears of files that are still being written to; `on_folder(camera, folder)` of each
    folder before it is looked at. Folders are named below the camera's: "", "20260320/12".
    """

    def __init__(
        self,
        archive: Archive,
        *,
        pause: Callable[[], None],
        look_again: Callable[[int, str, str], None],
        on_folder: Callable[[int, str], None],
    ) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._pause = pause
        self._look_again = look_again
        self._on_folder = on_folder
        self._names = Names(archive.layout)
        self._missing: set[int] = set()
        self._waited_for: set[tuple[int, str]] = set()
        self.intake = Intake(archive, self._wait_for)
        self.taken_in = 0

    def identity(self, camera: int) -> Identity | None:
        """Device and inode of the camera's folder; None where it is missing or a symlink."""
        folder = self._layout.camera_folder(camera)
        if folder.is_dir() and not folder.is_symlink():
            self._missing.discard(camera)
            status = folder.stat()
            return status.st_dev, status.st_ino
        return None

    def compare_camera(
        self,
        camera: int,
        *,
        thorough: bool = True,
        patient: bool = False,
        is_new: bool = False,
        on_share: Callable[[float], None] = lambda _: None,
    ) -> Counts:
        """Every folder of a camera; unless `thorough`, those that changed since the last time.

        `patient`: a recorder is at work; what it saved just now is left to it. `is_new`: the index
        knows nothing of this camera, and is not asked. Raises OSError where a folder cannot be
        listed, and StorageError.
        """
        identity = self.identity(camera)
        if identity is None:
            return 0, self._camera_without_folder(camera)
        known = {} if thorough or is_new else self._index.folders(camera)
        self._waited_for.clear()
        changed = ChangedFolders(
            self._layout.camera_folder(camera),
            camera,
            known,
            settled_s=2 * _RECORDER_S if patient else walk.SETTLED_S,
            on_folder=self._on_folder,
        )
        flat = changed.flat_files(self._names, self._pause)
        if flat is not None:
            drop_leftovers(str(self._layout.camera_folder(camera)), self._archive)
        found = changed.hours()
        with_rows = [] if is_new else self._index.hours(camera)
        hours = sorted({*found, *changed.gone(with_rows)})
        added = removed = 0
        for number, hour in enumerate(hours):
            self._pause()
            more, less = self.compare_dated(
                camera,
                hour,
                identity=identity,
                min_age_s=_RECORDER_S if patient else 0.0,
                is_new=is_new,
            )
            added, removed = added + more, removed + less
            on_share(number / len(hours) * (0.5 if flat is not None else 1.0))
        if flat is not None and (flat or (not is_new and self._index.has_flat(camera))):
            more, less = self.compare_flat(
                camera, flat, identity=identity, on_share=lambda share: on_share(0.5 + share / 2)
            )
            added, removed = added + more, removed + less
        self._note(camera, known, changed.noted)
        return added, removed

    def _note(self, camera: int, known: Mapping[str, Stamp], noted: dict[str, Stamp]) -> None:
        """What the folders look like that were compared, or were passed over."""
        for _, below in self._waited_for:
            noted[below] = (0, 0)
        self._index.forget_folders(camera, known.keys() - noted.keys())
        different = {name: stamp for name, stamp in noted.items() if known.get(name) != stamp}
        self._index.note_folders(camera, different)

    def compare_folder(self, camera: int, below: str) -> Counts:
        """A day's or an hour's folder that came, went or changed; "" is left to the watch."""
        identity = self.identity(camera)
        if identity is None:
            return 0, 0
        added = removed = 0
        for hour in self._hours_below(camera, below):
            self._on_folder(camera, hour_name(hour))
            more, less = self.compare_dated(camera, hour, identity=identity)
            added, removed = added + more, removed + less
        return added, removed

    def compare_dated(
        self,
        camera: int,
        hour: int,
        *,
        identity: Identity,
        min_age_s: float = 0.0,
        is_new: bool = False,
    ) -> Counts:
        """The dated folder of one hour. Files without a row younger than `min_age_s` wait.

        `is_new`: see `compare_camera`.
        """
        folder = str(self._layout.hour_folder(camera, hour))
        below = hour_name(hour)
        known = {} if is_new else self._index.names(camera, hour, flat=False)
        with walk.opened(folder) as descriptor:
            listed = [] if descriptor is None else os.listdir(descriptor)  # noqa: PTH208
            files = self._names.of_hour(camera, below, listed)
            if len(listed) - len(files) > 1:  # one is the sidecar
                drop_leftovers(folder, self._archive)
            kept = sidecar.Sidecar()
            if descriptor is not None and len(files.keys() - known.keys()) > 0:
                kept = sidecar.read(folder, hour)
            added = self._take_in(
                camera, (descriptor, below), files, known, kept.images, min_age_s=min_age_s
            )
        if added:
            self._index.add_events(kept.as_events(camera))
        if known:
            beside.follow(self._layout, self._index, camera, hour)
        return added, self._remove(camera, known.keys() - files.keys(), False, identity)

    def compare_flat(
        self, camera: int, flat: FlatFiles, *, identity: Identity, on_share: Callable[[float], None]
    ) -> Counts:
        """All flat files of a camera, as they were listed."""
        with_rows = set(self._index.hours(camera)) if self._index.has_flat(camera) else set()
        hours = sorted(with_rows | flat.hours())
        added = removed = 0
        if flat.nowhere:
            _log.warning(
                "images_of_no_time",
                camera=camera,
                files=flat.nowhere,
                problem="their local time does not occur in server.timezone; they are not counted",
            )
        with walk.opened(str(self._layout.camera_folder(camera))) as descriptor:
            for number, hour in enumerate(hours):
                known = self._index.names(camera, hour, flat=True) if hour in with_rows else {}
                files = {name: self._names.flat_file(camera, name) for name in flat.of_hour(hour)}
                added += self._take_in(camera, (descriptor, ""), files, known, {})
                removed += self._remove(camera, known.keys() - files.keys(), True, identity)
                on_share(number / len(hours))
        return added, removed

    def look_at(self, camera: int, below: str, files: Mapping[str, bool]) -> Counts:
        """Some files by name, of which something was heard; true: rewritten, perhaps in place."""
        names = {}
        for file in files:
            name = self._name(camera, below, file)
            if name is not None:
                names[name] = file
        keys = {to_key(camera, name, flat=not below): name for name in names}
        sizes = self._index.sizes_of(keys)
        known = {keys[key]: size for key, size in sizes.items()}
        folder = self._layout.camera_folder(camera) / below
        with walk.opened(str(folder)) as descriptor:
            there = {
                name: file
                for name, file in names.items()
                if descriptor is not None and not walk.is_gone(folder / file)
            }
            kept = sidecar.Sidecar()
            if below and there.keys() - known.keys():
                kept = sidecar.read(folder, next(iter(there))[0] // HOUR_S)
            added = self._take_in(camera, (descriptor, below), there, known, kept.images)
        if added:
            self._index.add_events(kept.as_events(camera))
        self._read_anew(
            to_key(camera, name, flat=not below)
            for name, file in there.items()
            if name in known and files[file]
        )
        identity = self.identity(camera)
        if identity is None:
            return added, 0
        return added, self._remove(camera, known.keys() - there.keys(), not below, identity)

    def follow_sidecar(self, camera: int, below: str) -> None:
        """Somebody wrote to the sidecar of an hour's folder."""
        for hour in self._hours_below(camera, below) if "/" in below else ():
            beside.follow(self._layout, self._index, camera, hour)

    # rows

    def _take_in(
        self,
        camera: int,
        folder: tuple[int | None, str],
        files: Mapping[Name, str],
        known: Mapping[Name, int],
        facts: Mapping[Name, Facts],
        *,
        min_age_s: float = 0.0,
    ) -> int:
        descriptor, below = folder
        if descriptor is None:
            return 0
        self.intake.begin()
        before = walk.stamp_of(os.fstat(descriptor), walk.SETTLED_S)
        rows: list[Row] = []
        rewritten: list[ImageKey] = []
        added = 0
        if facts and not known and not min_age_s:
            files = dict(files)
            rows = self.intake.known_rows(camera, descriptor, files, facts)
        for number, (name, file) in enumerate(sorted(files.items())):
            if number % _PAUSE_EVERY == 0:
                self._pause()
            if name in known:
                if _has_another_size(file, descriptor, known[name]):
                    rewritten.append(to_key(camera, name, flat=not below))
                continue
            if min_age_s and _is_younger(file, descriptor, min_age_s):
                self._wait_for(camera, below, file)
                continue
            key = to_key(camera, name, flat=not below)
            row = self.intake.row(key, name, file, (descriptor, below), facts)
            if row is not None:
                rows.append(row)
            if len(rows) == _FILL:
                added += self._fill(camera, rows, descriptor, before)
                rows = []
        self._read_anew(rewritten)
        return added + (self._fill(camera, rows, descriptor, before) if rows else 0)

    def _fill(self, camera: int, rows: list[Row], descriptor: int, before: Stamp) -> int:
        added = self._index.fill(camera, rows)
        if not before[0] or walk.stamp_of(os.fstat(descriptor), 0) != before:
            keys = [to_key(camera, (row[1], row[2]), flat=bool(row[3])) for row in rows]
            gone = [key for key in keys if walk.is_gone(self._layout.image_path(key))]
            added -= self._index.remove_images(gone)
        self.taken_in += added
        return added

    def _read_anew(self, keys: Iterable[ImageKey]) -> None:
        """Files that were written to since their rows were made."""
        changed: list[Image] = []
        for key in keys:
            self._pause()
            image = read_image(self._layout.image_path(key), key, self._archive.clock)
            row = self._index.get(key)
            if not isinstance(image, Image):
                path = self._layout.image_path(key)
                self._wait_for(key.camera, walk.below(key, path), path.name)
            elif row is not None and (row.size, row.crc32) != (image.size, image.crc32):
                changed.append(image)
        self._index.add_images(changed, replace=True)

    def _remove(self, camera: int, names: Iterable[Name], flat: bool, identity: Identity) -> int:
        """Removes the rows whose files are gone, unless the camera's folder is another by now."""
        keys = (to_key(camera, name, flat=flat) for name in names)
        gone = [key for key in keys if walk.is_gone(self._layout.image_path(key))]
        if not gone or self.identity(camera) != identity or self._archive.mark.problem():
            return 0
        return self._index.remove_images(gone)

    def _camera_without_folder(self, camera: int) -> int:
        """Rows of a folder that was deleted go; of one that may be unmounted they stay."""
        deleted = walk.is_gone(self._layout.camera_folder(camera))
        if deleted and self._archive.mark.is_there():
            removed = self._index.remove_images(self._index.keys(camera))
            self._index.forget_folders(camera, self._index.folders(camera))
            if removed:
                _log.warning("camera_folder_deleted", camera=camera, images=removed)
            return removed
        if camera not in self._missing:
            self._missing.add(camera)
            _log.warning("camera_folder_missing", camera=camera, effect="its rows are kept")
        return 0

    def _wait_for(self, camera: int, below: str, file: str) -> None:
        """A file cannot be taken in yet, so its folder must not pass for compared."""
        self._waited_for.add((camera, below))
        self._look_again(camera, below, file)

    # names

    def _name(self, camera: int, below: str, file: str) -> Name | None:
        if not below:
            return self._names.flat(camera, file)
        day, _, hour = below.partition("/")
        return self._names.dated(camera, day, hour, file)

    def _hours_below(self, camera: int, below: str) -> list[int]:
        """The hours of a day's or an hour's folder that have files or rows."""
        day, _, hour = below.partition("/")
        if hour:
            named = walk.parse_hour(day, hour)
            return [] if named is None else [named]
        first = walk.parse_hour(day, "00")
        if first is None:
            return []
        self._on_folder(camera, day)
        listed = walk.hours_of_day(self._layout.camera_folder(camera) / day)
        with_rows = {h for h in self._index.hours(camera) if first <= h < first + 24}
        return sorted(with_rows.union(listed))


def _has_another_size(file: str, descriptor: int, size: int) -> bool:
    try:
        return os.lstat(file, dir_fd=descriptor).st_size != size
    except OSError:
        return False


def _is_younger(file: str, descriptor: int, age_s: float) -> bool:
    try:
        status = os.lstat(file, dir_fd=descriptor)
    except OSError:
        return False
    return status.st_nlink == 1 and abs(time.time() - status.st_ctime) < age_s
