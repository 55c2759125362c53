"""The index as one file: opening it, its transactions, what is done when it is damaged."""

import fcntl
import math
import os
import sqlite3
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.file import (
    BUSY_TIMEOUT_S,
    identity_of,
    made_by_one,
    make_engine,
    set_aside,
)
from chimera_storage.archive.index.migration import STEPS
from chimera_storage.archive.index.tables import META, SCHEMA_VERSION, metadata
from chimera_storage.archive.layout import MARK_NAME
from chimera_storage.errors import DiskFullError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.upgrade import upgrade

_LEAST_ROOM = 131_072  # bytes; SQLite's shared memory and a few pages of the log
_ASIDE_S = 60.0
_LOOK_S = 1.0  # between two looks whether the file is still the one that is open
_log = get_logger()


class _DamagedError(Exception):
    """The file cannot be read, or is no index of ours."""


class _ForeignError(Exception):
    """The index is of another data folder."""


class Database:
    """Transactions on one SQLite file; every error of the library becomes a StorageError."""

    def __init__(self, path: Path, data_folder_id: str | None = None) -> None:
        """Opens or creates; a damaged file, or one of another data folder, is set aside.

        `data_folder_id`: what a new index is given, and one that is there has to have. Raises
        StorageError.
        """
        self._path = path
        self._data_folder_id = data_folder_id
        self._mark = path.with_name(MARK_NAME)
        self._marked = self._mark.exists()  # then its absence means that the disk is not mounted
        self._opening = threading.Lock()
        self._identity: tuple[int, int] | None = None  # of the open file: device and inode
        self._wal: tuple[int, int] | None = None  # of its log
        self._look_at_s = 0.0
        self._watching = threading.Lock()
        self._watch: sqlite3.Connection | None = None  # only asks whether anything was committed
        self._watched = -1  # the generation that it is of
        self.generation = 0  # grows when another file stands at the path and was opened
        self._what = f"the data folder's {path.name}"  # in messages: clients see no absolute path
        self._aside_at_s = -math.inf
        self._engine = make_engine(path)
        try:
            # Held as long as the index is open: its form changes only while nobody else uses it.
            self._lock = os.open(
                path.with_name(path.name + ".lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            raise StorageError(f"{self._what} cannot be opened: {error.strerror}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            with made_by_one(path):
                self._open()
            self._identity = identity_of(path)
            self._wal = identity_of(self._part("-wal"))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Closes every connection; the index must not be used afterwards."""
        self._engine.dispose()
        self._end_watch()
        if self._lock >= 0:
            os.close(self._lock)
            self._lock = -1

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One snapshot. Raises StorageError."""
        self._reopen_where_exchanged()
        with self._translated(), self._engine.connect() as connection:
            yield connection

    @contextmanager
    def write(self, *, durable: bool = True) -> Iterator[Connection]:
        """One transaction that holds the write lock from its beginning. Raises StorageError.

        One that is not `durable` waits for no disk: a power cut may undo it, and all after it that
        were none either. For what the files say again.
        """
        self._reopen_where_exchanged()
        writer = self._engine.execution_options(immediate=True, durable=durable)
        with self._translated(), writer.begin() as connection:
            yield connection

    @contextmanager
    def _translated(self) -> Iterator[None]:
        if self._lock < 0:
            raise StorageError("the index is closed")
        try:
            yield
        except sa.exc.SQLAlchemyError as error:
            if _is_damage(error):
                self._give_up()
                raise StorageError(
                    "the index is damaged; it is made anew from the files"
                ) from error
            raise self._unusable(error) from error

    def look(self) -> int:
        """`generation`, after looking whether another file stands at the path."""
        self._reopen_where_exchanged()
        return self.generation

    def version(self) -> tuple[int, int]:
        """Another one as soon as anybody has committed anything. Raises StorageError."""
        if self._watch is None or self._watched != self.generation:
            # A first connection to an exchanged file would play the old one's log into it.
            self._look_at_s = 0.0
        self._reopen_where_exchanged()
        with self._watching:
            if self._lock < 0:
                raise StorageError("the index is closed")
            try:
                if self._watch is None or self._watched != self.generation:
                    self._end_watch()
                    self._watched = self.generation
                    self._watch = sqlite3.connect(
                        self._path, check_same_thread=False, isolation_level=None
                    )
                found: int = self._watch.execute("PRAGMA data_version").fetchone()[0]
            except sqlite3.Error as error:
                self._end_watch()
                raise self._unusable(error) from error
            return self._watched, found

    def _end_watch(self) -> None:
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    # opening

    def _reopen_where_exchanged(self) -> None:
        """Opens what stands at the path where that is another file by now, or none (deleted)."""
        if time.monotonic() < self._look_at_s or self._lock < 0:
            return
        with self._opening:
            if time.monotonic() < self._look_at_s:
                return
            identity = identity_of(self._path)
            if identity != self._identity:
                if identity is None and self._marked and not self._mark.exists():
                    raise StorageError(
                        f"{self._what} is gone with its folder; is its disk mounted?"
                    )
                _log.warning("index_exchanged", effect="what stands there now is used")
                self._engine.dispose()
                with self._watching:
                    self._end_watch()
                with made_by_one(self._path):
                    # Else SQLite plays the old index's log into the new one.
                    if identity_of(self._part("-wal")) == self._wal:
                        for suffix in ("-wal", "-shm"):
                            self._part(suffix).unlink(missing_ok=True)
                    self._open()
                self._identity = identity_of(self._path)
                self.generation += 1
            self._marked = self._marked or self._mark.exists()
            self._wal = identity_of(self._part("-wal"))
            self._look_at_s = time.monotonic() + _LOOK_S

    def _part(self, suffix: str) -> Path:
        return self._path.with_name(self._path.name + suffix)

    def _give_up(self) -> None:
        """Sets aside what is damaged, once a minute at most (a disk may spoil every new one).

        All who use it, here and in other processes, find that it is gone and open another.
        """
        with self._opening, made_by_one(self._path):
            is_ours = identity_of(self._path) == self._identity
            if is_ours and time.monotonic() > self._aside_at_s + _ASIDE_S:
                self._aside_at_s = time.monotonic()
                with suppress(OSError):  # a disk that is read-only by now: tried again
                    set_aside(self._path, "corrupt")
                self._look_at_s = 0.0

    def _open(self) -> None:
        try:
            self._prepare()
        except (_DamagedError, _ForeignError) as error:
            self._engine.dispose()
            try:
                set_aside(self._path, "foreign" if isinstance(error, _ForeignError) else "corrupt")
                self._prepare()
            except (_DamagedError, OSError):
                raise StorageError(f"{self._what} cannot be made anew") from None

    def _prepare(self) -> None:
        try:
            version = self._read_form()
            self._switch_to_wal()
            if version < SCHEMA_VERSION:
                self._bring_up_to_date(version)
            with self._engine.execution_options(immediate=True).begin() as connection:
                metadata.create_all(connection)
                connection.execute(
                    insert(META).on_conflict_do_nothing(),
                    [
                        {"key": "schema_version", "value": str(SCHEMA_VERSION)},
                        {
                            "key": "data_folder_id",
                            "value": self._data_folder_id or uuid.uuid4().hex,
                        },
                    ],
                )
                _check_columns(connection)
        except sa.exc.SQLAlchemyError as error:
            if _is_damage(error):
                raise _DamagedError from None
            raise self._unusable(error) from None

    def _unusable(self, error: Exception) -> StorageError:
        """An error of SQLite's in words. A full disk has several, not all of which say so."""
        disk = os.statvfs(self._path.parent)
        is_full = disk.f_bavail * disk.f_frsize < _LEAST_ROOM
        if _code(error) == sqlite3.SQLITE_FULL or (
            is_full and _code(error) in (sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN)
        ):
            return DiskFullError(f"{self._what} cannot be written to: its disk is full; make room")
        return StorageError(f"{self._what} cannot be used: {_cause(error)}")

    def _read_form(self) -> int:
        try:
            with self._engine.connect() as connection:
                return self._form(connection)
        except sa.exc.OperationalError as error:
            if _code(error) == sqlite3.SQLITE_ERROR:  # "unsupported file format", or other columns
                raise _DamagedError from None
            raise

    def _form(self, connection: Connection) -> int:
        """The version of the tables' form; looked at before anything is written."""
        tables = sa.inspect(connection).get_table_names()
        if not tables:
            return SCHEMA_VERSION
        if META.name not in tables:
            raise _DamagedError
        version = connection.scalar(_VERSION)
        if version is None or not version.isdecimal():
            raise _DamagedError
        if int(version) > SCHEMA_VERSION:
            raise StorageError(
                f"{self._what} was written by a newer version (its form {version}, this "
                f"version knows {SCHEMA_VERSION}); use that version, or move {self._path.name} "
                "away to have it made anew from the files"
            )
        found = connection.scalar(_DATA_FOLDER_ID)
        if self._data_folder_id not in (None, found):
            raise _ForeignError
        return int(version)

    def _bring_up_to_date(self, version: int) -> None:
        """Alone, after a copy was made, all steps in one transaction."""
        if not self._try_lock_alone():
            raise StorageError(
                f"{self._what} is of an older version and in use by another process; "
                "it is brought up to date when all are stopped and one is started"
            )
        try:
            with self._engine.execution_options(immediate=True).begin() as connection:
                version = self._form(connection)
                if version == SCHEMA_VERSION:
                    return
                upgrade(
                    connection, self._path, STEPS, form=version, to=SCHEMA_VERSION, needs_copy=False
                )
                connection.execute(
                    sa.update(META)
                    .where(META.c.key == "schema_version")
                    .values(value=str(SCHEMA_VERSION))
                )
        finally:
            fcntl.flock(self._lock, fcntl.LOCK_SH)

    def _switch_to_wal(self) -> None:
        """Outside a transaction, and by hand: SQLite does not wait for other openers here."""
        deadline = time.monotonic() + BUSY_TIMEOUT_S
        raw = self._engine.raw_connection()
        try:
            while True:
                try:
                    raw.driver_connection.execute("PRAGMA journal_mode=WAL")  # type: ignore[union-attr]
                    return
                except sqlite3.DatabaseError as error:
                    if error.sqlite_errorcode & 0xFF in _DAMAGE:
                        raise _DamagedError from None
                    if error.sqlite_errorcode & 0xFF not in _BUSY:
                        raise self._unusable(error) from None
                    if time.monotonic() > deadline:
                        raise StorageError(f"{self._what} is locked") from None
                    time.sleep(0.02)
        finally:
            raw.close()

    def _try_lock_alone(self) -> bool:
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            # A failed conversion may have let go of the lock: flock(2).
            fcntl.flock(self._lock, fcntl.LOCK_SH)
            return False
        return True


_VERSION = sa.select(META.c.value).where(META.c.key == "schema_version")
_DATA_FOLDER_ID = sa.select(META.c.value).where(META.c.key == "data_folder_id")
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)


def _check_columns(connection: Connection) -> None:
    """Raises _DamagedError where a table lacks a column: a byte of its name was hit."""
    for table in metadata.tables.values():
        asked = sa.text("SELECT name FROM pragma_table_info(:table)")
        there = set(connection.scalars(asked, {"table": table.name}))
        if not there.issuperset(column.name for column in table.c):
            raise _DamagedError


def _is_damage(error: Exception) -> bool:
    return _code(error) in _DAMAGE or _extended_code(error) == sqlite3.SQLITE_IOERR_SHORT_READ


def _code(error: Exception) -> int:
    """SQLite's primary result code; 0 where it is no error of SQLite's."""
    return _extended_code(error) & 0xFF


def _extended_code(error: Exception) -> int:
    return int(getattr(getattr(error, "orig", error), "sqlite_errorcode", 0))


def _cause(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error)
