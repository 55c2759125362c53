"""Images by spans of whole seconds: sums for statistics and rules, and deletion of all in one."""

from collections.abc import Sequence
from typing import Literal

import sqlalchemy as sa

from chimera_storage.archive.index.events import remove_events
from chimera_storage.archive.index.folders import forget_times, hour_name
from chimera_storage.archive.index.hours import Hour, add_to_hours, drop_empty_hours
from chimera_storage.archive.index.image_rows import IMAGES, ORDER, to_image
from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import Image

# Second, number (-1: none), flat, bytes. Plain tuples: half a million of them are read at once.
SpanRow = tuple[int, int, int, int]
_YEAR_1_S = 719_162 * 86_400  # from then to 1970: SQLite rounds towards zero, so count from there


class Spans(Rows):
    """The table `images`, by spans. Seconds since 1970, first and last included."""

    def sums(
        self, camera: int, first_s: int, last_s: int, *, every_s: int
    ) -> list[tuple[int, int, int]]:
        """(begin, images, bytes) of each `every_s` seconds that have any, ascending."""
        begin = _begin(every_s).label("begin")
        question = (
            sa.select(begin, sa.func.count(), sa.func.sum(IMAGES.c.size))
            .where(IMAGES.c.camera == camera, IMAGES.c.second.between(first_s, last_s))
            .group_by(begin)
            .order_by(begin)
        )
        with self._database.read() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(question)]

    def newest(
        self, camera: int, first_s: int, last_s: int, *, offset: int, limit: int
    ) -> list[Image]:
        """So many images of the span, the newest first, after `offset` newer ones."""
        question = (
            sa.select(IMAGES)
            .where(IMAGES.c.camera == camera, IMAGES.c.second.between(first_s, last_s))
            .order_by(*(column.desc() for column in ORDER))
            .limit(limit)
            .offset(offset)
        )
        with self._database.read() as connection:
            return [to_image(row) for row in connection.execute(question)]

    def span_rows(self, camera: int, first_s: int, last_s: int, *, limit: int) -> list[SpanRow]:
        """The first images of the span in time order, at most `limit`."""
        question = (
            sa.select(*ORDER, IMAGES.c.size)
            .where(IMAGES.c.camera == camera, IMAGES.c.second.between(first_s, last_s))
            .order_by(*ORDER)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [(row[0], row[1], row[2], row[3]) for row in connection.execute(question)]

    def superfluous(
        self, camera: int, parts: Sequence[tuple[int, int]], *, keep: int | Literal["best"]
    ) -> tuple[int, int]:
        """(images, bytes) that thinning would take of these parts together; see `upkeep.thinning`.

        `parts`: first and last second of each.
        """
        inside = [sa.or_(*(IMAGES.c.second.between(first, last) for first, last in parts))]
        order: list[sa.ColumnElement[int] | sa.ColumnElement[float]] = list(ORDER)
        if keep == "best":
            inside.append(IMAGES.c.event.is_not(None))
            order.insert(0, sa.func.coalesce(IMAGES.c.score, -1.0).desc())
        place = sa.func.row_number().over(partition_by=IMAGES.c.event, order_by=order) - 1
        placed = (
            sa.select(IMAGES.c.size, place.label("place"))
            .where(IMAGES.c.camera == camera, *inside)
            .subquery()
        )
        goes = placed.c.place > 0 if keep == "best" else placed.c.place % keep != 0
        sums = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(placed.c.size), 0))
        with self._database.read() as connection:
            images, size = connection.execute(sums.where(goes)).one()
        return images, size

    def remove_span(self, camera: int, first_s: int, last_s: int, *, expected: int) -> bool:
        """Deletes every row of the span, and takes them off the totals, in one transaction.

        Only where there are `expected` of them: else somebody added or removed some since they
        were counted; nothing is changed then, and the answer is False.
        """
        inside = (IMAGES.c.camera == camera, IMAGES.c.second.between(first_s, last_s))
        begin = _begin(HOUR_S)
        counted = sa.select(
            begin, sa.func.count(), sa.func.sum(IMAGES.c.size), sa.func.max(IMAGES.c.flat)
        )
        with self._database.write(durable=False) as connection:
            rows = connection.execute(counted.where(*inside).group_by(begin)).all()
            sums = [(row[0] // HOUR_S, row[1], row[2]) for row in rows]
            if sum(images for _, images, _ in sums) != expected:
                return False
            folders = [hour_name(hour) for hour, _, _ in sums]
            forget_times(connection, camera, [*folders, *([""] if any(r[3] for r in rows) else [])])
            connection.execute(sa.delete(IMAGES).where(*inside))
            add_to_hours(connection, [(camera, h, -images, -size, 0) for h, images, size in sums])
            emptied: list[Hour] = [(camera, h) for h, _, _ in sums]
            emptied = [hour for hour in emptied if not _has_images(connection, *hour)]
            begun_in = remove_events(connection, emptied)
            drop_empty_hours(connection, {*emptied, *begun_in})
        return True


def _begin(every_s: int) -> sa.ColumnElement[int]:
    """The second at which an image's `every_s` seconds begin; a divisor of a day."""
    since_year_1 = IMAGES.c.second + _YEAR_1_S
    return since_year_1 - since_year_1 % every_s - _YEAR_1_S


def _has_images(connection: sa.Connection, camera: int, hour: int) -> bool:
    first_s = hour * HOUR_S
    inside = (
        IMAGES.c.camera == camera,
        IMAGES.c.second.between(first_s, first_s + HOUR_S - 1),
    )
    return connection.scalar(sa.select(sa.literal(1)).where(*inside).limit(1)) is not None
