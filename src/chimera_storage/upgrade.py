"""Bringing a SQLite file of an older form up to date: a copy first, then one step for each form.

All steps are one transaction of the caller's: where one fails, the file stays as it was.
"""

import os
import sqlite3
import stat
from collections.abc import Callable, Mapping
from contextlib import closing, suppress
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy.engine import Connection

from chimera_storage.durable import sync_folder
from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger

Steps = Mapping[int, Callable[[Connection], None]]
COPIES_KEPT = 2  # of each kind, the newest
# Of the file's size: the copy, and what the steps write (the first one of an index: a log of 1.9
# times the file, and then the file grows by almost as much).
_ROOM = 4
_ROOM_LEFT = 16_000_000  # bytes
_log = get_logger()


def upgrade(
    connection: Connection, path: Path, steps: Steps, *, form: int, to: int, needs_copy: bool
) -> None:
    """Copies the file to `<name>.form-<n>-<time>` and does the steps from `form` up to `to`.

    `connection`: in a transaction that holds the write lock. Where the disk has no room for a copy,
    StorageError is raised if it `needs_copy`; else it goes without one and the log says so. Older
    copies than the newest two go. Raises StorageError.
    """
    copy = _copy(path, form)
    if copy is None:
        if needs_copy:
            raise StorageError(
                f"{path.name} is of an older version and its disk has no room for a copy, without "
                "which it is not changed; make room"
            )
        _log.warning("not_copied_before_upgrade", file=path.name, reason="its disk is nearly full")
    try:
        for number in range(form, to):
            steps[number](connection)
    except BaseException:
        if copy is not None:  # of what did not change; a service that fails is started again soon
            copy.unlink(missing_ok=True)
        raise
    discard_older(path, "form-")
    said = "none" if copy is None else copy.name
    _log.info("brought_up_to_date", file=path.name, form=to, before=form, copy=said)


def discard_older(path: Path, kind: str) -> None:
    """Deletes files `<name>.<kind>…-<time>` beside it, their logs too, but for the newest two."""
    found = (f for f in path.parent.glob(f"{path.name}.{kind}*") if _is_whole(f))
    for old in sorted(found, key=_stamp_of)[:-COPIES_KEPT]:
        with suppress(OSError):  # one more of them harms nobody
            _remove(old)
            _log.info("old_copy_deleted", file=old.name)


def stamp() -> str:
    """The time now, as it stands at the end of a copy's name."""
    return datetime.now(UTC).strftime("%Y%m%d-%H%M%S-%f")


def _is_whole(path: Path) -> bool:
    return not path.name.endswith(("-journal", "-wal", "-shm"))


def _stamp_of(path: Path) -> str:
    return "-".join(path.name.rsplit("-", 3)[1:])


def _copy(path: Path, form: int) -> Path | None:
    """A copy of what is committed, readable for whom the file is; None: there is no room for it."""
    size = sum(f.stat().st_size for f in (path, path.with_name(path.name + "-wal")) if f.exists())
    disk = os.statvfs(path.parent)
    if disk.f_bavail * disk.f_frsize < _ROOM * size + _ROOM_LEFT:
        return None
    copy = path.with_name(f"{path.name}.form-{form}-{stamp()}")
    unfinished = path.with_name(f"{path.name}.copying")  # a copy has its name once it is whole
    mode = stat.S_IMODE(path.stat().st_mode)
    try:
        _remove(unfinished)  # of a process that was killed
        os.close(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode))
        with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(unfinished)) as into:
            source.backup(into)
        unfinished.rename(copy)
        sync_folder(copy.parent)
    except (sqlite3.Error, OSError) as error:
        for file in (unfinished, copy):
            with suppress(OSError):
                _remove(file)
        if getattr(error, "sqlite_errorcode", 0) & 0xFF == sqlite3.SQLITE_FULL:
            return None
        raise StorageError(f"{path.name} cannot be copied: {error}") from None
    return copy


def _remove(path: Path) -> None:
    """The file and what SQLite keeps beside it while it is written. Raises OSError."""
    for suffix in ("-journal", "-wal", "-shm", ""):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
