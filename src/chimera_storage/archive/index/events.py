"""Events: when something moved. One is named by its camera and its start.

So an event has the same name in an index that was made anew: images say `start_us` of theirs.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.hours import Hour, add_to_hours
from chimera_storage.archive.index.image_rows import IMAGES, ORDER, second_of, to_image
from chimera_storage.archive.index.rows import Rows, batches
from chimera_storage.archive.index.tables import metadata
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.model import Event, EventSummary

EVENTS = sa.Table(
    "events",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("start_us", sa.Integer, primary_key=True),
    sa.Column("end_us", sa.Integer),  # NULL: still open, or its recorder was killed
    sqlite_with_rowid=False,
)
_HOUR_US = HOUR_S * SECOND_US


class Events(Rows):
    """The table `events`."""

    def add_events(self, events: Sequence[Event]) -> int:
        """Inserts, or moves the end of those that are there to the later one; how many were new."""
        new = 0
        for batch in batches(events):
            with self._database.write() as connection:
                new += insert_events(connection, batch)
        return new

    def events(self, camera: int, start_us: int, end_us: int) -> list[Event]:
        """Those that began in the inclusive range of microseconds, in order."""
        with self._database.read() as connection:
            rows = connection.execute(_begun_within(camera, start_us, end_us))
            return [_event(row) for row in rows]

    def event_summaries(
        self, camera: int, start_us: int, end_us: int, *, limit: int
    ) -> list[EventSummary]:
        """Those that began in the inclusive range of microseconds, the first `limit` in order."""
        question = _begun_within(camera, start_us, end_us).limit(limit)
        with self._database.read() as connection:
            return [_summary(connection, row) for row in connection.execute(question).all()]


def _begun_within(camera: int, start_us: int, end_us: int) -> sa.Select[Any]:
    return (
        sa.select(EVENTS)
        .where(EVENTS.c.camera == camera, EVENTS.c.start_us.between(start_us, end_us))
        .order_by(EVENTS.c.start_us)
    )


def _event(row: Any) -> Event:
    return Event(camera=row.camera, start_us=row.start_us, end_us=row.end_us)


def _summary(connection: Connection, row: Any) -> EventSummary:
    """By the rows between the event's ends, which are few however many a camera has."""
    since = IMAGES.c.second >= second_of(row.start_us)
    until = sa.true() if row.end_us is None else IMAGES.c.second <= second_of(row.end_us)
    of = sa.and_(IMAGES.c.camera == row.camera, since, until, IMAGES.c.event == row.start_us)
    best = connection.execute(
        sa.select(IMAGES).where(of).order_by(IMAGES.c.score.desc().nulls_last(), *ORDER).limit(1)
    ).first()
    return EventSummary(
        event=_event(row),
        images=connection.scalar(sa.select(sa.func.count()).select_from(IMAGES).where(of)) or 0,
        best=None if best is None else to_image(best),
    )


def insert_events(connection: Connection, events: Iterable[Event]) -> int:
    """See `Events.add_events`; within a transaction."""
    wanted: dict[int, dict[int, Event]] = defaultdict(dict)
    for event in events:
        known = wanted[event.camera].get(event.start_us)
        if known is None or known.end_us is None:
            wanted[event.camera][event.start_us] = event
    new = 0
    for camera, of_camera in wanted.items():
        of = EVENTS.c.camera == camera
        there = set(
            connection.scalars(
                sa.select(EVENTS.c.start_us).where(of, EVENTS.c.start_us.in_(of_camera))
            )
        )
        opened = max((e.start_us for e in of_camera.values() if e.end_us is None), default=None)
        if opened is not None:
            _close_forgotten(connection, camera, opened)
        connection.execute(
            _INSERT_LATER_END,
            [
                {"camera": camera, "start_us": event.start_us, "end_us": event.end_us}
                for event in of_camera.values()
            ],
        )
        begun = [start_us for start_us in of_camera if start_us not in there]
        add_to_hours(connection, [(camera, start_us // _HOUR_US, 0, 0, 1) for start_us in begun])
        new += len(begun)
    return new


def _insert_later_end() -> sa.Insert:
    statement = insert(EVENTS)
    before, now = EVENTS.c.end_us, statement.excluded.end_us
    return statement.on_conflict_do_update(
        index_elements=["camera", "start_us"],
        set_={"end_us": sa.func.coalesce(sa.func.max(before, now), before, now)},
    )


_INSERT_LATER_END = _insert_later_end()


def _close_forgotten(connection: Connection, camera: int, opened_us: int) -> None:
    """Ends the open events before one that opens: their recorder was killed. With its last image,
    or where it has none when it began.
    """
    last = (
        sa.select(sa.func.max(IMAGES.c.second * SECOND_US + IMAGES.c.fraction_us))
        .where(
            IMAGES.c.camera == EVENTS.c.camera,
            IMAGES.c.second.between(EVENTS.c.start_us // SECOND_US, opened_us // SECOND_US),
            IMAGES.c.event == EVENTS.c.start_us,
        )
        .scalar_subquery()
    )
    connection.execute(
        sa.update(EVENTS)
        .where(EVENTS.c.camera == camera, EVENTS.c.end_us.is_(None), EVENTS.c.start_us < opened_us)
        .values(end_us=sa.func.coalesce(last, EVENTS.c.start_us))
    )


def remove_events(connection: Connection, emptied: Sequence[Hour]) -> list[Hour]:
    """Deletes the events of these hours that have no image left; the hours they began in.

    `emptied`: hours that lost their last image. An open event stays.
    """
    changed: list[Hour] = []
    for camera, hour in emptied:
        images = sa.exists().where(
            IMAGES.c.camera == camera,
            IMAGES.c.second.between(EVENTS.c.start_us // SECOND_US, EVENTS.c.end_us // SECOND_US),
        )
        gone = connection.scalars(
            sa.delete(EVENTS)
            .where(
                EVENTS.c.camera == camera,
                EVENTS.c.start_us < (hour + 1) * _HOUR_US,
                EVENTS.c.end_us >= hour * _HOUR_US,
                ~images,
            )
            .returning(EVENTS.c.start_us)
        ).all()
        changed += [(camera, start_us // _HOUR_US) for start_us in gone]
    add_to_hours(connection, [(*hour, 0, 0, -1) for hour in changed])
    return changed
