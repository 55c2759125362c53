"""The table of images, and how a row becomes a value and back."""

import struct
from typing import Any

import sqlalchemy as sa

from chimera_storage.archive.index.tables import metadata
from chimera_storage.archive.layout import SECOND_US
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import Box, Image, ImageKey

IMAGES = sa.Table(
    "images",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("second", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # -1: the name has none
    sa.Column("flat", sa.Integer, primary_key=True),
    sa.Column("fraction_us", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("crc32", sa.Integer),  # NULL: the file was not read yet
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("boxes", sa.LargeBinary),  # x, y, w, h of each as 16-bit little-endian
    sa.Column("event", sa.Integer),  # start_us of its event
    sqlite_with_rowid=False,
)
# Rows whose file is still to be read: nothing where every file was, and found at once.
sa.Index("images_unread", IMAGES.c.camera, sqlite_where=IMAGES.c.crc32.is_(None))
KEY = (IMAGES.c.camera, IMAGES.c.second, IMAGES.c.number, IMAGES.c.flat)
ORDER = (IMAGES.c.second, IMAGES.c.number, IMAGES.c.flat)
_FARTHEST_S = 2**40  # beyond every time that a name can say, within SQLite's integers
_BOX = struct.Struct("<4H")

Key = tuple[int, int, int, int]  # camera, second, number or -1, flat
# A whole row in the table's order: the key, then fraction_us, size, crc32, width, height, score,
# boxes, event. A million of these cost 0.3 s to make, a million Images 2.5 s.
Row = tuple[
    int, int, int, int,
    int, int, int | None, int, int, float | None, bytes | None, int | None,
]  # fmt: skip


def key_of(key: ImageKey) -> Key:
    return (key.camera, key.second, -1 if key.number is None else key.number, int(key.flat))


def to_key(row: Any) -> ImageKey:
    number = None if row.number < 0 else row.number
    return ImageKey(camera=row.camera, second=row.second, number=number, flat=bool(row.flat))


def image_values(image: Image) -> dict[str, Any]:
    camera, second, number, flat = key_of(image.key)
    fraction_us = image.taken_at_us - second * SECOND_US
    if not 0 <= fraction_us < SECOND_US:
        raise InvalidInputError("an image is taken in the second that its name says")
    try:
        boxes = b"".join(_BOX.pack(*box) for box in image.boxes) or None
    except struct.error:
        raise InvalidInputError("a box has its corners between 0 and 65535") from None
    return {
        "camera": camera,
        "second": second,
        "number": number,
        "flat": flat,
        "fraction_us": fraction_us,
        "size": image.size,
        "crc32": image.crc32,
        "width": image.width,
        "height": image.height,
        "score": image.score,
        "boxes": boxes,
        "event": image.event,
    }


def to_image(row: Any) -> Image:
    return Image(
        key=to_key(row),
        taken_at_us=row.second * SECOND_US + row.fraction_us,
        size=row.size,
        crc32=row.crc32,
        width=row.width,
        height=row.height,
        score=row.score,
        boxes=boxes_of(row.boxes),
        event=row.event,
    )


def boxes_of(packed: object) -> tuple[Box, ...]:
    """The boxes in a row's `boxes`; none where a bad disk made something else of them."""
    if not isinstance(packed, bytes) or len(packed) % _BOX.size:
        return ()
    return tuple(Box(*box) for box in _BOX.iter_unpack(packed))


def second_of(us: int) -> int:
    """The whole second of a time, kept within what SQLite can say."""
    return max(-_FARTHEST_S, min(us // SECOND_US, _FARTHEST_S))
