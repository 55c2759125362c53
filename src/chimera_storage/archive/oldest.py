"""The oldest images by their files alone, for when the disk is full and the index is not right yet.

Folders are listed, nothing is read; an hour's files only when it is their turn.
"""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress

from chimera_storage.archive import walk
from chimera_storage.archive.layout import HOUR_S, Layout
from chimera_storage.model import ImageKey


def oldest_keys(layout: Layout) -> Iterator[ImageKey]:
    """Every image file of all cameras, the oldest first. Raises OSError where captures is gone."""
    dated: dict[int, list[int]] = defaultdict(list)
    flat: dict[int, list[ImageKey]] = defaultdict(list)
    for camera in walk.camera_ids(layout):
        with suppress(OSError):  # gone meanwhile, or not to be read: the others all the same
            for hour in walk.dated_hours(layout, camera):
                dated[hour].append(camera)
            for key in walk.flat_keys(layout, camera):
                flat[key.second // HOUR_S].append(key)
    for hour in sorted({*dated, *flat}):
        keys = flat.pop(hour, [])
        for camera in dated.get(hour, ()):
            with suppress(OSError):
                keys += walk.hour_keys(layout, camera, hour)
        yield from sorted(keys, key=_order)


def _order(key: ImageKey) -> tuple[int, int, int, int]:
    return (key.second, key.camera, -1 if key.number is None else key.number, key.flat)
