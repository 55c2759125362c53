"""Room for the index itself, before it is opened: on a full disk SQLite cannot even begin to read.

The oldest images go by their files. Their rows are taken out by the comparison at start. Not more
often than once an hour: a service that cannot start is started again and again, and where snapshots
or links hold what is deleted, or another program takes the room, no footage would be left.
"""

import os
from contextlib import suppress
from pathlib import Path

from chimera_storage.archive.deleting import remove_emptied
from chimera_storage.archive.keep import KeepFile
from chimera_storage.archive.layout import SECOND_US, Layout
from chimera_storage.archive.mark import Mark
from chimera_storage.archive.oldest import oldest_keys
from chimera_storage.clock import Clock, to_us
from chimera_storage.config import Settings
from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Deletion, ImageKey
from chimera_storage.upkeep.disk import bytes_missing, disk_of, floor_bytes
from chimera_storage.upkeep.rules import Rule, merged

NOTE = ".room-made"  # in the data folder; its time says when it was done last
_ONCE_IN_S = 3600
_ROOM_TO_NOTE = 1_000_000  # bytes
_ROOM_TO_OPEN = 16_000_000  # bytes; an index that is used has some MB beside it
_log = get_logger()


def make_room_to_open(layout: Layout, settings: Settings, clock: Clock) -> list[Deletion]:
    """Deletes the oldest images where the disk is all but full; what went, to be recorded.

    Nothing where `min_free_gb` is 0, where it cannot be told what is kept, where the disk is not
    the one it was, or within an hour of the last time. Raises StorageError.
    """
    if not layout.captures.is_dir() or Mark(layout).obstacle() is not None:
        return []
    disk = disk_of(layout)
    floor = floor_bytes(settings, disk)
    if disk.free >= min(_ROOM_TO_OPEN, floor / 2):
        return []
    note, now_us = layout.root / NOTE, to_us(clock.now())
    if _is_recent(note, now_us):
        _log.error("room_not_made_again", hint="images went for it within the last hour")
        return []
    need = bytes_missing(disk, floor)
    if not _write(note, now_us):
        need = min(need, _ROOM_TO_NOTE)
    try:
        gone = _delete_oldest(layout, need)
    except OSError as error:
        raise StorageError(f"images cannot be listed: {error.strerror}") from None
    _log.warning("room_made", images=len(gone), bytes=sum(gone.values()), needed=floor)
    _write(note, now_us)
    return _records(gone, now_us)


def _is_recent(note: Path, now_us: int) -> bool:
    """Whether less than an hour lies between; a clock may have been set back."""
    try:
        return abs(now_us / SECOND_US - note.stat().st_mtime) < _ONCE_IN_S
    except OSError:
        return False


def _write(note: Path, now_us: int) -> bool:
    """False where there is no room even for an empty file."""
    try:
        note.touch()
        os.utime(note, ns=(now_us * 1000, now_us * 1000))
    except OSError:
        return False
    return True


def _delete_oldest(layout: Layout, need_bytes: int) -> dict[ImageKey, int]:
    """Key → bytes of what went."""
    kept = {camera: merged(ranges) for camera, ranges in KeepFile(layout).seconds().items()}
    gone: dict[ImageKey, int] = {}
    folders: set[Path] = set()
    for key in oldest_keys(layout):
        if need_bytes <= 0:
            break
        if any(first <= key.second <= last for first, last in kept.get(key.camera, ())):
            continue
        path = layout.image_path(key)
        with suppress(OSError):
            size = path.lstat().st_size
            path.unlink()
            gone[key] = size
            need_bytes -= size
            folders.add(path.parent)
    remove_emptied({folder for folder in folders if folder.parent.parent.parent == layout.captures})
    return gone


def _records(gone: dict[ImageKey, int], at_us: int) -> list[Deletion]:
    records = []
    for camera in sorted({key.camera for key in gone}):
        seconds = [key.second for key in gone if key.camera == camera]
        records.append(
            Deletion(
                at_us=at_us,
                who="server",
                rule=Rule.MIN_FREE_GB,
                camera=camera,
                images=len(seconds),
                bytes=sum(size for key, size in gone.items() if key.camera == camera),
                oldest_us=min(seconds) * SECOND_US,
                newest_us=max(seconds) * SECOND_US,
            )
        )
    return records
