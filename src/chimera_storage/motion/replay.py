"""The detector and trigger over a recorded video, as fast as it can be read.

What `chimera-storage detect` prints, and what settings are tried out with. A damaged file gives the
frames that can be read; one of which nothing can be read is a SourceError.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import av

from chimera_storage.config import MotionSettings
from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.model import Box
from chimera_storage.motion.detector import Detector, Motion
from chimera_storage.motion.picture import luma
from chimera_storage.motion.recording import Recording
from chimera_storage.motion.trigger import Pacer, Trigger

_log = get_logger()
_STILL = Motion(moving=False, score=0.0, boxes=())


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameVerdict:
    """What was found in one frame.

    `frame` counts from 0, `time` is in seconds since the first frame. `motion`: this frame itself
    counts as motion. `saved`: a recorder would keep it, pre- and post-capture included. `score`:
    share of the picture that moves, 0 to 1. `boxes`: where, in pixels of the frame.
    """

    frame: int
    time: float
    motion: bool
    saved: bool
    score: float
    boxes: tuple[Box, ...]


def replay(path: Path | str, motion: MotionSettings) -> Iterator[FrameVerdict]:
    """One verdict for each frame of the video, in order; each as soon as `saved` is certain.

    A frame that `motion.framerate` passes over repeats what was found in the one before it and is
    not saved. A frame that the decoder calls damaged is neither motion nor saved. Frames without a
    time follow the one before at the file's frame rate.

    Raises SourceError if the file cannot be opened, or no frame of it can be read.
    """
    with Recording(path) as recording:
        replayed = _Replay(motion)
        for time_us, frame in recording.frames():
            yield from replayed.take(time_us, frame)
        yield from replayed.rest()
        if not replayed.count:
            raise SourceError(recording.problem())
        if recording.damaged:
            _log.warning("damaged_pictures", count=recording.damaged)


class _Replay:
    """The frames whose verdict is not out yet, and what decides on them."""

    def __init__(self, settings: MotionSettings) -> None:
        self.count = 0
        self._settings = settings
        self._pacer = Pacer(settings.framerate)
        self._trigger = Trigger(settings)
        self._detector: Detector | None = None
        self._size = (0, 0)
        self._last = _STILL
        self._pending: deque[tuple[int | None, FrameVerdict]] = deque()

    def take(self, time_us: int, frame: av.VideoFrame) -> Iterator[FrameVerdict]:
        """Look at a frame; yields the verdicts that are certain now."""
        looked_at = not frame.is_corrupt and self._pacer.due(time_us)
        if looked_at:
            self._last = self._detect(frame, time_us)
        found = _STILL if frame.is_corrupt else self._last
        verdict = FrameVerdict(
            frame=self.count,
            time=time_us / 1e6,
            motion=found.moving,
            saved=False,
            score=found.score,
            boxes=found.boxes,
        )
        self.count += 1
        if not looked_at:
            self._pending.append((None, verdict))
            return
        step = self._trigger.step(time_us, found.moving)
        self._pending.append((step.number, verdict))
        while self._pending:
            number, verdict = self._pending[0]
            saved = number is not None and number in step.save
            if number is not None and not saved and number >= step.drop_before:
                return
            self._pending.popleft()
            yield replace(verdict, saved=saved)

    def rest(self) -> Iterator[FrameVerdict]:
        """The verdicts still held back when the file is over."""
        while self._pending:
            yield self._pending.popleft()[1]

    def _detect(self, frame: av.VideoFrame, time_us: int) -> Motion:
        size = (frame.width, frame.height)
        if self._detector is None or size != self._size:
            self._size = size
            self._detector = Detector(self._settings, *size)
        return self._detector.detect(luma(frame), time_us)
