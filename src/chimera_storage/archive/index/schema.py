"""The index's tables, and how a row becomes a value and back."""

import struct
from dataclasses import fields
from typing import Any

import sqlalchemy as sa

from chimera_storage.errors import InvalidInputError
from chimera_storage.model import Box, Conversion, ConversionStatus, ConversionType, Image, ImageKey

SCHEMA_VERSION = 1
SECOND_US = 1_000_000
_BOX = struct.Struct("<4H")

metadata = sa.MetaData()

META = sa.Table(
    "meta",
    metadata,
    sa.Column("key", sa.Text, primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
    sqlite_with_rowid=False,
)
IMAGES = sa.Table(
    "images",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("second", sa.Integer, primary_key=True),
    sa.Column("number", sa.Integer, primary_key=True),  # -1: the name has none
    sa.Column("flat", sa.Integer, primary_key=True),
    sa.Column("fraction_us", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("crc32", sa.Integer, nullable=False),
    sa.Column("width", sa.Integer, nullable=False),
    sa.Column("height", sa.Integer, nullable=False),
    sa.Column("score", sa.Float),
    sa.Column("boxes", sa.LargeBinary),  # x, y, w, h of each as 16-bit little-endian
    sa.Column("event", sa.Integer),
    sqlite_with_rowid=False,
)
HOURS = sa.Table(
    "hours",
    metadata,
    sa.Column("camera", sa.Integer, primary_key=True),
    sa.Column("hour", sa.Integer, primary_key=True),  # hours since 1970
    sa.Column("images", sa.Integer, nullable=False),
    sa.Column("bytes", sa.Integer, nullable=False),
    sqlite_with_rowid=False,
)
EVENTS = sa.Table(
    "events",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("camera", sa.Integer, nullable=False),
    sa.Column("start_us", sa.Integer, nullable=False),
    sa.Column("end_us", sa.Integer),
    sqlite_autoincrement=True,
)
CONVERSIONS = sa.Table(
    "conversions",
    metadata,
    sa.Column("id", sa.Text, primary_key=True),
    sa.Column("type", sa.Text, nullable=False),
    sa.Column("camera", sa.Integer, nullable=False),
    sa.Column("start_us", sa.Integer, nullable=False),
    sa.Column("end_us", sa.Integer, nullable=False),
    sa.Column("requested_us", sa.Integer, nullable=False),
    sa.Column("fps", sa.Integer, nullable=False),
    sa.Column("skip", sa.Integer, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("frames", sa.Integer, nullable=False),
    sa.Column("frames_done", sa.Integer, nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    sa.Column("started_us", sa.Integer),
    sa.Column("finished_us", sa.Integer),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("error", sa.Text),
    sqlite_with_rowid=False,
)
KEY = (IMAGES.c.camera, IMAGES.c.second, IMAGES.c.number, IMAGES.c.flat)
ORDER = (IMAGES.c.second, IMAGES.c.number, IMAGES.c.flat)
_CONVERSION_FIELDS = tuple(field.name for field in fields(Conversion))


Key = tuple[int, int, int, int]  # camera, second, number or -1, flat


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
        boxes=tuple(Box(*box) for box in _BOX.iter_unpack(row.boxes or b"")),
        event=row.event,
    )


def conversion_values(conversion: Conversion) -> dict[str, Any]:
    return {name: getattr(conversion, name) for name in _CONVERSION_FIELDS}


def to_conversion(row: Any) -> Conversion:
    values = dict(row._mapping)
    values["type"] = ConversionType(values["type"])
    values["status"] = ConversionStatus(values["status"])
    return Conversion(**values)
