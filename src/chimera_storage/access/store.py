"""The file of accounts: the only SQL of this room (`tables`: what is in it).

SQLite with a rollback journal: little is written, and there is one file to keep and to copy. It is
made with the first thing that is stored, for its owner alone (0600; the journal gets the same).
Whoever writes adds one to `revision`, by which other processes see that something changed.
"""

import json
import os
import secrets
import sqlite3
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import URL, Connection, Engine

from chimera_storage.access.people import LOCK, Role, Session, Token, User
from chimera_storage.access.tables import (
    LINKS,
    META,
    READERS,
    SCHEMA_VERSION,
    SESSIONS,
    STEPS,
    TOKENS,
    USERS,
    metadata,
)
from chimera_storage.errors import ConflictError, StorageError
from chimera_storage.upgrade import upgrade

BUSY_TIMEOUT_S = 5.0
KEY_BYTES = 32
_DAMAGED = "it is empty or damaged; put back a copy of it, or delete it and add all users anew"
MOST_SESSIONS = 100  # of a user; a program that logs in each time would fill the memory


class Store:
    """Rows in and out, each call one transaction. Thread-safe. All raise StorageError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._engine = _engine(path)
        self._making = threading.Lock()
        self._identity: tuple[int, int] | None = None

    def close(self) -> None:
        """Close every connection."""
        self._engine.dispose()

    def exists(self) -> bool:
        """Whether anything was ever stored."""
        return self._path.exists()

    # users

    def users(self) -> list[User]:
        """By name."""
        with self._translated():
            return [User(**_person(row)) for row in self._rows(sa.select(USERS).order_by("name"))]

    def add_user(self, user: User) -> None:
        """Raises ConflictError where the name is taken."""
        with self._write() as connection:
            _insert(connection, USERS, user, f"there is a user {user.name} already")

    def change_user(self, name: str, *, keep_admin: bool = False, **values: Any) -> bool:
        """Set some of a user's columns; False where there is none. ConflictError: `_admin_kept`."""
        if "cameras" in values:
            values["cameras"] = _cameras_text(values["cameras"])
        with self._write() as connection, _admin_kept(connection, wanted=keep_admin):
            changed = sa.update(USERS).where(USERS.c.name == name).values(**values)
            return connection.execute(changed).rowcount > 0

    def lock_user(self, name: str, *, locked: bool, keep_admin: bool = False) -> bool:
        """Whether no password of the user is the right one; False where there is no such user."""
        bare = sa.func.ltrim(USERS.c.password, LOCK)
        password = sa.literal(LOCK).concat(bare) if locked else bare
        return self.change_user(name, keep_admin=keep_admin, password=password)

    def set_password(self, name: str, hashed: str, changed_us: int) -> bool:
        """Also ends all sessions; who is locked stays so. False where there is no such user."""
        with self._write() as connection:
            is_locked = USERS.c.password.startswith(LOCK, autoescape=True)
            password = sa.case((is_locked, LOCK + hashed), else_=hashed)
            changed = sa.update(USERS).where(USERS.c.name == name)
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.user == name))
            changed = changed.values(password=password, changed_us=changed_us)
            return connection.execute(changed).rowcount > 0

    def remove_user(self, name: str, *, keep_admin: bool = False) -> bool:
        """With sessions and links; False where there is none. ConflictError: `_admin_kept`."""
        with self._write() as connection, _admin_kept(connection, wanted=keep_admin):
            connection.execute(sa.delete(LINKS).where(LINKS.c.made_by == name))
            return connection.execute(sa.delete(USERS).where(USERS.c.name == name)).rowcount > 0

    # sessions and tokens

    def sessions(self) -> list[Session]:
        """The newest first."""
        newest_first = sa.select(SESSIONS).order_by(SESSIONS.c.created_us.desc())
        return [Session(**row._mapping) for row in self._rows(newest_first)]

    def add_session(self, session: Session, password: str, renewed: str | None) -> bool:
        """False where `password` is not the stored hash any more; `renewed` takes its place.

        Those that expired go at this chance, and a user's oldest of more than MOST_SESSIONS.
        """
        with self._write() as connection:
            same = (USERS.c.name == session.user) & (USERS.c.password == password)
            renewing = sa.update(USERS).where(same).values(password=renewed or password)
            if not connection.execute(renewing).rowcount:
                return False
            expired = SESSIONS.c.expires_us <= session.created_us
            connection.execute(sa.delete(SESSIONS).where(expired))
            connection.execute(sa.insert(SESSIONS).values(**asdict(session)))
            newest = sa.select(SESSIONS.c.id).where(SESSIONS.c.user == session.user)
            newest = newest.order_by(SESSIONS.c.created_us.desc(), sa.text("rowid desc"))
            too_many = newest.limit(-1).offset(MOST_SESSIONS)
            connection.execute(sa.delete(SESSIONS).where(SESSIONS.c.id.in_(too_many)))
            return True

    def remove_sessions(self, *, id: str | None = None, user: str | None = None) -> int:  # noqa: A002
        """One, or all of a user, or one only if it is the user's; how many went."""
        return self._remove(SESSIONS, id=id, user=user)

    def tokens(self) -> list[Token]:
        """By name."""
        by_name = sa.select(TOKENS).order_by("name")
        with self._translated():
            return [Token(**_person(row)) for row in self._rows(by_name)]

    def add_token(self, token: Token) -> None:
        """Raises ConflictError where the name is taken."""
        with self._write() as connection:
            _insert(connection, TOKENS, token, f"there is a token {token.name} already")

    def remove_token(self, name: str) -> bool:
        """With the links it made; False where there is none of this name."""
        with self._write() as connection:
            connection.execute(sa.delete(LINKS).where(LINKS.c.made_by == f"token:{name}"))
            return connection.execute(sa.delete(TOKENS).where(TOKENS.c.name == name)).rowcount > 0

    # links

    def links(self) -> list[dict[str, Any]]:
        """Rows, the newest first."""
        newest_first = sa.select(LINKS).order_by(LINKS.c.created_us.desc())
        return [dict(row._mapping) for row in self._rows(newest_first)]

    def link(self, id: str) -> dict[str, Any] | None:  # noqa: A002
        """The row of exactly this id."""
        rows = self._rows(sa.select(LINKS).where(LINKS.c.id == id))
        return dict(rows[0]._mapping) if rows else None

    def add_link(self, values: dict[str, Any]) -> None:
        """Those that expired go at this chance."""
        with self._write() as connection:
            expired = LINKS.c.expires_us <= values["created_us"]
            connection.execute(sa.delete(LINKS).where(expired))
            connection.execute(sa.insert(LINKS).values(**values))

    def remove_links(self, *, id: str | None = None, made_by: str | None = None) -> int:  # noqa: A002
        """One, or all that somebody made, or one only if it is theirs; how many went."""
        return self._remove(LINKS, id=id, made_by=made_by)

    def use_link(self, id: str, reader: str, now_us: int, until_us: int) -> bool:  # noqa: A002
        """Count a use, unless `reader` is at one already; False where none is left."""
        with self._write() as connection:
            connection.execute(sa.delete(READERS).where(READERS.c.until_us <= now_us))
            mine = (READERS.c.link == id) & (READERS.c.reader == reader)
            if connection.execute(sa.select(READERS.c.link).where(mine)).first() is not None:
                return True
            is_left = sa.or_(LINKS.c.uses.is_(None), LINKS.c.used < LINKS.c.uses)
            counted = sa.update(LINKS).where(LINKS.c.id == id, is_left)
            if not connection.execute(counted.values(used=LINKS.c.used + 1)).rowcount:
                return False
            row = {"link": id, "reader": reader, "until_us": until_us}
            connection.execute(sa.insert(READERS).values(**row))
            return True

    # what belongs to all

    def revision(self) -> int:
        """Another number after every change; 0 while there is no file."""
        rows = self._rows(sa.select(META.c.value).where(META.c.key == "revision"))
        with self._translated():
            return int(rows[0].value) if rows else 0

    def signing_key(self) -> bytes:
        """Made once, when the file was."""
        with self._write(counts=False) as connection:
            return bytes.fromhex(_meta(connection, "signing_key"))

    # transactions

    def _remove(self, table: sa.Table, **wanted: str | None) -> int:
        """The rows in which each column that is not None has this value; not all are None."""
        where = [table.c[name] == value for name, value in wanted.items() if value is not None]
        if not where or not self.exists():
            return 0
        with self._write() as connection:
            return connection.execute(sa.delete(table).where(*where)).rowcount

    def _rows(self, question: sa.Select[Any]) -> Sequence[sa.Row[Any]]:
        """None while there is no file."""
        if not self.exists():
            return []
        with self._translated(), self._opened().connect() as connection:
            return connection.execute(question).all()

    @contextmanager
    def _write(self, *, counts: bool = True) -> Iterator[Connection]:
        with self._translated(), self._writer().begin() as connection:
            if counts:
                value = sa.cast(sa.cast(META.c.value, sa.Integer) + 1, sa.Text)
                connection.execute(
                    sa.update(META).where(META.c.key == "revision").values(value=value)
                )
            yield connection

    def _writer(self) -> Engine:
        return self._opened().execution_options(immediate=True)

    def _opened(self) -> Engine:
        """Opens what stands at the path where it is another file by now; makes it where none is."""
        with self._making:
            identity = _identity(self._path)
            if identity is None or identity != self._identity:
                self._engine.dispose()
                if identity is None:
                    _make_file(self._path)
                self._path.chmod(0o600)
                with self._engine.execution_options(immediate=True).begin() as connection:
                    _check(connection)
                    _make(connection, self._path)
                self._identity = _identity(self._path)
        return self._engine

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except (sa.exc.SQLAlchemyError, OSError, ValueError, TypeError) as error:
            cause = getattr(error, "orig", None) or getattr(error, "strerror", None) or error
            raise StorageError(f"{self._path.name} cannot be used: {cause}") from error


