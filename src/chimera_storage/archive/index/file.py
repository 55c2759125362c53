"""The file that the index stands in: connections to it, who may make it, setting it aside."""

import fcntl
import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine
from sqlalchemy.pool import ConnectionPoolEntry

from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger
from chimera_storage.upgrade import discard_older, stamp

BUSY_TIMEOUT_S = 10.0
_WHY = {"corrupt": "damaged", "foreign": "of another data folder"}
_log = get_logger()


def make_engine(path: Path) -> Engine:
    """Connections to the file, which open it when they are first used.

    Execution options of a transaction: `immediate` holds the write lock from its beginning, and
    `durable` (default) outlives a power cut.
    """
    engine = sa.create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S},
        pool_size=8,
        max_overflow=32,
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; see `begin`
        connection.execute("PRAGMA foreign_keys=ON")

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        options = connection.get_execution_options()
        if not options.get("immediate", False):
            connection.exec_driver_sql("BEGIN")
            return
        # In WAL mode NORMAL leaves out only the sync after a commit; FULL also syncs those before.
        level = "FULL" if options.get("durable", True) else "NORMAL"
        connection.exec_driver_sql(f"PRAGMA synchronous={level}")
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


def set_aside(path: Path, why: str) -> Path:
    """Renames an index with its log to `<name>.<why>-<time>`; `why`: corrupt or foreign.

    Whoever has it open finds within a second that it is gone, and opens another. Of those set aside
    for one reason the newest two stay. Raises OSError.
    """
    aside = path.with_name(f"{path.name}.{why}-{stamp()}")
    for suffix in ("-wal", "-shm", ""):
        part = path.with_name(path.name + suffix)
        if part.exists():
            part.rename(aside.with_name(aside.name + suffix))
    _log.error("index_set_aside", index=str(path), problem=_WHY[why], now=aside.name)
    discard_older(path, why)
    return aside


@contextmanager
def made_by_one(path: Path) -> Iterator[None]:
    """One process at a time; the others then find what it made."""
    try:
        descriptor = os.open(
            path.with_name(path.name + ".making"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
        )
    except OSError as error:
        raise StorageError(f"the data folder cannot be written to: {error.strerror}") from None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def identity_of(path: Path) -> tuple[int, int] | None:
    """Which file stands there: device and inode; None: there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
