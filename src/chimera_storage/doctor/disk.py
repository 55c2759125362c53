"""How fast a folder's disk writes, tried."""

import os
import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from chimera_storage.archive.layout import TEMPORARY_SUFFIX

_BLOCK = b"\xa5" * 2**20
_BLOCKS = 64
_IMAGE = b"\x5a" * 150_000
_IMAGES = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Speed:
    """Bytes a second of a long file that is synced; seconds that an image of 150 kB takes, synced
    (median, and the longest)."""

    bytes_per_s: float
    image_s: float
    longest_image_s: float


def write_speed(folder: Path) -> Speed:
    """Write 67 MB and 20 images into the folder, and delete them. Raises OSError."""
    path = folder / f".doctor-{os.getpid()}{TEMPORARY_SUFFIX}"
    try:
        began = time.monotonic()
        with path.open("xb", buffering=0) as file:
            for _ in range(_BLOCKS):
                file.write(_BLOCK)
            os.fsync(file.fileno())
        long_s = time.monotonic() - began
        took = []
        for _ in range(_IMAGES):
            began = time.monotonic()
            with path.open("wb", buffering=0) as file:
                file.write(_IMAGE)
                os.fsync(file.fileno())
            took.append(time.monotonic() - began)
    finally:
        path.unlink(missing_ok=True)
    return Speed(
        bytes_per_s=_BLOCKS * len(_BLOCK) / long_s,
        image_s=statistics.median(took),
        longest_image_s=max(took),
    )
