"""The disk that the images are on, and how much of it is to stay free."""

import os

from chimera_storage.archive.layout import Layout
from chimera_storage.config import Settings
from chimera_storage.errors import StorageError
from chimera_storage.model import Disk

GB = 10**9
_AUTO_SHARE = 0.05
_MOST_SHARE = 0.5  # of the disk: a floor that it could never reach would cost all the footage
_FLOOR_MARGIN = 1.1  # a floor that was fallen below is cleared by this much
_INODES_SHARE = 0.01  # of the files that a disk can hold stay free too


def disk_of(layout: Layout) -> Disk:
    """The disk of `captures`. Raises StorageError."""
    status = _status(layout)
    return Disk(total=status.f_blocks * status.f_frsize, free=status.f_bavail * status.f_frsize)


def floor_bytes(settings: Settings, disk: Disk) -> int:
    """What is to stay free, in bytes; 0: no care is taken."""
    wanted = settings.storage.min_free_gb
    if wanted == "auto":
        return int(min(GB, _AUTO_SHARE * disk.total)) if settings.camera else 0
    return int(min(wanted * GB, _MOST_SHARE * disk.total))


def bytes_missing(disk: Disk, floor: int) -> int:
    """What has to go to have the floor free again, and a tenth more; 0 where it is free."""
    return 0 if disk.free >= floor else int(floor * _FLOOR_MARGIN) - disk.free


def files_missing(layout: Layout) -> int:
    """How many files have to go on a disk that can hold hardly any more; most know no limit."""
    status = _status(layout)
    wanted = int(status.f_files * _INODES_SHARE)
    return 0 if status.f_favail >= wanted else int(wanted * _FLOOR_MARGIN) - status.f_favail


def _status(layout: Layout) -> os.statvfs_result:
    try:
        return os.statvfs(layout.captures)
    except OSError as error:
        raise StorageError(f"the disk cannot be asked: {error.strerror}") from None
