"""What an archive holds, pinned: each image with size and CRC-32, as the index knew them at once.

A file of 40 bytes an image, so that memory does not grow with the archive, and so that a download
can be gone on with later: what the index says meanwhile does not matter. Of each image it also says
whether its CRC-32 was given out already, which binds what may be sent of it from then on.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from itertools import starmap
from struct import Struct
from typing import Any, BinaryIO, cast

import numpy as np
import numpy.typing as npt

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.convert.manifest import Manifest
from chimera_storage.convert.selection import MAX_IMAGE_BYTES, Selection
from chimera_storage.convert.tar_format import TarFormat
from chimera_storage.convert.zip_format import ZipFormat
from chimera_storage.errors import NotFoundError
from chimera_storage.model import ConversionType

# What is known of an image: CRC-32 by the index; nothing; sent, or told to a client; not there.
PLANNED, UNREAD, FIXED, MISSING = range(4)

CHUNK = 500  # images that are looked at together
_RECORD = Struct("<qiIIBBHQQ")
_DTYPE = np.dtype(
    [
        ("second", "<i8"),
        ("number", "<i4"),  # -1: the name has none
        ("size", "<u4"),
        ("crc32", "<u4"),
        ("state", "u1"),
        ("flat", "u1"),
        ("", "<u2"),
        ("json_at", "<u8"),  # where the manifests have room for size and SHA-256
        ("csv_at", "<u8"),
    ]
)
_HEAD_BYTES = 4096
_NAME_BYTES = len("YYYYMMDD-HHMMSS.jpg")
_FLAT_SUFFIX = "-flat"
_COLUMNS = ("second", "number", "size", "crc32", "flat")
_MORE_COLUMNS = ("fraction_us", "width", "height", "score", "boxes", "event")

Records = npt.NDArray[np.void]
Format = ZipFormat | TarFormat
# Opens a part of what is pinned for reading and writing: "list", or the name of a manifest.
OpenPart = Callable[[str], BinaryIO]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pinned:
    """What holds for all of the archive. `size`: its bytes when every image is as the index says.

    `both_kinds`: flat images get a suffix, as they may have the name of a dated one. `extras`: the
    names and bytes of the files beside the images.
    """

    type: ConversionType
    selection: Selection
    made_us: int
    both_kinds: bool
    images: int
    size: int
    extras: dict[str, int]

    def to_bytes(self) -> bytes:
        """JSON, filled up with spaces."""
        return json.dumps(asdict(self)).encode().ljust(_HEAD_BYTES)

    @classmethod
    def from_bytes(cls, data: bytes) -> "Pinned":
        """Raises ValueError, KeyError or TypeError where it is none."""
        fields = json.loads(data)
        fields["selection"] = Selection(**fields["selection"])
        fields["type"] = ConversionType(fields["type"])
        return cls(**fields)


class Contents:
    """The pinned list; thread-safe."""

    def __init__(self, layout: Layout, pinned: Pinned, parts: dict[str, BinaryIO]) -> None:
        self.pinned = pinned
        self.format = _format(pinned.type, layout)
        self._layout = layout
        self._parts = parts
        self._list = parts["list"].fileno()

    @classmethod
    def open(cls, layout: Layout, open_part: OpenPart) -> "Contents":
        """What `pin` made. Raises NotFoundError where it is not there or not whole."""
        parts: dict[str, BinaryIO] = {}
        try:
            parts["list"] = open_part("list")
            pinned = Pinned.from_bytes(os.pread(parts["list"].fileno(), _HEAD_BYTES, 0))
            for name in pinned.extras:
                parts[name] = open_part(name)
        except (OSError, ValueError, KeyError, TypeError):
            for part in parts.values():
                part.close()
            raise NotFoundError("there is no such download; ask for the archive again") from None
        return cls(layout, pinned, parts)

    def close(self) -> None:
        """Close its files."""
        for part in self._parts.values():
            part.close()

    def chunks(self) -> Iterator[tuple[int, Records]]:
        """(number of the first, a copy of the records) of all images in the order of time."""
        first = 0
        while first < self.pinned.images:
            count = min(CHUNK, self.pinned.images - first)
            at = _HEAD_BYTES + first * _RECORD.size
            data = os.pread(self._list, count * _RECORD.size, at)
            yield first, np.frombuffer(bytearray(data), _DTYPE, count)
            first += count

    def store(self, first: int, records: Records) -> None:
        """Write records back, beginning with the number `first`."""
        os.pwrite(self._list, records.tobytes(), _HEAD_BYTES + first * _RECORD.size)

    def record(self, number: int) -> Records:
        """The record of one image as it is now, in an array of one."""
        data = os.pread(self._list, _RECORD.size, _HEAD_BYTES + number * _RECORD.size)
        return np.frombuffer(bytearray(data), _DTYPE, 1)

    def file_beside(self, name: str) -> BinaryIO:
        """A file beside the images."""
        return self._parts[name]

    def note(self, record: Any, size: int | None, sha256: str) -> None:
        """Fill in what the manifests say of an image; `size` None: it is not there."""
        for name, slot in Manifest.slots(size, sha256).items():
            at = int(record["json_at" if name.endswith("json") else "csv_at"])
            os.pwrite(self._parts[name].fileno(), slot, at)

    def paths(self, records: Records) -> list[str]:
        """Where the images stand."""
        rows = zip(
            *(records[name].tolist() for name in ("second", "number", "flat", "size")), strict=True
        )
        return list(self._layout.image_paths(self.pinned.selection.camera, rows))

    def names(self, records: Records, paths: list[str]) -> list[bytes]:
        """The names of the images in the archive: those of the files."""
        names = [path.rpartition("/")[2].encode("ascii") for path in paths]
        if self.pinned.both_kinds:
            suffix = f"{_FLAT_SUFFIX}.jpg".encode()
            flats = records["flat"].tolist()
            names = [n[:-4] + suffix if f else n for n, f in zip(names, flats, strict=True)]
        return names

    def name_bytes(self, records: Records) -> "npt.NDArray[np.int64]":
        """The length of each name."""
        return _name_bytes(records, both_kinds=self.pinned.both_kinds)


def pin(
    index: Index,
    layout: Layout,
    selection: Selection,
    *,
    type: ConversionType,  # noqa: A002
    manifest: bool,
    made_us: int,
    open_part: OpenPart,
) -> Contents:
    """Write down what the archive of these images holds. Reads the index and no image.

    100,000 images take 0.1 s, with a manifest 1.9 s. Raises OSError, StorageError, and
    NotFoundError where there is no image.
    """
    parts: dict[str, BinaryIO] = {}

    def opened(name: str) -> BinaryIO:
        parts[name] = open_part(name)
        return parts[name]

    try:
        pinned = _write_down(
            index,
            layout,
            selection,
            type=type,
            manifest=manifest,
            made_us=made_us,
            open_part=opened,
        )
        parts["list"].flush()
        os.pwrite(parts["list"].fileno(), pinned.to_bytes(), 0)
    except BaseException:
        for part in parts.values():
            part.close()
        raise
    return Contents(layout, pinned, parts)


def _write_down(
    index: Index,
    layout: Layout,
    selection: Selection,
    *,
    type: ConversionType,  # noqa: A002
    manifest: bool,
    made_us: int,
    open_part: OpenPart,
) -> Pinned:
    both_kinds = index.has_both_kinds(selection.camera, selection.start_us, selection.end_us)
    length = _Length(_format(type, layout))
    file = open_part("list")
    file.write(bytes(_HEAD_BYTES))  # filled in at the end: without it the list is not whole
    listed = None
    if manifest:
        listed = Manifest(layout, selection, open_part, suffix=_FLAT_SUFFIX if both_kinds else "")
    rows = index.rows(
        selection.camera,
        selection.start_us,
        selection.end_us,
        _COLUMNS + (_MORE_COLUMNS if manifest else ()),
        skip=selection.skip,
        most=CHUNK,
    )
    for some in rows:
        fitting = [row for row in some if row[2] <= MAX_IMAGE_BYTES]
        places = listed.add(fitting) if listed is not None else [(0, 0)] * len(fitting)
        data = b"".join(starmap(_RECORD.pack, _packable(fitting, places)))
        file.write(data)
        length.add(np.frombuffer(data, _DTYPE), both_kinds=both_kinds)
    images = length.entries
    if not images:
        raise NotFoundError("there is no image in this range")
    extras = listed.end() if listed is not None else {}
    for name, size in extras.items():
        length.add_one(name, size, made_us)
    return Pinned(
        type=type,
        selection=selection,
        made_us=made_us,
        both_kinds=both_kinds,
        images=images,
        size=length.total(),
        extras=extras,
    )


def _packable(
    rows: list[tuple[Any, ...]], places: list[tuple[int, int]]
) -> Iterator[tuple[Any, ...]]:
    for row, (json_at, csv_at) in zip(rows, places, strict=True):
        second, number, size, crc32, flat = row[:5]
        state = UNREAD if crc32 is None else PLANNED
        yield second, number, size, crc32 or 0, state, flat, 0, json_at, csv_at


class _Length:
    """Adds up what an archive takes, without names or headers being made."""

    def __init__(self, form: Format) -> None:
        self._format = form
        self._data = self._listing = self.entries = 0

    def add(self, records: Records, *, both_kinds: bool) -> None:
        names = _name_bytes(records, both_kinds=both_kinds)
        seconds, sizes = records["second"], records["size"].astype(np.int64)
        taken = self._format.entry_bytes(seconds, names, sizes)
        offsets = self._data + np.cumsum(taken) - taken
        self._listing += int(self._format.listing_bytes(seconds, names, sizes, offsets).sum())
        self._data += int(taken.sum())
        self.entries += len(records)

    def add_one(self, name: str, size: int, made_us: int) -> None:
        second = made_us // 1_000_000
        self._listing += self._format.listing_bytes(second, len(name), size, self._data)
        self._data += self._format.entry_bytes(second, len(name), size)
        self.entries += 1

    def total(self) -> int:
        end = self._format.end(self.entries, self._data, self._listing)
        return self._data + self._listing + len(end)


def _name_bytes(records: Records, *, both_kinds: bool) -> "npt.NDArray[np.int64]":
    number = records["number"].astype(np.int64)
    digits = sum((number >= 10**power).astype(np.int64) for power in range(2, 9)) + 2
    names = _NAME_BYTES + np.where(number < 0, 0, 1 + digits)
    if both_kinds:
        names = names + len(_FLAT_SUFFIX) * records["flat"]
    return cast("npt.NDArray[np.int64]", names)


def _format(kind: ConversionType, layout: Layout) -> Format:
    return TarFormat() if kind is ConversionType.TAR else ZipFormat(layout.timezone)
