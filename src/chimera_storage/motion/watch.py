"""Which packets of a camera are decoded: key frames while nothing moves, everything while it does.

Asleep, key frames are decoded one by one and glanced at, and the sizes of the packets between are
watched (gate.py). Packets since the last key frame that showed nothing wait in their groups. When
a key frame differs, or the sizes do, all that wait are decoded and looked at in the order of their
times, and from then on every packet, until nothing has moved for a while. Packets that are passed
over are handed on undecoded: they can still be wanted as the moments before (`pre_capture`).

Where that cannot work everything is decoded: codecs without key frames, streams whose key frames do
not give a whole picture by themselves (intra refresh), groups without an end.
"""

from collections import deque
from collections.abc import Callable, Iterator

import av

from chimera_storage.motion.decoding import Decoder, Gop, Shot
from chimera_storage.motion.gate import Gate
from chimera_storage.motion.sources.source import SourcePacket

WARM_UP_US = 5_000_000  # at first everything is looked at: the detector learns the scene
CALM_US = 2_000_000  # so long after the last motion it goes on
NOTHING_US = 800_000  # and so long after sizes that meant nothing
MOST_WAITING_US = 12_000_000  # without a key frame
MOST_WAITING_BYTES = 48 * 1024 * 1024
MOST_REORDERED_US = 1_000_000  # B frames come after pictures that are shown later
MOST_FAILURES = 2  # key frames that gave no picture


