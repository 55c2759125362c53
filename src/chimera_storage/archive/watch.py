"""When files are compared with the index: at start, when something is heard of, and now and then.

What is on disk and not in the index is added, what is gone is removed (`compare`): the files are
the truth. One thread does it all. At start it goes through every camera, but lists only folders
that changed since they were compared. From then on the kernel tells of changes (`notices`); what it
does not tell of is found by looking at every folder's modification time, every 2 s or so seldom
that it takes a tenth of the time at most, and every 10 minutes where the kernel tells of
everything. What was taken in unread is read in between.
"""

import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass

from chimera_storage.archive import outputs, walk
from chimera_storage.archive.compare import Comparer
from chimera_storage.archive.images import Archive
from chimera_storage.archive.intake import drop_leftovers
from chimera_storage.archive.notices import Changes, Folder, Kind, Notices
from chimera_storage.archive.prefill import prefill
from chimera_storage.errors import ChimeraStorageError
from chimera_storage.log import get_logger

_SHARE = 0.1  # of the time is spent on scanning, at most
_SCAN_ANYWAY_S = 600.0  # where the kernel tells of changes
_LISTEN_EVERY_S = 0.3  # while something long is done
_CREATED_WAIT_S = 1.0  # who created a file writes it and closes it, which is told of too
_LINKED_WAIT_S = 10.0  # in dated folders: the recorder links files and adds the row itself
_GONE_WAIT_S = 1.0  # who deletes through the archive removes the row itself, after the file
_SIDECAR_WAIT_S = 10.0  # recorders add to theirs every second or two
_MANY_NAMES = 200  # of one dated folder: comparing it costs less than so many single questions
_MOST_WAITING = 50_000  # files to look at later; beyond, everything is scanned
_READ_AT_ONCE = 200  # files; some 10 ms
_READ_SHARE = 0.2  # of the time is spent on reading, at most
_PROGRESS_EVERY_S = 10.0  # in the log
FLAT_ZONE = "flat_zone"  # note in the index: the zone that its flat names were read in

_log = get_logger()


