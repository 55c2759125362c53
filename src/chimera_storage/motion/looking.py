"""One stream's pictures, and what moves in them: what is decoded (watch.py) and the detector."""

from collections.abc import Iterator
from datetime import tzinfo

import av

from chimera_storage.config import MotionSettings
from chimera_storage.model import NoiseMap
from chimera_storage.motion.decoding import Shot
from chimera_storage.motion.detector import STILL, Detector, Motion
from chimera_storage.motion.glance import Glance
from chimera_storage.motion.health import DamageCheck, SignalHealth
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.codec import SOFTWARE
from chimera_storage.motion.sources.source import Item, SourceJpeg, SourcePacket
from chimera_storage.motion.tally import Tally
from chimera_storage.motion.trigger import Pacer
from chimera_storage.motion.watch import Watch

_LEARNING_INTERVAL_US = 5_000_000  # between the key frames that the detector learns from
_EVENT_INTERVAL_US = 100_000  # while something moves in an event it is enough to look so often


class Looker:
    """Looks at the pictures of one stream.

    `size`: width and height that boxes refer to; None: those of the pictures looked at. `paced`:
    no more than the settings' frame rate is looked at. While `in_event` is set some pictures are
    not looked at: what moved in the last one moves in the next. `looks` counts those that were.
    `timezone`: of the hours at which masks and zones hold. `health` is told of what is seen.

    `tally` is told of those that end here. Damaged pictures are left out: they are neither looked
    at nor saved. In those that something lost came before there moves what moved in the last whole
    one.
    """

    def __init__(
        self,
        settings: MotionSettings,
        size: tuple[int, int] | None = None,
        *,
        paced: bool = True,
        timezone: tzinfo | None = None,
        health: SignalHealth | None = None,
        tally: Tally | None = None,
    ) -> None:
        self._settings = settings
        self._tally = tally or Tally()
        self._health = health or SignalHealth()
        self._damage = DamageCheck()
        self._known_damaged = 0
        self._timezone = timezone
        self._given_size = size
        self._size = (0, 0)
        self._pacer = Pacer(settings.framerate if paced else 0)
        self._watch = Watch()
        self._key_frames = Glance()
        self._detector: Detector | None = None
        self._motion = STILL
        self._looked_us: int | None = None
        self._frames = 0
        self.in_event = False
        self.looks = 0

    @property
    def pictures(self) -> int:
        """Pictures that could be decoded so far."""
        return self._frames + self._watch.pictures

    @property
    def items(self) -> int:
        """Pictures that came, decoded or not."""
        return self._frames + self._watch.packets

    @property
    def decoder(self) -> str | None:
        """What decodes: `software` or a kind of device; None before the first picture."""
        return SOFTWARE if self._frames else self._watch.decoder

    @property
    def asleep(self) -> bool:
        """Whether only key frames are decoded at present."""
        return self._watch.asleep

    @property
    def floor(self) -> int | None:
        """Difference in brightness (of 255) that counts at least; None before the first look."""
        return None if self._detector is None else self._detector.floor

    @property
    def noise(self) -> NoiseMap | None:
        """Where the picture changes by itself; None before the first look."""
        return None if self._detector is None else self._detector.noise

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the newest picture that was decoded, (0, 0) before."""
        return self._size

    def take(self, item: Item) -> Iterator[tuple[Shot, Motion]]:
        """The shots that are settled now, in order, and what moves in each."""
        if isinstance(item, SourcePacket):
            yield from self._look_at(self._watch.take(item, self._glance))
            return
        self._frames += 1
        if not self._pacer.due(item.time_us):
            self._tally.let_go += 1
            return
        seen = item.seen if isinstance(item, SourceJpeg) else Seen.of(item.picture)
        if not self._is_whole(seen, item.time_us):
            self._tally.damaged += 1
            return
        shot = Shot.of(item)
        yield shot, self._look(shot, seen)

    def finish(self) -> Iterator[tuple[Shot, Motion]]:
        """The rest: the stream is over."""
        lost = self._watch.lost
        yield from self._look_at(self._watch.finish())
        self._tally.damaged += self._watch.lost - lost

    def _look_at(self, shots: Iterator[Shot]) -> Iterator[tuple[Shot, Motion]]:
        for shot in shots:
            if self._watch.damaged != self._known_damaged:
                self._known_damaged = self._watch.damaged
                self._health.damaged(shot.time_us)
            seen = None if shot.picture is None else Seen.of(shot.picture)
            if seen is not None and not self._is_whole(seen, shot.time_us):
                self._tally.damaged += 1
            elif not self._pacer.due(shot.time_us):
                self._tally.let_go += 1
            elif seen is None or shot.time_us == self._looked_us:  # passed over
                yield shot, STILL
            else:
                yield shot, self._look(shot, seen)

    def _look(self, shot: Shot, seen: Seen) -> Motion:
        if shot.doubtful:
            return self._motion
        self._health.look(seen.luma, shot.time_us)
        if self._is_obvious(shot.time_us):
            return self._motion
        self._looked_us = shot.time_us
        detector = self._detector_for(seen)
        self._motion = detector.detect(seen.luma, shot.time_us)
        self.looks += 1
        self._watch.masked = detector.ignored is not None
        if self._motion.moving:
            self._watch.moves(shot.time_us)
        elif detector.follows:
            self._watch.follows()
        elif shot.gop is not None and shot.picture is not None and shot.picture.key_frame:
            self._key_frames.accept(seen.luma)
        return self._motion

    def _is_obvious(self, time_us: int) -> bool:
        """Whether what moved a moment ago in the open event can be taken to move still."""
        if not (self.in_event and self._motion.moving) or self._looked_us is None:
            return False
        return 0 <= time_us - self._looked_us < _EVENT_INTERVAL_US

    def _glance(self, picture: av.VideoFrame, time_us: int) -> bool:
        """Whether a key frame shows anything new.

        Where it does, the detector is to see the pictures before it first. Where it does not, the
        detector learns from one now and then, so that dusk is no news to it.
        """
        seen = Seen.of(picture)
        if not self._is_whole(seen, time_us):
            return False
        self._health.look(seen.luma, time_us)
        ignored = self._detector.ignored if self._detector else None
        if self._key_frames.differs(seen.luma, ignored):
            return True
        self._motion = STILL
        if self._looked_us is None or abs(time_us - self._looked_us) >= _LEARNING_INTERVAL_US:
            self._looked_us = time_us
            self._detector_for(seen).detect(seen.luma, time_us)
            self.looks += 1
        return False

    def _is_whole(self, seen: Seen, time_us: int) -> bool:
        if self._damage.is_damaged(seen.luma, time_us, seen.chroma):
            self._health.damaged(time_us)
            return False
        return True

    def _detector_for(self, seen: Seen) -> Detector:
        if self._detector is None or seen.size != self._size:
            self._size = seen.size
            self._detector = Detector(
                self._settings, *(self._given_size or seen.size), timezone=self._timezone
            )
        return self._detector
