"""One camera's pictures → motion → the images that are kept, with their events.

Knows nothing of connections. Pictures pass three stations, in the order of their times: what is
decoded and what moves in it (looking.py), which of them are kept (trigger.py), and saving
(saving.py). What may yet be wanted as the moments before is held, compressed where that is how it
came and nothing moved.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, tzinfo

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.clock import Clock
from chimera_storage.config import CameraSettings
from chimera_storage.log import get_logger
from chimera_storage.model import Box, NoiseMap
from chimera_storage.motion.decoding import Gop, Shot
from chimera_storage.motion.detector import STILL, Motion
from chimera_storage.motion.health import SignalHealth
from chimera_storage.motion.looking import Looker
from chimera_storage.motion.saving import Saver
from chimera_storage.motion.sources.source import Item, SourceFrame, SourceJpeg, SourcePacket
from chimera_storage.motion.tally import Tally
from chimera_storage.motion.trigger import Pacer, Trigger

MAX_BUFFER_BYTES = 48 * 1024 * 1024  # of decoded pictures: a second of 1080p at 15, 36 of 720p
MAX_PACKET_BYTES = 64 * 1024 * 1024  # and of compressed ones
MAX_SIGHTS = 240
_SECOND_STREAM_HOLDS_US = 1_500_000
_SECOND_STREAM_LAGS_US = 30_000_000  # at most: groups of pictures that are passed over as a whole


@dataclass(slots=True)
class _Held:
    """A shot that may yet be saved, under the trigger's number."""

    number: int
    shot: Shot
    motion: Motion


