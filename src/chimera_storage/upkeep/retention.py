"""The rules, applied and shown: how long images stay, and how much room they may take.

In this order: finished conversions by age, images by age, thinning, the quota of each camera, the
quota of all, the disk's free space. While files and index are still compared all of them wait, as
an index that is wrong must cost no footage; only where the disk is full, room is made by the files
themselves.
"""

import fcntl
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.config import Settings
from chimera_storage.errors import ConflictError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Deletion, Disk, Forecast, HourTotals, Preview, Totals
from chimera_storage.upkeep import disk as disks
from chimera_storage.upkeep import protection, rules, thinning
from chimera_storage.upkeep.cleaner import NOTHING, Cleaner, added
from chimera_storage.upkeep.planner import QUOTAS, Planner
from chimera_storage.upkeep.rules import Rule

ALL = (Rule.CONVERSIONS, Rule.DAYS, Rule.THIN, *QUOTAS, Rule.MIN_FREE_GB)

_log = get_logger()


def _never() -> bool:
    return False


class Retention:
    """The rules of one server. Thread-safe; one run at a time, also among processes.

    `compared`: whether files and index were compared. `problem`: why nothing may be deleted at all
    (None: nothing hinders). Every method raises StorageError.
    """

    def __init__(
        self,
        archive: Archive,
        settings: Settings,
        *,
        compared: Callable[[], bool],
        problem: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._archive = archive
        self._compared = compared
        self._problem = problem
        self._running = threading.Lock()
        self.planner = Planner(archive, settings)

    def use(self, settings: Settings) -> None:
        """Go by these from now on, a run that is on included."""
        self.planner.use(settings)

    def waits(self) -> str | None:
        """Why the rules do nothing now; None where they may."""
        problem = self._problem()
        if problem is not None:
            return problem
        if not self._compared():
            return "files and index are still being compared; rules wait until that is through"
        try:
            self._archive.keep.ranges()
        except StorageError as error:
            return str(error)
        return None

    def preview(self) -> Preview:
        """What the rules would do now, and what then comes of the disk. Changes nothing."""
        waits = self.waits()
        hours = self._archive.index.hourly()
        disk = disks.disk_of(self._archive.layout)
        planned, left = self.planner.everything(hours) if waits is None else ([], hours)
        after = Disk(total=disk.total, free=disk.free + sum(p.bytes for p in planned))
        return Preview(
            planned=tuple(planned),
            disk=disk,
            forecast=self.planner.forecast(left, after),
            waits=waits,
        )

    def forecast(self) -> Forecast:
        """What comes of the disk at the present rate."""
        hours = self._archive.index.hourly()
        return self.planner.forecast(hours, disks.disk_of(self._archive.layout))

    def deletions(self, limit: int) -> list[Deletion]:
        """What was deleted, the newest first."""
        return self._archive.index.deletions(limit=limit)

    def has_quota(self) -> bool:
        """Whether a quota is set, of all or of a camera."""
        return any(self.planner.has(rule) for rule in QUOTAS)

    def apply_quotas(self, who: str) -> Totals:
        """`apply`, the quotas only."""
        return self.apply(who, QUOTAS)

    def apply(
        self, who: str, only: Sequence[Rule] = ALL, *, stop: Callable[[], bool] = _never
    ) -> Totals:
        """Does what the rules say; what went.

        Raises ConflictError where another run is on, and where the rules wait.
        """
        with self._alone():
            waits = self.waits()
            if waits is not None:
                raise ConflictError(waits)
            cleaner = self._cleaner(who, stop)
            gone = NOTHING
            for rule in only:
                if not stop() and self.planner.has(rule):
                    gone = added(gone, self._apply(rule, cleaner, stop))
        if gone.count:
            _log.info("rules_applied", who=who, images=gone.count, bytes=gone.size)
        return gone

    def make_room(self, who: str, need_bytes: int, *, stop: Callable[[], bool] = _never) -> Totals:
        """Deletes the oldest images until so many bytes went, also before the index is right.

        Kept images stay in any case; those that conversions read go where the others do not do.
        Raises ConflictError where another run is on.
        """
        with self._alone():
            gone = self._make_room(self._cleaner(who, stop), need_bytes)
        _log.warning("room_made", images=gone.count, bytes=gone.size, needed=need_bytes)
        return gone

    def _apply(self, rule: Rule, cleaner: Cleaner, stop: Callable[[], bool]) -> Totals:
        if rule is Rule.CONVERSIONS:
            return cleaner.conversions(self.planner.old_conversions())
        if rule is Rule.THIN:
            return self._thin(cleaner, stop)
        if rule is Rule.MIN_FREE_GB:
            missing = self.planner.bytes_missing()
            return self._make_room(cleaner, missing) if missing else NOTHING
        if rule in QUOTAS and not self.planner.quota_is_exceeded():
            return NOTHING
        protect = partial(protection.kept_and_converted, self._archive)
        return cleaner.spans(
            self.planner.spans(rule, self._archive.index.hourly(), protect()), protect
        )

    def _make_room(self, cleaner: Cleaner, need_bytes: int) -> Totals:
        if not self._compared():
            return cleaner.files(Rule.MIN_FREE_GB, need_bytes, protection.kept(self._archive))
        hours = self._archive.index.hourly()
        protect = protection.kept_and_converted
        spans = self.planner.oldest(Rule.MIN_FREE_GB, hours, need_bytes, protect(self._archive))
        if sum(span.bytes for span in spans) < need_bytes:
            protect = protection.kept
            spans = self.planner.oldest(Rule.MIN_FREE_GB, hours, need_bytes, protect(self._archive))
        return cleaner.spans(spans, partial(protect, self._archive))

    def _thin(self, cleaner: Cleaner, stop: Callable[[], bool]) -> Totals:
        gone = NOTHING
        for totals in self.planner.to_thin(self._archive.index.hourly()):
            if stop():
                break
            gone = added(gone, self._thin_hour(cleaner, totals))
        return gone

    def _thin_hour(self, cleaner: Cleaner, totals: HourTotals) -> Totals:
        camera, hour = totals.camera, totals.hour
        whole = (hour * HOUR_S, (hour + 1) * HOUR_S - 1)
        free = rules.outside(whole, protection.kept(self._archive).get(camera, ()))
        unread = protection.kept_and_converted(self._archive).get(camera, ())
        if rules.outside(whole, unread) != free:
            return NOTHING  # a conversion reads it: next time
        cleaner.check()
        images = [
            image
            for first_s, last_s in free
            for image in self._archive.index.images(camera, first_s * SECOND_US, last_s * SECOND_US)
        ]
        keep = self.planner.retention_of(camera).thin_keep
        thinning.mark_thinned(self._archive.layout, camera, hour)
        return cleaner.images(Rule.THIN, camera, thinning.superfluous(images, keep))

    def _cleaner(self, who: str, stop: Callable[[], bool]) -> Cleaner:
        return Cleaner(self._archive, who=who, stop=stop, problem=self._problem)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        """Raises ConflictError where a run is on, in this process or another."""
        with _locked(self._running), _flocked(self._archive.layout.root):
            yield


_BUSY = "the rules are being applied just now; ask again when that is through"


@contextmanager
def _locked(lock: threading.Lock) -> Iterator[None]:
    if not lock.acquire(blocking=False):
        raise ConflictError(_BUSY)
    try:
        yield
    finally:
        lock.release()


@contextmanager
def _flocked(folder: os.PathLike[str]) -> Iterator[None]:
    """Holds a lock on the folder itself: on a full disk there is no room for a file."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError as error:
        raise StorageError(f"the data folder cannot be read: {error.strerror}") from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise ConflictError(_BUSY) from None
        yield
    finally:
        os.close(descriptor)
