"""The bytes of a tar around its files: POSIX.1-1988 `ustar` headers, which every tar reads.

The fields of 8 and 12 bytes hold octal digits, of larger numbers base 256 as GNU tar writes them.
"""

import tarfile
from typing import Any

_BLOCK = 512
_END_BYTES = 2 * _BLOCK  # two blocks of zeros


class TarFormat:
    """Has the shape of `ZipFormat`; nothing is listed at its end."""

    def entry_bytes(self, second: Any, name_bytes: Any, size: Any) -> Any:
        """What a file, its header and its padding take."""
        return self.header_bytes(second, name_bytes, size) + size + -size % _BLOCK

    def header_bytes(self, second: Any, name_bytes: Any, size: Any) -> Any:  # noqa: ARG002
        """What stands before a file."""
        return _BLOCK + 0 * size

    def header(self, name: bytes, second: int, size: int, crc: int) -> bytes:  # noqa: ARG002
        """What stands before a file. `second`: since 1970, when it was made."""
        entry = tarfile.TarInfo(name.decode("ascii"))
        entry.size, entry.mtime, entry.mode = size, second, 0o644
        return entry.tobuf(tarfile.GNU_FORMAT)

    def padding(self, size: int) -> bytes:
        """What stands behind a file."""
        return bytes(-size % _BLOCK)

    def listing_bytes(self, second: Any, name_bytes: Any, size: Any, offset: Any) -> Any:  # noqa: ARG002
        """What a file takes in a directory: a tar has none."""
        return 0 * size

    def listing(self, name: bytes, second: int, size: int, crc: int, offset: int) -> bytes:  # noqa: ARG002
        """The file in the directory: a tar has none."""
        return b""

    def end(self, entries: int, start: int, length: int) -> bytes:  # noqa: ARG002
        """What ends it, two blocks of zeros."""
        return bytes(_END_BYTES)