class Capture:
    """Looks at the pictures of a camera and saves those that the trigger wants.

    `images_saved` and `tally` count since the start; `score` and `boxes` are those of the newest
    picture looked at; `event_since_us` is None while nothing is recorded. `timezone`: of the hours
    at which masks and zones hold. `health`: whether the camera sees what it should, over all
    connections.
    """

    def __init__(
        self,
        camera: CameraSettings,
        writer: ImageWriter,
        archive: Archive,
        clock: Clock,
        *,
        timezone: tzinfo = UTC,
    ) -> None:
        self._timezone = timezone
        self._camera = camera
        self._settings = camera.motion
        self._log = get_logger(camera=camera.id)
        self.tally = Tally()
        self._saver = Saver(camera, writer, archive, clock, self.tally)
        self._buffer_was_full = False
        self.health = SignalHealth()
        self.score = 0.0
        self.boxes: tuple[Box, ...] = ()
        # Time and score of the last pictures, the oldest first; whoever shows them takes them out.
        self.sights: deque[tuple[int, float]] = deque(maxlen=MAX_SIGHTS)
        self.width = 0
        self.height = 0
        self._begin()

    def _begin(self) -> None:
        self._trigger = Trigger(self._settings)
        self._looker = Looker(
            self._settings, timezone=self._timezone, health=self.health, tally=self.tally
        )
        self._second: Looker | None = None
        self._pacer = Pacer(self._settings.framerate)  # while there is a second stream
        self._unlooked: deque[Shot] = deque()  # until what the second stream shows is settled
        self._gop = Gop()
        self._sighted: deque[tuple[int, Motion]] = deque()
        self._sight = STILL
        self._sight_us = 0
        self._held: deque[_Held] = deque()
        self._picture_bytes = 0
        self._packet_bytes = 0
        self.score, self.boxes = 0.0, ()

    @property
    def problem(self) -> str | None:
        """Why images could not be saved lately; None where they can."""
        return self._saver.problem

    @property
    def disk_full_us(self) -> int | None:
        """When there last was no room for an image."""
        return self._saver.disk_full_us

    @property
    def images_saved(self) -> int:
        """Since the start."""
        return self._saver.images_saved

    @property
    def event_since_us(self) -> int | None:
        """When the open event began."""
        return self._saver.event_since_us

    @property
    def pictures(self) -> int:
        """Pictures decoded of this connection; while these do not grow nothing is watched."""
        return self._looker.pictures + (self._second.pictures if self._second else 0)

    @property
    def asleep(self) -> bool:
        """Whether nothing moves and only key frames are decoded."""
        return (self._second or self._looker).asleep

    @property
    def floor(self) -> int | None:
        """Difference in brightness (of 255) that counts at least; None before the first look."""
        return (self._second or self._looker).floor

    @property
    def noise(self) -> NoiseMap | None:
        """Where the picture changes by itself; None before the first look."""
        return (self._second or self._looker).noise

    @property
    def decoder(self) -> str | None:
        """What decodes the pictures that are looked at; None before the first."""
        return (self._second or self._looker).decoder

    def take(self, item: Item, second: Sequence[Item] | None = None) -> None:
        """Take in the next picture, and save what is to be saved.

        `second`: the pictures that came of a second stream since the last call, to be looked at
        instead; None where there is no such stream.
        """
        self._note_size(item)
        self.tally.read += 1
        if second is None:
            if self._second is not None:
                self._leave_second()
            self._step(self._looker.take(item))
            return
        if self._second is None:
            self._step(self._looker.finish())
            self._second = Looker(
                self._settings,
                (self.width, self.height),
                paced=False,
                timezone=self._timezone,
                health=self.health,
            )
        self._await_sight(item)
        for other in second:
            self._sighted.extend((shot.time_us, found) for shot, found in self._second.take(other))
        self._match(self._sighted[-1][0] if self._sighted else self._sight_us)

    def finish(self) -> None:
        """The connection is over: look at the rest, close the open event, forget what was seen."""
        if self._second is not None:
            self._leave_second()
        self._step(self._looker.finish())
        self._saver.close_event()
        self.tally.let_go += len(self._held)
        self._begin()

    def _note_size(self, item: Item) -> None:
        match item:
            case SourceJpeg():
                width, height = item.seen.size
            case SourceFrame():
                width, height = item.picture.width, item.picture.height
            case SourcePacket():
                width, height = item.codec.width, item.codec.height
        if width and height:
            self.width, self.height = width, height

    def _await_sight(self, item: Item) -> None:
        """Hold a picture of the first stream until the second one shows what moves in it."""
        if isinstance(item, SourcePacket):
            if item.key:
                self._gop = Gop()
            self._gop.append(item)
            shot = Shot(time_us=item.time_us, gop=self._gop, size=item.size)
        else:
            shot = Shot.of(item)
        if self._pacer.due(shot.time_us):
            self._unlooked.append(shot)
        else:
            self.tally.let_go += 1

    def _match(self, settled_us: int) -> None:
        """Step over the shots whose time has been looked at in the second stream."""
        while self._unlooked and (
            self._unlooked[0].time_us <= settled_us or self._waits_in_vain(self._unlooked[0])
        ):
            shot = self._unlooked.popleft()
            found: list[Motion] = []
            while self._sighted and self._sighted[0][0] <= shot.time_us:
                self._sight_us, motion = self._sighted.popleft()
                found.append(motion)
            if found:
                self._sight = next((m for m in reversed(found) if m.moving), found[-1])
            elif abs(shot.time_us - self._sight_us) > _SECOND_STREAM_HOLDS_US:
                self._sight = STILL
            self._step([(shot, self._sight)])

    def _waits_in_vain(self, shot: Shot) -> bool:
        """Whether the second stream is far behind, or the clock was set back since."""
        waited_us = self._unlooked[-1].time_us - shot.time_us
        return not -_SECOND_STREAM_HOLDS_US <= waited_us <= _SECOND_STREAM_LAGS_US

    def _leave_second(self) -> None:
        assert self._second is not None, "there is one"  # noqa: S101
        self._sighted.extend((shot.time_us, found) for shot, found in self._second.finish())
        self._match(max((shot.time_us for shot in self._unlooked), default=0))
        self._second = None
        self._sighted.clear()

    def _step(self, shots: Iterable[tuple[Shot, Motion]]) -> None:
        for shot, motion in shots:
            self.score, self.boxes = motion.score, motion.boxes
            self.sights.append((shot.time_us, motion.score))
            step = self._trigger.step(shot.time_us, motion.moving)
            self._hold(_Held(step.number, shot, motion))
            if step.closed:
                self._saver.close_event()
            wanted = [held for held in self._held if held.number in step.save]
            if step.opened:
                self._saver.open_event(wanted[0].shot.time_us if wanted else shot.time_us)
            for held in wanted:
                self._saver.save(held.shot, held.motion, (self.width, self.height))
            self._saver.save_if_periodic(shot, motion)
            drop_before = max(step.drop_before, step.save.stop if step.save else 0)
            self.tally.let_go -= len(wanted)
            while self._held and self._held[0].number < drop_before:
                self._drop()
                self.tally.let_go += 1
            in_event = self._trigger.event_open
            self._looker.in_event = in_event
            if self._second is not None:
                self._second.in_event = in_event

    def _hold(self, held: _Held) -> None:
        self._held.append(held)
        self._picture_bytes += held.shot.picture_bytes
        self._packet_bytes += held.shot.size
        for other in self._held:
            if self._picture_bytes <= MAX_BUFFER_BYTES:
                break
            if other.shot.recoverable:
                self._picture_bytes -= other.shot.picture_bytes
                other.shot.picture = None
        while len(self._held) > 1 and (
            self._picture_bytes > MAX_BUFFER_BYTES or self._packet_bytes > MAX_PACKET_BYTES
        ):
            self._drop()
            self.tally.dropped += 1
            if not self._buffer_was_full:
                self._buffer_was_full = True
                self._log.warning("pre_capture_cut_short")

    def _drop(self) -> None:
        shot = self._held.popleft().shot
        self._picture_bytes -= shot.picture_bytes
        self._packet_bytes -= shot.size