class Watch:
    """Decides what is decoded of one stream.

    `glance(picture, time_us)` says whether a key frame shows anything new. `packets` and
    `pictures` count what came and what was decoded of it.
    """

    def __init__(self, glance: Callable[[av.VideoFrame, int], bool]) -> None:
        self._glance = glance
        self._decoder = Decoder()
        self._gate = Gate()
        self._asleep = False
        self._awake_until_us: int | None = None
        self._failures = 0
        self._waiting: deque[Gop] = deque()  # asleep: since the last key frame that was glanced at
        self._gop = Gop()  # awake: the present one
        self._shown_us = 0  # of the pictures of the present group all up to this one went out
        self._seen_us: int | None = None  # the key frame that was glanced at, if not yet gone out
        self._last_us: int | None = None
        self._moved = False
        self._in_decoder: dict[int, tuple[Gop, int]] = {}  # awake: by time, group and size
        self.packets = 0

    @property
    def pictures(self) -> int:
        """Pictures decoded."""
        return self._decoder.decoded

    @property
    def damaged(self) -> int:
        """Packets and pictures that could not be decoded."""
        return self._decoder.damaged

    @property
    def asleep(self) -> bool:
        """Whether only key frames are decoded."""
        return self._asleep

    def moves(self, time_us: int) -> None:
        """Something moves in the shot of this time: keep looking."""
        self._moved = True
        self._stay_awake(time_us + CALM_US)

    def take(self, packet: SourcePacket) -> Iterator[Shot]:
        """The shots that are settled now, decoded or not, in the order of their times."""
        self.packets += 1
        if self._last_us is not None and not (
            -MOST_REORDERED_US <= packet.time_us - self._last_us < MOST_WAITING_US
        ):
            yield from self.finish()  # a clock was set, or there was a long pause
        self._last_us = (
            packet.time_us if self._last_us is None else max(self._last_us, packet.time_us)
        )
        if self._awake_until_us is None:
            self._awake_until_us = packet.time_us + WARM_UP_US
        if self._asleep:
            yield from self._take_asleep(packet)
        else:
            yield from self._take_awake(packet)

    def finish(self) -> Iterator[Shot]:
        """The rest, all of it decoded: the stream is over or begins anew."""
        if self._asleep:
            yield from self._wake()
        yield from self._shots(self._decoder.drain())
        self._in_decoder.clear()
        self._gop = Gop()
        self._last_us = self._awake_until_us = self._seen_us = None
        self._shown_us = 0

    def _take_awake(self, packet: SourcePacket) -> Iterator[Shot]:
        if packet.key or self._gop.size > MOST_WAITING_BYTES:
            if not self._moved:
                self._gate.learn()
            self._gate.begin_group()
            self._gop, self._moved = Gop(), False
        else:
            self._gate.surprising(packet.size)
        self._gop.append(packet)
        self._in_decoder[packet.time_us] = self._gop, packet.size
        yield from self._shots(self._decoder.feed(packet))
        until_us = self._awake_until_us or 0
        if packet.time_us > until_us and self._gop.decodable and self._can_sleep(packet):
            yield from self._shots(self._decoder.drain())
            self._in_decoder.clear()
            self._waiting = deque([self._gop])
            self._asleep = True

    def _can_sleep(self, packet: SourcePacket) -> bool:
        return (
            packet.codec.has_key_frames and self._failures < MOST_FAILURES and self._gate.knows
        )

    def _take_asleep(self, packet: SourcePacket) -> Iterator[Shot]:
        if not packet.key:
            self._waiting[-1].append(packet)
            surprising = self._gate.surprising(packet.size)
            if surprising or self._waits_too_long(packet):
                yield from self._wake()
                self._stay_awake(packet.time_us + NOTHING_US)
            return
        picture = self._key_picture(packet)
        self._waiting.append(Gop())
        self._waiting[-1].append(packet)
        if picture is None or self._glance(picture, packet.time_us):
            self._gate.begin_group()
            yield from self._wake()
            self._stay_awake(packet.time_us + (WARM_UP_US if picture is None else NOTHING_US))
            return
        self._gate.learn()
        self._gate.begin_group()
        yield from self._pass_over()
        self._seen_us, self._shown_us = packet.time_us, 0

    def _waits_too_long(self, packet: SourcePacket) -> bool:
        first = self._waiting[0].packets[0]
        return (
            packet.time_us - max(first.time_us, self._shown_us) > MOST_WAITING_US
            or sum(gop.size for gop in self._waiting) > MOST_WAITING_BYTES
        )

    def _key_picture(self, packet: SourcePacket) -> av.VideoFrame | None:
        """The key frame by itself; None where it does not come out whole, and at once."""
        self._decoder.restart()
        pictures = self._decoder.feed(packet) + self._decoder.drain()
        if len(pictures) == 1 and pictures[0].key_frame and pictures[0].pts == packet.time_us:
            self._failures = 0
            return pictures[0]
        self._failures += 1
        return None

    def _pass_over(self) -> Iterator[Shot]:
        """Hand on what waits before the newest key frame, undecoded."""
        while len(self._waiting) > 1:
            gop = self._waiting.popleft()
            for packet in sorted(gop.packets, key=lambda p: p.time_us):
                if packet.time_us > self._shown_us:
                    yield Shot(time_us=packet.time_us, gop=gop, size=packet.size, seen=True)

    def _wake(self) -> Iterator[Shot]:
        """Decode what waits, and from now on everything."""
        self._asleep = False
        self._decoder.restart()
        waiting, self._waiting = self._waiting, deque()
        # Pictures before the first key frame in time need the group before (open groups).
        self._shown_us = max(self._shown_us, waiting[0].packets[0].time_us - 1)
        for gop in waiting:
            self._gop = gop
            for packet in gop.packets:
                self._in_decoder[packet.time_us] = gop, packet.size
                yield from self._shots(self._decoder.feed(packet))

    def _shots(self, pictures: list[av.VideoFrame]) -> Iterator[Shot]:
        for picture in pictures:
            time_us = picture.pts or 0
            known = self._in_decoder.pop(time_us, None)
            if known is None or time_us <= self._shown_us:
                continue
            self._shown_us = time_us
            gop, size = known
            yield Shot(
                time_us=time_us,
                picture=picture,
                gop=gop,
                size=size,
                seen=time_us == self._seen_us,
            )
            if len(self._in_decoder) > 64:  # of packets that gave no picture
                del self._in_decoder[next(iter(self._in_decoder))]

    def _stay_awake(self, until_us: int) -> None:
        self._awake_until_us = max(self._awake_until_us or 0, until_us)
