"""What a server works on, opened: its data folder and lock, its index, its accounts."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Door
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import Mark, known_id, make_marks, open_index
from chimera_storage.clock import Clock
from chimera_storage.config import Settings
from chimera_storage.errors import StorageError
from chimera_storage.upkeep import make_room_to_open


def layout_of(settings: Settings) -> Layout:
    """The configured data folder."""
    return Layout(settings.storage.path, ZoneInfo(settings.server.timezone))


def opened_accounts(settings: Settings, clock: Clock) -> Accounts:
    """Who may come in. Raises ConfigurationError where anybody on another machine could."""
    accounts = Accounts(settings.storage.path.absolute() / ACCOUNTS_NAME, clock)
    try:
        Door(settings.server, accounts).check()
    except BaseException:
        accounts.close()
        raise
    return accounts


@contextmanager
def data_folder(layout: Layout) -> Iterator[None]:
    """The data folder made, tried and locked. Raises StorageError with a sentence."""
    try:
        if known_id(layout) is None:
            layout.captures.mkdir(parents=True, exist_ok=True)
        lock = os.open(layout.root / ".lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        if Mark(layout).obstacle() is None:  # else captures waits for its disk, or to be writable
            trial = layout.captures / f".trial-{os.getpid()}"
            trial.touch()
            trial.unlink()
    except FileExistsError:
        raise StorageError(
            f"{layout.captures} is no folder, or a link to where none is; mount its disk, or"
            " correct the link"
        ) from None
    except OSError as error:
        raise StorageError(
            f"the data folder {layout.root} cannot be written to: {error.strerror};"
            " make it writable for this user, or set another with storage.path or --path"
        ) from None
    try:
        _take(lock, layout.root)
        yield
    finally:
        os.close(lock)


def opened_index(layout: Layout, settings: Settings, clock: Clock) -> Index:
    """The index of this data folder, which is marked where it is new. Raises StorageError."""
    deletions = make_room_to_open(layout, settings, clock)
    index = open_index(layout)
    for deletion in deletions:
        index.note_deletion(deletion)
    try:
        make_marks(layout, index.data_folder_id)
    except OSError as error:
        index.close()
        raise StorageError(f"the data folder cannot be marked: {error.strerror}") from None
    return index


def _take(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageError(
            f"another server already works on the data folder {root};"
            " stop it, or set another folder with storage.path or --path"
        ) from None
