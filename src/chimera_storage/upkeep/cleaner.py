"""Does what rules planned, in small steps, and records it.

Before each step it is looked whether the data folder is still there, whether somebody began to keep
what would go, and whether the server stops.
"""

from collections.abc import Callable, Iterable
from contextlib import suppress

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import SECOND_US
from chimera_storage.archive.oldest import oldest_keys
from chimera_storage.clock import to_us
from chimera_storage.errors import StorageError
from chimera_storage.model import Conversion, Deletion, Image, ImageKey, Totals
from chimera_storage.upkeep.rules import Protected, Rule, Span, outside

_FILES_AT_ONCE = 200
NOTHING = Totals(count=0, size=0)


class Cleaner:
    """One run of the rules. `who`: as in `Deletion`; `stop`: true ends it early, in good order.

    `problem` says why nothing may be deleted (None: nothing hinders). Every method raises
    StorageError.
    """

    def __init__(
        self,
        archive: Archive,
        *,
        who: str,
        stop: Callable[[], bool],
        problem: Callable[[], str | None],
    ) -> None:
        self._archive = archive
        self._who = who
        self._stop = stop
        self._problem = problem
        self._at_us = to_us(archive.clock.now())

    def spans(self, spans: Iterable[Span], protected: Callable[[], Protected]) -> Totals:
        """Deletes the images of the spans, but for what is `protected` by now."""
        gone = NOTHING
        cameras: set[int] = set()
        for span in spans:
            if self._stop():
                break
            self.check()
            ranges = protected().get(span.camera, ())
            for first_s, last_s in outside((span.first_s, span.last_s), ranges):
                removed = self._archive.deleter.span(span.camera, first_s, last_s, stop=self._stop)
                totals = Totals(count=removed.count, size=removed.size)
                cameras.add(span.camera)
                self._note(span.rule, span.camera, totals, removed.first_s, removed.last_s)
                gone = added(gone, totals)
        for camera in cameras:
            self._archive.deleter.sync(camera)
        return gone

    def images(self, rule: Rule, camera: int, images: list[Image]) -> Totals:
        """Deletes single images of one camera."""
        if not images:
            return NOTHING
        self.check()
        _, count = self._archive.delete(image.key for image in images)
        if not count:
            return NOTHING
        size = sum(image.size for image in images)
        totals = Totals(count=count, size=size * count // len(images))
        seconds = [image.key.second for image in images]
        self._note(rule, camera, totals, min(seconds), max(seconds))
        return totals

    def files(self, rule: Rule, need_bytes: int, protected: Protected) -> Totals:
        """Deletes the oldest images by their files, not by the index, until so many bytes went."""
        gone = NOTHING
        batch: list[tuple[ImageKey, int]] = []
        try:
            for key in oldest_keys(self._archive.layout):
                if gone.size + sum(size for _, size in batch) >= need_bytes or self._stop():
                    break
                whole = (key.second, key.second)
                if outside(whole, protected.get(key.camera, ())) != [whole]:
                    continue
                with suppress(OSError):
                    size = self._archive.layout.image_path(key).lstat().st_size
                    batch.append((key, size))
                if len(batch) == _FILES_AT_ONCE:
                    gone = added(gone, self._file_batch(rule, batch))
                    batch = []
        except OSError as error:
            raise StorageError(f"images cannot be listed: {error.strerror}") from None
        return added(gone, self._file_batch(rule, batch))

    def conversions(self, conversions: Iterable[Conversion]) -> Totals:
        """Deletes finished conversions: the file, then the row."""
        gone = NOTHING
        for conversion in conversions:
            if self._stop():
                break
            self.check()
            path = self._archive.layout.output_path(conversion)
            try:
                size = path.lstat().st_size
                path.unlink()
            except FileNotFoundError:
                size = None
            except OSError as error:
                raise StorageError(f"{path.name} cannot be deleted: {error.strerror}") from None
            self._archive.index.remove_conversion(conversion.id)
            if size is not None:
                totals = Totals(count=1, size=size)
                at_s = conversion.requested_us // SECOND_US
                self._note(Rule.CONVERSIONS, None, totals, at_s, at_s)
                gone = added(gone, totals)
        return gone

    def _file_batch(self, rule: Rule, batch: list[tuple[ImageKey, int]]) -> Totals:
        gone = NOTHING
        for camera in {key.camera for key, _ in batch}:
            self.check()
            of_camera = [(key, size) for key, size in batch if key.camera == camera]
            _, count = self._archive.delete(key for key, _ in of_camera)
            size = sum(size for _, size in of_camera) * count // len(of_camera)
            totals = Totals(count=count, size=size)
            seconds = [key.second for key, _ in of_camera]
            self._note(rule, camera, totals, min(seconds), max(seconds))
            gone = added(gone, totals)
        return gone

    def _note(
        self, rule: Rule, camera: int | None, totals: Totals, first_s: int, last_s: int
    ) -> None:
        if totals.count:
            self._archive.index.note_deletion(
                Deletion(
                    at_us=self._at_us,
                    who=self._who,
                    rule=rule,
                    camera=camera,
                    images=totals.count,
                    bytes=totals.size,
                    oldest_us=first_s * SECOND_US,
                    newest_us=last_s * SECOND_US,
                )
            )

    def check(self) -> None:
        """Raises StorageError where nothing may be deleted."""
        problem = self._problem()
        if problem is not None:
            raise StorageError(problem)


def added(one: Totals, other: Totals) -> Totals:
    """The sum of both."""
    return Totals(count=one.count + other.count, size=one.size + other.size)
