"""How much there is, and making it less when a client asks.

Answers come from the index's hourly totals, so they cost the same with a thousand images as with a
million. An image's age is what its name says, never the file's own times: copied files keep it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta

from chimera_storage.archive.deleting import Removed
from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import SECOND_US
from chimera_storage.archive.watch import Reconciler, WatchStatus
from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import Deletion, ImageKey, RangeDeletion, Totals
from chimera_storage.upkeep.protection import kept, kept_and_converted, read_now
from chimera_storage.upkeep.rules import Range, outside

_LONGEST_DAYS = 400_000  # before the first year that a name can say
_FARTHEST_S = 2**40  # beyond every time that a name can say


@dataclass(frozen=True, slots=True, kw_only=True)
class CleanResult:
    """`deleted`: at least one image went. `confidence`: percentage, 0 to 100, of the images that
    were to go and are gone; 100 where none was to go."""

    deleted: bool
    confidence: float


class Upkeep:
    """Sizes, counts and deletion. Thread-safe; every method may raise StorageError.

    Without `reconciler` the index is taken to know every file.
    """

    def __init__(
        self, archive: Archive, clock: Clock, reconciler: Reconciler | None = None
    ) -> None:
        self._archive = archive
        self._clock = clock
        self._reconciler = reconciler

    def totals(self, camera: int) -> Totals:
        """Images and bytes of one camera."""
        return self._archive.index.totals(camera)

    def metrics(self) -> dict[int, Totals]:
        """Images and bytes of every camera that has any."""
        return self._archive.index.all_totals()

    def state(self) -> WatchStatus:
        """How far the comparison of files and index is, and why nothing may be written."""
        problem = self._archive.mark.obstacle()
        if self._reconciler is None:
            return WatchStatus(
                complete=True, progress=1.0, taken_in=0, notices=False, problem=problem
            )
        status = self._reconciler.status()
        return replace(status, problem=problem or status.problem)

    def confidence(self) -> int:
        """Percentage to which totals can be trusted: 100 once files and index were compared."""
        if self._reconciler is None or self._reconciler.complete:
            return 100
        return min(99, int(100 * self._reconciler.progress))

    def delete_camera(self, camera: int, *, who: str = "api") -> bool:
        """Deletes every image of the camera, kept ones too, nothing of another.

        True where at least one went.
        """
        self._archive.mark.check_writable()
        gone = self._archive.delete_camera(camera)
        self._note("pathDelete", camera, gone, who)
        return gone.count > 0

    def clean(self, camera: int, days: float, *, who: str = "api") -> CleanResult:
        """Deletes the images taken more than `days` days (of 86,400 s) ago.

        Kept ones stay, and those that a running conversion reads; neither were to go. Raises
        InvalidInputError for days below 1.
        """
        if days < 1:
            raise InvalidInputError("days is a number from 1")
        if days > _LONGEST_DAYS:
            return CleanResult(deleted=False, confidence=100)
        self._archive.mark.check_writable()
        before_s = to_us(self._clock.now() - timedelta(days=days)) // SECOND_US
        protected = kept_and_converted(self._archive).get(camera, ())
        parts = outside((-_FARTHEST_S, before_s - 1), protected)
        asked = sum(self._totals(camera, part).count for part in parts)
        gone, more_asked = self._delete("pathClean", camera, parts, who)
        asked += more_asked
        if not asked:
            return CleanResult(deleted=False, confidence=100)
        return CleanResult(deleted=gone.count > 0, confidence=round(100 * gone.count / asked, 2))

    def delete_range(
        self,
        camera: int,
        first_s: int,
        last_s: int,
        *,
        kept_too: bool,
        only_ask: bool,
        who: str = "api",
    ) -> RangeDeletion:
        """Deletes the images of these seconds (both included), or says what would go.

        Kept ones stay but where `kept_too`, and those that a running conversion reads always.
        """
        whole = (first_s, last_s)
        keep = () if kept_too else kept(self._archive).get(camera, ())
        unkept = outside(whole, keep)
        read = read_now(self._archive).get(camera, ())
        parts = [free for part in unkept for free in outside(part, read)]
        there = self._totals(camera, whole).count
        not_kept = sum(self._totals(camera, part).count for part in unkept)
        totals = [self._totals(camera, part) for part in parts]
        gone = Totals(count=sum(t.count for t in totals), size=sum(t.size for t in totals))
        busy = not_kept - gone.count
        if not only_ask:
            self._archive.mark.check_writable()
            gone, _ = self._delete("rangeDelete", camera, parts, who)
        return RangeDeletion(gone=gone, kept=there - not_kept, busy=busy)

    def _delete(self, rule: str, camera: int, parts: list[Range], who: str) -> tuple[Totals, int]:
        """What went of the parts, and how many images of it the index had not known."""
        count = size = unknown = 0
        for first_s, last_s in parts:
            removed = self._archive.deleter.span(camera, first_s, last_s)
            count, size = count + removed.count, size + removed.size
            self._note(rule, camera, removed, who)
        if self.confidence() < 100 and parts:
            unknown, more = self._archive.delete(self._files(camera, parts))
            count += more
            self._note(rule, camera, Removed(count=more, last_s=parts[-1][1]), who)
        self._archive.deleter.sync(camera)
        return Totals(count=count, size=size), unknown

    def _files(self, camera: int, parts: list[Range]) -> Iterator[ImageKey]:
        """Images in the parts, from the files: the index may lack some yet."""
        for key in self._archive.files(camera):
            if any(first_s <= key.second <= last_s for first_s, last_s in parts):
                yield key

    def _totals(self, camera: int, part: Range) -> Totals:
        return self._archive.index.totals_of(camera, *part)

    def _note(self, rule: str, camera: int, gone: Removed, who: str) -> None:
        if gone.count:
            self._archive.index.note_deletion(
                Deletion(
                    at_us=to_us(self._clock.now()),
                    who=who,
                    rule=rule,
                    camera=camera,
                    images=gone.count,
                    bytes=gone.size,
                    oldest_us=gone.first_s * SECOND_US,
                    newest_us=gone.last_s * SECOND_US,
                )
            )
