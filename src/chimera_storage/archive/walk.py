"""What image files there are, found by listing folders; nothing but names is looked at.

Symlinked folders are not entered: what they lead to belongs to another camera or to nobody here.
"""

import os
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from chimera_storage.archive.layout import HOUR_S, Layout, parse_camera
from chimera_storage.clock import to_us
from chimera_storage.model import ImageKey


def camera_ids(layout: Layout) -> list[int]:
    """The cameras that have a folder, ascending. Raises OSError where captures cannot be listed."""
    ids = (parse_camera(name) for name in _folders(layout.captures))
    return sorted(id_ for id_ in ids if id_ is not None)


def dated_hours(layout: Layout, camera: int) -> Iterator[int]:
    """The hours since 1970 that have a dated folder. Raises OSError."""
    folder = layout.camera_folder(camera)
    for day in sorted(_folders(folder)):
        if len(day) == 8:
            for hour in sorted(_folders(folder / day)):
                number = _hour(day, hour)
                if number is not None:
                    yield number


def hour_keys(layout: Layout, camera: int, hour: int) -> Iterator[ImageKey]:
    """The images in the dated folder of one hour. Raises OSError."""
    folder = layout.hour_folder(camera, hour)
    for name in os.listdir(folder):  # noqa: PTH208 - names are enough, and there are many
        key = layout.dated_key(camera, folder.parent.name, folder.name, name)
        if key is not None:
            yield key


def flat_keys(layout: Layout, camera: int) -> Iterator[ImageKey]:
    """The images directly in the camera's folder. Raises OSError."""
    for name in os.listdir(layout.camera_folder(camera)):  # noqa: PTH208
        key = layout.flat_key(camera, name)
        if key is not None:
            yield key


def all_keys(layout: Layout, camera: int) -> Iterator[ImageKey]:
    """Every image file of a camera; folders that vanish meanwhile are passed over."""
    try:
        yield from flat_keys(layout, camera)
        for hour in list(dated_hours(layout, camera)):
            try:
                yield from hour_keys(layout, camera, hour)
            except FileNotFoundError:
                continue
    except FileNotFoundError:
        return


def is_gone(path: Path) -> bool:
    """Whether there certainly is nothing at `path`; False where that cannot be found out."""
    try:
        path.lstat()
    except (FileNotFoundError, NotADirectoryError):
        return True
    except OSError:
        return False
    return False


def _folders(folder: Path) -> list[str]:
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries if entry.is_dir(follow_symlinks=False)]


def _hour(day: str, hour: str) -> int | None:
    if not (len(hour) == 2 and (day + hour).isascii() and (day + hour).isdecimal()):
        return None
    try:
        moment = datetime(int(day[:4]), int(day[4:6]), int(day[6:]), int(hour), tzinfo=UTC)
    except ValueError:
        return None
    return to_us(moment) // (HOUR_S * 1_000_000)
