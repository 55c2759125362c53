"""What was deleted, when, by whom and by which rule: the newest thousand."""

from dataclasses import asdict

import sqlalchemy as sa

from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.index.tables import metadata
from chimera_storage.model import Deletion

DELETIONS = sa.Table(
    "deletions",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("at_us", sa.Integer, nullable=False),
    sa.Column("who", sa.Text, nullable=False),
    sa.Column("rule", sa.Text, nullable=False),
    sa.Column("camera", sa.Integer),  # NULL: finished conversions
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("oldest_us", sa.Integer, nullable=False),
    sa.Column("newest_us", sa.Integer, nullable=False),
)
MOST_DELETIONS = 1000


class Deletions(Rows):
    """The table `deletions`."""

    def note_deletion(self, deletion: Deletion) -> None:
        """Adds it, or to the one of the same run (`at_us`), `who`, `rule` and camera."""
        same = [
            DELETIONS.c[name].is_not_distinct_from(getattr(deletion, name))
            for name in ("at_us", "who", "rule", "camera")
        ]
        added = sa.update(DELETIONS).values(
            images=DELETIONS.c.images + deletion.images,
            bytes=DELETIONS.c.bytes + deletion.bytes,
            oldest_us=sa.func.min(DELETIONS.c.oldest_us, deletion.oldest_us),
            newest_us=sa.func.max(DELETIONS.c.newest_us, deletion.newest_us),
        )
        newest = sa.select(sa.func.max(DELETIONS.c.id)).scalar_subquery()
        with self._database.write() as connection:
            if not connection.execute(added.where(*same)).rowcount:
                connection.execute(sa.insert(DELETIONS), asdict(deletion))
                connection.execute(
                    sa.delete(DELETIONS).where(DELETIONS.c.id <= newest - MOST_DELETIONS)
                )

    def deletions(self, *, limit: int = MOST_DELETIONS) -> list[Deletion]:
        """The newest first."""
        columns = [column for column in DELETIONS.c if column.name != "id"]
        question = sa.select(*columns).order_by(DELETIONS.c.id.desc()).limit(limit)
        with self._database.read() as connection:
            return [Deletion(**row._mapping) for row in connection.execute(question)]
