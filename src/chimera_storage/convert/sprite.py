"""Many images as one picture of small ones: what a scrubber shows while it is dragged.

JPEGs are decoded at an eighth to all of their size (the inverse DCT gives less for less work), then
averaged down to the cell.
"""

import hashlib
import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import simplejpeg

from chimera_storage.archive.images import Archive, read_image
from chimera_storage.convert.selection import MAX_IMAGE_BYTES
from chimera_storage.errors import NotFoundError
from chimera_storage.model import Image

MOST_IMAGES = 500
CELL_WIDTH = 160
COLUMNS = 10
_QUALITY = 75
_LEAST_HEIGHT, _MOST_HEIGHT = 20, 480
_MAX_PIXELS = 100_000_000  # as for videos: a header that says more is more likely to be hostile
_CACHE_BYTES = 16 * 1024 * 1024

Pixels = npt.NDArray[np.uint8]
Place = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sprite:
    """`places`: x, y, width and height of each image, None where it cannot be shown."""

    id: str
    jpeg: bytes
    width: int
    height: int
    places: tuple[Place | None, ...]


class Sprites:
    """Makes them, one at a time, and remembers the last ones (16 MiB). Thread-safe."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._lock = threading.Lock()
        self._made: OrderedDict[str, Sprite] = OrderedDict()

    def make(self, images: Sequence[Image]) -> Sprite:
        """The first MOST_IMAGES of these in one picture, ten in a row."""
        images = images[:MOST_IMAGES]
        name = hashlib.sha256(repr([(i.key, i.crc32) for i in images]).encode()).hexdigest()[:24]
        with self._lock:
            sprite = self._made.get(name) or self._draw(name, images)
            self._made[name] = sprite
            self._made.move_to_end(name)
            while len(self._made) > 1 and self._bytes() > _CACHE_BYTES:
                self._made.popitem(last=False)
        return sprite

    def get(self, id: str) -> Sprite:  # noqa: A002
        """One that was made lately. Raises NotFoundError."""
        with self._lock:
            sprite = self._made.get(id)
        if sprite is None:
            raise NotFoundError("this picture is no longer there; ask listFramesVideo again")
        return sprite

    def _bytes(self) -> int:
        return sum(len(sprite.jpeg) for sprite in self._made.values())

    def _draw(self, name: str, images: Sequence[Image]) -> Sprite:
        height = _cell_height(images)
        columns = min(COLUMNS, max(1, len(images)))
        rows = -(-len(images) // COLUMNS)
        sheet = np.zeros((max(1, rows) * height, columns * CELL_WIDTH, 3), np.uint8)
        places: list[Place | None] = []
        for number, image in enumerate(images):
            small = self._small(image, height)
            if small is None:
                places.append(None)
                continue
            h, w = small.shape[:2]
            x = number % COLUMNS * CELL_WIDTH + (CELL_WIDTH - w) // 2
            y = number // COLUMNS * height + (height - h) // 2
            sheet[y : y + h, x : x + w] = small
            places.append((x, y, w, h))
        jpeg = simplejpeg.encode_jpeg(sheet, quality=_QUALITY, colorspace="RGB")
        return Sprite(
            id=name, jpeg=jpeg, width=sheet.shape[1], height=sheet.shape[0], places=tuple(places)
        )

    def _small(self, image: Image, height: int) -> Pixels | None:
        """The image within a cell, height × width × 3; None where it is gone or broken."""
        data = read_image(self._archive.layout.image_path(image.key), MAX_IMAGE_BYTES)
        try:
            h, w = simplejpeg.decode_jpeg_header(data or b"", strict=False)[:2]
            if not 0 < h * w <= _MAX_PIXELS:
                return None
            scale = min(CELL_WIDTH / w, height / h, 1.0)
            width, height = max(1, int(w * scale)), max(1, int(h * scale))
            decoded = simplejpeg.decode_jpeg(
                data, colorspace="RGB", min_width=width, min_height=height, fastdct=True
            )
        except (ValueError, KeyError):  # KeyError: a header without colours
            return None
        return _averaged(_averaged(decoded, height, 0), width, 1)


def _cell_height(images: Sequence[Image]) -> int:
    """Of the shape of the first image whose size is known, else 16:9."""
    width, height = next(
        ((i.width, i.height) for i in images if min(i.width, i.height) > 0), (16, 9)
    )
    return min(max(round(CELL_WIDTH * height / width), _LEAST_HEIGHT), _MOST_HEIGHT)


def _averaged(pixels: Any, size: int, axis: int) -> Pixels:
    """Fewer rows (axis 0) or columns (1): each the mean of those that fall into it."""
    before = pixels.shape[axis]
    begins = np.arange(size) * before // size
    sums = np.add.reduceat(pixels, begins, axis=axis, dtype=np.uint32)
    counts = np.diff(np.append(begins, before)).astype(np.uint32)
    shape = [-1 if a == axis else 1 for a in range(3)]
    return cast(Pixels, (sums // counts.reshape(shape)).astype(np.uint8))
