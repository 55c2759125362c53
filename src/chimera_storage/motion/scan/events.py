"""From the frames looked at to whole events, each with its best frame."""

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

import av

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box
from chimera_storage.motion.detector import STILL, Motion
from chimera_storage.motion.recording import Began
from chimera_storage.motion.recording_detector import RecordingDetector
from chimera_storage.motion.trigger import Step, Trigger


@dataclass(slots=True, kw_only=True)
class FoundEvent:
    """Motion from `start_us` to `end_us`: the times of the first and the last moving frame.

    `score` is the greatest share of the picture that moved, at `best_us`, in the frame `best`,
    with `boxes` in it. `box`: the largest one of all. Pixels are those of the frame.
    """

    start_us: int
    end_us: int
    score: float
    box: Box | None
    best_us: int
    best: av.VideoFrame = field(repr=False)
    boxes: tuple[Box, ...]


@dataclass(slots=True)
class _Moving:
    number: int
    time_us: int
    frame: av.VideoFrame | None
    motion: Motion


class EventFinder:
    """Detector and trigger over the frames of one recording that are looked at."""

    def __init__(self, settings: MotionSettings, began: Began | None) -> None:
        # Without pre- and post-capture the trigger names the first and the last moving frame;
        # the time without motion that ends an event stays what it is.
        gap = max(settings.event_gap, settings.post_capture)
        bare = {"pre_capture": 0.0, "post_capture": 0.0, "event_gap": gap}
        self._trigger = Trigger(settings.model_copy(update=bare))
        self._detector = RecordingDetector(settings, began)
        self._run: deque[_Moving] = deque()  # what may become an event
        self._event: FoundEvent | None = None
        self._motion = STILL

    @property
    def event_open(self) -> bool:
        """Whether an event has begun and is not over."""
        return self._trigger.event_open

    @property
    def suspicion(self) -> bool:
        """Whether something was found in the last frame looked at, or an event may begin."""
        return self._motion.score > 0 or bool(self._run)

    def look(self, time_us: int, frame: av.VideoFrame) -> Iterator[FoundEvent]:
        """Look at the next frame; yields the event that is over now."""
        self._motion = motion = self._detector.detect(frame, time_us)
        step = self._trigger.step(time_us, motion.moving)
        if step.closed:
            yield from self.finish()
        if motion.moving:
            self._run.append(_Moving(step.number, time_us, frame, motion))
        if step.opened:
            self._open(step)
        if self.event_open:
            while self._run:
                self._go_on(self._run.popleft())
        else:
            self._forget(step)

    def finish(self) -> Iterator[FoundEvent]:
        """The event that is still open when there are no more frames."""
        if self._event is not None:
            yield self._event
        self._event = None

    def _open(self, step: Step) -> None:
        while self._run[0].number < step.save.start:
            self._run.popleft()
        first = self._run[0]
        best = max(self._run, key=lambda moving: (moving.frame is not None, moving.motion.score))
        assert best.frame is not None, "the best of a run keeps its frame"  # noqa: S101
        self._event = FoundEvent(
            start_us=first.time_us,
            end_us=first.time_us,
            score=best.motion.score,
            box=None,
            best_us=best.time_us,
            best=best.frame,
            boxes=best.motion.boxes,
        )

    def _go_on(self, moving: _Moving) -> None:
        event = self._event
        assert event is not None, "an event is open"  # noqa: S101
        event.end_us = moving.time_us
        boxes = moving.motion.boxes if event.box is None else (event.box, *moving.motion.boxes)
        event.box = max(boxes, key=lambda box: box.w * box.h, default=None)
        if moving.motion.score > event.score and moving.frame is not None:
            event.score, event.boxes = moving.motion.score, moving.motion.boxes
            event.best_us, event.best = moving.time_us, moving.frame

    def _forget(self, step: Step) -> None:
        """Let go of runs that came to nothing, and of all pictures of this one but the best."""
        while self._run and self._run[0].number < step.drop_before:
            self._run.popleft()
        if len(self._run) > 1 and self._run[-1].frame is not None:
            best = max(self._run, key=lambda moving: moving.motion.score)
            for moving in self._run:
                if moving is not best:
                    moving.frame = None
