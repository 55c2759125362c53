"""Whether an index can be trusted: looked at without changing anything, not even its form."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from chimera_storage.archive.index.file import BUSY_TIMEOUT_S
from chimera_storage.errors import StorageError

# SQLITE_ERROR: "unsupported file format", as there are always tables to be read.
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a sound index says of itself: `form` of its tables, `images` of `cameras`, `meta`."""

    form: int
    images: int
    cameras: int
    meta: dict[str, str]


def facts(path: Path) -> Facts:
    """Read without bringing the index up to date. Raises StorageError."""
    try:
        with closing(_opened(path)) as connection:
            meta = dict(connection.execute("SELECT key, value FROM meta"))
            totals = connection.execute("SELECT images FROM totals WHERE images > 0").fetchall()
    except sqlite3.DatabaseError as error:
        raise StorageError(f"the data folder's {path.name} cannot be read: {error}") from None
    form = str(meta.get("schema_version", 0))
    if not form.isdecimal():
        raise StorageError(f"the data folder's {path.name} does not say which form it has")
    return Facts(
        form=int(form),
        images=sum(images for (images,) in totals),
        cameras=len(totals),
        meta=meta,
    )


def _opened(path: Path) -> sqlite3.Connection:
    # Not immutable, so that what stands in the write-ahead log counts too.
    return sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True, timeout=BUSY_TIMEOUT_S)


def damage(path: Path) -> str | None:
    """What is wrong with an index's file, in the words of SQLite; None: it is sound.

    Reads all of it (`PRAGMA integrity_check`), beside whoever uses it. Raises StorageError where
    it cannot be read for another reason, such as a lock that lasts.
    """
    try:
        with closing(_opened(path)) as connection:
            tables = {row[0] for row in connection.execute("SELECT name FROM sqlite_master")}
            if tables and "meta" not in tables:
                return "it is no index of this program"
            (said, *_) = connection.execute("PRAGMA integrity_check(1)").fetchone()
    except sqlite3.DatabaseError as error:
        code = error.sqlite_errorcode
        if code & 0xFF in _DAMAGE or code == sqlite3.SQLITE_IOERR_SHORT_READ:
            return str(error)
        raise StorageError(f"the data folder's {path.name} cannot be read: {error}") from None
    return None if said == "ok" else str(said).splitlines()[-1]
