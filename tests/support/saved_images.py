"""An archive with real images in it, for whatever reads one."""

import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import simplejpeg

from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.model import Image, ImageKey

SECOND_US = 1_000_000
START_US = 1_767_260_000 * SECOND_US  # 2026-01-01 09:33:20 UTC


def picture(number: int, width: int = 64, height: int = 48) -> bytes:
    """A JPEG of one grey that says its number: `grey(number)`."""
    return coloured(grey(number), grey(number), grey(number), width, height)


def grey(number: int) -> int:
    """The brightness (0 to 255) of `picture(number)`: twenty shades, twelve apart."""
    return 10 + 12 * (number % 20)


def coloured(red: int, green: int, blue: int, width: int = 64, height: int = 48) -> bytes:
    """A JPEG of one colour."""
    pixels = np.empty((height, width, 3), np.uint8)
    pixels[:] = (red, green, blue)
    jpeg: bytes = simplejpeg.encode_jpeg(pixels, quality=95, colorspace="RGB")
    return jpeg


class SavedImages:
    """An open archive, and a way to put images into it."""

    def __init__(self, root: Path, timezone: str = "UTC") -> None:
        self.layout = Layout(root, ZoneInfo(timezone))
        self.layout.captures.mkdir(parents=True, exist_ok=True)
        self.index = Index(self.layout.index)
        self.archive = Archive(self.layout, self.index, SystemClock())

    def save(
        self,
        jpegs: Iterable[bytes],
        *,
        camera: int = 1,
        start_us: int = START_US,
        width: int = 64,
        height: int = 48,
        flat: bool = False,
    ) -> list[Image]:
        """Put in images, ten a second, without waiting for the disk as a recorder would.

        `start_us` is a whole second; `width` and `height` are what the index is told.
        """
        images = []
        for i, jpeg in enumerate(jpegs):
            second, number = start_us // SECOND_US + i // 10, i % 10
            image = Image(
                key=ImageKey(camera=camera, second=second, number=number, flat=flat),
                taken_at_us=second * SECOND_US,
                size=len(jpeg),
                crc32=zlib.crc32(jpeg),
                width=width,
                height=height,
            )
            self.path(image).parent.mkdir(parents=True, exist_ok=True)
            self.path(image).write_bytes(jpeg)
            images.append(image)
        self.index.add_images(images)
        return images

    def path(self, image: Image) -> Path:
        """Where an image's file is."""
        return self.layout.image_path(image.key)

    def outputs(self) -> list[str]:
        """Every file in captures itself, hidden ones included."""
        return sorted(path.name for path in self.layout.captures.iterdir() if path.is_file())


@contextmanager
def saved_images(root: Path, timezone: str = "UTC") -> Iterator[SavedImages]:
    """An archive in `root`, closed at the end."""
    opened = SavedImages(root, timezone)
    try:
        yield opened
    finally:
        opened.index.close()
