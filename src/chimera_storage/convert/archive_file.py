"""A zip or tar of pinned images: written from front to back, or any part of it, as often as asked.

Each image is read whole before its header is made, so an entry's CRC-32 is always that of what is
in it, whatever the index says. What is sent under a length that was promised must have the size
that the index knew; what was sent once must still be the same the next time.
"""

import hashlib
import os
import zlib
from collections.abc import Callable, Iterator
from typing import Any, Protocol

import numpy as np

from chimera_storage.archive.images import read_image
from chimera_storage.convert.contents import FIXED, MISSING, PLANNED, Contents, Records
from chimera_storage.convert.selection import MAX_IMAGE_BYTES
from chimera_storage.errors import ConflictError

_PIECE_BYTES = 1 << 18

# Bytes, and what makes those from the first number to the second.
_Section = tuple[int, Callable[[int, int], Iterator[bytes]]]


class Sink(Protocol):
    """Where an archive goes; a write takes all of what it is given."""

    def write(self, data: bytes, /) -> object: ...


def write_archive(contents: Contents, sink: Sink, on_image: Callable[[int, int], None]) -> int:
    """Write all of it, without what is gone or cannot be read; how many images are in it.

    `on_image` gets the number that is through and the bytes after each. Raises OSError.
    """
    form, out = contents.format, _Gathered(sink)
    offset = made = 0
    for first, records in contents.chunks():
        paths = contents.paths(records)
        for i, (path, name) in enumerate(zip(paths, contents.names(records, paths), strict=True)):
            data = read_image(path, MAX_IMAGE_BYTES)
            if data is None:
                _fix(contents, records, i, None)
            else:
                _fix(contents, records, i, data)
                head = form.header(
                    name, int(records["second"][i]), len(data), int(records["crc32"][i])
                )
                padding = form.padding(len(data))
                out.write(head, data, padding)
                offset += len(head) + len(data) + len(padding)
                made += 1
            on_image(first + i + 1, offset)
        contents.store(first, records)
    if not made:
        return 0
    tail = _Tail(contents, offset, made + len(contents.pinned.extras))
    for length, make in tail.sections():
        for piece in make(0, length):
            out.write(piece)
    out.flush()
    return made


class _Gathered:
    """Writes in pieces of 256 KB, so that nothing in between copies them once more."""

    def __init__(self, sink: Sink) -> None:
        self._sink = sink
        self._pieces: list[bytes] = []
        self._size = 0

    def write(self, *pieces: bytes) -> None:
        self._pieces += pieces
        self._size += sum(map(len, pieces))
        if self._size >= _PIECE_BYTES:
            self.flush()

    def flush(self) -> None:
        self._sink.write(b"".join(self._pieces))
        self._pieces, self._size = [], 0


def read_archive(contents: Contents, start: int, stop: int) -> Iterator[bytes]:
    """The bytes from `start` to `stop` of it as it was pinned.

    Raises ConflictError where an image was deleted or changed meanwhile, so that what was promised
    cannot be sent; StorageError or OSError.
    """
    at = 0
    for length, make in _sections(contents):
        if at + length > start and at < stop:
            yield from make(max(0, start - at), min(length, stop - at))
        at += length
        if at >= stop:
            return


def _sections(contents: Contents) -> Iterator[_Section]:
    offset = 0
    for first, records in contents.chunks():
        sizes = records["size"].astype(np.int64)
        names = contents.name_bytes(records)
        lengths = contents.format.entry_bytes(records["second"], names, sizes)
        images = _Images(contents, first, records, lengths)
        yield int(lengths.sum()), images.read
        offset += int(lengths.sum())
    pinned = contents.pinned
    yield from _Tail(contents, offset, pinned.images + len(pinned.extras)).sections()


