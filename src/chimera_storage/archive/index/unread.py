"""Rows of files that were taken in by name and size and are still to be read."""

from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from chimera_storage.archive.index.image_rows import IMAGES, KEY, key_of, to_image
from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import Image, ImageKey

_NAMES = [f"k_{column.name}" for column in KEY]

Name = tuple[int, int]  # second since 1970, number within it or -1


class Unread(Rows):
    """The table `images`: what a comparison needs of it."""

    def names(self, camera: int, hour: int, *, flat: bool) -> dict[Name, int]:
        """Bytes of every flat (or every dated) image of one hour (hours since 1970) by name."""
        question = sa.select(IMAGES.c.second, IMAGES.c.number, IMAGES.c.size).where(
            IMAGES.c.camera == camera,
            IMAGES.c.second.between(hour * HOUR_S, hour * HOUR_S + HOUR_S - 1),
            IMAGES.c.flat == int(flat),
        )
        with self._database.read() as connection:
            return {(second, number): size for second, number, size in connection.execute(question)}

    def bare(self, camera: int, hour: int) -> dict[Name, tuple[int, int | None]]:
        """(bytes, CRC-32) of each dated image of one hour of which only the file was asked."""
        question = sa.select(IMAGES.c.second, IMAGES.c.number, IMAGES.c.size, IMAGES.c.crc32).where(
            IMAGES.c.camera == camera,
            IMAGES.c.second.between(hour * HOUR_S, hour * HOUR_S + HOUR_S - 1),
            IMAGES.c.flat == 0,
            IMAGES.c.fraction_us == 0,
            IMAGES.c.score.is_(None),
            IMAGES.c.event.is_(None),
        )
        with self._database.read() as connection:
            return {(row[0], row[1]): (row[2], row[3]) for row in connection.execute(question)}

    def has_flat(self, camera: int) -> bool:
        """Whether the camera has any flat image."""
        question = sa.select(IMAGES.c.flat).where(IMAGES.c.camera == camera, IMAGES.c.flat == 1)
        with self._database.read() as connection:
            return connection.scalar(question.limit(1)) is not None

    def sizes_of(self, keys: Iterable[ImageKey]) -> dict[ImageKey, int]:
        """Bytes of those of the images that have a row."""
        found: dict[ImageKey, int] = {}
        question = sa.select(IMAGES.c.size).where(
            *(column == sa.bindparam(f"k_{column.name}") for column in KEY)
        )
        with self._database.read() as connection:
            for key in keys:
                size = connection.scalar(question, dict(zip(_NAMES, key_of(key), strict=True)))
                if size is not None:
                    found[key] = size
        return found

    def unread(
        self, limit: int, *, camera: int | None = None, after: ImageKey | None = None
    ) -> list[Image]:
        """At most `limit` images whose CRC-32 is not known, in order, those that follow `after`."""
        question = sa.select(IMAGES).where(IMAGES.c.crc32.is_(None)).order_by(*KEY).limit(limit)
        if camera is not None:
            question = question.where(IMAGES.c.camera == camera)
        if after is not None:
            question = question.where(sa.tuple_(*KEY) > key_of(after))
        with self._database.read() as connection:
            return [to_image(row) for row in connection.execute(question)]

    def set_contents(self, images: Sequence[Image]) -> None:
        """Notes CRC-32, width and height in the rows that lack them and tell of the same size."""
        if not images:
            return
        statement = (
            sa.update(IMAGES)
            .where(
                *(column == sa.bindparam(f"k_{column.name}") for column in KEY),
                IMAGES.c.size == sa.bindparam("k_size"),
                IMAGES.c.crc32.is_(None),
            )
            .values({name: sa.bindparam(f"v_{name}") for name in ("crc32", "width", "height")})
        )
        values = [
            {
                **dict(zip(_NAMES, key_of(image.key), strict=True)),
                "k_size": image.size,
                "v_crc32": image.crc32,
                "v_width": image.width,
                "v_height": image.height,
            }
            for image in images
        ]
        with self._database.write() as connection:
            connection.execute(statement, values)
