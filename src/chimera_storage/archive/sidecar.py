"""What a file's name does not say about an image, kept beside the images: `.images` in each hour.

Append-only. The writer adds a block for each batch, after the images are durable and before their
rows are written; an index that is made anew reads one file for each hour in place of every image.
Records of images that are no longer there, or that have another size by now, mean nothing; of two
for one name the later counts. A block carries its own CRC-32: a torn tail (a crash) or a damaged
block is skipped, and reading goes on with the next.

A block, little-endian:
    4 bytes     magic, `CSi1` for images or `CSe1` for events
    uint32      number of records
    uint32      bytes that follow the header
    uint32      CRC-32 of the 8 bytes before it and of those that follow
    ...         the records, then the boxes of all of them in order, 4 uint16 (x, y, w, h) each
An image's record is `_IMAGE`: second within the hour, number within the second (-1: none),
microseconds within the second, size, CRC-32, width, height, score (NaN: not known), number of
boxes, start of its event in microseconds since 1970 (0: none). An event's is its start and its end.
"""

import math
import os
import stat
import struct
import zlib
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from chimera_storage.archive.layout import HOUR_S, SECOND_US, TEMPORARY_SUFFIX
from chimera_storage.durable import sync_file, sync_folder
from chimera_storage.model import Box, Event, Image, ImageKey

NAME = ".images"
_LARGEST = 256 * 1024 * 1024  # bytes; a thousand images a second
_HEADER = struct.Struct("<4sIII")
_IMAGES, _EVENTS = b"CSi1", b"CSe1"
_IMAGE = struct.Struct("<HiIIIHHdHq")
_EVENT = struct.Struct("<qq")
_BOX_BYTES = 8
_BOX = struct.Struct("<4H")

Name = tuple[int, int]  # second since 1970, number within it or -1
# fraction_us, size, crc32, width, height, score, boxes as in the index, event: of a row
Facts = tuple[int, int, int, int, int, float | None, bytes | None, int | None]


@dataclass(slots=True)
class Sidecar:
    """What is known of an hour's images by name, and of its events: (start_us, end_us)."""

    images: dict[Name, Facts] = field(default_factory=dict)
    events: list[tuple[int, int]] = field(default_factory=list)
    skipped: int = 0  # bytes that are no whole block

    def as_images(self, camera: int) -> Iterator[Image]:
        """Each image that is told of, whether it is still there or not."""
        for (second, number), facts in self.images.items():
            fraction_us, size, crc32, width, height, score, boxes, event = facts
            yield Image(
                key=ImageKey(camera=camera, second=second, number=None if number < 0 else number),
                taken_at_us=second * SECOND_US + fraction_us,
                size=size,
                crc32=crc32,
                width=width,
                height=height,
                score=score,
                boxes=tuple(Box(*box) for box in _BOX.iter_unpack(boxes or b"")),
                event=event,
            )

    def as_events(self, camera: int) -> list[Event]:
        """Each event that is told of, whether any of its images is still there or not."""
        return [Event(camera=camera, start_us=start, end_us=end) for start, end in self.events]


def read(folder: Path | str, hour: int) -> Sidecar:
    """The sidecar of an hour's folder; empty where there is none or it cannot be read.

    `hour`: hours since 1970 that the folder's name says.
    """
    found = Sidecar()
    data = _content(f"{folder}/{NAME}")
    end = 0
    for magic, at, count, after in _blocks(data):
        found.skipped += at - _HEADER.size - end
        end = after
        if magic == _IMAGES:
            boxes_at = at + count * _IMAGE.size
            _take_images(found.images, data[at:boxes_at], data[boxes_at:after], hour * HOUR_S)
        else:
            found.events += _EVENT.iter_unpack(data[at : at + count * _EVENT.size])
    found.skipped += len(data) - end
    return found


def is_in(folder: Path) -> bool:
    """Whether the folder has one."""
    return os.path.lexists(f"{folder}/{NAME}")


