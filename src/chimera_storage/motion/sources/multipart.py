"""The parts of a multipart/x-mixed-replace stream (RFC 2046), as cameras really write it.

Some give the boundary with its leading dashes, some quote it, some leave out Content-Length or
write bare line feeds. The parser is pure: bytes in, bodies of parts out.
"""

import re

from chimera_storage.errors import SourceError

_MAX_PART_BYTES = 32 * 1024 * 1024
_MAX_HEAD_BYTES = 64 * 1024
_BOUNDARY = re.compile(r'boundary\s*=\s*(?:"(?P<quoted>[^"]+)"|(?P<bare>[^;\s]+))', re.IGNORECASE)
_BLANK_LINE = re.compile(rb"\r?\n\r?\n")
_LENGTH = re.compile(rb"^content-length\s*:\s*(\d{1,9})\s*$", re.IGNORECASE | re.MULTILINE)


class MultipartParser:
    """Give it the stream's bytes as they come; it gives the bodies of the parts that are whole."""

    def __init__(self, content_type: str) -> None:
        found = _BOUNDARY.search(content_type)
        name = (found["quoted"] or found["bare"]).strip().lstrip("-") if found else ""
        if not name:
            raise SourceError("The camera's multipart stream names no boundary; it cannot be read.")
        self._marker = b"--" + name.encode("latin-1", "replace")
        self._buffer = bytearray()
        self._body_at: int | None = None  # where the part's body begins; None: before it
        self._length: int | None = None
        self._searched = 0  # the marker does not begin before this

    def feed(self, data: bytes) -> list[bytes]:
        """Bodies that `data` completes. Raises SourceError for a part of more than 32 MiB."""
        self._buffer += data
        bodies = []
        while (body := self._next()) is not None:
            bodies.append(body)
        if len(self._buffer) > _MAX_PART_BYTES:
            raise SourceError(
                "The camera's stream holds a part of more than 32 MiB; it is no JPEG."
            )
        return bodies

    def _next(self) -> bytes | None:
        if self._body_at is None and not self._enter_body():
            return None
        start = self._body_at or 0
        if self._length is not None:
            end = start + self._length
            if len(self._buffer) < end:
                return None
        else:
            end = self._buffer.find(self._marker, max(start, self._searched))
            if end < 0:
                self._searched = max(start, len(self._buffer) - len(self._marker) + 1)
                return None
        body = bytes(self._buffer[start:end])
        del self._buffer[:end]
        self._body_at, self._searched = None, 0
        return body if self._length is not None else body.rstrip(b"-").rstrip(b"\r\n")

    def _enter_body(self) -> bool:
        """Find the next marker and the end of its headers; False where they are not there yet."""
        marker_at = self._buffer.find(self._marker)
        if marker_at < 0:
            del self._buffer[: 1 - len(self._marker)]  # what is between parts says nothing
            return False
        del self._buffer[:marker_at]
        blank = _BLANK_LINE.search(self._buffer, len(self._marker))
        if blank is None:
            if len(self._buffer) > _MAX_HEAD_BYTES:
                raise SourceError("The camera's stream holds a part without end of its headers.")
            return False
        length = _LENGTH.search(bytes(self._buffer[: blank.start() + 1]))
        self._length = int(length[1]) if length and int(length[1]) else None
        if self._length is not None and self._length > _MAX_PART_BYTES:
            raise SourceError(
                "The camera's stream holds a part of more than 32 MiB; it is no JPEG."
            )
        self._body_at = blank.end()
        return True
