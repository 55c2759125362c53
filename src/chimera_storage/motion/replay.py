"""The detector and trigger over a recorded video, as fast as it can be read.

What `chimera-storage detect` prints, and what settings are tried out with. A damaged file gives the
frames that can be read; one of which nothing can be read is a SourceError.
"""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path

from chimera_storage.config import MotionSettings
from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.model import Box
from chimera_storage.motion.detector import STILL
from chimera_storage.motion.keeping import Keeper
from chimera_storage.motion.recording import Began, RecordedFrame, Recording
from chimera_storage.motion.recording_detector import RecordingDetector
from chimera_storage.motion.trigger import Pacer


@dataclass(frozen=True, slots=True, kw_only=True)
class FrameVerdict:
    """What was found in one frame.

    `frame` counts from 0, `time` is in seconds since the first frame. `motion`: this frame itself
    counts as motion. `saved`: a recorder would save it. `score`: share of the picture that moves,
    0 to 1. `boxes`: where, in pixels of the frame. `damaged`: it is not what the camera saw.
    """

    frame: int
    time: float
    motion: bool
    saved: bool
    score: float
    boxes: tuple[Box, ...]
    damaged: bool


def replay(
    path: Path | str,
    motion: MotionSettings,
    *,
    timezone: tzinfo = UTC,
    start_us: int | None = None,
) -> Iterator[FrameVerdict]:
    """One verdict for each frame of the video, in order; each as soon as `saved` is certain.

    A frame that `motion.framerate` passes over repeats what was found in the one before it and is
    not saved. A damaged one is neither motion nor saved; those after something that was lost
    repeat what was found in the last whole one. `start_us`: when the first frame was taken,
    microseconds since 1970, where the file does not say it; `timezone`: of hours and file names.

    Raises SourceError if the file cannot be opened, or no frame of it can be read.
    """
    with Recording(path) as recording:
        replayed = _Replay(motion, recording.began(timezone, start_us))
        for frame in recording.frames():
            yield from replayed.take(frame, whole=recording.is_whole(frame))
        yield from replayed.rest()
        problem = recording.problem()
        if not recording.frames_read:
            raise SourceError(problem)
        if problem is not None:
            get_logger().warning("recording_not_whole", problem=problem)


class _Replay:
    """The frames whose verdict is not out yet, and what decides on them."""

    def __init__(self, settings: MotionSettings, began: Began | None) -> None:
        self._count = 0
        self._pacer = Pacer(settings.framerate)
        self._keeper = Keeper(settings)
        self._detector = RecordingDetector(settings, began)
        self._start_us = began.at_us if began else 0
        self._last = STILL
        self._pending: deque[tuple[bool, FrameVerdict]] = deque()  # whether it was looked at

    def take(self, frame: RecordedFrame, *, whole: bool) -> Iterator[FrameVerdict]:
        """Look at a frame; yields the verdicts that are certain now."""
        damaged = not whole and not frame.doubtful
        looked_at = not damaged and self._pacer.due(frame.time_us)
        if looked_at and whole:
            self._last = self._detector.detect(frame.picture, frame.time_us)
        found = STILL if damaged else self._last
        verdict = FrameVerdict(
            frame=self._count,
            time=frame.time_us / 1e6,
            motion=found.moving,
            saved=False,
            score=found.score,
            boxes=found.boxes,
            damaged=damaged,
        )
        self._count += 1
        self._pending.append((looked_at, verdict))
        if looked_at:
            size = (frame.picture.width, frame.picture.height)
            yield from self._settled(self._keeper.step(self._start_us + frame.time_us, found, size))

    def rest(self) -> Iterator[FrameVerdict]:
        """The verdicts still held back when the file is over."""
        yield from self._settled(self._keeper.finish())
        while self._pending:
            yield self._pending.popleft()[1]

    def _settled(self, saved: Iterator[bool]) -> Iterator[FrameVerdict]:
        """The verdicts on the next frames that were looked at, and on those between."""
        for is_saved in saved:
            while self._pending:
                was_looked_at, verdict = self._pending.popleft()
                yield replace(verdict, saved=is_saved and was_looked_at)
                if was_looked_at:
                    break
