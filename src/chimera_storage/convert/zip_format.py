"""The bytes of a zip around its files: stored entries, zip64 where needed, no data descriptors.

Pure functions of name, time, size and CRC-32, all of which the index knows; so an archive's length
can be told, and any part of it made, without reading an image. Format: PKWARE APPNOTE.TXT 6.3.10,
sections 4.3.7 to 4.3.16 and 4.5.3; the extra field of times (0x5455) as Info-ZIP's extrafld.txt
describes it.
"""

import struct
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any

_LOCAL = struct.Struct("<4s5H3I2H")
_CENTRAL = struct.Struct("<4s6H3I5H2I")
_END = struct.Struct("<4s4H2IH")
_END64 = struct.Struct("<4sQ2H2I4Q")
_END64_LOCATOR = struct.Struct("<4sIQI")
_TIMES = struct.Struct("<2HBi")

_TIMES_ID = 0x5455
_ZIP64_ID = 0x0001
_MAX16 = 0xFFFF
_MAX32 = 0xFFFFFFFF
_MAX_TIME = 0x7FFFFFFF
_VERSION_STORED = 20
_VERSION_ZIP64 = 45
_UNIX = 3 << 8
_REGULAR_FILE_MODE = 0o100644 << 16
_SIZES64_BYTES = 4 + 16
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class ZipFormat:
    """A zip. Methods named `..._bytes` also take NumPy arrays of int64, for many files at once.

    `zone`: of the old DOS times, which have none; the extended ones are UTC."""

    def __init__(self, zone: tzinfo) -> None:
        self._zone = zone

    def entry_bytes(self, second: Any, name_bytes: Any, size: Any) -> Any:
        """What a file and its header take."""
        return self.header_bytes(second, name_bytes, size) + size

    def header_bytes(self, second: Any, name_bytes: Any, size: Any) -> Any:
        """What stands before a file."""
        return _LOCAL.size + name_bytes + _times_bytes(second) + _SIZES64_BYTES * (size >= _MAX32)

    def header(self, name: bytes, second: int, size: int, crc: int) -> bytes:
        """What stands before a file. `second`: since 1970, when it was made."""
        date, time = self._dos(second)
        extra, version, size32 = _times(second), _VERSION_STORED, size
        if size >= _MAX32:
            extra += struct.pack("<2H2Q", _ZIP64_ID, 16, size, size)
            version, size32 = _VERSION_ZIP64, _MAX32
        return _LOCAL.pack(
            b"PK\3\4", version, 0, 0, time, date, crc, size32, size32, len(name), len(extra)
        ) + name + extra  # fmt: skip

    def padding(self, size: int) -> bytes:  # noqa: ARG002 - tar has some
        """What stands behind a file."""
        return b""

    def listing_bytes(self, second: Any, name_bytes: Any, size: Any, offset: Any) -> Any:
        """What a file takes in the directory at the end."""
        wide = 8 * (2 * (size >= _MAX32) + (offset >= _MAX32))
        return _CENTRAL.size + name_bytes + _times_bytes(second) + wide + 4 * (wide > 0)

    def listing(self, name: bytes, second: int, size: int, crc: int, offset: int) -> bytes:
        """The file in the directory at the end. `offset`: where its header begins."""
        date, time = self._dos(second)
        extra, version, size32, offset32 = _times(second), _VERSION_STORED, size, offset
        wide = [size, size] if size >= _MAX32 else []
        if offset >= _MAX32:
            wide.append(offset)
        if wide:
            extra += struct.pack(f"<2H{len(wide)}Q", _ZIP64_ID, 8 * len(wide), *wide)
            version = _VERSION_ZIP64
            size32, offset32 = min(size, _MAX32), min(offset, _MAX32)
        return _CENTRAL.pack(
            b"PK\1\2", _UNIX | version, version, 0, 0, time, date, crc, size32, size32,
            len(name), len(extra), 0, 0, 0, _REGULAR_FILE_MODE, offset32,
        ) + name + extra  # fmt: skip

    def end(self, entries: int, start: int, length: int) -> bytes:
        """The end records, behind a directory that begins at `start` and has `length` bytes."""
        end64 = b""
        if entries >= _MAX16 or start >= _MAX32 or length >= _MAX32:
            end64 = _END64.pack(
                b"PK\6\6", _END64.size - 12, _UNIX | _VERSION_ZIP64, _VERSION_ZIP64, 0, 0,
                entries, entries, length, start,
            ) + _END64_LOCATOR.pack(b"PK\6\7", 0, start + length, 1)  # fmt: skip
        few, length32, start32 = min(entries, _MAX16), min(length, _MAX32), min(start, _MAX32)
        return end64 + _END.pack(b"PK\5\6", 0, 0, few, few, length32, start32, 0)

    def _dos(self, second: int) -> tuple[int, int]:
        """Date and time of MS-DOS (1980 to 2107, to two seconds) as two 16-bit numbers."""
        try:
            at = (_EPOCH + timedelta(seconds=second)).astimezone(self._zone)
        except OverflowError:
            return 1 << 5 | 1, 0
        if at.year < 1980:
            return 1 << 5 | 1, 0
        if at.year > 2107:
            return 127 << 9 | 12 << 5 | 31, 23 << 11 | 59 << 5 | 29
        return (
            (at.year - 1980) << 9 | at.month << 5 | at.day,
            at.hour << 11 | at.minute << 5 | at.second // 2,
        )


def _times_bytes(second: Any) -> Any:
    return _TIMES.size * ((second >= 0) & (second <= _MAX_TIME))


def _times(second: int) -> bytes:
    """The extra field with the time, in UTC; nothing where 32 bits do not hold it."""
    return _TIMES.pack(_TIMES_ID, 5, 1, second) if _times_bytes(second) else b""
