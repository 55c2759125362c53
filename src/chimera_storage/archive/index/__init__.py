"""The index: everything that is asked often, answered without touching the footage. The only SQL.

SQLite in WAL mode, shared by the server, the recorder and the conversions. Readers see a snapshot
and never wait; a writer takes its lock when it begins (`BEGIN IMMEDIATE`), so that it waits for
another writer instead of failing half-way. `synchronous=FULL`: what is committed outlives a power
cut, which costs one more fsync beside those of the images in each batch.

The index is disposable (the files are the truth): one that is damaged is set aside, never deleted,
and a new one begun. One of an older form is brought up to date, one written by a newer version is
refused and left as it is.

A module for each family of tables, which `Index` puts together; see `rows.Rows`.
"""

from pathlib import Path

from chimera_storage.archive.index.changes import Changes
from chimera_storage.archive.index.conversions import Conversions
from chimera_storage.archive.index.database import Database
from chimera_storage.archive.index.deletions import Deletions
from chimera_storage.archive.index.events import Events
from chimera_storage.archive.index.filling import Filling
from chimera_storage.archive.index.folders import Folders
from chimera_storage.archive.index.hours import Hours
from chimera_storage.archive.index.images import Images
from chimera_storage.archive.index.notes import Notes
from chimera_storage.archive.index.recount import Recount
from chimera_storage.archive.index.rows import BATCH, Answers
from chimera_storage.archive.index.spans import Spans
from chimera_storage.archive.index.timeline import Timeline
from chimera_storage.archive.index.unread import Unread

__all__ = ["BATCH", "Index"]


class Index(
    Images,
    Changes,
    Filling,
    Hours,
    Recount,
    Events,
    Conversions,
    Notes,
    Spans,
    Deletions,
    Folders,
    Timeline,
    Unread,
):
    """SQLite (WAL) through SQLAlchemy Core. Safe from several threads and several processes.

    Every method raises StorageError where the index cannot be read or written.
    """

    def __init__(self, path: Path, data_folder_id: str | None = None) -> None:
        """Opens or creates; `data_folder_id`: of the data folder's mark, where it has one.

        A damaged file is renamed to `<name>.corrupt-<time>`, one of another data folder to
        `<name>.foreign-<time>`, unless another process has it open.
        One of an older form is copied to `<name>.form-<n>-<time>` and brought up to date. Raises
        StorageError, also for an index of a newer version, which is left unharmed.
        """
        self._database = Database(path, data_folder_id)
        self._answers = Answers()

    @property
    def generation(self) -> int:
        """Grows when the file was deleted or exchanged meanwhile, and another is used now.

        Looks, once a second at most. Raises StorageError.
        """
        return self._database.look()

    def close(self) -> None:
        """Closes every connection; the index must not be used afterwards."""
        self._database.close()
