"""A zip archive written front to back: stored entries, zip64 where needed, no seeking.

Each entry's bytes are at hand before its header is written, so that size and CRC-32 stand in the
header itself and no data descriptor is needed. (`zipfile` writes descriptors on a stream that
cannot seek, and keeps some 600 bytes in memory for each entry; here it is the 80 to 120 bytes of
the entry in the central directory.) Format: PKWARE APPNOTE.TXT 6.3.10, sections 4.3.7 to 4.3.16 and
4.5.3; the extra field of times (0x5455) as Info-ZIP's extrafld.txt describes it.
"""

import struct
import zlib
from datetime import datetime
from typing import Protocol

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_END64_LOCATOR = struct.Struct("<4sIQI")
_TIMES = struct.Struct("<2HBi")
_OFFSET64 = struct.Struct("<2HQ")

_TIMES_ID = 0x5455
_ZIP64_ID = 0x0001
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF
_MAX_TIME = 0x7FFFFFFF
_VERSION_STORED = 20
_VERSION_ZIP64 = 45
_UNIX = 3 << 8
_REGULAR_FILE_MODE = 0o100644 << 16


class Sink(Protocol):
    """Where the archive goes; a write takes all of what it is given."""

    def write(self, data: bytes, /) -> object: ...


class ZipWriter:
    """One archive. Names are ASCII and given once each; the caller sees to both."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._directory = bytearray()
        self._entries = 0
        self.size = 0  # bytes written so far

    def add(self, name: str, data: bytes, *, taken: datetime) -> None:
        """Append a file of at most 4 GiB. `taken` is aware; its own zone gives the DOS time."""
        encoded = name.encode("ascii")
        offset, crc, length = self.size, zlib.crc32(data), len(data)
        date, time = _dos(taken)
        times = _times(taken)
        self._write(
            _LOCAL.pack(
                b"PK\3\4", _VERSION_STORED, 0, 0, time, date, crc, length, length,
                len(encoded), len(times),
            ) + encoded + times
        )  # fmt: skip
        self._write(data)

        extra, version, offset32 = times, _VERSION_STORED, offset
        if offset >= _MAX32:
            extra = _OFFSET64.pack(_ZIP64_ID, 8, offset) + times
            version, offset32 = _VERSION_ZIP64, _MAX32
        self._directory += _CENTRAL.pack(
            b"PK\1\2", _UNIX | version, version, 0, 0, time, date, crc, length, length,
            len(encoded), len(extra), 0, 0, 0, _REGULAR_FILE_MODE, offset32,
        ) + encoded + extra  # fmt: skip
        self._entries += 1

    def finish(self) -> None:
        """Write the central directory and the end records."""
        start, length, entries = self.size, len(self._directory), self._entries
        self._write(bytes(self._directory))
        if entries >= _MAX16 or start >= _MAX32 or length >= _MAX32:
            end64 = self.size
            self._write(
                _END64.pack(
                    b"PK\6\6", _END64.size - 12, _UNIX | _VERSION_ZIP64, _VERSION_ZIP64, 0, 0,
                    entries, entries, length, start,
                )
            )  # fmt: skip
            self._write(_END64_LOCATOR.pack(b"PK\6\7", 0, end64, 1))
        entries16 = min(entries, _MAX16)
        self._write(
            _END.pack(
                b"PK\5\6", 0, 0, entries16, entries16, min(length, _MAX32), min(start, _MAX32), 0
            )
        )

    def _write(self, data: bytes) -> None:
        self._sink.write(data)
        self.size += len(data)


def _dos(taken: datetime) -> tuple[int, int]:
    """Date and time of MS-DOS (1980 to 2107, to two seconds) as two 16-bit numbers."""
    if taken.year < 1980:
        return 1 << 5 | 1, 0
    if taken.year > 2107:
        return 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29
    return (
        (taken.year - 1980) << 9 | taken.month << 5 | taken.day,
        taken.hour << 11 | taken.minute << 5 | taken.second // 2,
    )


def _times(taken: datetime) -> bytes:
    """The extra field with the time to the second, in UTC; nothing where 32 bits do not hold it."""
    second = int(taken.timestamp())
    if not 0 <= second <= _MAX_TIME:
        return b""
    return _TIMES.pack(_TIMES_ID, 5, 1, second)
