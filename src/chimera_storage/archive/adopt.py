"""Taking in an image that the index does not know: all that a file says about itself."""

import os
import stat
import zlib
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path

from chimera_storage.archive.layout import SECOND_US
from chimera_storage.clock import Clock, to_us
from chimera_storage.model import Image, ImageKey

LEFTOVER_AGE_S = 3600.0  # what nobody has finished writing for this long is a leftover
SETTLED_AGE_S = 2.0  # a file without an end may still be written to for this long
DURABLE_AGE_S = 60.0  # the kernel writes back within 30 s (dirty_expire) and a few more
LARGEST = 256 * 1024 * 1024  # bytes; no camera's image, and not to be read into memory

_START_OF_FRAME = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
_STANDALONE = frozenset({0x01, *range(0xD0, 0xD8)})


class Refusal(Enum):
    """Why a file is not taken in."""

    GONE = auto()
    UNFINISHED = auto()  # young and without an end: look again later
    EMPTY = auto()
    NO_IMAGE = auto()
    UNREADABLE = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class Age:
    """How old a file is; never negative (clocks may be set back).

    `seconds` since its content changed, as the file says; a copy may keep the original's time.
    `inode_seconds` since it was changed in any way, which nobody can set.
    """

    seconds: float
    inode_seconds: float

    @classmethod
    def of(cls, status: os.stat_result, clock: Clock) -> "Age":
        now = to_us(clock.now()) / SECOND_US
        return cls(seconds=abs(now - status.st_mtime), inode_seconds=abs(now - status.st_ctime))

    @property
    def untouched_seconds(self) -> float:
        """Since anything happened to it; a copy job gives it the original's time at the end."""
        return min(self.seconds, self.inode_seconds)


def read_image(
    path: Path | str, key: ImageKey, clock: Clock, *, sync: bool = True
) -> Image | Refusal:
    """The image in a file, made durable where it is young (`sync`).

    Begins with the JPEG marker SOI; a young one also ends with EOI (an old one without was cut off
    by a crash of its writer, and still shows what it holds).
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            return _read_image(descriptor, key, clock, sync=sync)
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        return Refusal.GONE
    except OSError:
        return Refusal.UNREADABLE


def _read_image(descriptor: int, key: ImageKey, clock: Clock, *, sync: bool) -> Image | Refusal:
    status = os.fstat(descriptor)
    if not stat.S_ISREG(status.st_mode) or status.st_size > LARGEST:
        return Refusal.NO_IMAGE
    with os.fdopen(descriptor, "rb", closefd=False) as file:
        data = file.read()
    age = Age.of(status, clock).seconds
    if not data:
        return Refusal.UNFINISHED if age < SETTLED_AGE_S else Refusal.EMPTY
    if not data.startswith(b"\xff\xd8"):
        return Refusal.NO_IMAGE
    if age < SETTLED_AGE_S and not data.endswith(b"\xff\xd9"):
        return Refusal.UNFINISHED
    if sync and Age.of(status, clock).untouched_seconds < DURABLE_AGE_S:
        os.fsync(descriptor)
    width, height = dimensions(data)
    return Image(
        key=key,
        taken_at_us=key.second * SECOND_US,
        size=len(data),
        crc32=zlib.crc32(data),
        width=width,
        height=height,
    )


def dimensions(jpeg: bytes) -> tuple[int, int]:
    """Width and height in pixels from a JPEG's frame header (ITU-T T.81, B.2.2); (0, 0): none."""
    at = 2
    while at + 4 <= len(jpeg):
        if jpeg[at] != 0xFF:
            break
        marker = jpeg[at + 1]
        if marker == 0xFF:  # fill byte
            at += 1
            continue
        if marker in _STANDALONE:
            at += 2
            continue
        if marker in _START_OF_FRAME and at + 9 <= len(jpeg):
            height = int.from_bytes(jpeg[at + 5 : at + 7], "big")
            width = int.from_bytes(jpeg[at + 7 : at + 9], "big")
            return width, height
        if marker in (0xD9, 0xDA):  # end of image, start of scan
            break
        at += 2 + max(2, int.from_bytes(jpeg[at + 2 : at + 4], "big"))
    return 0, 0