def encode_images(images: Iterable[Image]) -> bytes:
    """A block of those images of one hour that were read.

    Raises struct.error for what no image can have.
    """
    records: list[bytes] = []
    boxes: list[Box] = []
    for image in images:
        if image.crc32 is None:
            continue
        number = image.key.number
        boxes += image.boxes
        records.append(
            _IMAGE.pack(
                image.key.second % HOUR_S,
                -1 if number is None else number,
                image.taken_at_us - image.key.second * SECOND_US,
                image.size,
                image.crc32,
                image.width,
                image.height,
                math.nan if image.score is None else image.score,
                len(image.boxes),
                image.event or 0,
            )
        )
    return _block(_IMAGES, len(records), b"".join(records) + b"".join(_BOX.pack(*b) for b in boxes))


def encode_events(events: Iterable[Event]) -> bytes:
    """A block of events that are over."""
    records = [_EVENT.pack(e.start_us, e.end_us) for e in events if e.end_us is not None]
    return _block(_EVENTS, len(records), b"".join(records))


def append(folder: Path, blocks: bytes) -> bool:
    """Adds blocks to the folder's sidecar, durable; False where the folder is gone.

    Raises OSError; then nothing of them is left, or what is left is skipped when read.
    """
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        descriptor = os.open(folder / NAME, flags, 0o644)
    except FileNotFoundError:
        return False
    try:
        before, rest = os.fstat(descriptor).st_size, memoryview(blocks)
        try:
            while rest:
                rest = rest[os.write(descriptor, rest) :]
            os.fsync(descriptor)
        except OSError:
            # A full disk takes a part; tried every second, such parts would pile up.
            if os.fstat(descriptor).st_size == before + len(blocks) - len(rest):
                os.ftruncate(descriptor, before)
            raise
    finally:
        os.close(descriptor)
    return True


def write_anew(folder: Path, found: Sidecar, camera: int) -> None:
    """Puts a sidecar that says what `found` does in place of the folder's. Raises OSError."""
    events = found.as_events(camera)
    temporary = folder / f"{NAME}-{os.getpid()}{TEMPORARY_SUFFIX}"
    temporary.write_bytes(encode_images(found.as_images(camera)) + encode_events(events))
    sync_file(temporary)
    temporary.replace(folder / NAME)
    sync_folder(folder)


def by_hour(images: Iterable[Image]) -> dict[tuple[int, int], list[Image]]:
    """Images by (camera, hour since 1970): those of one sidecar together."""
    hours: dict[tuple[int, int], list[Image]] = defaultdict(list)
    for image in images:
        hours[image.key.camera, image.key.second // HOUR_S].append(image)
    return hours


def _block(magic: bytes, count: int, payload: bytes) -> bytes:
    if not count:
        return b""
    lengths = struct.pack("<II", count, len(payload))
    return magic + lengths + struct.pack("<I", zlib.crc32(payload, zlib.crc32(lengths))) + payload


def _content(path: str) -> bytes:
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    try:
        descriptor = os.open(path, flags)
    except OSError:
        return b""
    try:
        with os.fdopen(descriptor, "rb", buffering=0) as file:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST:
                return b""
            return file.read()
    except OSError:
        return b""


def _blocks(data: bytes) -> Iterator[tuple[bytes, int, int, int]]:
    """(magic, where its records begin, how many, where it ends) of every whole block."""
    at = 0
    while at + _HEADER.size <= len(data):
        magic, count, length, crc = _HEADER.unpack_from(data, at)
        begin, end = at + _HEADER.size, at + _HEADER.size + length
        record = {_IMAGES: _IMAGE, _EVENTS: _EVENT}.get(magic)
        if (
            record is not None
            and end <= len(data)
            and count * record.size <= length
            and zlib.crc32(data[begin:end], zlib.crc32(data[at + 4 : at + 12])) == crc
        ):
            yield magic, begin, count, end
            at = end
        else:
            at = min(
                (p for p in (data.find(m, at + 1) for m in (_IMAGES, _EVENTS)) if p >= 0),
                default=len(data),
            )


def _take_images(found: dict[Name, Facts], records: bytes, boxes: bytes, base: int) -> None:
    at = 0
    for (
        second,
        number,
        fraction,
        size,
        crc,
        width,
        height,
        score,
        count,
        event,
    ) in _IMAGE.iter_unpack(records):
        own = None
        if count:
            own = boxes[at : at + count * _BOX_BYTES]
            at += count * _BOX_BYTES
        found[base + second, number] = (
            fraction, size, crc, width, height,
            score if score == score else None,  # noqa: PLR0124 - NaN
            own, event or None,
        )  # fmt: skip
