"""Compressed pictures and what decodes them."""

from dataclasses import dataclass, field

import av

from chimera_storage.motion.sources.codec import Codec, PacketDecoder, VideoPacket
from chimera_storage.motion.sources.source import SourceFrame, SourceJpeg, SourcePacket

DOUBTFUL_US = 5_000_000
LEAST_GROUP = 8  # packets: decoders hold back a few pictures


@dataclass(slots=True)
class Gop:
    """A group of pictures: a key frame and the packets that depend on it, in decoding order."""

    packets: list[SourcePacket] = field(default_factory=list)
    size: int = 0  # bytes

    @property
    def decodable(self) -> bool:
        """Whether it begins with a key frame."""
        return bool(self.packets) and self.packets[0].key

    def append(self, packet: SourcePacket) -> None:
        """Take in the next packet."""
        self.packets.append(packet)
        self.size += packet.size


@dataclass(slots=True, kw_only=True)
class Shot:
    """One picture of a camera, decoded or yet to be.

    `gop`: where its packet is, None where there is none. `jpeg`: the camera's own file, with
    `width` and `height`. `size`: bytes of packet or file. `doubtful`: something before it was lost,
    so that it may show smear.
    """

    time_us: int
    picture: av.VideoFrame | None = None
    jpeg: bytes | None = None
    width: int = 0
    height: int = 0
    gop: Gop | None = None
    size: int = 0
    doubtful: bool = False

    @staticmethod
    def of(item: SourceFrame | SourceJpeg) -> "Shot":
        """The shot of a picture that came decoded, or as a file."""
        if isinstance(item, SourceFrame):
            return Shot(time_us=item.time_us, picture=item.picture)
        width, height = item.seen.size
        return Shot(
            time_us=item.time_us, jpeg=item.jpeg, width=width, height=height, size=len(item.jpeg)
        )

    @property
    def recoverable(self) -> bool:
        """Whether it can be saved without its picture."""
        return self.jpeg is not None or (self.gop is not None and self.gop.decodable)

    @property
    def picture_bytes(self) -> int:
        """Memory of the decoded picture."""
        if self.picture is None:
            return 0
        return sum(plane.buffer_size for plane in self.picture.planes)


class Decoder:
    """Decodes the packets of one stream after another. `damaged` counts what was lost.

    Pictures that are marked as damaged are left out. Those after something that was lost are drawn
    on top of it: they are `doubtful` until the next key frame, or for five seconds (streams that
    are refreshed bit by bit have no further key frames).
    """

    def __init__(self) -> None:
        self._codec: Codec | None = None
        self._context: PacketDecoder | None = None
        self._drained = True
        self._now_us = 0
        self._lost_us: int | None = None
        self._fed = self._given = 0  # packets and pictures of this group
        self.decoded = 0
        self.damaged = 0

    @property
    def name(self) -> str | None:
        """What decodes: `software` or a kind of device; None before the first packet."""
        return None if self._context is None else self._context.name

    @property
    def doubtful(self) -> bool:
        """Whether what comes now may show smear."""
        return self._lost_us is not None and 0 <= self._now_us - self._lost_us < DOUBTFUL_US

    def feed(self, packet: SourcePacket) -> list[av.VideoFrame]:
        """The pictures that come of it: mostly one; their `pts` is the time of theirs."""
        if self._codec is None or not self._codec.same_as(packet.codec):
            self._context = packet.codec.decoder()
        elif self._drained:
            self._reset()
        self._codec, self._drained = packet.codec, False
        self._now_us = packet.time_us
        if packet.key:
            self._begin_group()
        self._fed += 1
        if packet.broken:
            self._lose()
        return self._decode(packet.packet)

    def drain(self) -> list[av.VideoFrame]:
        """The pictures that were held back for the sake of order; next comes a key frame."""
        if self._drained:
            return []
        self._drained = True
        return self._decode(None)

    def restart(self) -> None:
        """Forget everything; next comes a key frame."""
        self._drained = True
        self._fed = 0

    def _begin_group(self) -> None:
        """Count the last group as damaged where most of it never came out (H.265 does so)."""
        if self._fed >= LEAST_GROUP and 2 * self._given < self._fed:
            self.damaged += 1
        self._fed = self._given = 0

    def _reset(self) -> None:
        assert self._context is not None, "made with the first packet"  # noqa: S101
        self._context.restart()

    def _decode(self, packet: VideoPacket | None) -> list[av.VideoFrame]:
        assert self._context is not None, "made with the first packet"  # noqa: S101
        try:
            pictures = self._context.decode(packet)
        except (av.FFmpegError, ValueError):
            self._lose()
            return []
        whole = []
        for picture in pictures:
            if picture.is_corrupt:
                self._lose()
                continue
            if picture.key_frame:
                self._lost_us = None
            whole.append(picture)
        self.decoded += len(whole)
        self._given += len(whole)
        return whole

    def _lose(self) -> None:
        self.damaged += 1
        self._lost_us = self._now_us


class Developer:
    """Makes pictures of shots that were kept compressed, best in the order of their times."""

    def __init__(self) -> None:
        self._decoder = Decoder()
        self._gop: Gop | None = None
        self._next = 0  # packet of the group
        self._ready: dict[int, av.VideoFrame] = {}

    def picture(self, shot: Shot) -> av.VideoFrame | None:
        """The shot's picture; None where it cannot be decoded."""
        if shot.picture is not None or shot.gop is None:
            return shot.picture
        if shot.gop is not self._gop or (
            shot.time_us not in self._ready and not self._is_ahead(shot)
        ):
            self.forget()
            self._gop = shot.gop
        while shot.time_us not in self._ready:
            if self._next < len(self._gop.packets):
                pictures = self._decoder.feed(self._gop.packets[self._next])
                self._next += 1
            else:
                pictures = self._decoder.drain()
                self._gop = None
            for picture in pictures:
                self._ready[picture.pts or 0] = picture
            if self._gop is None:
                break
        found = self._ready.pop(shot.time_us, None)
        for time_us in [t for t in self._ready if t < shot.time_us]:
            del self._ready[time_us]
        return found

    def forget(self) -> None:
        """Let go of what is held; the next shot is decoded from its key frame on."""
        self._decoder.restart()
        self._gop, self._next = None, 0
        self._ready.clear()

    def _is_ahead(self, shot: Shot) -> bool:
        """Whether the shot's packet is still to be decoded."""
        assert shot.gop is not None, "a compressed one"  # noqa: S101
        return any(packet.time_us == shot.time_us for packet in shot.gop.packets[self._next :])
