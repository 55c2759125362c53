"""A day of images of some cameras as a recorder would have left them, for pages to show.

Pictures of the demonstration scene, a few for each camera and used again and again, written with
the archive's own writer: events with their images, scores and boxes.
"""

import random
from collections.abc import Sequence
from datetime import UTC, date, datetime, time
from itertools import cycle
from pathlib import Path
from zoneinfo import ZoneInfo

import simplejpeg

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.model import Box, Event
from chimera_storage.motion.demo import DemoScene

SECOND_US = 1_000_000
WIDTH, HEIGHT = 640, 360
_PICTURES = 16


def write_day(
    root: Path,
    day: date,
    cameras: Sequence[int],
    *,
    events: int = 30,
    images_of_an_event: int = 24,
    until: time = time(21, 30),
    zone: str = "UTC",
) -> int:
    """Writes so many events of each camera, in local daylight mostly; how many images there are."""
    layout = Layout(root, ZoneInfo(zone))
    layout.captures.mkdir(parents=True, exist_ok=True)
    index = Index(layout.index)
    writer = ImageWriter(layout, index, sync_interval_s=3600)
    begin = datetime.combine(day, time(), ZoneInfo(zone)).astimezone(UTC)
    begin_us = int(begin.timestamp()) * SECOND_US
    last_s = until.hour * 3600 + until.minute * 60
    count = 0
    for camera in cameras:
        dice = random.Random(camera)
        starts = sorted(min(last_s, abs(dice.gauss(13, 4.5)) * 3600) for _ in range(events))
        free_us = 0
        for start_s in starts:
            first_us = max(begin_us + int(start_s * SECOND_US), free_us)
            images = dice.randint(images_of_an_event // 2, images_of_an_event * 3 // 2)
            for i, (jpeg, boxes) in zip(range(images), cycle(pictures(camera)), strict=False):
                at_us = first_us + i * 250_000
                score = 0.08 * (i + 1) / images * (0.3 + dice.random())
                writer.save(
                    camera,
                    at_us,
                    jpeg,
                    width=WIDTH,
                    height=HEIGHT,
                    score=round(score, 5),
                    boxes=boxes,
                    event=first_us,
                )
            end_us = first_us + (images - 1) * 250_000
            index.add_events([Event(camera=camera, start_us=first_us, end_us=end_us)])
            free_us = end_us + 20 * SECOND_US
            count += images
    writer.close()
    index.close()
    return count


_drawn: dict[int, list[tuple[bytes, tuple[Box, ...]]]] = {}


def pictures(camera: int) -> list[tuple[bytes, tuple[Box, ...]]]:
    """Some JPEGs of something passing by, with where it is."""
    if camera not in _drawn:
        scene = DemoScene(WIDTH, HEIGHT, 5, seed=camera)
        found: list[tuple[bytes, tuple[Box, ...]]] = []
        n = 0
        while len(found) < _PICTURES:
            boxes = scene.objects(n)
            if boxes:
                rgb = scene.frame(n).to_ndarray(format="rgb24")
                jpeg = simplejpeg.encode_jpeg(rgb, quality=80, colorspace="RGB")
                found.append((jpeg, tuple(boxes)))
            n += 2 if boxes else 5
        _drawn[camera] = found
    return _drawn[camera]
