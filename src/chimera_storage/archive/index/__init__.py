"""The index: everything that is asked often, answered without touching the footage. The only SQL.

SQLite in WAL mode, shared by the server, the recorder and the conversions. Readers see a snapshot
and never wait; a writer takes its lock when it begins (`BEGIN IMMEDIATE`), so that it waits for
another writer instead of failing half-way. `synchronous=FULL`: what is committed outlives a power
cut, which costs one more fsync beside those of the images in each batch.

Time order is (second, number, flat): the order of the names. It does not depend on the fraction of
a second, which only the recorder knows and no file name holds, so an index that was rebuilt from
the files answers exactly like the one that was lost. For the same reason ranges go by whole
seconds: both ends take in every image of their second.

The index is disposable (the files are the truth): one that is damaged is set aside, never deleted,
and a new one begun. One written by a newer version is refused and left as it is.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.database import Database
from chimera_storage.archive.index.schema import (
    CONVERSIONS,
    EVENTS,
    HOURS,
    IMAGES,
    KEY,
    META,
    ORDER,
    SECOND_US,
    Key,
    conversion_values,
    image_values,
    key_of,
    to_conversion,
    to_image,
    to_key,
)
from chimera_storage.errors import ConflictError
from chimera_storage.model import Conversion, Image, ImageKey, Totals

__all__ = ["Index"]

BATCH = 500  # rows of one transaction or one question; a writer never waits long for another
HOUR_S = 3600
_FARTHEST_S = 2**40  # beyond every time that a name can say, within SQLite's integers
_T = TypeVar("_T")


class Index:
    """SQLite (WAL) through SQLAlchemy Core. Safe from several threads and several processes.

    Every method raises StorageError where the index cannot be read or written.
    """

    def __init__(self, path: Path) -> None:
        """Opens or creates.

        A damaged file is renamed to `<name>.corrupt-<time>`, unless another process has it open.
        Raises StorageError, also for an index of a newer version, which is left unharmed.
        """
        self._database = Database(path)

    def close(self) -> None:
        """Closes every connection; the index must not be used afterwards."""
        self._database.close()

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

    # images

    def add_images(self, images: Sequence[Image], *, replace: bool = False) -> int:
        """Inserts rows and adds to the hourly totals; returns how many were new.

        Rows already there are left alone, or put in place of by `replace`. One transaction for
        each 500, so with more a failure may leave some of them added; adding again is harmless.
        Raises InvalidInputError for a value that no image can have.
        """
        new = 0
        for batch in _batches(images):
            rows = {key_of(image.key): image_values(image) for image in batch}
            with self._database.write() as connection:
                there = _sizes(connection, rows)
                if not replace:
                    rows = {key: row for key, row in rows.items() if key not in there}
                if rows:
                    statement = insert(IMAGES)
                    if replace:
                        statement = statement.on_conflict_do_update(
                            index_elements=list(KEY),
                            set_={
                                column.name: statement.excluded[column.name]
                                for column in IMAGES.c
                                if not column.primary_key
                            },
                        )
                    connection.execute(statement, list(rows.values()))
                    replaced = {key: size for key, size in there.items() if key in rows}
                    added = {key: row["size"] for key, row in rows.items()}
                    _count_in_hours(connection, added=added, removed=replaced)
                    new += len(rows) - len(replaced)
        return new

    def remove_images(self, keys: Iterable[ImageKey]) -> int:
        """Deletes rows and takes them off the hourly totals; returns how many there were."""
        removed = 0
        for batch in _batches(keys):
            wanted = {key_of(key) for key in batch}
            with self._database.write() as connection:
                sizes = _sizes(connection, wanted)
                if sizes:
                    names = [column.name for column in KEY]
                    connection.execute(
                        sa.delete(IMAGES).where(
                            *(column == sa.bindparam(f"k_{column.name}") for column in KEY)
                        ),
                        [
                            dict(zip((f"k_{name}" for name in names), key, strict=True))
                            for key in sizes
                        ],
                    )
                    _count_in_hours(connection, added={}, removed=sizes)
                removed += len(sizes)
        return removed

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
        first, last = _second(start_us), _second(end_us)
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
            for batch in _batches(chosen)
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
        question = sa.select(HOURS.c.camera).distinct().order_by(HOURS.c.camera)
        with self._database.read() as connection:
            return list(connection.scalars(question))

    def hours(self, camera: int) -> list[int]:
        """The hours since 1970 in which the camera has images, ascending."""
        question = sa.select(HOURS.c.hour).where(HOURS.c.camera == camera)
        with self._database.read() as connection:
            return list(connection.scalars(question.order_by(HOURS.c.hour)))

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
        first = -_FARTHEST_S if start_us is None else _second(start_us)
        last = _FARTHEST_S if end_us is None else _second(end_us)
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

    # events

    def open_event(self, camera: int, start_us: int) -> int:
        """Notes that something began to move; returns the event's id, never used before."""
        with self._database.write() as connection:
            result = connection.execute(
                sa.insert(EVENTS).returning(EVENTS.c.id), {"camera": camera, "start_us": start_us}
            )
            return int(result.scalar_one())

    def close_event(self, event: int, end_us: int) -> None:
        """Notes when the event ended."""
        with self._database.write() as connection:
            connection.execute(sa.update(EVENTS).where(EVENTS.c.id == event).values(end_us=end_us))

    # conversions

    def add_conversion(self, conversion: Conversion) -> None:
        """Raises ConflictError where the id is taken."""
        with self._database.write() as connection:
            statement = insert(CONVERSIONS).values(conversion_values(conversion))
            if not connection.execute(statement.on_conflict_do_nothing()).rowcount:
                raise ConflictError(f"there is a process with the id {conversion.id} already")

    def update_conversion(self, conversion: Conversion) -> bool:
        """Replaces the row; False where it is no longer there."""
        statement = sa.update(CONVERSIONS).where(CONVERSIONS.c.id == conversion.id)
        with self._database.write() as connection:
            result = connection.execute(statement.values(conversion_values(conversion)))
            return result.rowcount > 0

    def conversion(self, id: str) -> Conversion | None:  # noqa: A002
        """The conversion of exactly this id."""
        if not _is_text(id):
            return None
        question = sa.select(CONVERSIONS).where(CONVERSIONS.c.id == id)
        with self._database.read() as connection:
            row = connection.execute(question).one_or_none()
        return None if row is None else to_conversion(row)

    def conversions(self) -> list[Conversion]:
        """Newest first."""
        question = sa.select(CONVERSIONS).order_by(
            CONVERSIONS.c.requested_us.desc(), CONVERSIONS.c.id.desc()
        )
        with self._database.read() as connection:
            return [to_conversion(row) for row in connection.execute(question)]

    def remove_conversion(self, id: str) -> bool:  # noqa: A002
        """False where there was none of exactly this id."""
        if not _is_text(id):
            return False
        with self._database.write() as connection:
            result = connection.execute(sa.delete(CONVERSIONS).where(CONVERSIONS.c.id == id))
            return result.rowcount > 0

    def _images(self, question: sa.Select[Any]) -> list[Image]:
        with self._database.read() as connection:
            return [to_image(row) for row in connection.execute(question)]


