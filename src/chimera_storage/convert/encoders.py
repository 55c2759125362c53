"""The codecs of a video and their settings: one encoder for each piece, on one thread.

A video is cut into pieces that are encoded side by side and joined without encoding again, so an
encoder never needs threads of its own. Frames are never reordered (no B-frames): packets come in
the order they are shown, which makes joining simple, and at equal bytes costs less time and loses
less than with them (decision 0010).
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TypeAlias, cast

import av
from av.codec.context import Flags
from av.container import OutputContainer
from av.video.codeccontext import VideoCodecContext
from av.video.frame import PictureType, VideoFrame
from av.video.reformatter import ColorRange
from av.video.stream import VideoStream

from chimera_storage.options import Codec, Quality

Packet: TypeAlias = "av.Packet[VideoStream]"
# Matrix, primaries and transfer of a JPEG (BT.601, and sRGB's own) as ITU-T H.273 numbers them.
# Written into the stream: a player that finds none takes BT.709 for HD and shows wrong colours.
_BT470BG, _BT709, _SRGB = 5, 1, 13
_ENDLESS = 1_000_000  # frames between two key frames: a piece has one, its first
# What a frame may take on average, where noise and leaves would take any number of bits: of 1080p
# 88 kB, of which four fifths come about than the 2021 server spent on every one.
_MOST_BITS_PER_PIXEL = 0.335
_BUFFER_FRAMES = 40  # over which a frame that takes more is made up for


@dataclass(frozen=True, slots=True, kw_only=True)
class _Library:
    """An encoder of FFmpeg: its name, options, and the option `crf` for each quality."""

    name: str
    tag: str
    options: dict[str, str]
    crf: dict[Quality, str]


_LIBRARIES: dict[Codec, _Library] = {
    "h264": _Library(
        name="libx264",
        tag="avc1",
        options={
            "preset": "medium",
            "tune": "ssim",
            "bf": "0",
            "x264-params": (
                "me=dia:subme=2:partitions=i8x8:ref=1:weightp=0:trellis=0:rc-lookahead=20:scenecut=0"
                ":vbv-init=0.25"
            ),
        },
        crf={"low": "24", "normal": "9", "high": "6"},
    ),
    "h265": _Library(
        name="libx265",
        tag="hvc1",  # what Apple's players ask for
        options={
            "preset": "superfast",
            "bf": "0",
            "x265-params": "log-level=error:pools=none:frame-threads=1:open-gop=0:bframes=0",
        },
        crf={"low": "28", "normal": "18", "high": "13"},
    ),
    "av1": _Library(
        name="libsvtav1",
        tag="av01",
        options={"preset": "10", "svtav1-params": "lp=1:pred-struct=1"},
        crf={"low": "45", "normal": "30", "high": "20"},
    ),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Format:
    """What all pieces of one video have in common. `width`, `height` in pixels, even."""

    codec: Codec
    quality: Quality
    width: int
    height: int
    fps: int
    time_base: Fraction

    @property
    def is_even(self) -> bool:
        """Whether every frame is one tick."""
        return self.time_base == Fraction(1, self.fps)

    def takes(self, width: int, height: int) -> bool:
        """Whether images of this size are shown as they are; rounding to even is no other size."""
        return abs(width - self.width) <= 1 and abs(height - self.height) <= 1

    def add_to(self, container: OutputContainer) -> VideoStream:
        """A stream for pieces of this format. Its own encoder only writes the stream's head."""
        if self.codec == "mjpeg":
            return cast(
                "VideoStream",
                container.add_mux_stream(
                    "mjpeg", width=self.width, height=self.height, time_base=self.time_base
                ),
            )
        stream = cast(
            "VideoStream", container.add_stream(_LIBRARIES[self.codec].name, rate=self.fps)
        )
        self._set_up(stream.codec_context)
        stream.time_base = self.time_base
        return stream

    def encoder(self) -> "Encoder":
        """An encoder for one piece. Raises FFmpegError."""
        context = cast(
            "VideoCodecContext", av.CodecContext.create(_LIBRARIES[self.codec].name, "w")
        )
        self._set_up(context)
        context.flags |= Flags.global_header
        with normal_priority():
            context.open()
        return Encoder(context)

    def _set_up(self, context: VideoCodecContext) -> None:
        library = _LIBRARIES[self.codec]
        context.width, context.height, context.pix_fmt = self.width, self.height, "yuv420p"
        context.framerate = Fraction(self.fps)
        context.time_base = Fraction(1, self.fps)
        context.thread_count = 1
        context.gop_size = _ENDLESS
        context.codec_tag = library.tag
        context.color_range = ColorRange.MPEG
        context.colorspace, context.color_primaries, context.color_trc = _BT470BG, _BT709, _SRGB
        context.options = library.options | {"crf": library.crf[self.quality]}
        if self.codec == "h264" and self.quality != "high":
            frame_bits = int(self.width * self.height * _MOST_BITS_PER_PIXEL) + 10_000
            context.options |= {
                "maxrate": str(frame_bits * self.fps),
                "bufsize": str(frame_bits * _BUFFER_FRAMES),
            }


@contextmanager
def normal_priority() -> Iterator[None]:
    """What opens an encoder goes here: afterwards no thread of this process is a real-time one.

    SVT-AV1, where it runs as root, gives its threads and the one that opens it the highest
    real-time priority there is (`check_set_prio` of its threads.c): beside it a recorder, and
    everything else on the machine, got a twentieth of the processor.
    """
    try:
        yield
    finally:
        for thread in Path("/proc/self/task").iterdir():
            with suppress(ProcessLookupError):  # it has ended
                if os.sched_getscheduler(int(thread.name)) == os.SCHED_FIFO:
                    os.sched_setscheduler(int(thread.name), os.SCHED_OTHER, os.sched_param(0))


class Encoder:
    """Encodes the frames of one piece. Not thread-safe."""

    def __init__(self, context: VideoCodecContext) -> None:
        self._context = context
        self._frames = 0

    def add(self, frame: VideoFrame) -> list[Packet]:
        """What comes out, in the order shown; the rest comes with later frames. FFmpegError."""
        frame.pts, frame.time_base = self._frames, self._context.time_base
        frame.pict_type = PictureType.NONE  # that of the JPEG would make every frame a key frame
        self._frames += 1
        return self._context.encode(frame)

    def finish(self) -> list[Packet]:
        """What was still held back. Raises FFmpegError."""
        return self._context.encode(None)
