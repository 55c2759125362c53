"""An archive with real images in it, for whatever reads one."""

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import simplejpeg

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.model import Image

SECOND_US = 1_000_000
START_US = 1_767_260_000 * SECOND_US  # 2026-01-01 09:33:20 UTC
IMAGES_PER_SECOND = 10


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
        jpegs: list[bytes],
        *,
        camera: int = 1,
        start_us: int = START_US,
        width: int = 64,
        height: int = 48,
    ) -> list[Image]:
        """Save the images, ten a second; `width` and `height` are what the index is told."""
        writer = ImageWriter(self.layout, self.index, sync_interval_s=0.05)
        writer.start()
        try:
            step_us = SECOND_US // IMAGES_PER_SECOND
            return [
                writer.save(camera, start_us + i * step_us, jpeg, width=width, height=height)
                for i, jpeg in enumerate(jpegs)
            ]
        finally:
            writer.close()

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


async def until(condition: Callable[[], object], timeout_s: float, what: str) -> None:
    """`wait_for` in an event loop."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {timeout_s} s in vain for {what}")
        await asyncio.sleep(0.01)
