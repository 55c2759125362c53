"""Questions about images: which there are, how many of a range, some of it evenly spread.

Time order is (second, number, flat): the order of the names. It does not depend on the fraction of
a second, which no file name holds. For the same reason ranges go by whole seconds: both ends take
in every image of their second.
"""

from collections.abc import Iterator, Sequence
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
from chimera_storage.archive.index.rows import BATCH, Rows
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import Image, ImageKey

_EVER = (-(2**62), 2**62)


class Images(Rows):
    """The table `images`, asked."""

    def images(
        self, camera: int, start_us: int, end_us: int, *, first: int = 0, skip: int = 1
    ) -> list[Image]:
        """Every skip-th image of the inclusive range in time order, from number `first` on."""
        return self._images(
            sa.select(IMAGES)
            .where(
                IMAGES.c.camera == camera,
                IMAGES.c.second.between(second_of(start_us), second_of(end_us)),
            )
            .order_by(*ORDER),
            slice(first, None, skip),
        )

    def rows(
        self,
        camera: int,
        start_us: int,
        end_us: int,
        columns: Sequence[str],
        *,
        skip: int = 1,
        most: int = 2000,
    ) -> Iterator[list[tuple[Any, ...]]]:
        """These columns of every skip-th image of the inclusive range, at most `most` at a time.

        All of one moment: what is added or removed while they are read is not seen. To be read on
        without pause, as the snapshot keeps SQLite's log from being shortened. Columns as in the
        table: `number` is -1 where the name has none, `crc32` None where the file was not read.
        """
        chosen = [IMAGES.c[name] for name in columns]
        question = (
            sa.select(*chosen)
            .where(
                IMAGES.c.camera == camera,
                IMAGES.c.second.between(second_of(start_us), second_of(end_us)),
            )
            .order_by(*ORDER)
        )
        with self._database.read() as connection:
            # The driver's own rows cost 0.9 us each, SQLAlchemy's twice that.
            cursor = connection.execute(question).cursor
            passed = 0
            while cursor is not None and (rows := cursor.fetchmany(most)):
                yield list(rows[-passed % skip :: skip])
                passed += len(rows)

    def has_both_kinds(self, camera: int, start_us: int, end_us: int) -> bool:
        """Whether the inclusive range has flat images and dated ones."""
        span = (
            IMAGES.c.camera == camera,
            IMAGES.c.second.between(second_of(start_us), second_of(end_us)),
        )
        kinds = [
            sa.exists(sa.select(IMAGES.c.second).where(*span, IMAGES.c.flat == k)) for k in (0, 1)
        ]
        with self._database.read() as connection:
            return bool(connection.scalar(sa.select(sa.and_(*kinds))))

    def count(self, camera: int, start_us: int, end_us: int) -> int:
        """How many images the inclusive range has."""
        with self._database.read() as connection:
            return sum(count for _, _, count in _stretches(connection, camera, start_us, end_us))

    def picture_sizes(self, camera: int, start_us: int, end_us: int) -> dict[tuple[int, int], int]:
        """How many images of the inclusive range have which (width, height); 0: not known."""
        columns = IMAGES.c.width, IMAGES.c.height
        question = (
            sa.select(*columns, sa.func.count())
            .where(
                IMAGES.c.camera == camera,
                IMAGES.c.second.between(second_of(start_us), second_of(end_us)),
            )
            .group_by(*columns)
        )
        with self._database.read() as connection:
            return {(w, h): count for w, h, count in connection.execute(question)}

    def sample(self, camera: int, start_us: int, end_us: int, frames: int) -> list[Image]:
        """At most `frames`, evenly spread, first and last included (of one: the first).

        The hourly totals say in which hour each is; only that is gone through.
        """
        if frames < 1:
            return []
        with self._database.read() as connection:
            stretches = _stretches(connection, camera, start_us, end_us)
            total = sum(count for _, _, count in stretches)
            if total > frames:
                steps = max(frames - 1, 1)
                chosen = [(2 * i * (total - 1) + steps) // (2 * steps) for i in range(frames)]
                return list(map(to_image, _nth(connection, camera, stretches, chosen)))
        return self.images(camera, start_us, end_us)[:frames]

    def liveliest(self, camera: int, start_us: int, end_us: int, frames: int) -> list[Image]:
        """At most `frames`: the range in so many shares of equally many images, and of each share
        the image with the highest score, the first of several.

        Of a share of more than 2,000,000 / `frames` images only so many are looked at, the first.
        """
        if frames < 1:
            return []
        with self._database.read() as connection:
            stretches = _stretches(connection, camera, start_us, end_us)
            total = sum(count for _, _, count in stretches)
            if total > frames:
                begins = [i * total // frames for i in range(frames)]
                keys = [row[1:4] for row in _nth(connection, camera, stretches, begins)]
                ends = [*keys[1:], (second_of(end_us) + 1, -2, 0)]
                share = min(max(1, _MOST_SCORES // frames), -(-total // frames))
                return [
                    to_image(connection.exec_driver_sql(_BEST, (camera, *a, *b, share)).one())
                    for a, b in zip(keys, ends, strict=True)
                ]
        return self.images(camera, start_us, end_us)[:frames]

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

    def _images(self, question: sa.Select[Any], taken: slice = slice(None)) -> list[Image]:
        with self._database.read() as connection:
            return [to_image(row) for row in connection.execute(question).all()[taken]]


Stretch = tuple[int, int, int]  # first and last second, images in it


def _stretches(connection: Connection, camera: int, start_us: int, end_us: int) -> list[Stretch]:
    """The inclusive range in order: a part of an hour, whole hours by their totals, a part."""
    first, last = second_of(start_us), second_of(end_us)
    first_hour, end_hour = -(-first // HOUR_S), (last + 1) // HOUR_S
    if first_hour >= end_hour:
        return [(first, last, _count(connection, camera, first, last))]
    hours = sa.select(HOURS.c.hour, HOURS.c.images).where(
        HOURS.c.camera == camera,
        HOURS.c.hour >= first_hour,
        HOURS.c.hour < end_hour,
        HOURS.c.images > 0,
    )
    before, after = (first, first_hour * HOUR_S - 1), (end_hour * HOUR_S, last)
    return [
        (*before, _count(connection, camera, *before)),
        *(
            (hour * HOUR_S, hour * HOUR_S + HOUR_S - 1, count)
            for hour, count in connection.execute(hours.order_by(HOURS.c.hour))
        ),
        (*after, _count(connection, camera, *after)),
    ]


def _count(connection: Connection, camera: int, first: int, last: int) -> int:
    if first > last:
        return 0
    question = sa.select(sa.func.count()).where(
        IMAGES.c.camera == camera, IMAGES.c.second.between(first, last)
    )
    return int(connection.scalar(question) or 0)


# Rows skipped cost 0.06 us each, a statement of the driver 10 us, one of SQLAlchemy 60 us.
_FORWARDS = """SELECT * FROM images WHERE camera = ? AND second BETWEEN ? AND ?
    ORDER BY second, number, flat LIMIT 1 OFFSET ?"""
_BACKWARDS = """SELECT * FROM images WHERE camera = ? AND second BETWEEN ? AND ?
    ORDER BY second DESC, number DESC, flat DESC LIMIT 1 OFFSET ?"""


_MOST_SCORES = 2_000_000  # 0.2 to 0.8 us each
_BEST = """SELECT * FROM (
        SELECT * FROM images WHERE camera = ? AND (second, number, flat) >= (?, ?, ?)
        AND (second, number, flat) < (?, ?, ?) ORDER BY second, number, flat LIMIT ?
    ) AS share ORDER BY coalesce(score, -1) DESC, second, number, flat LIMIT 1"""


def _nth(
    connection: Connection, camera: int, stretches: list[Stretch], places: list[int]
) -> Iterator[Any]:
    """The rows at these ascending places (from 0) of the stretches, each from the nearer end."""
    rest = iter(stretches)
    before, (first, last, count) = 0, next(rest)
    for place in places:
        while place >= before + count:
            before += count
            first, last, count = next(rest)
        offset = place - before
        question = _FORWARDS
        if offset > count // 2:
            question, offset = _BACKWARDS, count - 1 - offset
        yield from connection.exec_driver_sql(question, (camera, first, last, offset))
