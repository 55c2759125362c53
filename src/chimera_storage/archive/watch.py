"""When files are compared with the index: all at start, what changes while the server runs.

What is on disk and not in the index is added, what is gone is removed (`compare`): the files are
the truth. At start every camera is compared hour by hour, in a thread; afterwards the flat folders
are watched, which another program (the Motion daemon) writes to, and once a minute the dated folders
of this hour and the last one, in case a recorder was killed between file and row.
"""

import os
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

from chimera_storage.archive import outputs, walk
from chimera_storage.archive.compare import (
    Comparer,
    Identity,
    InterruptedComparisonError,
    drop_leftovers,
)
from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.errors import ChimeraStorageError
from chimera_storage.log import get_logger
from chimera_storage.model import ImageKey

_SHARE = 0.1  # of the time is spent on looking, at most
_DATED_INTERVAL_S = 60.0
_RECORDER_AGE_S = 10.0  # a file without a row for this long has lost its recorder
_MTIME_AGE_S = 1.0  # a folder's time says little about what happens in the same tick of the clock
_FLAT_ZONE = "flat_zone"

_log = get_logger()


@dataclass(slots=True)
class _Seen:
    """A camera's folder when its flat files were last listed. `mtime_ns` None: list it again."""

    identity: Identity
    mtime_ns: int | None = None
    names: set[str] = field(default_factory=set)


