"""How the packets of one stream become pictures."""

from typing import TYPE_CHECKING

import av
from av.video.codeccontext import VideoCodecContext
from av.video.stream import VideoStream

if TYPE_CHECKING:
    VideoPacket = av.Packet[VideoStream]
else:
    VideoPacket = av.Packet

# Streams of key frames and what depends on them; of the others every packet is decoded.
_WITH_KEY_FRAMES = frozenset({"h264", "hevc", "mpeg4", "vp8", "vp9", "av1", "libdav1d"})


class Codec:
    """What a decoder has to know of a stream; one object for each time it is opened."""

    def __init__(self, stream: VideoStream) -> None:
        context = stream.codec_context
        self.name: str = context.name
        self.width, self.height = context.width, context.height
        self._pix_fmt = context.pix_fmt
        self._tag = context.codec_tag
        self._extradata = context.extradata

    @property
    def has_key_frames(self) -> bool:
        """Whether the others depend on them, so that there is something to be gained."""
        return self.name in _WITH_KEY_FRAMES

    @property
    def is_jpeg(self) -> bool:
        """Whether each packet is a JPEG file."""
        return self.name == "mjpeg"

    def same_as(self, other: "Codec") -> bool:
        """Whether a decoder for the one goes on with the other."""
        return self is other or self._key() == other._key()

    def _key(self) -> tuple[object, ...]:
        return self.name, self.width, self.height, self._pix_fmt, self._extradata

    def decoder(self) -> VideoCodecContext:
        """A new one; of one thread, as cameras run beside each other and pictures come at once."""
        context = av.CodecContext.create(self.name, "r")
        assert isinstance(context, VideoCodecContext), "a video stream"  # noqa: S101
        context.thread_count = 1
        context.width, context.height = self.width, self.height
        if self._pix_fmt is not None and not self.has_key_frames:
            context.pix_fmt = self._pix_fmt  # rawvideo says it nowhere else
            context.codec_tag = self._tag
        if self._extradata is not None:
            context.extradata = self._extradata
        return context
