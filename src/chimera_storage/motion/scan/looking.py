"""Which frames of a recording are worth the detector's time.

The detector costs more than decoding a small picture, and while nothing moves, or long after
something began to, five looks a second tell as much as thirty (three do not: of 107 events one was
missed, and one came of snow). So frames are taken in batches of a fifth of a second and only the
last one is looked at, unless it differs from the one looked at before: then every frame of the
batch is, in order, so that what is only there for a moment is caught as early, and as surely, as if
each frame had been looked at. The comparison is a plain one of small pictures and asks for less
than the detector does; noise that passes it costs time only.
"""

from collections.abc import Iterable, Iterator

import av
import cv2
import numpy as np

from chimera_storage.motion.picture import Plane, luma
from chimera_storage.motion.recording import RecordedFrame

BATCH_US = 180_000  # 4.2 to 5 looks a second at the usual frame rates
BATCH_BYTES = 48 * 1024 * 1024  # 15 frames of 1080p; at 8K every frame is a batch
WIDTH = 400  # of the pictures compared: they are halved until they are no wider
LEAST_DIFFERENCE = 8  # of 255, between two pixels
LEAST_SHARE = 0.0001  # a third of the smallest patch that the detector takes for a thing


def batches(frames: Iterable[RecordedFrame]) -> Iterator[list[RecordedFrame]]:
    """The frames in order, in lists of a fifth of a second."""
    batch: list[RecordedFrame] = []
    began_us: int | None = None
    for frame in frames:
        began_us = frame.time_us if began_us is None else began_us
        batch.append(frame)
        size = sum(plane.buffer_size for plane in frame.picture.planes) * len(batch)
        if not 0 <= frame.time_us - began_us < BATCH_US or size >= BATCH_BYTES:
            yield batch
            batch, began_us = [], frame.time_us
    if batch:
        yield batch


class Sampler:
    """Chooses from each batch the frames to look at."""

    def __init__(self) -> None:
        self._before: Plane | None = None

    def choose(
        self, batch: list[RecordedFrame], *, event_open: bool, suspicion: bool
    ) -> list[RecordedFrame]:
        """The frames of the batch to look at, the last one always.

        `event_open`: that something moves is certain. `suspicion`: something was found that may
        become an event, so nothing is to be left out.
        """
        if event_open or len(batch) == 1:
            self._before = None  # nothing to decide, so nothing to compare
            return batch[-1:]
        now = small(batch[-1].picture)
        before, self._before = self._before, now
        if suspicion or before is None or before.shape != now.shape or differ(before, now):
            return batch
        return batch[-1:]


def small(frame: av.VideoFrame) -> Plane:
    """The brightness, at most 400 pixels wide: uint8 of shape (h, w)."""
    plane = luma(frame)
    while plane.shape[1] > WIDTH and plane.shape[0] > 1:
        half = plane.shape[1] // 2, plane.shape[0] // 2  # by 2, which is fast
        plane = np.asarray(cv2.resize(plane, half, interpolation=cv2.INTER_AREA), np.uint8)
    return plane


def differ(before: Plane, now: Plane) -> bool:
    """Whether something may have moved between two small pictures of the same shape."""
    difference = cv2.blur(cv2.absdiff(before, now), (3, 3))  # noise is no difference
    _, changed = cv2.threshold(difference, LEAST_DIFFERENCE, 1, cv2.THRESH_BINARY)
    return cv2.countNonZero(changed) > LEAST_SHARE * now.size
