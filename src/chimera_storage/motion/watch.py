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
GLIMPSE_US = 300_000  # and so long when woken up and there is nothing at all,
NOTHING_US = 800_000  # or something that does not move, each time in a row twice as long
MOST_VAIN, SOUND_SLEEP_US = 6, 8_000_000  # after so long asleep it is no row
LONG_GROUP_US = 3_000_000  # above, sizes have to have shown what they are worth
MOST_WAITING_US = 12_000_000  # without a key frame
MOST_WAITING_BYTES = 48 * 1024 * 1024
MOST_REORDERED_US = 1_000_000  # B frames come after pictures that are shown later
MOST_FAILURES = 2  # key frames that gave no picture
MOST_IN_DECODER = 64  # packets whose picture is awaited

LooksNew = Callable[[av.VideoFrame, int], bool]  # whether a key frame, of this time, shows news


class Watch:
    """Decides what is decoded of one stream.

    `packets` and `pictures` count what came and what was decoded of it; `lost`: packets that gave
    no shot, known after `finish`. `masked`: what moves in a part of the picture is ignored.
    """

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._gate = Gate()
        self._asleep = False
        self._asleep_since_us = 0
        self._awake_until_us: int | None = None
        self._failures = 0
        self._waiting: deque[Gop] = deque()  # asleep: since the last key frame that was glanced at
        self._gop = Gop()  # awake: the present one
        self._shown_us = 0  # of the pictures of the present group all up to this one went out
        self._last_us: int | None = None
        self._moved = self._surprised = False  # in the present group
        self._group_us = 0  # how long the last one lasted
        self._reorders = False
        self._useful = True  # since the last time it was woken up something moved
        self._vain = 0  # times in a row that nothing did
        self._followed = False  # since then something might have turned out to
        self._woken_us = 0
        self._in_row = False  # it was woken up again soon
        self._in_decoder: dict[int, tuple[Gop, int]] = {}  # awake: by time, group and size
        self._shots_given = 0
        self.masked = False
        self.packets = self.lost = 0

    @property
    def pictures(self) -> int:
        """Pictures decoded."""
        return self._decoder.decoded

    @property
    def damaged(self) -> int:
        """Packets and pictures that could not be decoded."""
        return self._decoder.damaged

    @property
    def decoder(self) -> str | None:
        """What decodes: `software` or a kind of device; None before the first packet."""
        return self._decoder.name

    @property
    def asleep(self) -> bool:
        """Whether only key frames are decoded."""
        return self._asleep

    def moves(self, time_us: int) -> None:
        """Something moves in the shot of this time: keep looking."""
        self._moved = self._useful = True
        self._stay_awake(time_us + CALM_US)

    def follows(self) -> None:
        """Something is there that may turn out to move."""
        self._followed = True
        self._stay_awake(self._woken_us + (NOTHING_US << self._vain))

    def take(self, packet: SourcePacket, glance: LooksNew) -> Iterator[Shot]:
        """The shots that are settled now, decoded or not, in the order of their times.

        `glance` comes with each packet and is not kept: it is a method of who holds this watch, and
        both, decoders and all, would stay until the collector of cycles comes by.
        """
        if self._last_us is not None and not (
            -MOST_REORDERED_US <= packet.time_us - self._last_us < MOST_WAITING_US
        ):
            yield from self.finish()  # a clock was set, or there was a long pause
        self.packets += 1
        self._reorders = self._reorders or packet.time_us < (self._last_us or 0)
        self._last_us = max(self._last_us or 0, packet.time_us)
        if self._awake_until_us is None:
            self._awake_until_us = packet.time_us + WARM_UP_US
        if self._asleep:
            yield from self._take_asleep(packet, glance)
        else:
            yield from self._take_awake(packet, glance)

    def finish(self) -> Iterator[Shot]:
        """The rest, all of it decoded: the stream is over or begins anew."""
        if self._asleep:
            yield from self._wake(self._waiting[-1].packets[-1])
        yield from self._shots(self._decoder.drain())
        self._in_decoder.clear()
        self._gop = Gop()
        self._last_us = self._awake_until_us = None
        self._shown_us = 0
        self.lost = self.packets - self._shots_given

    def _take_awake(self, packet: SourcePacket, glance: LooksNew) -> Iterator[Shot]:
        at_end = self._reorders or self._in_row  # of a group; else it may be decoded twice
        if packet.key and at_end and self._may_sleep(packet):
            yield from self._fall_asleep()
            if not self._reorders:
                self._waiting.clear()  # all of the group was seen, and nothing depends on it
            yield from self._take_asleep(packet, glance)
            return
        if packet.key or self._gop.size > MOST_WAITING_BYTES:
            self._end_group(packet)
            self._gop = Gop()
        elif self._gate.surprising(packet.size):
            self._surprised = True
        self._gop.append(packet)
        yield from self._decoded(packet)
        if not at_end and self._may_sleep(packet):
            yield from self._fall_asleep()

    def _may_sleep(self, packet: SourcePacket) -> bool:
        """Whether nothing moved for a while, and key frames and sizes can be relied on."""
        return (
            packet.time_us > (self._awake_until_us or 0)
            and packet.codec.has_key_frames
            and self._failures < MOST_FAILURES
            and self._gop.decodable
            and packet.time_us - self._gop.packets[0].time_us < MOST_WAITING_US // 2
            and self._gate.knows
            and not self._gate.surprised
            and (self._group_us <= LONG_GROUP_US or self._gate.proven)
        )

    def _fall_asleep(self) -> Iterator[Shot]:
        yield from self._shots(self._decoder.drain())
        self._in_decoder.clear()
        self._waiting = deque([self._gop])
        self._asleep = True
        in_vain = self._followed and not self._useful
        self._vain = min(self._vain + 1, MOST_VAIN) if in_vain else 0
        self._asleep_since_us = self._last_us or 0

    def _end_group(self, key: SourcePacket) -> None:
        """A new group begins; what the sizes of the last one were worth."""
        if self._gop.decodable:
            self._group_us = key.time_us - self._gop.packets[0].time_us
        if self._moved:
            self._gate.prove(self._surprised)
        else:
            self._gate.learn(masked=self.masked)
        self._gate.begin_group()
        self._moved = self._surprised = False

    def _take_asleep(self, packet: SourcePacket, glance: LooksNew) -> Iterator[Shot]:
        if not packet.key:
            self._waiting[-1].append(packet)
            if self._gate.surprising(packet.size) or self._waits_too_long(packet):
                self._surprised = True
                yield from self._wake(packet)
            return
        picture = self._key_picture(packet)
        differs = picture is None or glance(picture, packet.time_us)
        if not differs:
            self._gate.learn(masked=self.masked)
        self._gate.begin_group()
        self._waiting.append(Gop([packet], packet.size))
        if differs:
            yield from self._wake(packet)
        else:
            yield from self._pass_over()

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
                    self._shots_given += 1
                    yield Shot(time_us=packet.time_us, gop=gop, size=packet.size)
            self._shown_us = 0

    def _wake(self, packet: SourcePacket) -> Iterator[Shot]:
        """Decode what waits, and from now on everything; longer each time that it is in vain."""
        self._asleep = self._useful = self._followed = False
        self._in_row = packet.time_us - self._asleep_since_us <= SOUND_SLEEP_US
        if not self._in_row:
            self._vain = 0
        self._woken_us = packet.time_us
        self._stay_awake(packet.time_us + GLIMPSE_US)
        self._decoder.restart()
        waiting, self._waiting = self._waiting, deque()
        # Pictures before the first key frame in time need the group before (open groups).
        self._shown_us = max(self._shown_us, waiting[0].packets[0].time_us - 1)
        for gop in waiting:
            self._gop = gop
            for waited in gop.packets:
                yield from self._decoded(waited)

    def _decoded(self, packet: SourcePacket) -> Iterator[Shot]:
        """The shots that come of a packet of the present group."""
        self._in_decoder[packet.time_us] = self._gop, packet.size
        if len(self._in_decoder) > MOST_IN_DECODER:  # packets that gave no picture
            del self._in_decoder[next(iter(self._in_decoder))]
        yield from self._shots(self._decoder.feed(packet))

    def _shots(self, pictures: list[av.VideoFrame]) -> Iterator[Shot]:
        for picture in pictures:
            time_us = picture.pts or 0
            known = self._in_decoder.pop(time_us, None)
            if known is None or time_us <= self._shown_us:
                continue
            self._shown_us = time_us
            gop, size = known
            doubtful = self._decoder.doubtful
            self._shots_given += 1
            yield Shot(time_us=time_us, picture=picture, gop=gop, size=size, doubtful=doubtful)

    def _stay_awake(self, until_us: int) -> None:
        self._awake_until_us = max(self._awake_until_us or 0, until_us)
