"""JPEGs in an mp4 as they are, moved from file to file by the kernel.

Written by hand (ISO/IEC 14496-12 and -14), as FFmpeg's muxer would read every image into memory and
copy it twice: with it a video of 3000 images took five times as long as `cat`. The file: a header,
room for the index of frames, then the images one after the other.
"""

import os
import struct
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from types import TracebackType
from typing import Self

from chimera_storage.convert.encoders import Format
from chimera_storage.convert.pace import LONGEST_IN_MP4

# Bytes of the index of frames: of each its size, its time, and every 64th its place; and once.
_INDEX_BYTES_PER_FRAME = 13
_INDEX_BYTES = 4096
_FRAMES_PER_CHUNK = 64
_MOVIE_TICKS = 1000  # a second
_MATRIX = struct.pack(">9I", 0x10000, 0, 0, 0, 0x10000, 0, 0, 0, 0x40000000)
_JPEG_OBJECT, _VISUAL_STREAM = 0x6C, 0x11  # ISO/IEC 14496-1, tables 5 and 6
_LANGUAGE_UNDEFINED = 0x55C4


class CopiedMp4:
    """Writes one file; raises OSError where it cannot."""

    def __init__(self, target: Path, form: Format, *, most_frames: int) -> None:
        """`target` may be there, and is emptied; at most `most_frames` are added."""
        self._form = form
        self._file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o644)
        head = _box(b"ftyp", b"isom", struct.pack(">I", 0x200), b"isomiso2mp41")
        self._index_at = len(head)
        self._index_room = _INDEX_BYTES + _INDEX_BYTES_PER_FRAME * most_frames
        self._data_at = self._index_at + self._index_room
        self._end = self._data_at + 16
        self._sizes: list[int] = []
        self._lengths: list[int] = []
        os.pwrite(self._file, head, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        os.close(self._file)

    def add(self, image: int, size: int, ticks: int) -> bool:
        """Append an open file of `size` bytes, shown for `ticks`. False where it is shorter."""
        os.lseek(self._file, self._end, os.SEEK_SET)
        sent = 0
        while sent < size:
            moved = os.sendfile(self._file, image, sent, size - sent)
            if moved == 0:
                return False  # the next one is written over it
            sent += moved
        self._append(size, ticks)
        return True

    def add_bytes(self, image: bytes, ticks: int) -> None:
        """Append an image that is in memory."""
        written = 0
        while written < len(image):
            written += os.pwrite(self._file, image[written:], self._end + written)
        self._append(len(image), ticks)

    def extend_last(self, ticks: int) -> None:
        """Show the last one longer, up to what the format can say."""
        if self._lengths:
            self._lengths[-1] = min(self._lengths[-1] + ticks, LONGEST_IN_MP4)

    @property
    def frames(self) -> int:
        """How many there are."""
        return len(self._sizes)

    def _append(self, size: int, ticks: int) -> None:
        self._sizes.append(size)
        self._lengths.append(min(ticks, LONGEST_IN_MP4))
        self._end += size

    def finish(self) -> None:
        """Write the index of frames."""
        index = self._index()
        rest = self._index_room - len(index)
        padding = struct.pack(">I4s", rest, b"free") + bytes(rest - 8)
        os.pwrite(self._file, index + padding, self._index_at)
        data = struct.pack(">I4sQ", 1, b"mdat", self._end - self._data_at)
        os.pwrite(self._file, data, self._data_at)
        os.ftruncate(self._file, self._end)

    def _index(self) -> bytes:
        ticks = self._form.time_base.denominator
        length = sum(self._lengths)
        shown = length * _MOVIE_TICKS // ticks
        size = struct.pack(">II", self._form.width << 16, self._form.height << 16)
        header = struct.pack(">I2QIQIH10x", 1 << 24, 0, 0, _MOVIE_TICKS, shown, 0x10000, 0x100)
        track = struct.pack(">I2QIIQ8x4H", 1 << 24 | 3, 0, 0, 1, 0, shown, 0, 0, 0, 0)
        media = struct.pack(">I2QIQHH", 1 << 24, 0, 0, ticks, length, _LANGUAGE_UNDEFINED, 0)
        handler = struct.pack(">II4s12x", 0, 0, b"vide") + b"video\0"
        place = _box(b"dinf", _box(b"dref", struct.pack(">II", 0, 1), _box(b"url ", b"\0\0\0\1")))
        return _box(
            b"moov",
            _box(b"mvhd", header, _MATRIX, bytes(24), struct.pack(">I", 2)),
            _box(
                b"trak",
                _box(b"tkhd", track, _MATRIX, size),
                _box(
                    b"mdia",
                    _box(b"mdhd", media),
                    _box(b"hdlr", handler),
                    _box(b"minf", _box(b"vmhd", struct.pack(">I8x", 1)), place, self._samples()),
                ),
            ),
        )

    def _samples(self) -> bytes:
        """What frames there are, how long each is shown, how large it is and where it lies."""
        count = len(self._sizes)
        runs = [(len(list(run)), ticks) for ticks, run in groupby(self._lengths)]
        full, rest = divmod(count, _FRAMES_PER_CHUNK)
        chunks = [(1, _FRAMES_PER_CHUNK, 1)] if full else []
        chunks += [(full + 1, rest, 1)] if rest else []
        places, place = [], self._data_at + 16
        for number, size in enumerate(self._sizes):
            if number % _FRAMES_PER_CHUNK == 0:
                places.append(place)
            place += size
        return _box(
            b"stbl",
            _box(b"stsd", struct.pack(">II", 0, 1), self._description()),
            _table(b"stts", runs, ">2I"),
            _table(b"stsc", chunks, ">3I"),
            _box(b"stsz", struct.pack(f">III{count}I", 0, 0, count, *self._sizes)),
            _table(b"co64", [(place,) for place in places], ">Q"),
        )

    def _description(self) -> bytes:
        """Frames of this size, each a JPEG."""
        config = struct.pack(">BB3x2I", _JPEG_OBJECT, _VISUAL_STREAM, 0, 0)
        stream = struct.pack(">HB", 1, 0) + _descriptor(4, config) + _descriptor(6, b"\2")
        resolution = 72 << 16
        return _box(
            b"mp4v",
            struct.pack(">6xH16x", 1),
            struct.pack(">HHII4xH32xHh", self._form.width, self._form.height,
                        resolution, resolution, 1, 24, -1),
            _box(b"esds", bytes(4), _descriptor(3, stream)),
        )  # fmt: skip


def _box(kind: bytes, *parts: bytes) -> bytes:
    body = b"".join(parts)
    return struct.pack(">I4s", 8 + len(body), kind) + body


def _table(kind: bytes, rows: Sequence[tuple[int, ...]], form: str) -> bytes:
    return _box(kind, struct.pack(">II", 0, len(rows)), *(struct.pack(form, *row) for row in rows))


def _descriptor(tag: int, body: bytes) -> bytes:
    return struct.pack(">BB", tag, len(body)) + body