class _InterruptedError(Exception):
    """close() was called."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchStatus:
    """`progress` of the first comparison, 0 to 1; `taken_in`: images found without a row since the
    start. `notices`: whether the kernel tells of every change; `problem`: why nothing is compared.
    """

    complete: bool
    progress: float
    taken_in: int
    notices: bool
    problem: str | None


class Reconciler:
    """A thread that compares at start (all that changed) and then keeps watch.

    `interval_s`: seconds between two scans where the kernel does not tell of changes, more where a
    scan takes long. `watches`: how many folders it is asked to tell of (None: what is sensible).
    """

    def __init__(
        self, archive: Archive, *, interval_s: float = 2.0, watches: int | None = None
    ) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._interval_s = interval_s
        self._working = threading.RLock()
        self._notices = Notices(archive.layout, watches)
        self._comparer = Comparer(
            archive, pause=self._pause, look_again=self._look_again, on_folder=self._notices.watch
        )
        self._waiting: dict[Folder, dict[str, float]] = defaultdict(dict)  # file → when to look
        self._waiting_folders: dict[Folder, float] = {}  # to be compared as a whole, when
        self._waiting_sidecars: dict[Folder, float] = {}  # to be read, when
        self._cameras: set[int] = set()
        self._generation = archive.index.generation
        self._scan_at_s = 0.0
        self._listened_at_s = 0.0
        self._progress = 0.0
        self._problem: str | None = None
        self._told = ""
        self._may_have_unread = True
        self._complete = threading.Event()
        self._closing = threading.Event()
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

    def status(self) -> WatchStatus:
        """Where it stands."""
        return WatchStatus(
            complete=self.complete,
            progress=self.progress,
            taken_in=self._comparer.taken_in,
            notices=self._notices.complete,
            problem=self._problem,
        )

    def close(self) -> None:
        """Stops within the reading of a file; what was begun goes on at the next start."""
        self._closing.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        self._notices.close()

    def reconcile_camera(self, camera: int) -> tuple[int, int]:
        """(added, removed): compares every file and row of one camera, and reads the new ones.

        Raises StorageError, and OSError where a folder cannot be listed.
        """
        with self._working, suppress(_InterruptedError):
            self._forget_flat_of_another_zone()
            counts = self._comparer.compare_camera(camera)
            self._comparer.intake.read_camera(camera)
            return counts
        return 0, 0

    # the thread

    def _run(self) -> None:
        pause_s = 0.0
        while not self._closing.is_set():
            try:
                with self._working:
                    self._step(pause_s)
                pause_s = self._idle_s()
                continue
            except _InterruptedError:
                return
            except (OSError, ChimeraStorageError) as error:
                self._tell(error)
            except Exception:
                self._problem = "a fault of the server; see its log"
                _log.exception("comparison_failed")
            self._scan_at_s = 0.0  # whatever was heard of and not done is found by scanning
            if self._archive.mark.problem() is not None:
                self._notices.close()  # they are of a disk that is no longer there
            self._closing.wait(self._interval_s)

    def _tell(self, error: Exception) -> None:
        # Shown to clients: no absolute path, as the text of an OSError has.
        is_ours = isinstance(error, ChimeraStorageError)
        self._problem = str(error) if is_ours else "not every folder of images can be read"
        if str(error) != self._told:
            self._told = str(error)
            _log.error("comparison_failed", problem=self._told)

    def _step(self, pause_s: float) -> None:
        self._archive.mark.check()
        if self._index.generation != self._generation:
            self._generation = self._index.generation
            self._complete.clear()
            self._may_have_unread = True
        if not self.complete:
            self._compare_all()
        self._listen(pause_s)
        if time.monotonic() >= self._scan_at_s:
            self._scan()
        if self._may_have_unread:
            self._read()

    def _idle_s(self) -> float:
        """How long to wait for the kernel's word."""
        now = time.monotonic()
        due = [self._scan_at_s, now + 0.5]
        due += [at for files in self._waiting.values() for at in list(files.values())[:1]]
        due += [*self._waiting_folders.values(), *self._waiting_sidecars.values()]
        return 0.0 if self._may_have_unread else max(0.01, min(due) - now)

    def _pause(self) -> None:
        """Called in the middle of long work."""
        if self._closing.is_set():
            raise _InterruptedError
        if (
            threading.current_thread() is self._thread
            and time.monotonic() - self._listened_at_s > _LISTEN_EVERY_S
        ):
            self._listen(0.0)

    def _compare_all(self) -> None:
        started = told_at = time.monotonic()
        self._progress = 0.0
        self._notices.open()
        self._forget_flat_of_another_zone()
        outputs.reconcile_outputs(self._archive)
        drop_leftovers(str(self._layout.captures), self._archive)
        self._cameras = set(walk.camera_ids(self._layout))
        with_rows = {*self._index.cameras(), *self._index.compared_cameras()}
        cameras = sorted(self._cameras | with_rows)
        added = prefill(self._archive, pause=self._pause, on_share=self._filled)
        self._comparer.taken_in += added
        removed = 0
        failure: OSError | None = None
        with_rows = {*self._index.cameras(), *self._index.compared_cameras()}  # filled ones too
        for number, camera in enumerate(cameras):

            def on_share(share: float, done: int = number) -> None:
                self._progress = max(self._progress, (done + share) / len(cameras))
                nonlocal told_at
                if time.monotonic() - told_at > _PROGRESS_EVERY_S:
                    told_at = time.monotonic()
                    taken_in, percent = self._comparer.taken_in, int(100 * self._progress)
                    _log.info("comparison_goes_on", percent=percent, taken_in=taken_in)

            on_share(0.0)
            self._pause()
            try:
                more, less = self._comparer.compare_camera(
                    camera, thorough=False, is_new=camera not in with_rows, on_share=on_share
                )
            except OSError as error:
                failure = error  # the others all the same
                continue
            added, removed = added + more, removed + less
        if failure is not None:
            raise failure
        self._plan_scan(started)
        self._problem, self._told = None, ""
        self._complete.set()
        seconds = round(time.monotonic() - started, 3)
        _log.info("comparison_complete", added=added, removed=removed, seconds=seconds)

    def _filled(self, share: float) -> None:
        """Most of a comparison is through when an index made anew was filled."""
        self._progress = 0.9 * share

    def _forget_flat_of_another_zone(self) -> None:
        """The same flat name is another time in another zone: its row is made anew."""
        zone = str(self._layout.timezone)
        before = self._index.meta(FLAT_ZONE)
        if before == zone:
            return
        if before is not None:
            for camera in self._index.cameras():
                self._index.remove_images(key for key in self._index.keys(camera) if key.flat)
                self._index.forget_folders(camera, [""])
        self._index.set_meta(FLAT_ZONE, zone)

    # scanning

    def _scan(self) -> None:
        """Every folder whose modification time changed, of every camera."""
        started = time.monotonic()
        if not self._notices.complete and not self._notices.watched:
            self._notices.open()
        self._look_at_captures()
        failure: OSError | None = None
        for camera in sorted(self._cameras):
            self._pause()
            try:
                self._comparer.compare_camera(camera, thorough=False, patient=True)
            except OSError as error:
                failure = error
        self._may_have_unread = True
        self._plan_scan(started)
        if failure is None:
            self._problem, self._told = None, ""
        else:
            self._tell(failure)

    def _plan_scan(self, started: float) -> None:
        now = time.monotonic()
        least = _SCAN_ANYWAY_S if self._notices.complete else self._interval_s
        self._scan_at_s = now + max(least, (now - started) * (1 - _SHARE) / _SHARE)

    def _look_at_captures(self) -> None:
        """Cameras' folders that came and went."""
        there = set(walk.camera_ids(self._layout))
        for camera in sorted(self._cameras ^ there):
            self._comparer.compare_camera(camera)
        self._cameras = there

    # what the kernel tells

    def _listen(self, timeout_s: float) -> None:
        changes = self._notices.read(timeout_s)
        if timeout_s and not self._notices.watched:
            self._closing.wait(timeout_s)
        self._listened_at_s = time.monotonic()
        if self._closing.is_set():
            raise _InterruptedError
        if changes:
            self._archive.mark.check()
            self._apply(changes)
        self._look_at_waiting()

    def _apply(self, changes: Changes) -> None:
        if changes.lost:
            _log.warning("watching_lost_changes", effect="everything is scanned")
            self._scan_at_s = 0.0
        for camera in sorted(changes.cameras):
            self._comparer.compare_camera(camera)
        if changes.cameras:
            self._cameras = set(walk.camera_ids(self._layout))
        for camera, below in dict.fromkeys(changes.folders):
            self._comparer.compare_folder(camera, below)
        for folder, files in changes.files.items():
            self._look_at(folder, files)
        for folder in changes.sidecars:
            at = time.monotonic() + min(_SIDECAR_WAIT_S, self._interval_s * 5)
            self._waiting_sidecars.setdefault(folder, at)
        self._may_have_unread = True

    def _look_at(self, folder: Folder, files: dict[str, Kind]) -> None:
        camera, below = folder
        of_kind = {kind: [f for f, happened in files.items() if happened is kind] for kind in Kind}
        self._wait_for(folder, of_kind[Kind.CREATED], _LINKED_WAIT_S if below else _CREATED_WAIT_S)
        if below and len(of_kind[Kind.GONE]) > _MANY_NAMES:
            self._waiting_folders.setdefault(folder, time.monotonic() + _GONE_WAIT_S)
        elif folder not in self._waiting_folders:
            self._wait_for(folder, of_kind[Kind.GONE], _GONE_WAIT_S)
        written = of_kind[Kind.WRITTEN]
        for file in written:
            self._waiting[folder].pop(file, None)
        if below and len(written) > _MANY_NAMES:
            self._comparer.compare_folder(camera, below)
        elif written:
            self._comparer.look_at(camera, below, dict.fromkeys(written, True))

    def _look_again(self, camera: int, below: str, file: str) -> None:
        """A file is still being written to."""
        self._wait_for((camera, below), [file], _CREATED_WAIT_S)

    def _wait_for(self, folder: Folder, files: list[str], seconds: float) -> None:
        at = time.monotonic() + min(seconds, self._interval_s * 5)
        waiting = self._waiting[folder]
        for file in files:
            waiting.setdefault(file, at)  # hearing of it again does not put it off
        if sum(map(len, self._waiting.values())) > _MOST_WAITING:
            self._waiting.clear()
            self._scan_at_s = 0.0

    def _look_at_waiting(self) -> None:
        now = time.monotonic()
        for folder in [f for f, at in self._waiting_folders.items() if at <= now]:
            del self._waiting_folders[folder]
            self._waiting.pop(folder, None)
            self._comparer.compare_folder(*folder)
        for folder in [f for f, at in self._waiting_sidecars.items() if at <= now]:
            del self._waiting_sidecars[folder]
            self._comparer.follow_sidecar(*folder)
        for folder in list(self._waiting):
            files = self._waiting[folder]
            due = {file: False for file, at in files.items() if at <= now}
            for file in due:
                del files[file]
            if not files:
                del self._waiting[folder]
            if due:
                self._comparer.look_at(*folder, due)

    # what was taken in unread

    def _read(self) -> None:
        started = time.monotonic()
        read = self._comparer.intake.read_some(_READ_AT_ONCE)
        self._may_have_unread = read > 0
        spent = time.monotonic() - started
        self._listen(spent * (1 - _READ_SHARE) / _READ_SHARE)
