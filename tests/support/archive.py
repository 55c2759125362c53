"""A data folder with its index, and small real JPEGs to put into it."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import BinaryIO

import numpy as np
import simplejpeg

from chimera_storage.archive import sidecar
from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.model import Image, ImageKey

NOW = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
EVER = (-(2**62), 2**62)  # microseconds: every image


class FixedClock:
    """A clock that stands still until it is moved."""

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def now(self) -> datetime:
        return self._now

    def monotonic(self) -> float:
        return self._now.timestamp()

    def move(self, by: timedelta) -> None:
        self._now += by


def make_jpeg(width: int = 32, height: int = 16, brightness: int = 128) -> bytes:
    """A grey picture as a baseline JPEG."""
    picture = np.full((height, width, 1), brightness, dtype=np.uint8)
    encoded: bytes = simplejpeg.encode_jpeg(picture, colorspace="GRAY")
    return encoded


JPEG = make_jpeg()


def second_of(text: str) -> int:
    """`2026-03-20 12:00:00` (UTC) → Unix time."""
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())


def make_image(camera: int, second: int, number: int | None = 0, **values: object) -> Image:
    """A row without a file."""
    flat = bool(values.pop("flat", False))
    given = {"taken_at_us": second * 1_000_000, "size": 1000, "crc32": 1, "width": 8, "height": 8}
    key = ImageKey(camera=camera, second=second, number=number, flat=flat)
    return Image(key=key, **(given | values))  # type: ignore[arg-type]


@dataclass(frozen=True, slots=True, kw_only=True)
class Store:
    """A data folder in use."""

    layout: Layout
    index: Index
    archive: Archive
    clock: FixedClock

    def writer(self, *, sync_interval_s: float = 3600) -> ImageWriter:
        """Not started: batches are written by `flush` and `close`."""
        return ImageWriter(self.layout, self.index, sync_interval_s=sync_interval_s)

    def save(self, camera: int, *moments: datetime, jpeg: bytes = JPEG) -> list[Image]:
        """Durable and indexed images."""
        writer = self.writer()
        images = [writer.save(camera, to_us(at), jpeg, width=32, height=16) for at in moments]
        writer.close()
        return images

    def put(self, path: str, content: bytes = JPEG, *, age_s: float = 7200) -> Path:
        """A file below captures that another program wrote `age_s` ago (by the store's clock)."""
        target = self.layout.captures / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
        written = self.clock.now().timestamp() - age_s
        os.utime(target, (written, written))
        return target

    def reconcile(self, *cameras: int) -> tuple[int, int]:
        """(added, removed) of the cameras."""
        reconciler = Reconciler(self.archive)
        pairs = [reconciler.reconcile_camera(camera) for camera in cameras]
        return sum(added for added, _ in pairs), sum(removed for _, removed in pairs)

    def files(self) -> list[str]:
        """Every file below captures, also hidden ones, but no sidecars."""
        below = self.layout.captures
        found = (p for p in below.rglob("*") if not p.is_dir() and p.name != sidecar.NAME)
        return sorted(str(p.relative_to(below)) for p in found)


@contextmanager
def open_store(root: Path, zone: tzinfo = UTC) -> Iterator[Store]:
    """The store of a data folder, which is made where it is missing."""
    layout = Layout(root, zone)
    layout.captures.mkdir(parents=True, exist_ok=True)
    clock = FixedClock()
    index = Index(layout.index)
    try:
        archive = Archive(layout, index, clock)
        yield Store(layout=layout, index=index, archive=archive, clock=clock)
    finally:
        index.close()


def read(file: BinaryIO) -> bytes:
    """All of an open file, which is closed."""
    with file:
        return file.read()
