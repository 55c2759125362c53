"""What was written outlives a power cut once it is synced: files, and the names in folders."""

import errno
import os
from pathlib import Path


def sync_file(path: Path) -> None:
    """Make what is in a file durable. Raises OSError, also where the path is a symbolic link."""
    _sync(path, os.O_NOFOLLOW)


def sync_folder(folder: Path) -> None:
    """Make the names in a folder durable. Raises OSError.

    Some network file systems know no such thing (EINVAL), and need none: a name that was told is
    there.
    """
    try:
        _sync(folder, os.O_DIRECTORY)
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise


def _sync(path: Path, flags: int) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
