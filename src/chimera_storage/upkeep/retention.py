"""How much there is, and making it less.

Answers come from the index's hourly totals, so they cost the same with a thousand images as with a
million. An image's age is what its name says, never the file's own times: copied files keep it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta

from chimera_storage.archive.images import Archive
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import ImageKey, Totals

_LONGEST_DAYS = 400_000  # before the first year that a name can say


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
        return {camera: self.totals(camera) for camera in self._archive.index.cameras()}

    def confidence(self) -> int:
        """Percentage to which totals can be trusted: 100 once files and index were compared."""
        if self._reconciler is None or self._reconciler.complete:
            return 100
        return min(99, int(100 * self._reconciler.progress))

    def delete_camera(self, camera: int) -> bool:
        """Deletes every image of the camera, nothing of another; True where at least one went."""
        return self._archive.delete_camera(camera).count > 0

    def clean(self, camera: int, days: float) -> CleanResult:
        """Deletes the images taken more than `days` days (of 86,400 s) ago.

        Raises InvalidInputError for days below 1.
        """
        if days < 1:
            raise InvalidInputError("days is a number from 1")
        if days > _LONGEST_DAYS:
            return CleanResult(deleted=False, confidence=100)
        before_s = to_us(self._clock.now() - timedelta(days=days)) // 1_000_000
        asked, gone = self._archive.delete(self._older(camera, before_s))
        if not asked:
            return CleanResult(deleted=False, confidence=100)
        return CleanResult(deleted=gone > 0, confidence=round(100 * gone / asked, 2))

    def _older(self, camera: int, before_s: int) -> Iterator[ImageKey]:
        """Images of a second before `before_s`; from the files while the index may lack some."""
        if self.confidence() < 100:
            yield from (key for key in self._archive.files(camera) if key.second < before_s)
        yield from self._archive.index.keys(camera, end_us=before_s * 1_000_000 - 1)
