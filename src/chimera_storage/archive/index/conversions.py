"""Videos and archives: asked for, being made, done."""

from dataclasses import fields
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.rows import Rows, is_text
from chimera_storage.archive.index.tables import metadata
from chimera_storage.errors import ConflictError
from chimera_storage.model import Conversion, ConversionStatus, ConversionType

CONVERSIONS = sa.Table(
    "conversions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("camera", sa.Integer, nullable=False),
    sa.Column("start_us", sa.Integer, nullable=False),
    sa.Column("end_us", sa.Integer, nullable=False),
    sa.Column("requested_us", sa.Integer, nullable=False),
    sa.Column("fps", sa.Integer, nullable=False),
    sa.Column("skip", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("frames", sa.Integer, nullable=False),
    sa.Column("frames_done", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("started_us", sa.Integer),
    sa.Column("finished_us", sa.Integer),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sa.Column("missing", sa.Integer, nullable=False),
    sa.Column("options", sa.Text, nullable=False),  # JSON of what differs from the defaults
    sqlite_with_rowid=False,
)
_FIELDS = tuple(field.name for field in fields(Conversion))


class Conversions(Rows):
    """The table `conversions`."""

    def add_conversion(self, conversion: Conversion) -> None:
        """Raises ConflictError where the id is taken."""
        with self._database.write() as connection:
            statement = insert(CONVERSIONS).values(_values(conversion))
            if not connection.execute(statement.on_conflict_do_nothing()).rowcount:
                raise ConflictError(f"there is a process with the id {conversion.id} already")

    def update_conversion(self, conversion: Conversion) -> bool:
        """Replaces the row; False where it is no longer there."""
        statement = sa.update(CONVERSIONS).where(CONVERSIONS.c.id == conversion.id)
        with self._database.write() as connection:
            result = connection.execute(statement.values(_values(conversion)))
            return result.rowcount > 0

    def conversion(self, id: str) -> Conversion | None:  # noqa: A002
        """The conversion of exactly this id."""
        if not is_text(id):
            return None
        question = sa.select(CONVERSIONS).where(CONVERSIONS.c.id == id)

        def found(connection: Connection) -> Conversion | None:
            row = connection.execute(question).one_or_none()
            return None if row is None else _to_conversion(row)

        return self._remembered(("conversion", id), found)

    def conversions(self) -> list[Conversion]:
        """Newest first."""
        question = sa.select(CONVERSIONS).order_by(
            CONVERSIONS.c.requested_us.desc(), CONVERSIONS.c.id.desc()
        )
        with self._database.read() as connection:
            return [_to_conversion(row) for row in connection.execute(question)]

    def remove_conversion(self, id: str) -> bool:  # noqa: A002
        """False where there was none of exactly this id."""
        if not is_text(id):
            return False
        with self._database.write() as connection:
            result = connection.execute(sa.delete(CONVERSIONS).where(CONVERSIONS.c.id == id))
            return result.rowcount > 0


def _values(conversion: Conversion) -> dict[str, Any]:
    values = {name: getattr(conversion, name) for name in _FIELDS}
    return values | {"options": conversion.options.to_json()}


def _to_conversion(row: Any) -> Conversion:
    values = dict(row._mapping)
    values["type"] = ConversionType(values["type"])
    values["status"] = ConversionStatus(values["status"])
    values["options"] = values["type"].options_type.from_json(values["options"])
    return Conversion(**values)
