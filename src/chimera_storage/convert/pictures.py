"""JPEG images → pictures of one size in yuv420p, limited range, without a detour over RGB.

JPEG uses the full range of values and BT.601's matrix (JFIF 1.02); players are surest of the
limited range, so the range is converted. The matrix stays.
"""

from typing import Any, cast

import av
import numpy as np
import simplejpeg
from av.video.frame import VideoFrame
from av.video.reformatter import ColorRange, Interpolation, VideoReformatter

# Cameras have up to some 50 megapixels; a header that says more is more likely to be hostile.
MAX_PIXELS = 100_000_000
# The largest picture of H.264's highest level (6.2) has 8192 pixels in a row.
MAX_SIDE = 8192
_BLACK_LUMA, _NO_COLOUR = 16, 128
_PORTION = 32_768  # pixels of two bytes

Rows = np.ndarray[tuple[int, int], np.dtype[np.uint8]]


class BrokenImageError(ValueError):
    """Bytes that are no whole JPEG."""


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
    """Brings frames of any size to one size and to yuv420p in one range. Not thread-safe."""

    def __init__(self, width: int, height: int, *, full_range: bool = False) -> None:
        self._width = width
        self._height = height
        self._range = ColorRange.JPEG if full_range else ColorRange.MPEG
        self._black = 0 if full_range else _BLACK_LUMA
        self._reformatter = VideoReformatter()

    def fit(self, frame: VideoFrame) -> VideoFrame:
        """The frame, scaled to fit and padded with black where its shape is another one."""
        width, height = self._fitted_size(frame)
        is_scaled = (width, height) != (frame.width, frame.height)
        if not is_scaled and frame.format.name == "yuvj420p" and self._range == ColorRange.MPEG:
            return limited(frame)
        fitted = self._reformatter.reformat(
            frame,
            width=width,
            height=height,
            format="yuv420p",
            interpolation=Interpolation.BICUBIC,
            src_color_range=ColorRange.JPEG,
            dst_color_range=self._range,
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
            rows = rows_of(target)
            rows[:] = self._black if number == 0 else _NO_COLOUR
            x, y = left // halving, top // halving
            rows[y : y + source.height, x : x + source.width] = rows_of(source)
        padded.color_range = self._range
        padded.colorspace = frame.colorspace
        return padded


def limited(frame: VideoFrame) -> VideoFrame:
    """A yuvj420p frame in limited range, every value the nearest there is.

    libswscale takes twice the time (2.0 ms at 1080p) and errs by up to 0.9 in colours.
    """
    made = VideoFrame(frame.width, frame.height, "yuv420p")
    for number, (source, target) in enumerate(zip(frame.planes, made.planes, strict=True)):
        # BT.601: luma 16 to 235, colours 16 to 240 around 128.
        factor, base = (219, 16 * 255) if number == 0 else (224, 128 * (255 - 224))
        _scale(rows_of(source), rows_of(target), factor, base)
    made.color_range, made.colorspace = ColorRange.MPEG, frame.colorspace
    return made


def _scale(source: Rows, target: Rows, factor: int, base: int) -> None:
    """target = round((source * factor + base) / 255), in portions that stay in the cache."""
    step = max(1, _PORTION // source.shape[1])
    products, quotients = np.empty((2, step, source.shape[1]), np.uint16)
    for begin in range(0, source.shape[0], step):
        rows = source[begin : begin + step]
        product, quotient = products[: len(rows)], quotients[: len(rows)]
        np.multiply(rows, np.uint16(factor), out=product, dtype=np.uint16)
        product += np.uint16(base + 128)
        # x / 255 rounded, without a division: (x + 128 + (x + 128 >> 8)) >> 8, exact in 16 bits.
        np.right_shift(product, np.uint16(8), out=quotient)
        quotient += product
        np.right_shift(quotient, np.uint16(8), out=target[begin : begin + step], casting="unsafe")


def rows_of(plane: Any) -> Rows:
    """A plane as a writable array, height × width, uint8."""
    flat = np.frombuffer(plane, np.uint8)
    rows = flat[: plane.height * plane.line_size].reshape(plane.height, plane.line_size)
    return cast("Rows", rows[:, : plane.width])


def size_of(jpeg: bytes) -> tuple[int, int]:
    """Width and height from a JPEG's header; (0, 0) where it has none that is credible."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except (ValueError, KeyError):  # KeyError: a header without colours, its number is -1
        return 0, 0
    return (width, height) if width * height <= MAX_PIXELS else (0, 0)


def even_size(width: int, height: int, wanted_height: int | None = None) -> tuple[int, int]:
    """The size a video of such images has: even, within what H.264 allows, of the wanted height."""
    scale = 1.0 if wanted_height is None else wanted_height / height
    scale = min(scale, MAX_SIDE / max(width, height))
    width, height = (max(2, int(side * scale + 1e-6) // 2 * 2) for side in (width, height))
    return width, height
