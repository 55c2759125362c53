"""The file of a conversion: hidden while it is made, under its name only when it is whole."""

import errno
import os
from contextlib import suppress
from pathlib import Path

from chimera_storage.archive.layout import TEMPORARY_SUFFIX, Layout
from chimera_storage.durable import sync_folder
from chimera_storage.errors import ConversionError, StorageError
from chimera_storage.model import Conversion

UNKNOWN_REASON = "it could not be made; the server's log says why"
# What file systems without hard links (FAT, exFAT, some network shares) answer.
_NO_HARD_LINKS = frozenset({errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK})


def temporary_path(layout: Layout, conversion: Conversion) -> Path:
    """Where this attempt is written; hidden, in the folder of the finished ones."""
    name = f".{layout.output_name(conversion)}.{conversion.attempts}{TEMPORARY_SUFFIX}"
    return layout.captures / name


def publish(temporary: Path, final: Path) -> int:
    """Give a whole, synced file its name; returns its size in bytes.

    A file that has the name already is left as it is, and ConversionError raised. Raises OSError.
    """
    size = temporary.stat().st_size
    try:
        os.link(temporary, final, follow_symlinks=False)
    except FileExistsError:
        raise ConversionError("a file with the name of the result was there already") from None
    except OSError as error:
        if error.errno not in _NO_HARD_LINKS:
            raise
        if os.path.lexists(final):
            raise ConversionError("a file with the name of the result was there already") from None
        temporary.rename(final)
    else:
        temporary.unlink()
    sync_folder(final.parent)
    return size


def remove(path: Path) -> None:
    """Remove a file that may be gone already. Raises OSError."""
    with suppress(FileNotFoundError):
        path.unlink()


def sweep(layout: Layout) -> int:
    """Remove what conversions of a former life left unfinished; returns how many files."""
    removed = 0
    for path in layout.captures.glob(f".output_*{TEMPORARY_SUFFIX}"):
        with suppress(OSError):
            path.unlink()
            removed += 1
    return removed


def reason(error: Exception) -> str:
    """One sentence for a client that says why a file could not be made."""
    if isinstance(error, (ConversionError, StorageError)):
        return str(error)
    number = getattr(error, "errno", None)
    if number in (errno.ENOSPC, errno.EDQUOT):
        return "the disk is full; free some space and ask for it again"
    if number == errno.EFBIG:
        return "the file became larger than the disk's file system allows; ask for a shorter range"
    if number in (errno.EACCES, errno.EPERM, errno.EROFS):
        return "the folder of the results cannot be written to"
    if number == errno.EIO:
        return "the disk reported a fault"
    return UNKNOWN_REASON
