"""Many rows at once: an index that is made anew, a folder that is taken over."""

from collections import defaultdict
from collections.abc import Sequence
from itertools import chain, groupby

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.events import insert_events
from chimera_storage.archive.index.hours import HOURS, add_to_hours
from chimera_storage.archive.index.image_rows import IMAGES, Row
from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.model import Event

# Rows of one transaction. 500 cost three times as much a row; 10,000 keep others waiting for 20 ms,
# and more is no faster.
_PORTION = 10_000
# Rows of one statement: 1.0 us each, in place of 1.6 us each alone, and between two of them the
# interpreter's lock is not let go 200 times.
_TOGETHER = 200
_ROW = f"({', '.join('?' * len(IMAGES.c))})"


class Filling(Rows):
    """The table `images`, filled."""

    def fill(self, camera: int, rows: Sequence[Row]) -> int:
        """Inserts the rows of one camera that are not there yet; returns how many.

        With them the hourly totals and the events that they tell of, which end with their last
        image. Fastest in order of time. A transaction for each 10,000, which no
        disk is waited for: the files say it again.
        """
        new = 0
        for start in range(0, len(rows), _PORTION):
            with self._database.write(durable=False) as connection:
                new += _fill(connection, camera, rows[start : start + _PORTION])
        return new


def _fill(connection: Connection, camera: int, rows: Sequence[Row]) -> int:
    there = _there(connection, camera, rows)
    new = [row for row in rows if row[1:4] not in there] if there else list(rows)
    if not new:
        return 0
    for at in range(0, len(new), _TOGETHER):
        some = new[at : at + _TOGETHER]
        values = ", ".join([_ROW] * len(some))
        connection.exec_driver_sql(
            f"INSERT INTO images VALUES {values}",  # noqa: S608 - question marks
            tuple(chain.from_iterable(some)),
        )
    hours: dict[int, list[int]] = defaultdict(lambda: [0, 0])
    for hour, of_hour in groupby(new, lambda row: row[1] // HOUR_S):
        sizes = [row[5] for row in of_hour]
        hours[hour][0] += len(sizes)
        hours[hour][1] += sum(sizes)
    ends: dict[int, int] = {}
    for row in new:
        event = row[11]
        if event is not None:
            taken_us = row[1] * SECOND_US + row[4]
            if taken_us > ends.get(event, event - 1):
                ends[event] = taken_us
    add_to_hours(
        connection, [(camera, hour, count, size, 0) for hour, (count, size) in hours.items()]
    )
    insert_events(
        connection, [Event(camera=camera, start_us=e, end_us=end) for e, end in ends.items()]
    )
    return len(new)


def _there(connection: Connection, camera: int, rows: Sequence[Row]) -> set[tuple[int, int, int]]:
    """(second, number, flat) of images in the seconds of these rows."""
    hours = {row[1] // HOUR_S for row in rows}
    of_hours = sa.select(HOURS.c.hour).where(
        HOURS.c.camera == camera, HOURS.c.hour.in_(hours), HOURS.c.images > 0
    )
    filled = set(connection.scalars(of_hours))
    seconds = {row[1] for row in rows if row[1] // HOUR_S in filled}
    question = sa.select(IMAGES.c.second, IMAGES.c.number, IMAGES.c.flat).where(
        IMAGES.c.camera == camera, IMAGES.c.second.in_(seconds)
    )
    return {(s, n, f) for s, n, f in connection.execute(question)} if seconds else set()
