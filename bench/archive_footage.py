"""A data folder with many small images, for the benches of the archive.

    python bench/archive_footage.py FOLDER [--images 1000000] [--cameras 4] [--flat]

Valid JPEGs of about 4 kB, an image a second, from 2026-01-01 on, with their sidecars and without an
index. With --flat they lie directly in the cameras' folders, as in an install of the 2021 server,
and have no sidecars. Every file is one of its own (no hard links).
"""

import argparse
import random
import zlib
from datetime import UTC
from pathlib import Path

import numpy as np
import simplejpeg

from chimera_storage.archive import sidecar
from chimera_storage.archive.layout import Layout
from chimera_storage.model import Box, Image, ImageKey

START = 1767225600  # 2026-01-01 00:00 UTC
EVENT_S = 30  # each image belongs to an event of so many seconds
WIDTH, HEIGHT = 320, 180


def pictures(count: int = 16) -> list[bytes]:
    """Different JPEGs of 4 kB."""
    noise = np.random.default_rng(1)
    made = []
    for _ in range(count):
        picture = noise.normal(128, 6, (HEIGHT, WIDTH, 1)).clip(0, 255).astype(np.uint8)
        made.append(simplejpeg.encode_jpeg(picture, quality=55, colorspace="GRAY"))
    return made


def image(camera: int, second: int, jpeg: bytes, *, flat: bool = False) -> Image:
    """What a recorder would know of it: two images of three have a box."""
    chosen = random.Random(second)
    boxes = (Box(chosen.randrange(300), chosen.randrange(160), 20, 20),) if second % 3 else ()
    return Image(
        key=ImageKey(camera=camera, second=second, number=0, flat=flat),
        taken_at_us=second * 1_000_000 + chosen.randrange(1_000_000),
        size=len(jpeg),
        crc32=zlib.crc32(jpeg),
        width=WIDTH,
        height=HEIGHT,
        score=chosen.random(),
        boxes=boxes,
        event=(second - second % EVENT_S) * 1_000_000,
    )


def make(folder: Path, images: int, cameras: int, *, flat: bool) -> None:
    """Write them, hour by hour."""
    layout, jpegs = Layout(folder, UTC), pictures()
    for camera in range(1, cameras + 1):
        last = START + images // cameras
        for hour in range(START // 3600, -(-last // 3600)):
            seconds = range(max(hour * 3600, START), min(hour * 3600 + 3600, last))
            here = [image(camera, s, jpegs[s % len(jpegs)], flat=flat) for s in seconds]
            target = layout.image_path(here[0].key).parent
            target.mkdir(parents=True, exist_ok=True)
            for one in here:
                layout.image_path(one.key).write_bytes(jpegs[one.key.second % len(jpegs)])
            if not flat:
                sidecar.append(target, sidecar.encode_images(here))


def main() -> None:
    """Make the folder."""
    parser = argparse.ArgumentParser(description="Make a data folder with many small images.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--cameras", type=int, default=4)
    parser.add_argument("--flat", action="store_true")
    given = parser.parse_args()
    make(given.folder, given.images, given.cameras, flat=given.flat)


if __name__ == "__main__":
    main()
