"""Questions about images: which there are, of a range, every n-th, evenly spread.

Time order is (second, number, flat): the order of the names. It does not depend on the fraction of
a second, which no file name holds. For the same reason ranges go by whole seconds: both ends take
in every image of their second.
"""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.hours import HOURS
from chimera_storage.archive.index.image_rows import (
    IMAGES,
    KEY,
    ORDER,
    key_of,
    second_of,
    to_image,
    to_key,
)
from chimera_storage.archive.index.rows import BATCH, HOUR_S, Rows, batches
from chimera_storage.model import Image, ImageKey

_EVER = (-(2**62), 2**62)


class Images(Rows):
    """The table `images`, asked."""

    def images(self, camera: int, start_us: int, end_us: int, *, skip: int = 1) -> list[Image]:
        """Every skip-th image of the inclusive range in time order, from the first."""
        where = _range(camera, start_us, end_us)
        if skip <= 1:
            return self._images(sa.select(IMAGES).where(*where).order_by(*ORDER))
        numbered = _numbered(where)
        return self._images(
            sa.select(numbered).where((numbered.c.row - 1) % skip == 0).order_by(numbered.c.row)
        )

    def count(self, camera: int, start_us: int, end_us: int) -> int:
        """How many images the inclusive range has: whole hours from the totals."""
        first, last = second_of(start_us), second_of(end_us)
        first_hour, end_hour = -(-first // HOUR_S), (last + 1) // HOUR_S
        rows = sa.select(sa.func.count()).select_from(IMAGES).where(IMAGES.c.camera == camera)
        with self._database.read() as connection:
            if first_hour >= end_hour:
                return _number(connection, rows.where(IMAGES.c.second.between(first, last)))
            before = rows.where(IMAGES.c.second.between(first, first_hour * HOUR_S - 1))
            after = rows.where(IMAGES.c.second.between(end_hour * HOUR_S, last))
            hours = sa.select(sa.func.sum(HOURS.c.images)).where(
                HOURS.c.camera == camera, HOURS.c.hour >= first_hour, HOURS.c.hour < end_hour
            )
            return sum(_number(connection, question) for question in (before, hours, after))

    def sample(self, camera: int, start_us: int, end_us: int, frames: int) -> list[Image]:
        """At most `frames`, evenly spread, first and last included (of one: the first)."""
        if frames < 1:
            return []
        total = self.count(camera, start_us, end_us)
        if total <= frames:
            return self.images(camera, start_us, end_us)[:frames]
        steps = max(frames - 1, 1)
        chosen = [1 + (2 * i * (total - 1) + steps) // (2 * steps) for i in range(frames)]
        numbered = _numbered(_range(camera, start_us, end_us))
        question = sa.select(numbered).order_by(numbered.c.row)
        return [
            image
            for batch in batches(chosen)
            for image in self._images(question.where(numbered.c.row.in_(batch)))
        ]

    def latest(self, camera: int) -> Image | None:
        """The last image in time order."""
        backwards = [column.desc() for column in ORDER]
        question = sa.select(IMAGES).where(IMAGES.c.camera == camera)
        return next(iter(self._images(question.order_by(*backwards).limit(1))), None)

    def get(self, key: ImageKey) -> Image | None:
        """The image of this key."""
        where = (column == value for column, value in zip(KEY, key_of(key), strict=True))
        return next(iter(self._images(sa.select(IMAGES).where(*where))), None)

    def sizes(self, camera: int, hour: int) -> dict[ImageKey, int]:
        """Bytes of every image of one hour (hours since 1970)."""
        question = sa.select(*KEY, IMAGES.c.size).where(
            IMAGES.c.camera == camera,
            IMAGES.c.second.between(hour * HOUR_S, hour * HOUR_S + HOUR_S - 1),
        )
        with self._database.read() as connection:
            return {to_key(row): row.size for row in connection.execute(question)}

    def keys(
        self, camera: int, *, start_us: int | None = None, end_us: int | None = None
    ) -> Iterator[ImageKey]:
        """The keys of a camera, or of an inclusive range of it, in time order.

        Read in portions: what is added or removed meanwhile may or may not be among them.
        """
        first = second_of(_EVER[0] if start_us is None else start_us)
        last = second_of(_EVER[1] if end_us is None else end_us)
        question = (
            sa.select(*KEY)
            .where(IMAGES.c.camera == camera, IMAGES.c.second <= last)
            .order_by(*ORDER)
            .limit(10 * BATCH)
        )
        after: tuple[int, ...] = (first, -2, 0)
        while True:
            with self._database.read() as connection:
                rows = connection.execute(question.where(sa.tuple_(*ORDER) > after)).all()
            if not rows:
                return
            yield from map(to_key, rows)
            after = (rows[-1].second, rows[-1].number, rows[-1].flat)

    def _images(self, question: sa.Select[Any]) -> list[Image]:
        with self._database.read() as connection:
            return [to_image(row) for row in connection.execute(question)]


def _range(camera: int, start_us: int, end_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    seconds = IMAGES.c.second.between(second_of(start_us), second_of(end_us))
    return (IMAGES.c.camera == camera, seconds)


def _numbered(where: tuple[sa.ColumnElement[bool], ...]) -> sa.Subquery:
    """The images of a range with their place in it as `row`, from 1."""
    row = sa.func.row_number().over(order_by=ORDER).label("row")
    return sa.select(IMAGES, row).where(*where).subquery()


def _number(connection: Connection, question: sa.Select[Any]) -> int:
    return int(connection.scalar(question) or 0)
