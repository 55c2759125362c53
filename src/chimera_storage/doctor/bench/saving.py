"""How many images a second are saved as a recorder saves them, and put into a video."""

import random
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC
from pathlib import Path

import av

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import open_index
from chimera_storage.clock import SystemClock
from chimera_storage.convert.make_video import Video, make_video
from chimera_storage.convert.selection import Selection
from chimera_storage.errors import ConversionError, StorageError
from chimera_storage.options import VideoOptions

_IMAGE_BYTES = 150_000
_MOST_IMAGES, _MOST_S = 600, 4.0
_CAMERAS = 4
_VIDEO_IMAGES = 100
_EVER_US = 2**52


def images_per_s(data: Path) -> float:
    """Images of 150 kB, saved by four cameras at once, in the end durable and in an index.

    Raises StorageError.
    """
    layout = Layout(data, UTC)
    layout.captures.mkdir(parents=True)
    jpeg = random.Random(1).randbytes(_IMAGE_BYTES)
    until_s = time.monotonic() + _MOST_S
    with closing(open_index(layout)) as index:
        writer = ImageWriter(layout, index, sync_interval_s=1.0)
        writer.start()

        def save(camera: int) -> int:
            saved = 0
            while saved < _MOST_IMAGES // _CAMERAS and time.monotonic() < until_s:
                at_us = time.time_ns() // 1000
                writer.save(camera, at_us, jpeg, width=1920, height=1080)
                saved += 1
            return saved

        began_s = time.monotonic()
        try:
            with ThreadPoolExecutor(_CAMERAS, thread_name_prefix="bench-save") as pool:
                saved = sum(pool.map(save, range(1, _CAMERAS + 1)))
        finally:
            writer.close()
        return saved / (time.monotonic() - began_s)


def video_images_per_s(data: Path) -> float | None:
    """Images a second of an H.264 video of what a recorder saved there; None: it saved too few.

    With all cores, as long as nothing else wants them.
    """
    layout = Layout(data, UTC)
    try:
        with closing(open_index(layout)) as index:
            first = index.images(1, 0, _EVER_US)[:_VIDEO_IMAGES]
            if len(first) < _VIDEO_IMAGES // 5:
                return None
            chosen = Selection(
                camera=1, start_us=first[0].taken_at_us, end_us=first[-1].taken_at_us
            )
            video = Video(selection=chosen, fps=15, options=VideoOptions())
            began_s = time.monotonic()
            made = make_video(
                Archive(layout, index, SystemClock()),
                video,
                data / "video.mp4",
                on_image=lambda _: None,
            )
            return made.images / (time.monotonic() - began_s)
    except (ConversionError, StorageError, av.FFmpegError):
        return None
