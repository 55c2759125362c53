"""What each camera and hour comes to: images, bytes, events; kept with every change of a row."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.image_rows import Key
from chimera_storage.archive.index.rows import HOUR_S, Rows
from chimera_storage.archive.index.tables import metadata
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

Hour = tuple[int, int]  # camera, hours since 1970


class Hours(Rows):
    """The table `hours`, asked."""

    def totals(self, camera: int) -> Totals:
        """Number of images and bytes of one camera."""
        question = sa.select(
            sa.func.coalesce(sa.func.sum(HOURS.c.images), 0),
            sa.func.coalesce(sa.func.sum(HOURS.c.bytes), 0),
        ).where(HOURS.c.camera == camera)
        with self._database.read() as connection:
            count, size = connection.execute(question).one()
        return Totals(count=count, size=size)

    def cameras(self) -> list[int]:
        """Ids of the cameras that have images, ascending."""
        question = (
            sa.select(HOURS.c.camera).where(HOURS.c.images > 0).distinct().order_by(HOURS.c.camera)
        )
        with self._database.read() as connection:
            return list(connection.scalars(question))

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
        question = (
            sa.select(HOURS.c.camera, sa.func.sum(HOURS.c.images), sa.func.sum(HOURS.c.bytes))
            .where(HOURS.c.images > 0)
            .group_by(HOURS.c.camera)
        )
        with self._database.read() as connection:
            return {
                row[0]: Totals(count=row[1], size=row[2]) for row in connection.execute(question)
            }


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
    names = ("camera", "hour", "images", "bytes", "events")
    rows = [dict(zip(names, change, strict=True)) for change in changes]
    if not rows:
        return
    statement = insert(HOURS)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["camera", "hour"],
            set_={name: HOURS.c[name] + statement.excluded[name] for name in names[2:]},
        ),
        rows,
    )


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
