"""One camera's pictures → motion → the images that are kept, with their events.

Knows nothing of connections. A data folder that cannot be written to loses images, not the camera:
the failure is kept in `problem` and every further image is tried again.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import av

from chimera_storage.archive.images import ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.clock import Clock
from chimera_storage.config import CameraSettings
from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Box
from chimera_storage.motion.detector import Detector, Motion
from chimera_storage.motion.picture import encode_jpeg, luma
from chimera_storage.motion.sources.source import SourceFrame
from chimera_storage.motion.trigger import Pacer, Trigger

MAX_BUFFER_BYTES = 128 * 1024 * 1024  # 43 pictures of 1080p, 10 of 4K
_PROBLEM_SHOWN_S = 60.0
_SECOND_STREAM_HOLDS_US = 1_500_000
_STILL = Motion(moving=False, score=0.0, boxes=())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Held:
    """A picture that may yet be saved: its JPEG where the camera sent one, else decoded."""

    number: int
    time_us: int
    picture: av.VideoFrame | None
    jpeg: bytes | None
    motion: Motion
    width: int
    height: int

    @property
    def size(self) -> int:
        """Bytes of memory."""
        if self.picture is None:
            return len(self.jpeg or b"")
        return sum(plane.buffer_size for plane in self.picture.planes)


class Capture:
    """Looks at each picture of a camera and saves those that the trigger wants.

    `images_saved` counts since the start; `score` and `boxes` are those of the newest picture
    looked at; `event_since_us` is None while nothing is recorded.
    """

    def __init__(
        self, camera: CameraSettings, writer: ImageWriter, index: Index, clock: Clock
    ) -> None:
        self._camera = camera
        self._writer = writer
        self._index = index
        self._clock = clock
        self._log = get_logger(camera=camera.id)
        self._held: deque[_Held] = deque()
        self._held_bytes = 0
        self._pacer = Pacer(camera.motion.framerate)
        self._trigger = Trigger(camera.motion)
        self._detector: Detector | None = None
        self._motion = _STILL
        self._motion_at_us = 0
        self._event: int | None = None
        self._problem: str | None = None
        self._problem_at_s = 0.0
        self._last_saved_us = 0
        self._buffer_was_full = False
        self.width = 0
        self.height = 0
        self.images_saved = 0
        self.score = 0.0
        self.boxes: tuple[Box, ...] = ()
        self.event_since_us: int | None = None

    @property
    def problem(self) -> str | None:
        """Why images could not be saved lately; None where they can."""
        if self._problem and self._clock.monotonic() - self._problem_at_s > _PROBLEM_SHOWN_S:
            self._problem = None
        return self._problem

    def take(self, frame: SourceFrame, second: Sequence[SourceFrame] | None = None) -> None:
        """Look at the next picture and save what is to be saved.

        `second`: the pictures that came of a second stream since the last call, to be looked at
        instead; None where there is no such stream.
        """
        if not self._pacer.due(frame.time_us):
            return
        picture = frame.picture
        if self._detector is None or (picture.width, picture.height) != (self.width, self.height):
            self.width, self.height = picture.width, picture.height
            self._detector = Detector(self._camera.motion, self.width, self.height)
        motion = self._look(self._detector, frame, second)
        self.score, self.boxes = motion.score, motion.boxes
        step = self._trigger.step(frame.time_us, motion.moving)
        self._hold(step.number, frame, motion)
        if step.closed:
            self._close_event()
        wanted = [held for held in self._held if held.number in step.save]
        if step.opened:
            self._open_event(wanted[0].time_us if wanted else frame.time_us)
        for held in wanted:
            self._save(held)
        drop_before = max(step.drop_before, step.save.stop if step.save else 0)
        while self._held and self._held[0].number < drop_before:
            self._held_bytes -= self._held.popleft().size

    def _look(
        self, detector: Detector, frame: SourceFrame, second: Sequence[SourceFrame] | None
    ) -> Motion:
        """What moves; between two pictures of a slower second stream, what moved in the last."""
        if second is None:
            self._motion = detector.detect(luma(frame.picture), frame.time_us)
            return self._motion
        seen = [detector.detect(luma(other.picture), other.time_us) for other in second]
        if seen:
            moving = [motion for motion in seen if motion.moving]
            self._motion = (moving or seen)[-1]
            self._motion_at_us = second[-1].time_us
        elif abs(frame.time_us - self._motion_at_us) > _SECOND_STREAM_HOLDS_US:
            self._motion = _STILL
        return self._motion

    def finish(self) -> None:
        """Close the open event and forget what was seen: the connection is over."""
        self._close_event()
        self._begin()

    def _begin(self) -> None:
        self._pacer = Pacer(self._camera.motion.framerate)
        self._trigger = Trigger(self._camera.motion)
        self._detector = None
        self._motion = _STILL
        self._held.clear()
        self._held_bytes = 0
        self.score, self.boxes = 0.0, ()

    def _hold(self, number: int, frame: SourceFrame, motion: Motion) -> None:
        held = _Held(
            number=number,
            time_us=frame.time_us,
            picture=None if frame.jpeg else frame.picture,
            jpeg=frame.jpeg,
            motion=motion,
            width=frame.picture.width,
            height=frame.picture.height,
        )
        self._held.append(held)
        self._held_bytes += held.size
        while self._held_bytes > MAX_BUFFER_BYTES and len(self._held) > 1:
            self._held_bytes -= self._held.popleft().size
            if not self._buffer_was_full:
                self._buffer_was_full = True
                self._log.warning("pre_capture_cut_short", bytes=MAX_BUFFER_BYTES)

    def _save(self, held: _Held) -> None:
        if held.jpeg is not None:
            jpeg = held.jpeg
        else:
            assert held.picture is not None, "a picture or its JPEG"  # noqa: S101
            jpeg = encode_jpeg(held.picture, self._camera.motion.picture_quality)
        try:
            self._writer.save(
                self._camera.id,
                held.time_us,
                jpeg,
                width=held.width,
                height=held.height,
                score=held.motion.score,
                boxes=held.motion.boxes,
                event=self._event,
            )
        except StorageError as error:
            self._failed(error)
            return
        self.images_saved += 1
        self._last_saved_us = held.time_us
        if self._problem is not None:
            self._problem = None
            self._log.info("saving_again")

    def _open_event(self, start_us: int) -> None:
        self.event_since_us = self._last_saved_us = start_us
        try:
            self._event = self._index.open_event(self._camera.id, start_us)
        except StorageError as error:
            self._event = None
            self._failed(error)
        self._log.info("event_opened", event_id=self._event)

    def _close_event(self) -> None:
        if self.event_since_us is None:
            return
        self.event_since_us = None
        event, self._event = self._event, None
        self._log.info("event_closed", event_id=event, images_saved=self.images_saved)
        if event is None:
            return
        try:
            self._index.close_event(event, self._last_saved_us)
        except StorageError as error:
            self._failed(error)

    def _failed(self, error: StorageError) -> None:
        if self._problem is None:
            self._log.error("saving_failed", problem=str(error))
        self._problem = str(error)
        self._problem_at_s = self._clock.monotonic()
