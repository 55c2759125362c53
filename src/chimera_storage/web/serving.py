"""Files as answers: an open descriptor, its validators, and the part of it that was asked for.

The descriptor is open before any header is sent and the body comes from it alone, so a file that is
deleted or replaced meanwhile is still sent whole. Conditions and ranges as in RFC 9110; several
ranges at once get the whole file, as the RFC allows and no client of ours needs more.
"""

import asyncio
import os
import re
from collections.abc import AsyncGenerator, Coroutine
from contextlib import aclosing
from email.utils import formatdate, parsedate_to_datetime
from time import monotonic
from typing import Any, BinaryIO, Protocol
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chimera_storage.errors import ChimeraStorageError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.web.errors import BrokenOffError, error_answer
from chimera_storage.web.proxies import SENDS_FILES
from chimera_storage.web.threads import in_thread

# Kept by the browser, but asked for each time: who has logged out sees nothing any more.
CACHE = "private, no-cache"
CHUNK_BYTES = 512 * 1024
# The HTTP server takes five or six parts ahead of a client, so for a slow one they are small.
LEAST_CHUNK_BYTES = 16 * 1024
SLOW_S = 0.05  # that it takes to get rid of a part
FAST_PARTS = 64  # in a row, until parts are twice as large; sockets take megabytes at once
DEFAULT_TYPE = "application/octet-stream"
TYPES = {
    ".avi": "video/x-msvideo",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".json": "application/json",
    ".mkv": "video/x-matroska",
    ".mp4": "video/mp4",
    ".png": "image/png",
    ".tar": "application/x-tar",
    ".txt": "text/plain; charset=utf-8",
    ".webm": "video/webm",
    ".webp": "image/webp",
    ".zip": "application/zip",
}
# What a browser may show in place: nothing that could run a script in this server's name.
SHOWN_INLINE = frozenset({".gif", ".jpeg", ".jpg", ".mp4", ".png", ".txt", ".webm", ".webp"})

# Opened alone, a browser shows an image or video in a page of its own making, with styles in it.
FILE_POLICY = (
    "default-src 'none'; img-src 'self'; media-src 'self'; style-src 'unsafe-inline';"
    " frame-ancestors 'none'"
)

log = get_logger()

_RANGE = re.compile(r"bytes=([0-9]{0,18})-([0-9]{0,18})", re.ASCII | re.IGNORECASE)
_ENTITY_TAG = re.compile(r'(?:W/)?"([^"]*)"')