def _engine(path: Path) -> Engine:
    engine = sa.create_engine(
        URL.create("sqlite+pysqlite", database=str(path)),
        connect_args={"timeout": BUSY_TIMEOUT_S},
    )

    @sa.event.listens_for(engine, "connect")
    def configure(connection: sqlite3.Connection, _record: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself; see below
        connection.execute("PRAGMA foreign_keys=ON")
        connection.execute("PRAGMA synchronous=FULL")
        connection.execute("PRAGMA secure_delete=ON")  # revoked means gone from the file too

    @sa.event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        immediate = connection.get_execution_options().get("immediate", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if immediate else "BEGIN")

    return engine


def _make_file(path: Path) -> None:
    """Puts a whole file there, which no other process sees before; one that is there by now stays.

    So one without the tables is damage (`_check`): taken for a new one, it would let everybody in.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    os.close(os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
    if os.geteuid() == 0:  # `user add` as root: the server, which owns the folder, has to read it
        owner = path.parent.stat()
        os.chown(temporary, owner.st_uid, owner.st_gid)
    engine = _engine(temporary)
    try:
        with engine.execution_options(immediate=True).begin() as connection:
            _make(connection, temporary)
        engine.dispose()
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        engine.dispose()
        temporary.unlink()


def _check(connection: Connection) -> None:
    """Raises ValueError, or what SQLite raises, where a file that is there cannot be trusted."""
    tables = sa.inspect(connection)
    if not all(tables.has_table(table.name) for table in (META, USERS, TOKENS)):
        raise ValueError(_DAMAGED)
    said = connection.exec_driver_sql("PRAGMA integrity_check(1)").scalar_one()
    if said != "ok":
        raise ValueError(_DAMAGED)


def _make(connection: Connection, path: Path) -> None:
    """Makes what is not there, and brings what is of an older form up to date, after a copy."""
    form = _form(connection)
    if form > SCHEMA_VERSION:
        raise ValueError(
            f"it was written by a newer version (its form {form}, this version knows "
            f"{SCHEMA_VERSION}); use that version, or put back the copy of it, "
            f"{path.name}.form-{SCHEMA_VERSION}-…, that was made before"
        )
    if form < SCHEMA_VERSION:
        upgrade(connection, path, STEPS, form=form, to=SCHEMA_VERSION, needs_copy=True)
        newest = {"value": str(SCHEMA_VERSION)}
        connection.execute(sa.update(META).where(META.c.key == "schema_version").values(newest))
    metadata.create_all(connection)
    start = {
        "schema_version": str(SCHEMA_VERSION),
        "revision": str(secrets.randbits(40)),
        "signing_key": secrets.token_hex(KEY_BYTES),
    }
    for key, value in start.items():
        if connection.execute(sa.select(META).where(META.c.key == key)).first() is None:
            connection.execute(sa.insert(META).values(key=key, value=value))


def _form(connection: Connection) -> int:
    """The version of the tables' form; a file without any has the present one."""
    if not sa.inspect(connection).has_table(META.name):
        return SCHEMA_VERSION
    return int(_meta(connection, "schema_version"))


def _meta(connection: Connection, key: str) -> str:
    return str(connection.execute(sa.select(META.c.value).where(META.c.key == key)).scalar_one())


@contextmanager
def _admin_kept(connection: Connection, *, wanted: bool) -> Iterator[None]:
    """Raises ConflictError where the last admin who may log in would be gone with the change."""
    may_log_in = sa.not_(USERS.c.password.startswith(LOCK, autoescape=True))
    admins = sa.select(sa.func.count()).where(USERS.c.role == Role.ADMIN.value, may_log_in)
    before = connection.scalar(admins) if wanted else 0
    yield
    if before and not connection.scalar(admins):
        raise ConflictError(
            "this is the last admin who may log in; make another user an admin first, or use the"
            " command line (chimera-storage user)"
        )


def _insert(connection: Connection, table: sa.Table, row: Any, taken: str) -> None:
    values = asdict(row)
    if "cameras" in values:
        values["cameras"] = _cameras_text(values["cameras"])
    try:
        connection.execute(sa.insert(table).values(**values))
    except sa.exc.IntegrityError:
        raise ConflictError(taken) from None


def _person(row: Any) -> dict[str, Any]:
    values = dict(row._mapping)
    values["role"] = Role(values["role"])
    if values["cameras"] is not None:
        values["cameras"] = frozenset(map(int, json.loads(values["cameras"])))
    return values


def _cameras_text(cameras: frozenset[int] | None) -> str | None:
    return None if cameras is None else json.dumps(sorted(cameras))


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