class Reconciler:
    """A thread that compares at start (all) and then keeps watch.

    `interval_s`: seconds between two looks at the flat folders, more where a look takes long.
    """

    def __init__(self, archive: Archive, *, interval_s: float = 2.0) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._clock = archive.clock
        self._interval_s = interval_s
        self._working = threading.RLock()
        self._seen: dict[int, _Seen] = {}
        self._compared: set[int] = set()
        self._recent: dict[tuple[int, int], int] = {}  # camera, hour → mtime_ns when compared
        self._dated_at = 0.0
        self._progress = 0.0
        self._complete = threading.Event()
        self._closing = threading.Event()
        self._comparer = Comparer(archive, self._closing, self._look_again)
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begins the first comparison."""
        self._thread = threading.Thread(target=self._run, name="reconciler", daemon=True)
        self._thread.start()

    def wait_complete(self, timeout_s: float) -> bool:
        """Waits for the end of the first comparison; False where it takes longer."""
        return self._complete.wait(timeout_s)

    @property
    def complete(self) -> bool:
        """Whether every camera was compared."""
        return self._complete.is_set()

    @property
    def progress(self) -> float:
        """How much of the first comparison is through, 0 to 1."""
        return 1.0 if self.complete else self._progress

    def close(self) -> None:
        """Stops within the reading of a file; what was begun goes on at the next start."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def reconcile_camera(self, camera: int) -> tuple[int, int]:
        """(added, removed): compares every file and row of one camera.

        Raises StorageError, and OSError where a folder cannot be listed.
        """
        with self._working, suppress(InterruptedComparisonError):
            return self._compare_camera(camera, share=0.0)
        return 0, 0

    # the thread

    def _run(self) -> None:
        pause_s = 0.0
        problem = ""
        while not self._closing.wait(pause_s):
            started = time.monotonic()
            try:
                with self._working:
                    self._look()
                problem = ""
            except InterruptedComparisonError:
                return
            except (OSError, ChimeraStorageError) as error:
                if str(error) != problem:
                    problem = str(error)
                    _log.error("comparison_failed", problem=problem)
            except Exception:
                _log.exception("comparison_failed")
            spent = time.monotonic() - started
            pause_s = max(self._interval_s, spent * (1 - _SHARE) / _SHARE)

    def _look(self) -> None:
        if not self.complete:
            self._compare_all()
            return
        for camera in walk.camera_ids(self._layout):
            seen = self._seen.get(camera)
            if (
                camera in self._compared
                and seen
                and seen.identity == self._comparer.identity(camera)
            ):
                self._look_at_flat(camera, seen)
            else:
                self._compare_camera(camera, share=0.0)
        if time.monotonic() - self._dated_at > _DATED_INTERVAL_S:
            self._dated_at = time.monotonic()
            self._look_at_recent_hours()

    def _compare_all(self) -> None:
        started = time.monotonic()
        self._forget_flat_of_another_zone()
        outputs.reconcile_outputs(self._archive)
        drop_leftovers(self._layout.captures, self._archive)
        cameras = sorted({*walk.camera_ids(self._layout), *self._index.cameras()})
        added = removed = 0
        failure: OSError | None = None
        for number, camera in enumerate(cameras):
            self._progress = number / len(cameras)
            try:
                more, less = self._compare_camera(camera, share=1 / len(cameras))
            except OSError as error:
                failure = error  # the others all the same
                continue
            added += more
            removed += less
        if failure is not None:
            raise failure
        self._complete.set()
        seconds = round(time.monotonic() - started, 3)
        _log.info("comparison_complete", added=added, removed=removed, seconds=seconds)

    def _forget_flat_of_another_zone(self) -> None:
        """The same flat name is another time in another zone: its row is made anew."""
        zone = str(self._layout.timezone)
        before = self._index.meta(_FLAT_ZONE)
        if before == zone:
            return
        if before is not None:
            for camera in self._index.cameras():
                self._index.remove_images(key for key in self._index.keys(camera) if key.flat)
        self._index.set_meta(_FLAT_ZONE, zone)

    # one camera

    def _compare_camera(self, camera: int, *, share: float) -> tuple[int, int]:
        identity = self._comparer.identity(camera)
        if identity is None:
            return 0, 0
        self._compared.discard(camera)
        flat = self._list_flat(camera, identity)
        dated = list(walk.dated_hours(self._layout, camera))
        hours = sorted({*flat, *dated, *self._index.hours(camera)})
        added = removed = 0
        for hour in hours:
            more, less = self._comparer.compare_hour(
                camera, hour, flat.pop(hour, ()), identity=identity
            )
            added += more
            removed += less
            self._progress += share / len(hours)
        self._compared.add(camera)
        return added, removed

    def _list_flat(self, camera: int, identity: Identity) -> dict[int, list[ImageKey]]:
        """The flat files by hour; remembers the listing for the watch."""
        folder = self._layout.camera_folder(camera)
        seen = self._seen[camera] = _Seen(identity, self._settled_mtime(folder))
        hours: dict[int, list[ImageKey]] = defaultdict(list)
        for name in os.listdir(folder):  # noqa: PTH208 - names are enough, and there are many
            key = self._layout.flat_key(camera, name)
            if key is not None:
                hours[key.second // HOUR_S].append(key)
                seen.names.add(name)
        drop_leftovers(folder, self._archive)
        return hours

    # watching

    def _look_at_flat(self, camera: int, seen: _Seen) -> None:
        folder = self._layout.camera_folder(camera)
        if seen.mtime_ns is not None and folder.stat().st_mtime_ns == seen.mtime_ns:
            return
        mtime_ns = self._settled_mtime(folder)
        names = {name for name in os.listdir(folder) if name.endswith(".jpg")}  # noqa: PTH208
        new = {
            key: f"{folder}/{name}"
            for name in names - seen.names
            if (key := self._layout.flat_key(camera, name)) is not None
        }
        gone = [
            key
            for name in seen.names - names
            if (key := self._layout.flat_key(camera, name)) is not None
        ]
        before = seen.names
        seen.mtime_ns, seen.names = mtime_ns, names
        try:
            self._comparer.adopt(new)
            self._comparer.remove(camera, gone, seen.identity)
        except BaseException:
            seen.mtime_ns, seen.names = None, before
            raise

    def _look_at_recent_hours(self) -> None:
        hour = int(self._clock.now().timestamp()) // HOUR_S
        before, self._recent = self._recent, {}
        for camera in walk.camera_ids(self._layout):
            identity = self._comparer.identity(camera)
            for recent in (hour - 1, hour):
                folder = self._layout.hour_folder(camera, recent)
                if identity is None or not folder.is_dir():
                    continue
                mtime_ns = self._settled_mtime(folder, 2 * _RECORDER_AGE_S)
                if mtime_ns is None or before.get((camera, recent)) != mtime_ns:
                    self._comparer.compare_hour(
                        camera, recent, None, identity=identity, min_age_s=_RECORDER_AGE_S
                    )
                if mtime_ns is not None:
                    self._recent[camera, recent] = mtime_ns

    def _settled_mtime(self, folder: Path, age_s: float = _MTIME_AGE_S) -> int | None:
        """When the folder changed last, None where that is less than `age_s` ago."""
        status = folder.stat()
        return status.st_mtime_ns if abs(time.time() - status.st_mtime) > age_s else None

    def _look_again(self, camera: int, name: str) -> None:
        """A file is still being written to."""
        seen = self._seen.get(camera)
        if seen is not None:
            seen.mtime_ns = None
            seen.names.discard(name)
