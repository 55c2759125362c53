"""What each camera and hour comes to, and each camera; kept with every change of a row.

A camera's sum is a row of its own: adding up its hours at each question cost 0.1 us an hour, a
quarter of an answer over HTTP after four months.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.image_rows import Key
from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.index.tables import metadata
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import HourTotals, Totals

HOURS = sa.Table(
    "hours",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("hour", sa.Integer, primary_key=True),  # hours since 1970
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),  # that began in it
    sqlite_with_rowid=False,
)

TOTALS = sa.Table(
    "totals",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sa.Column("events", sa.Integer, nullable=False),
)

Hour = tuple[int, int]  # camera, hours since 1970
_SUMS = ("images", "bytes", "events")
_NOTHING = Totals(count=0, size=0)


class Hours(Rows):
    """The tables `hours` and `totals`, asked."""

    def totals(self, camera: int) -> Totals:
        """Number of images and bytes of one camera."""
        return self.all_totals().get(camera, _NOTHING)

    def cameras(self) -> list[int]:
        """Ids of the cameras that have images, ascending."""
        return sorted(self.all_totals())

    def hours(self, camera: int) -> list[int]:
        """The hours since 1970 in which the camera has images, ascending."""
        question = sa.select(HOURS.c.hour).where(HOURS.c.camera == camera, HOURS.c.images > 0)
        with self._database.read() as connection:
            return list(connection.scalars(question.order_by(HOURS.c.hour)))

    def hourly(
        self,
        *,
        camera: int | None = None,
        first_hour: int | None = None,
        last_hour: int | None = None,
    ) -> list[HourTotals]:
        """Hours that have images or events, of a camera or of all, by hour, then by camera."""
        question = sa.select(HOURS).order_by(HOURS.c.hour, HOURS.c.camera)
        if camera is not None:
            question = question.where(HOURS.c.camera == camera)
        if first_hour is not None:
            question = question.where(HOURS.c.hour >= first_hour)
        if last_hour is not None:
            question = question.where(HOURS.c.hour <= last_hour)
        with self._database.read() as connection:
            return [
                HourTotals(camera=row[0], hour=row[1], images=row[2], bytes=row[3], events=row[4])
                for row in connection.execute(question)
            ]

    def all_totals(self) -> dict[int, Totals]:
        """Number of images and bytes of every camera that has any."""
        return dict(self._remembered("totals", _all_totals))


def _all_totals(connection: Connection) -> dict[int, Totals]:
    question = sa.select(TOTALS.c.camera, TOTALS.c.images, TOTALS.c.bytes)
    rows = connection.execute(question.where(TOTALS.c.images > 0))
    return {row[0]: Totals(count=row[1], size=row[2]) for row in rows}


def count_images(
    connection: Connection, *, added: Mapping[Key, int], removed: Mapping[Key, int]
) -> list[Hour]:
    """Brings the totals up to date with rows added and removed; the hours left without images."""
    changes: dict[Hour, list[int]] = defaultdict(lambda: [0, 0])
    for sign, sizes in ((1, added), (-1, removed)):
        for (camera, second, _, _), size in sizes.items():
            change = changes[camera, second // HOUR_S]
            change[0] += sign
            change[1] += sign * size
    add_to_hours(connection, ((*hour, images, size, 0) for hour, (images, size) in changes.items()))
    emptied = []
    for (camera, hour), (images, _) in changes.items():
        if images < 0:
            left = sa.select(HOURS.c.images).where(HOURS.c.camera == camera, HOURS.c.hour == hour)
            if (connection.scalar(left) or 0) <= 0:
                emptied.append((camera, hour))
    return emptied


def add_to_hours(connection: Connection, changes: Iterable[tuple[int, int, int, int, int]]) -> None:
    """Adds (camera, hour, images, bytes, events), which may be below zero, to the totals."""
    rows = [dict(zip(("camera", "hour", *_SUMS), change, strict=True)) for change in changes]
    if not rows:
        return
    sums: dict[int, dict[str, int]] = {}
    for row in rows:
        total = sums.setdefault(row["camera"], {"camera": row["camera"]} | dict.fromkeys(_SUMS, 0))
        for name in _SUMS:
            total[name] += row[name]
    connection.execute(_ADD_TO_HOURS, rows)
    connection.execute(_ADD_TO_TOTALS, list(sums.values()))


def _adding(table: sa.Table) -> sa.Insert:
    statement = insert(table)
    return statement.on_conflict_do_update(
        index_elements=list(table.primary_key),
        set_={name: table.c[name] + statement.excluded[name] for name in _SUMS},
    )


# Made once: to put one together takes as long as to execute it.
_ADD_TO_HOURS, _ADD_TO_TOTALS = _adding(HOURS), _adding(TOTALS)


def sum_up(connection: Connection, camera: int) -> None:
    """Makes a camera's sum that of its hours."""
    values = dict(zip(_SUMS, counted_sum(connection, camera), strict=True))
    statement = insert(TOTALS).values(camera=camera, **values)
    connection.execute(statement.on_conflict_do_update(index_elements=["camera"], set_=values))


def counted_sum(connection: Connection, camera: int) -> tuple[int, ...]:
    """Images, bytes and events of all hours of a camera."""
    question = sa.select(*(sa.func.coalesce(sa.func.sum(HOURS.c[name]), 0) for name in _SUMS))
    return tuple(connection.execute(question.where(HOURS.c.camera == camera)).one())


def known_sum(connection: Connection, camera: int) -> tuple[int, ...]:
    """The same as it is kept."""
    question = sa.select(*(TOTALS.c[name] for name in _SUMS)).where(TOTALS.c.camera == camera)
    row = connection.execute(question).one_or_none()
    return (0,) * len(_SUMS) if row is None else tuple(row)


def drop_empty_hours(connection: Connection, hours: Iterable[Hour]) -> None:
    """Deletes the totals of those of the hours that have neither images nor events."""
    for camera, hour in hours:
        connection.execute(
            sa.delete(HOURS).where(
                HOURS.c.camera == camera,
                HOURS.c.hour == hour,
                HOURS.c.images <= 0,
                HOURS.c.events <= 0,
            )
        )