class _Images:
    """Some images of an archive that is sent."""

    def __init__(self, contents: Contents, first: int, records: Records, lengths: Any) -> None:
        self._contents = contents
        self._first = first
        self._records = records
        self._lengths = lengths

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Those bytes of them."""
        records, form = self._records, self._contents.format
        ends = np.cumsum(self._lengths)
        begin = int(np.searchsorted(ends, start, side="right"))
        paths = self._contents.paths(records)
        names = self._contents.names(records, paths)
        for i in range(begin, len(records)):
            at, end = int(ends[i] - self._lengths[i]), int(ends[i])
            if at >= stop:
                return
            data = _read_as_pinned(self._contents, self._first, records, i, paths[i])
            head = form.header(
                names[i], int(records["second"][i]), len(data), int(records["crc32"][i])
            )
            padding = form.padding(len(data))
            if start <= at and end <= stop:
                yield from (head, data, padding)
            else:
                yield b"".join((head, data, padding))[max(0, start - at) : stop - at]


class _Tail:
    """What follows the images: the files beside them, the directory, the end."""

    def __init__(self, contents: Contents, offset: int, entries: int) -> None:
        self._contents = contents
        self._offset = offset
        self._entries = entries

    def sections(self) -> Iterator[_Section]:
        contents, form = self._contents, self._contents.format
        second = contents.pinned.made_us // 1_000_000
        offset = self._offset
        extras: list[tuple[bytes, int, int]] = []
        for name, size in contents.pinned.extras.items():
            extras.append((name.encode(), size, offset))
            length = form.entry_bytes(second, len(name), size)
            yield length, _cut(lambda name=name, size=size: self._extra(name, size))  # type: ignore[misc]
            offset += length
        start, length = offset, 0
        at = 0
        for first, records in contents.chunks():
            listed, taken = _listed(contents, records, at)
            yield (
                listed,
                _cut(
                    lambda first=first, records=records, at=at: self._list(first, records, at)  # type: ignore[misc]
                ),
            )
            at += taken
            length += listed
        for encoded, size, where in extras:
            listed = form.listing_bytes(second, len(encoded), size, where)
            yield (
                listed,
                _cut(
                    lambda encoded=encoded, size=size, where=where: iter(  # type: ignore[misc]
                        [form.listing(encoded, second, size, self._crc(encoded.decode()), where)]
                    )
                ),
            )
            length += listed
        end = form.end(self._entries, start, length)
        yield len(end), _cut(lambda: iter([end]))

    def _extra(self, name: str, size: int) -> Iterator[bytes]:
        form, second = self._contents.format, self._contents.pinned.made_us // 1_000_000
        yield form.header(name.encode(), second, size, self._crc(name))
        yield from _pieces(self._contents.file_beside(name).fileno())
        yield form.padding(size)

    def _crc(self, name: str) -> int:
        """Of a file beside the images, once all that it says is known."""
        for first, records in self._contents.chunks():
            _fix_some(self._contents, first, records)
        crc = 0
        for piece in _pieces(self._contents.file_beside(name).fileno()):
            crc = zlib.crc32(piece, crc)
        return crc

    def _list(self, first: int, records: Records, at: int) -> Iterator[bytes]:
        contents, form = self._contents, self._contents.format
        _fix_some(contents, first, records)
        paths = contents.paths(records)
        listed = []
        columns = (records[name].tolist() for name in ("second", "size", "crc32", "state"))
        for name, second, size, crc, state in zip(
            contents.names(records, paths), *columns, strict=True
        ):
            if state != MISSING:
                listed.append(form.listing(name, second, size, crc, at))
                at += form.entry_bytes(second, len(name), size)
        yield b"".join(listed)


def _listed(contents: Contents, records: Records, at: int) -> tuple[int, int]:
    """Bytes of these images in the directory, and of themselves; the first stands at `at`."""
    there = records[records["state"] != MISSING]
    names, sizes = contents.name_bytes(there), there["size"].astype(np.int64)
    taken = contents.format.entry_bytes(there["second"], names, sizes)
    offsets = at + np.cumsum(taken) - taken
    listed = contents.format.listing_bytes(there["second"], names, sizes, offsets)
    return int(listed.sum()), int(taken.sum())


def _read_as_pinned(contents: Contents, first: int, records: Records, i: int, path: str) -> bytes:
    """The image's bytes, which from now on have to stay these. Raises ConflictError."""
    data = read_image(path, MAX_IMAGE_BYTES)
    if data is None or len(data) != records["size"][i]:
        raise _changed(path)
    records[i] = contents.record(first + i)[0]  # another part of it may be sent meanwhile
    if records["state"][i] == FIXED:
        if zlib.crc32(data) != records["crc32"][i]:
            raise _changed(path)
        return data
    _fix(contents, records, i, data)
    contents.store(first + i, records[i : i + 1])
    return data


def _changed(path: str) -> ConflictError:
    name = path.rpartition("/")[2]
    return ConflictError(f"the image {name} was deleted or changed; ask for the archive again")


def _fix(contents: Contents, records: Records, i: int, data: bytes | None) -> None:
    """Note what an image is; `data` None: it is not there."""
    records["state"][i] = MISSING if data is None else FIXED
    if data is not None:
        records["size"][i], records["crc32"][i] = len(data), zlib.crc32(data)
    if contents.pinned.extras:
        size = None if data is None else len(data)
        contents.note(records[i], size, hashlib.sha256(data or b"").hexdigest())


def _fix_some(contents: Contents, first: int, records: Records) -> None:
    """Bind what is told of images that were not sent; a manifest needs them read for that."""
    states = enumerate(records["state"].tolist())
    loose = [i for i, state in states if state not in (FIXED, MISSING)]
    if not loose:
        return
    paths = contents.paths(records)
    for i in loose:
        if records["state"][i] == PLANNED and not contents.pinned.extras:
            records["state"][i] = FIXED
        else:
            _read_as_pinned(contents, first, records, i, paths[i])
    contents.store(first, records)


def _cut(make: Callable[[], Iterator[bytes]]) -> Callable[[int, int], Iterator[bytes]]:
    """A maker of all → a maker of a part."""

    def part(start: int, stop: int) -> Iterator[bytes]:
        at = 0
        for piece in make():
            if at < stop and at + len(piece) > start:
                yield piece[max(0, start - at) : stop - at]
            at += len(piece)

    return part


def _pieces(descriptor: int) -> Iterator[bytes]:
    at = 0
    while piece := os.pread(descriptor, _PIECE_BYTES, at):
        yield piece
        at += len(piece)
