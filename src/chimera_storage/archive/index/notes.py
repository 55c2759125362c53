"""Single values noted under a name."""

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert

from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.index.tables import META


class Notes(Rows):
    """The table `meta`."""

    @property
    def data_folder_id(self) -> str:
        """A random id that the index was given when it was begun."""
        return self.meta("data_folder_id") or ""

    def meta(self, key: str) -> str | None:
        """What was noted under `key` with `set_meta`."""
        with self._database.read() as connection:
            return connection.scalar(sa.select(META.c.value).where(META.c.key == key))

    def set_meta(self, key: str, value: str) -> None:
        """Notes `value` under `key`, in place of what was there."""
        statement = insert(META).values(key=key, value=value)
        with self._database.write() as connection:
            connection.execute(
                statement.on_conflict_do_update(index_elements=["key"], set_={"value": value})
            )