class Sendable(Protocol):
    """What can be sent, whole or in part, and what HTTP says about it."""

    name: str
    size: int
    modified_s: int

    @property
    def etag(self) -> str:
        """With its quotes; another one where a single byte may be another one."""

    def parts(self, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Exactly those bytes. Raises ChimeraStorageError where they cannot be had any more."""

    def close(self) -> None:
        """Nothing more is asked for."""


class StoredFile:
    """An open regular file and what HTTP says about it; `path` below shared, where it is there."""

    def __init__(self, file: BinaryIO, *, name: str, path: str | None = None) -> None:
        stat = os.fstat(file.fileno())
        self.file = file
        self.name = name
        self.path = path
        self.size = stat.st_size
        self.modified_s = int(stat.st_mtime)
        self.etag = entity_tag(stat.st_size, stat.st_mtime_ns, stat.st_ino)

    async def parts(self, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Those bytes. Raises StorageError where the file got shorter."""
        chunk = CHUNK_BYTES if length <= CHUNK_BYTES else LEAST_CHUNK_BYTES
        fast = 0
        while length > 0:
            size = min(length, chunk)
            part = _from_memory(self.file.fileno(), size, start)
            if part is None:
                part = await in_thread(os.pread, self.file.fileno(), size, start)
            if len(part) < size:
                raise StorageError("a file became shorter while it was sent")
            began_s = monotonic()
            yield part
            fast = fast + 1 if monotonic() - began_s < SLOW_S else 0
            if not fast:
                chunk = max(LEAST_CHUNK_BYTES, chunk // 2)
            elif fast % FAST_PARTS == 0:
                chunk = min(CHUNK_BYTES, 2 * chunk)
            start, length = start + size, length - size

    def close(self) -> None:
        """Close the descriptor."""
        self.file.close()


class HeldFile:
    """All of a small file in memory, and what HTTP says about it."""

    def __init__(self, content: bytes, *, name: str, modified_s: int, etag: str) -> None:
        self.content = content
        self.name = name
        self.size = len(content)
        self.modified_s = modified_s
        self.etag = etag

    def close(self) -> None:
        """Nothing is open."""


def entity_tag(size: int, modified_ns: int, inode: int) -> str:
    """Of a file: another one where a single byte may be another one."""
    return f'"{size:x}-{modified_ns:x}-{inode:x}"'


def _from_memory(descriptor: int, size: int, start: int) -> bytes | None:
    """Those bytes where the kernel has all of them at hand; None where it would take the disk."""
    part = bytearray(size)
    try:
        if os.preadv(descriptor, [part], start, os.RWF_NOWAIT) == size:
            return bytes(part)
    except OSError:  # would block, or a file system that cannot say
        pass
    return None


class FileAnswer(Response):
    """Sends a part of a file and closes it, whatever happens."""

    def __init__(
        self, stored: Sendable, *, status: int, headers: dict[str, str], start: int, length: int
    ) -> None:
        self._stored = stored
        self._start = start
        self._length = length
        super().__init__(status_code=status, headers=headers)

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            if self._length <= CHUNK_BYTES:
                await self._send(send)
            else:
                await until_gone(self._send(send), receive)
        finally:
            self._stored.close()

    async def _send(self, send: Send) -> None:
        async with aclosing(self._stored.parts(self._start, self._length)) as parts:
            part = await anext(parts, b"")  # an error that is known here is still an answer
            await send(
                {
                    "type": "http.response.start",
                    "status": self.status_code,
                    "headers": self.raw_headers,
                }
            )
            sent = len(part)
            while sent < self._length:
                await send({"type": "http.response.body", "body": part, "more_body": True})
                part = await self._next(parts)
                sent += len(part)
            await send({"type": "http.response.body", "body": part, "more_body": False})

    async def _next(self, parts: AsyncGenerator[bytes, None]) -> bytes:
        try:
            return await anext(parts)
        except (ChimeraStorageError, OSError, StopAsyncIteration) as error:
            log.warning("download_broken_off", file=self._stored.name, reason=str(error))
            raise BrokenOffError from error


async def until_gone(work: Coroutine[Any, Any, None], receive: Receive) -> None:
    """Await the work; cancel it as soon as the client has gone away."""
    worker = asyncio.create_task(work)
    watcher = asyncio.create_task(disconnected(receive))
    try:
        await asyncio.wait({worker, watcher}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        worker.cancel()
        watcher.cancel()
        await asyncio.gather(worker, watcher, return_exceptions=True)
    if not worker.cancelled():
        worker.result()


async def disconnected(receive: Receive) -> None:
    """Returns once the client has gone away."""
    while (await receive())["type"] != "http.disconnect":
        pass


def whole_file(stored: Sendable, *, cache: str, inline: bool = False) -> Response:
    """200 for all of a file, which the answer takes over."""
    headers = file_headers(stored, cache=cache, inline=inline)
    headers["content-length"] = str(stored.size)
    return FileAnswer(stored, status=200, headers=headers, start=0, length=stored.size)


def file_answer(
    request: Request, stored: Sendable | HeldFile, *, cache: str, inline: bool = False
) -> Response:
    """200, 206, 304 or 416 for a GET or HEAD of a file, which the answer takes over.

    A proxy that sends files itself is only told which.
    """
    headers = file_headers(stored, cache=cache, inline=inline)
    if is_left_to_proxy(request) and isinstance(stored, StoredFile) and stored.path is not None:
        return _left_to_proxy(stored, f"{request.scope[SENDS_FILES]}/{stored.path}", headers)
    if _is_unchanged(request, stored):
        stored.close()
        kept = ("cache-control", "etag", "last-modified")
        return Response(status_code=304, headers={name: headers[name] for name in kept})
    start, length, status = 0, stored.size, 200
    wanted = _wanted_range(request, stored)
    if wanted is not None:
        if not wanted:
            stored.close()
            answer = error_answer(416, "this part of the file does not exist; see Content-Range")
            answer.headers["content-range"] = f"bytes */{stored.size}"
            return answer
        start, length, status = wanted.start, len(wanted), 206
        headers["content-range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{stored.size}"
    headers["content-length"] = str(length)
    if request.method == "HEAD":
        length = 0
    if isinstance(stored, HeldFile):
        return Response(stored.content[start : start + length], status, headers)
    return FileAnswer(stored, status=status, headers=headers, start=start, length=length)


def is_left_to_proxy(request: Request) -> bool:
    """Whether a proxy in front sends files itself."""
    return bool(request.scope.get(SENDS_FILES))


def _left_to_proxy(stored: StoredFile, address: str, headers: dict[str, str]) -> Response:
    """For nginx to send the file, with its own length, validators and ranges.

    It was opened here, so it is there and may be seen; nginx opens it again by its path.
    """
    stored.close()
    for name in ("accept-ranges", "etag", "last-modified"):
        del headers[name]
    return Response(headers=headers | {"x-accel-redirect": quote(address, safe="/")})


def file_headers(stored: Sendable | HeldFile, *, cache: str, inline: bool) -> dict[str, str]:
    """What HTTP says about a file, but for its length."""
    return {
        "accept-ranges": "bytes",
        "cache-control": cache,
        "content-security-policy": FILE_POLICY,
        "content-disposition": disposition(stored.name, inline=inline),
        "content-type": TYPES.get(suffix_of(stored.name), DEFAULT_TYPE),
        "etag": stored.etag,
        "last-modified": formatdate(stored.modified_s, usegmt=True),
    }


def is_wished(request: Request, name: str) -> bool:
    """Whether the query says `?name`, whatever its value but 0 and false."""
    return request.query_params.get(name, "0").lower() not in {"0", "false"}


def suffix_of(name: str) -> str:
    """The ending that says the type, in lower case."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if stem and dot else ""


def disposition(name: str, *, inline: bool) -> str:
    """Content-Disposition that shows or downloads under the file's name."""
    kind = "inline" if inline and suffix_of(name) in SHOWN_INLINE else "attachment"
    return f"{kind}; {filename_parameter(name)}"


def filename_parameter(name: str) -> str:
    """`filename=` of Content-Disposition; no name can end the header or the quotes."""
    plain = re.sub(r"[^A-Za-z0-9._ -]", "_", name)
    if plain == name:
        return f'filename="{plain}"'
    return f"filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='', errors='replace')}"


def _is_unchanged(request: Request, stored: Sendable | HeldFile) -> bool:
    condition = request.headers.get("if-none-match")
    if condition is not None:
        tags = _ENTITY_TAG.findall(condition)
        return condition.strip() == "*" or stored.etag.strip('"') in tags
    since = _http_date(request.headers.get("if-modified-since"))
    return since is not None and stored.modified_s <= since


def _wanted_range(request: Request, stored: Sendable | HeldFile) -> range | None:
    """The bytes of a single range; empty: there are none such, None: all are wanted."""
    match = _RANGE.fullmatch(request.headers.get("range", "").strip())
    if match is None or request.method != "GET" or not _is_same(request, stored):
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, stored.size - int(last)), stored.size) if last else None
    if last and int(last) < int(first):
        return None  # malformed, which RFC 9110 says to ignore
    return range(int(first), min(int(last) + 1, stored.size) if last else stored.size)


def _is_same(request: Request, stored: Sendable | HeldFile) -> bool:
    """Whether If-Range, if there is one, names exactly this version."""
    condition = request.headers.get("if-range")
    if condition is None:
        return True
    if condition.strip().startswith(('"', "W/")):
        return condition.strip() == stored.etag
    return _http_date(condition) == stored.modified_s


def _http_date(text: str | None) -> int | None:
    if text is None:
        return None
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
