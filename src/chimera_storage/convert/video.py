"""JPEG images → H.264 in mp4, each image exactly one frame.

An image goes from the JPEG decoder's YUV planes to the encoder's without a detour over RGB. JPEG
uses the full range of values and BT.601's matrix (JFIF 1.02); players are surest of the limited
range, so the range is converted and the matrix, which stays, is written into the stream: a player
that finds none takes BT.709 for HD and shows wrong colours.
"""

from fractions import Fraction
from typing import Any, Literal, Protocol, cast

import av
import numpy as np
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

# Cameras have up to some 50 megapixels; a header that says more is more likely to be hostile.
MAX_PIXELS = 100_000_000
# The largest picture of H.264's highest level (6.2) has 8192 pixels in a row.
MAX_SIDE = 8192
# Seconds between key frames: what seeking steps by. A stream is sent on in pieces of this length.
_KEY_FRAME_INTERVAL_S = {"file": 4, "stream": 1}
# Matrix, primaries and transfer of a JPEG (BT.601, and sRGB's own) as ITU-T H.273 numbers them.
_BT470BG, _BT709, _SRGB = 5, 1, 13
_BLACK_LUMA, _NO_COLOUR = 16, 128


class BrokenImageError(ValueError):
    """Bytes that are no whole JPEG."""


class Sink(Protocol):
    """Where a stream goes; a write takes all of what it is given."""

    def write(self, data: bytes, /) -> object: ...


class JpegDecoder:
    """JPEG → YUV frame. Not thread-safe."""

    def __init__(self) -> None:
        self._codec = self._new()

    @staticmethod
    def _new() -> av.VideoCodecContext:
        codec = av.CodecContext.create("mjpeg", "r")
        codec.thread_count = 1  # more would hold frames back until later ones come
        # Without `explode` a truncated image is decoded with a grey rest, and no error is raised.
        codec.options = {"err_detect": "explode", "max_pixels": str(MAX_PIXELS)}
        return codec

    def decode(self, jpeg: bytes) -> VideoFrame:
        """The picture in its own size and sampling, full range. Raises BrokenImageError."""
        try:
            frames = self._codec.decode(av.Packet(jpeg)) if jpeg else []
        except (av.FFmpegError, ValueError, MemoryError) as error:
            self._codec = self._new()
            raise BrokenImageError("the JPEG is broken") from error
        if len(frames) != 1:
            self._codec = self._new()
            raise BrokenImageError("the JPEG holds no picture")
        return frames[0]


class Fitter:
    """Brings frames of any size to one size and to yuv420p in limited range. Not thread-safe."""

    def __init__(self, width: int, height: int) -> None:
        self._width = width
        self._height = height
        self._reformatter = VideoReformatter()

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """The frame, scaled to fit and padded with black where its shape is another one."""
        width, height = self._fitted_size(frame)
        fitted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            interpolation=Interpolation.BICUBIC,
            src_color_range=ColorRange.JPEG,
            dst_color_range=ColorRange.MPEG,
            threads=1,
        )
        if (width, height) != (self._width, self._height):
            fitted = self._padded(fitted)
        return fitted

    def _fitted_size(self, frame: VideoFrame) -> tuple[int, int]:
        if abs(frame.width - self._width) <= 1 and abs(frame.height - self._height) <= 1:
            return self._width, self._height  # rounding to even is no other shape
        scale = min(self._width / frame.width, self._height / frame.height)
        width, height = (
            max(2, 2 * round(side * scale / 2)) for side in (frame.width, frame.height)
        )
        return min(width, self._width), min(height, self._height)

    def _padded(self, frame: VideoFrame) -> VideoFrame:
        padded = VideoFrame(self._width, self._height, "yuv420p")
        left = (self._width - frame.width) // 4 * 2
        top = (self._height - frame.height) // 4 * 2
        for number, (source, target) in enumerate(zip(frame.planes, padded.planes, strict=True)):
            halving = 1 if number == 0 else 2
            rows = _rows(target)
            rows[:] = _BLACK_LUMA if number == 0 else _NO_COLOUR
            x, y = left // halving, top // halving
            rows[y : y + source.height, x : x + source.width] = _rows(source)
        padded.color_range = ColorRange.MPEG
        padded.colorspace = frame.colorspace
        return padded


def _rows(plane: Any) -> "np.ndarray[tuple[int, int], np.dtype[np.uint8]]":
    """A plane as a writable array, height × width, uint8."""
    flat = np.frombuffer(plane, np.uint8)
    rows = flat[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
    return cast("np.ndarray[tuple[int, int], np.dtype[np.uint8]]", rows[:, : plane.width])


class VideoWriter:
    """Writes one mp4 of `width` × `height` (even) at `fps`.

    Into a file (`target` is its path) the index of frames comes first, so that a browser can start
    before it has all of it; into a stream it is fragmented and needs no seeking. Every method
    raises OSError or av.FFmpegError with its errno where the target cannot be written.
    """

    def __init__(self, target: str | Sink, *, width: int, height: int, fps: int) -> None:
        kind: Literal["file", "stream"] = "file" if isinstance(target, str) else "stream"
        movflags = {
            "file": "+faststart",
            "stream": "+frag_keyframe+empty_moov+default_base_moof",
        }[kind]
        self._container = av.open(target, "w", format="mp4", options={"movflags": movflags})
        options = {"preset": "veryfast", "crf": "23"}
        if kind == "stream":
            options["tune"] = "zerolatency"  # no frame waits for later ones
        stream = self._container.add_stream("libx264", rate=fps, options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.time_base = Fraction(1, fps)
        codec = stream.codec_context
        codec.thread_count = 0  # as many as there are cores
        codec.gop_size = fps * _KEY_FRAME_INTERVAL_S[kind]
        codec.color_range = ColorRange.MPEG
        codec.colorspace, codec.color_primaries, codec.color_trc = _BT470BG, _BT709, _SRGB
        self._stream = stream
        self._fitter = Fitter(width, height)
        self._time_base = Fraction(1, fps)
        self._frames = 0

    def add(self, frame: VideoFrame) -> None:
        """Append a picture of any size as one frame."""
        fitted = self._fitter.fit(frame)
        fitted.pts, fitted.duration, fitted.time_base = self._frames, 1, self._time_base
        for packet in self._stream.encode(fitted):
            self._container.mux(packet)
        self._frames += 1

    def close(self) -> None:
        """Write what the encoder still holds, and the index."""
        for packet in self._stream.encode():
            self._container.mux(packet)
        self._container.close()


def even_size(width: int, height: int) -> tuple[int, int]:
    """The size a video of such images has: even, and within what H.264 allows."""
    scale = min(1.0, MAX_SIDE / max(width, height))
    width, height = (max(2, int(side * scale) // 2 * 2) for side in (width, height))
    return width, height
