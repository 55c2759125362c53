"""How the packets of one stream become pictures."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

from chimera_storage.log import get_logger
from chimera_storage.motion.sources import hardware
from chimera_storage.motion.sources.hardware import Device, Kind

if TYPE_CHECKING:
    VideoPacket = av.Packet[VideoStream]
else:
    VideoPacket = av.Packet

SOFTWARE = "software"
# Streams of key frames and what depends on them; of the others every packet is decoded.
_WITH_KEY_FRAMES = frozenset({"h264", "hevc", "mpeg4", "vp8", "vp9", "av1", "libdav1d"})
_MOST_UNANSWERED = 40  # packets; decoders hold back up to 16, V4L2's up to 20 for their buffers


class Codec:
    """What a decoder has to know of a stream; one object for each time it is opened.

    `devices`: that may decode it, those to try first in front. One that fails is left out from then
    on, by all decoders of this connection.
    """

    def __init__(self, stream: VideoStream, devices: Sequence[Device] = ()) -> None:
        context = stream.codec_context
        self.name: str = context.name
        self.width, self.height = context.width, context.height
        self._pix_fmt = context.pix_fmt
        self._tag = context.codec_tag
        self._extradata = context.extradata
        self.devices = list(devices) if self.has_key_frames else []

    @property
    def has_key_frames(self) -> bool:
        """Whether the others depend on them, so that there is something to be gained."""
        return self.name in _WITH_KEY_FRAMES

    def same_as(self, other: "Codec") -> bool:
        """Whether a decoder for the one goes on with the other."""
        return self is other or self._key() == other._key()

    def _key(self) -> tuple[object, ...]:
        return self.name, self.width, self.height, self._pix_fmt, self._extradata

    def decoder(self) -> "PacketDecoder":
        """A new one."""
        return PacketDecoder(self)

    def context(self) -> tuple[VideoCodecContext, Device | None]:
        """A new one of FFmpeg's on the first device that can be opened; None: in software."""
        for device in tuple(self.devices):
            try:
                context = hardware.opened(device, self.name)
                if context is not None:
                    return self._told(context), device
            except (av.FFmpegError, OSError, ValueError, NotImplementedError) as error:
                self.leave(device, type(error).__name__)
        return self.software_context(), None

    def software_context(self) -> VideoCodecContext:
        """A new one that needs no device."""
        context = av.CodecContext.create(self.name, "r")
        assert isinstance(context, VideoCodecContext), "a video stream"  # noqa: S101
        if self._pix_fmt is not None and not self.has_key_frames:
            context.pix_fmt = self._pix_fmt  # rawvideo says it nowhere else
            context.codec_tag = self._tag
        return self._told(context)

    def leave(self, device: Device, problem: str) -> None:
        """Use this device no more for this connection."""
        if device in self.devices:
            self.devices.remove(device)
            get_logger().warning("hardware_decoding_failed", device=device.node, problem=problem)

    def _told(self, context: VideoCodecContext) -> VideoCodecContext:
        context.thread_count = 1  # cameras run beside each other, and pictures come at once
        context.width, context.height = self.width, self.height
        if self._extradata is not None:
            context.extradata = self._extradata
        return context


class PacketDecoder:
    """Packets → pictures, whose `pts` is that of their packet; on a device as long as that works.

    Where a device gives no picture, or pictures without times, what it was given last is decoded in
    software. If pictures come of it that way the device is left alone from then on; if not, the
    stream was to blame.
    """

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._context, self._device = codec.context()
        self._unanswered: list[VideoPacket | None] = []
        self._came = False  # a picture since the last restart

    @property
    def name(self) -> str:
        """What decodes: `software`, or the kind of device."""
        return SOFTWARE if self._device is None else self._device.kind.value

    def decode(self, packet: VideoPacket | None) -> list[av.VideoFrame]:
        """The pictures that are ready; None: those that were held back. Raises FFmpegError."""
        if self._device is None:
            return self._context.decode(packet)
        self._unanswered.append(packet)
        try:
            pictures = self._context.decode(packet)
        except (av.FFmpegError, ValueError) as error:
            if self._came and len(self._unanswered) < _MOST_UNANSWERED:
                raise
            return self._retry(type(error).__name__)
        if any(picture.pts is None for picture in pictures):
            return self._retry("pictures without times")
        if pictures:
            self._came = True
            self._unanswered.clear()
        elif len(self._unanswered) >= _MOST_UNANSWERED or (packet is None and not self._came):
            return self._retry("no picture")
        return pictures

    def restart(self) -> None:
        """Forget everything; next comes a key frame."""
        self._unanswered.clear()
        self._came = False
        if self._device is not None and self._device not in self._codec.devices:
            self._context, self._device = self._codec.context()  # another decoder saw it fail
        elif self._device is not None and self._device.kind is Kind.V4L2:
            self._context, self._device = self._codec.context()  # FFmpeg's cannot begin again
        else:
            self._context.flush_buffers()

    def _retry(self, problem: str) -> list[av.VideoFrame]:
        """The same packets once more, in software."""
        assert self._device is not None, "it failed"  # noqa: S101
        software = self._codec.software_context()
        pictures: list[av.VideoFrame] = []
        failure: av.FFmpegError | ValueError | None = None
        for packet in self._unanswered:
            try:
                pictures += software.decode(packet)
            except (av.FFmpegError, ValueError) as error:
                failure = error
        self._unanswered.clear()
        if pictures:
            self._codec.leave(self._device, problem)
            self._context, self._device = software, None
        elif failure is not None:
            raise failure
        return pictures
