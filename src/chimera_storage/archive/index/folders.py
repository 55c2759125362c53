"""Which folder was compared with the rows, and what it looked like then.

A folder whose modification time and inode are as noted holds the same names as then: it need not be
listed again, so that a start looks only at what changed. Only folders that nobody had changed for a
while are noted.

Whoever takes rows out forgets the folders' times in the same transaction. After a power cut that
undid the deletion of files, but not that of their rows, a folder looks as it did when it was noted,
and has to be listed all the same.
"""

from collections.abc import Iterable, Mapping
from datetime import timedelta

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from chimera_storage.archive.index.rows import Rows, batches
from chimera_storage.archive.index.tables import metadata
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.clock import EPOCH

FOLDERS = sa.Table(
    "folders",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("folder", sa.Text, primary_key=True),  # "", "20260320" or "20260320/12"
    sa.Column("mtime_ns", sa.Integer, nullable=False),
    sa.Column("inode", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)

Stamp = tuple[int, int]  # modification time in ns, inode
_INSERT = insert(FOLDERS)
_NOTE = _INSERT.on_conflict_do_update(
    index_elements=["camera", "folder"],
    set_={"mtime_ns": _INSERT.excluded.mtime_ns, "inode": _INSERT.excluded.inode},
)
_NO_TIME = 0  # that no folder has; the row stays, as it says which folders there are


class Folders(Rows):
    """The table `folders`."""

    def folders(self, camera: int) -> dict[str, Stamp]:
        """The folders of a camera, relative to its own ("" is that), as they were compared."""
        question = sa.select(FOLDERS.c.folder, FOLDERS.c.mtime_ns, FOLDERS.c.inode).where(
            FOLDERS.c.camera == camera
        )
        with self._database.read() as connection:
            return {name: (mtime, inode) for name, mtime, inode in connection.execute(question)}

    def note_folders(self, camera: int, folders: Mapping[str, Stamp]) -> None:
        """Notes folders as compared, in place of what was noted of them."""
        for batch in batches(folders.items()):
            with self._database.write(durable=False) as connection:
                connection.execute(
                    _NOTE,
                    [
                        {"camera": camera, "folder": name, "mtime_ns": mtime, "inode": inode}
                        for name, (mtime, inode) in batch
                    ],
                )

    def forget_folders(self, camera: int, names: Iterable[str]) -> None:
        """They are listed again when they are looked at next."""
        for batch in batches(names):
            with self._database.write(durable=False) as connection:
                connection.execute(
                    sa.delete(FOLDERS).where(
                        FOLDERS.c.camera == camera, FOLDERS.c.folder.in_(batch)
                    )
                )

    def compared_cameras(self) -> list[int]:
        """The cameras of which any folder is noted, ascending."""
        question = sa.select(FOLDERS.c.camera).distinct().order_by(FOLDERS.c.camera)
        with self._database.read() as connection:
            return list(connection.scalars(question))


def hour_name(hour: int) -> str:
    """The folder of an hour since 1970 below its camera's: `20260320/12`."""
    moment = EPOCH + timedelta(seconds=hour * HOUR_S)
    return f"{moment.year:04}{moment.month:02}{moment.day:02}/{moment.hour:02}"


def forget_times(connection: sa.Connection, camera: int, names: Iterable[str]) -> None:
    """Folders out of which something went are listed again when they are looked at next."""
    for batch in batches(names):
        connection.execute(
            sa.update(FOLDERS)
            .where(FOLDERS.c.camera == camera, FOLDERS.c.folder.in_(batch))
            .values(mtime_ns=_NO_TIME)
        )
