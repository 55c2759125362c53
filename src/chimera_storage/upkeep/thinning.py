"""Which images of an hour go when old footage is thinned; pure. And the mark of a thinned hour.

An hour is thinned once. That it was is said by a mark beside its images: an index that is lost and
made anew would not know, and every 10th of every 10th would be left.
"""

import os
from collections import defaultdict
from collections.abc import Sequence
from typing import Literal

from chimera_storage.archive.deleting import THINNED
from chimera_storage.archive.layout import Layout
from chimera_storage.durable import sync_file, sync_folder
from chimera_storage.errors import StorageError
from chimera_storage.model import HourTotals, Image

Keep = int | Literal["best"]


def superfluous(images: Sequence[Image], keep: Keep) -> list[Image]:
    """What goes of an hour's images, which are in time order.

    keep N: of each event, and of what belongs to none, the first and then every N-th stays. "best":
    the image of each event in which most moves stays, and all that belong to none.
    """
    groups: dict[int | None, list[Image]] = defaultdict(list)
    for image in images:
        groups[image.event].append(image)
    if keep == "best":
        groups.pop(None, None)
        best = {id(max(group, key=_worth)) for group in groups.values()}
        return [i for group in groups.values() for i in group if id(i) not in best]
    return [i for group in groups.values() for n, i in enumerate(group) if n % keep]


def estimated(totals: HourTotals, keep: Keep) -> tuple[int, int]:
    """(images, bytes) that would go of an hour, as far as its totals tell."""
    if keep != "best":
        share = 1 - 1 / keep
    elif totals.events:
        share = max(0.0, 1 - totals.events / max(totals.images, 1))
    else:
        share = 0.0
    return int(totals.images * share), int(totals.bytes * share)


def is_thinned(layout: Layout, camera: int, hour: int) -> bool:
    """Whether the hour bears the mark."""
    return os.path.lexists(layout.hour_folder(camera, hour) / THINNED)


def mark_thinned(layout: Layout, camera: int, hour: int) -> None:
    """Marks it, durably: before its images go. Raises StorageError."""
    folder = layout.hour_folder(camera, hour)
    try:
        folder.mkdir(parents=True, exist_ok=True)  # flat images of the hour lie elsewhere
        (folder / THINNED).touch()
        sync_file(folder / THINNED)
        for path in (folder, folder.parent, folder.parent.parent):
            sync_folder(path)
    except OSError as error:
        raise StorageError(f"a thinned hour cannot be marked: {error.strerror}") from None


def _worth(image: Image) -> float:
    return -1.0 if image.score is None else image.score
