"""`chimera-storage check`: the index opened or made anew, everything verified, and repaired."""

import fcntl
import os
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from zoneinfo import ZoneInfo

from chimera_storage.archive import mark, walk
from chimera_storage.archive.findings import Kind, Report
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index, soundness
from chimera_storage.archive.index.file import set_aside
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.repair import Repairer, refusal
from chimera_storage.archive.verify import Verifier
from chimera_storage.archive.watch import FLAT_ZONE, Reconciler
from chimera_storage.clock import Clock
from chimera_storage.errors import InvalidInputError, StorageError


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Who hears how far it is.

    `total`: how many images there are as far as is known. `progress`: how many are through.
    `step`: what is being done now, in a few words.
    """

    total: Callable[[int], None]
    progress: Callable[[int], None]
    step: Callable[[str], None]


def check(
    layout: Layout,
    clock: Clock,
    listener: Listener,
    *,
    camera: int | None = None,
    repair: bool = False,
    max_missing: float = 0.1,
) -> Report:
    """Verifies every file and row, of one camera or all; `repair` puts right what can be.

    Without `repair` nothing is changed. `max_missing`: 0 to 1, see `repair.refusal`. Raises
    InvalidInputError for an unknown camera, StorageError where data folder or index cannot be read.
    """
    if not layout.captures.is_dir():
        raise StorageError(
            f"there is no footage in {layout.root}, as its folder shared/captures is missing;"
            " is its disk mounted? Another data folder is set with storage.path or --path"
        )
    problem = mark.Mark(layout).problem()
    if problem is not None:
        raise StorageError(problem)
    in_use = server_runs(layout)
    try:
        listener.step("index")
        damage = _damage(layout)
        if damage is not None and not repair:
            report = _verify(layout, None, clock, listener, camera, in_use=in_use).report
            report.add(Kind.INDEX, layout.index.name, damage)
            return report
        if damage is not None and layout.index.exists():
            set_aside(layout.index, "corrupt")  # a server that has it open notices
        with closing(mark.open_index(layout)) as index:
            layout = _in_zone_of(index, layout)
            archive = Archive(layout, index, clock)
            if damage is not None:
                _make_anew(archive, listener)
            found = _verify(layout, index, clock, listener, camera, in_use=in_use)
            if damage is not None:
                found.report.add(Kind.INDEX, layout.index.name, damage)
                found.report.mended[Kind.INDEX] += 1
            if repair:
                found.report.stopped = refusal(found, archive, max_missing)
            if repair and found.report.stopped is None:
                Repairer(archive, found, in_use=in_use, on_step=listener.step).repair(camera)
            return found.report
    except OSError as error:
        raise StorageError(f"the footage cannot be read: {error.strerror or error}") from error


def _in_zone_of(index: Index, layout: Layout) -> Layout:
    """Flat names say what they said to the server, whatever zone the command line was given."""
    zone = index.meta(FLAT_ZONE)
    if zone is None or zone == str(layout.timezone):
        return layout
    return Layout(layout.root, ZoneInfo(zone))


def server_runs(layout: Layout) -> bool:
    """Whether a server works on the data folder."""
    try:
        lock = os.open(layout.root / ".lock", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(lock)
    return False


def _verify(
    layout: Layout,
    index: Index | None,
    clock: Clock,
    listener: Listener,
    camera: int | None,
    *,
    in_use: bool,
) -> Verifier:
    verifier = Verifier(layout, index, clock, in_use=in_use, on_progress=listener.progress)
    cameras = verifier.cameras()
    if camera is not None and camera not in cameras:
        known = ", ".join(map(str, cameras)) or "none"
        raise InvalidInputError(f"there is no camera {camera} in the data folder; known: {known}")
    if camera is not None:
        cameras = [camera]
    if index is not None:
        listener.total(sum(index.totals(number).count for number in cameras))
    listener.step("images")
    verifier.verify(cameras)
    verifier.verify_outputs(camera)
    return verifier


def _damage(layout: Layout) -> str | None:
    if not layout.index.exists() or not layout.index.stat().st_size:
        return "there is none"
    return soundness.damage(layout.index)


def _make_anew(archive: Archive, listener: Listener) -> None:
    listener.step("new index")
    reconciler = Reconciler(archive)
    for camera in walk.camera_ids(archive.layout):
        reconciler.reconcile_camera(camera)