def _batches(items: Iterable[_T]) -> Iterator[list[_T]]:
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == BATCH:
            yield batch
            batch = []
    if batch:
        yield batch


def _is_text(value: str) -> bool:
    """Whether UTF-8 can say it; half a surrogate pair in a client's JSON can be no id."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _second(us: int) -> int:
    return max(-_FARTHEST_S, min(us // SECOND_US, _FARTHEST_S))


def _range(camera: int, start_us: int, end_us: int) -> tuple[sa.ColumnElement[bool], ...]:
    seconds = IMAGES.c.second.between(_second(start_us), _second(end_us))
    return (IMAGES.c.camera == camera, seconds)


def _numbered(where: tuple[sa.ColumnElement[bool], ...]) -> sa.Subquery:
    """The images of a range with their place in it as `row`, from 1."""
    row = sa.func.row_number().over(order_by=ORDER).label("row")
    return sa.select(IMAGES, row).where(*where).subquery()


def _number(connection: Connection, question: sa.Select[Any]) -> int:
    return int(connection.scalar(question) or 0)


def _sizes(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Bytes of those of the images that are there."""
    wanted = set(keys)
    seconds: dict[int, set[int]] = defaultdict(set)
    for camera, second, _, _ in wanted:
        seconds[camera].add(second)
    sizes: dict[Key, int] = {}
    for camera, of_camera in seconds.items():
        # By second, then picked out here: SQLite would scan the table for a list of whole keys.
        question = sa.select(*KEY, IMAGES.c.size).where(
            IMAGES.c.camera == camera, IMAGES.c.second.in_(sorted(of_camera))
        )
        for *key, size in connection.execute(question):
            if tuple(key) in wanted:
                sizes[key[0], key[1], key[2], key[3]] = size
    return sizes


def _count_in_hours(
    connection: Connection, *, added: dict[Key, int], removed: dict[Key, int]
) -> None:
    """Brings the hourly totals up to date with images added to and removed from the rows."""
    changes: dict[tuple[int, int], list[int]] = defaultdict(lambda: [0, 0])
    for sign, sizes in ((1, added), (-1, removed)):
        for (camera, second, _, _), size in sizes.items():
            change = changes[camera, second // HOUR_S]
            change[0] += sign
            change[1] += sign * size
    statement = insert(HOURS)
    connection.execute(
        statement.on_conflict_do_update(
            index_elements=["camera", "hour"],
            set_={
                "images": HOURS.c.images + statement.excluded.images,
                "bytes": HOURS.c.bytes + statement.excluded.bytes,
            },
        ),
        [
            {"camera": camera, "hour": hour, "images": images, "bytes": size}
            for (camera, hour), (images, size) in changes.items()
        ],
    )
    if removed:
        connection.execute(
            sa.delete(HOURS).where(
                HOURS.c.camera.in_({camera for camera, _ in changes}), HOURS.c.images <= 0
            )
        )
