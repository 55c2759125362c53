"""Putting right what a check found: the index follows the files, and no footage is deleted.

What cannot be shown under an image's name (empty, overwritten with something else) is moved to the
hidden folder `.damaged` in captures, under the path it had: it is out of the way of lists and
videos, and still there for whoever wants to have a look. Images that are cut short or changed stay
where they are, as part of a picture is better than none; the index then says what they hold.

Nothing is touched where rows of more images would go than `max_missing` says of any camera: that
is rather a disk not mounted than footage deleted.
"""

import os
import secrets
from collections.abc import Callable, Iterable
from contextlib import suppress

from chimera_storage.archive import outputs, sidecar, walk
from chimera_storage.archive.findings import Kind
from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.archive.verify import Hour, Verifier
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.log import get_logger
from chimera_storage.model import Image, ImageKey

DAMAGED = ".damaged"
_FEW = 10  # rows of a camera may always go
_WRITTEN_AFTER_HOUR_S = 600.0  # an hour's sidecar may still be added to for this long

_log = get_logger()


def refusal(found: Verifier, archive: Archive, max_missing: float) -> str | None:
    """A sentence where a repair would drop more than a share of what is known of a camera.

    `max_missing`: 0 to 1. Raises StorageError.
    """
    for camera in found.checked:
        known = archive.index.totals(camera).count
        lost = len(found.missing[camera]) + sum(k.camera == camera for k in found.no_images)
        if lost > max(_FEW, max_missing * known):
            return (
                f"{lost} of {known} images that the index knows of camera {camera} are not on disk"
                f" any more, which is more than the {max_missing:.0%} that a repair may drop; is a"
                " disk not mounted? Nothing was repaired. Where they were deleted on purpose, say"
                " so with --max-missing 100"
            )
    return None


class Repairer:
    """Puts right what `found` holds, and counts in its report what became right.

    `on_step` hears in a word or two what is being done.
    """

    def __init__(
        self, archive: Archive, found: Verifier, *, in_use: bool, on_step: Callable[[str], None]
    ) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._found = found
        self._report = found.report
        self._in_use = in_use
        self._on_step = on_step

    def repair(self, camera: int | None) -> None:
        """Does all of it; `camera` None: finished conversions of all cameras too.

        Raises StorageError, OSError.
        """
        self._on_step("moving damaged files aside")
        self._move_aside(self._found.no_images)
        self._on_step("rows without images")
        self._drop_missing()
        self._on_step("changed images")
        self._replace(self._found.changed)
        self._on_step("what is kept beside images")
        self._mend_sidecars()
        self._on_step("images without rows")
        self._take_in_orphans()
        self._on_step("the rest")
        self._delete_leftovers()
        if camera is None:
            self._mend_outputs()
        for number in self._found.checked:
            wrong = self._index.wrong_hours(number)
            if wrong or self._index.sum_is_wrong(number):
                self._index.recount(number, wrong)
        self._mended(Kind.TOTALS, self._report.found[Kind.TOTALS])

    # images

    def _move_aside(self, keys: Iterable[ImageKey]) -> None:
        moved = []
        for key in keys:
            path = self._layout.image_path(key)
            aside = self._layout.captures / DAMAGED / path.relative_to(self._layout.captures)
            try:
                aside.parent.mkdir(parents=True, exist_ok=True)
                while os.path.lexists(aside):
                    aside = aside.with_name(f"{aside.stem}-{secrets.token_hex(4)}{aside.suffix}")
                path.rename(aside)
            except OSError as error:
                _log.error("damaged_file_not_moved", file=path.name, problem=error.strerror)
                continue
            moved.append(key)
        self._index.remove_images(moved)
        self._mended(Kind.NO_IMAGE, len(moved))

    def _drop_missing(self) -> None:
        for keys in self._found.missing.values():
            gone = [key for key in keys if walk.is_gone(self._layout.image_path(key))]
            self._index.remove_images(gone)
            self._mended(Kind.MISSING, len(keys))  # the others came back

    def _replace(self, images: list[Image]) -> None:
        """Rows made to say what the files hold, and what is kept beside the files too."""
        self._index.add_images(images, replace=True)
        gone = [i.key for i in images if walk.is_gone(self._layout.image_path(i.key))]
        self._index.remove_images(gone)
        self._append(images)
        self._mended(Kind.CHANGED, len(images))

    def _take_in_orphans(self) -> None:
        reconciler = Reconciler(self._archive)
        for camera in sorted({key.camera for key in self._found.orphans}):
            reconciler.reconcile_camera(camera)
        for key in self._found.orphans:
            known = self._index.get(key) is not None
            self._mended(Kind.ORPHAN, known or walk.is_gone(self._layout.image_path(key)))

    # what is kept beside them

    def _mend_sidecars(self) -> None:
        found = self._found
        self._index.add_events(found.lost_events)
        self._mended(Kind.EVENT, len(found.lost_events))
        self._index.add_images(found.unlike_sidecar, replace=True)
        both = found.unlike_sidecar + found.unkept
        self._append(both)
        torn = sum(self._write_anew(hour) for hour in found.torn)
        self._mended(Kind.SIDECAR, len(both) + torn)

    def _append(self, images: Iterable[Image]) -> None:
        dated = [image for image in images if not image.key.flat]
        for (camera, hour), of_hour in sidecar.by_hour(dated).items():
            folder = self._layout.hour_folder(camera, hour)
            sidecar.append(folder, sidecar.encode_images(of_hour))

    def _write_anew(self, of: Hour) -> bool:
        """A sidecar without what cannot be read; False where a recorder may be adding to it."""
        camera, hour = of
        now_s = to_us(self._archive.clock.now()) / SECOND_US
        if self._in_use and now_s < (hour + 1) * HOUR_S + _WRITTEN_AFTER_HOUR_S:
            return False
        folder = self._layout.hour_folder(camera, hour)
        sidecar.write_anew(folder, sidecar.read(folder, hour), camera)
        return True

    # the rest

    def _delete_leftovers(self) -> None:
        for path in self._found.leftovers:
            with suppress(FileNotFoundError):
                path.unlink()
            self._mended(Kind.LEFTOVER, 1)

    def _mend_outputs(self) -> None:
        outputs.reconcile_outputs(self._archive)
        for kind in (Kind.OUTPUT_ORPHAN, Kind.OUTPUT_MISSING):
            self._mended(kind, self._report.found[kind])

    def _mended(self, kind: Kind, number: int) -> None:
        self._report.mended[kind] += number
