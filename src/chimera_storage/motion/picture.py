"""Decoded pictures: their luma plane as a NumPy view, and JPEGs straight from the YUV planes.

Nothing here goes over RGB: 1080p from decoder to JPEG costs about 3 ms that way, 4 ms over BGR.
"""

import av
import cv2
import numpy as np
import simplejpeg
from av.video.plane import VideoPlane
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

# Formats whose planes are 8 bits deep, in the order Y, U, V; those below with U and V in turns.
_PLANAR = frozenset(
    f"yuv{j}{chroma}p" for j in ("", "j") for chroma in ("420", "422", "444", "440", "411")
)
_INTERLEAVED = frozenset({"nv12", "nv16", "nv24"})
_INTERLEAVED_VU = frozenset({"nv21", "nv42"})
_LUMA_FIRST = _PLANAR | _INTERLEAVED | _INTERLEAVED_VU | {"gray"}

# ITU codes as FFmpeg numbers them: AVCOL_SPC_BT709, AVCOL_RANGE_JPEG.
_BT709, _FULL_RANGE = 1, 2

# From limited range to full, as a factor and what is added.
_LUMA_TO_FULL = (255 / 219, -16 * 255 / 219)
_CHROMA_TO_FULL = (255 / 224, 128 - 128 * 255 / 224)


def _from_rgb(red: float, blue: float) -> NDArray[np.float64]:
    """The matrix from R'G'B' to Y'CbCr of full range, given the luma weights of red and blue."""
    y = np.array([red, 1 - red - blue, blue])
    cb = (np.array([0.0, 0.0, 1.0]) - y) / (2 * (1 - blue))
    cr = (np.array([1.0, 0.0, 0.0]) - y) / (2 * (1 - red))
    return np.stack([y, cb, cr])


# The weights are those of ITU-R BT.601 and BT.709.
_BT709_TO_601 = _from_rgb(0.299, 0.114) @ np.linalg.inv(_from_rgb(0.2126, 0.0722))


def luma(frame: av.VideoFrame) -> Plane:
    """The brightness of each pixel: uint8 of shape (height, width), read only.

    A view of the frame's own memory where its first plane is 8-bit luma (planar and semi-planar
    YUV, gray); any other format is converted to gray first. Values are those of the frame: 16 to
    235 in limited-range video.
    """
    if frame.format.name not in _LUMA_FIRST:
        frame = frame.reformat(format="gray")
    return _view(frame.planes[0], frame.width, frame.height)


def chroma(frame: av.VideoFrame) -> Plane | None:
    """The first plane of colour: uint8 of shape (rows, columns), read only; None where none is.

    Semi-planar YUV has both colours in it, in turns.
    """
    if frame.format.name in _PLANAR:
        plane = frame.planes[1]
        return _view(plane, plane.width, plane.height)
    if frame.format.name in _INTERLEAVED | _INTERLEAVED_VU:
        rows = frame.format.chroma_height(frame.height)
        return _view(frame.planes[1], 2 * frame.format.chroma_width(frame.width), rows)
    return None


def encode_jpeg(frame: av.VideoFrame, quality: int) -> bytes:
    """The picture as a JPEG (JFIF) of `quality` 1 to 100.

    JPEG means BT.601 in full range, so limited-range video is expanded, and the colours of video
    that says it is BT.709 are turned. The chroma resolution stays where a JPEG can hold it.
    """
    planes = _yuv_planes(frame)
    if len(planes) == 3 and frame.colorspace == _BT709:
        planes = _bt709_to_jpeg(planes, full=_is_full_range(frame))
    elif not _is_full_range(frame):
        scales = (_LUMA_TO_FULL, _CHROMA_TO_FULL, _CHROMA_TO_FULL)
        planes = [_scaled(plane, *scale) for plane, scale in zip(planes, scales, strict=False)]
    y, u, v = planes if len(planes) == 3 else (planes[0], None, None)
    encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=quality)
    return encoded


def _view(plane: VideoPlane, width: int, height: int) -> Plane:
    """A plane as (height, width), without the padding at the end of its lines."""
    line = plane.line_size
    data: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8)  # keeps the frame alive
    return data[: line * height].reshape(height, line)[:, :width]


def _yuv_planes(frame: av.VideoFrame) -> list[Plane]:
    """[Y, U, V] or [Y] of the frame, or of the nearest format that a JPEG can hold."""
    name = frame.format.name
    if name not in _LUMA_FIRST:
        frame = _reformatted(frame)
        name = frame.format.name
    y = _view(frame.planes[0], frame.width, frame.height)
    if name == "gray":
        return [y]
    if name in _PLANAR:
        return [y] + [_view(plane, plane.width, plane.height) for plane in frame.planes[1:]]
    width, height = frame.format.chroma_width(frame.width), frame.format.chroma_height(frame.height)
    pairs = _view(frame.planes[1], 2 * width, height)
    first, second = pairs[:, 0::2].copy(), pairs[:, 1::2].copy()
    return [y, second, first] if name in _INTERLEAVED_VU else [y, first, second]


def _reformatted(frame: av.VideoFrame) -> av.VideoFrame:
    """The frame in 8 bits, planar, with its range and matrix as they are (RGB: BT.601, full)."""
    components = len(frame.format.components)
    if frame.format.is_rgb:
        return frame.reformat(format="yuvj444p")
    if components < 3:
        return frame.reformat(format="gray")
    halved_x = frame.format.chroma_width(16) < 16
    halved_y = frame.format.chroma_height(16) < 16
    chroma = "420" if halved_y else "422" if halved_x else "444"
    prefix = "yuvj" if _is_full_range(frame) else "yuv"
    return frame.reformat(format=f"{prefix}{chroma}p")


def _is_full_range(frame: av.VideoFrame) -> bool:
    """Whether black is 0 and white 255; video that does not say is limited, as for swscale."""
    pixel_format = frame.format
    return (
        frame.color_range == _FULL_RANGE
        or pixel_format.name.startswith(("yuvj", "gray"))
        or pixel_format.is_rgb
        or len(pixel_format.components) < 3
    )


def _bt709_to_jpeg(planes: list[Plane], *, full: bool) -> list[Plane]:
    """BT.709 planes of either range as BT.601 ones of full range.

    Luma changes by a share of the chroma, which varies slowly: that share is computed at the
    resolution of the chroma planes and enlarged.
    """
    y, u, v = planes
    chroma_scale = 1.0 if full else 255 / 224
    u_centred, v_centred = (
        cv2.addWeighted(u, 1.0, u, 0.0, -128.0, dtype=cv2.CV_32F),
        cv2.addWeighted(v, 1.0, v, 0.0, -128.0, dtype=cv2.CV_32F),
    )
    weights = _BT709_TO_601[:, 1:] * chroma_scale
    shift = cv2.addWeighted(u_centred, weights[0, 0], v_centred, weights[0, 1], 0.0)
    shift = cv2.resize(shift, (y.shape[1], y.shape[0]), interpolation=cv2.INTER_LINEAR)
    luma_full = y if full else _scaled(y, *_LUMA_TO_FULL)
    return [
        np.asarray(cv2.add(luma_full, shift, dtype=cv2.CV_8U), np.uint8),
        *(
            np.asarray(
                cv2.addWeighted(u_centred, row[0], v_centred, row[1], 128.0, dtype=cv2.CV_8U),
                np.uint8,
            )
            for row in weights[1:]
        ),
    ]


def _scaled(plane: Plane, factor: float, added: float) -> Plane:
    """Rounded, and held within 0 to 255; a table takes three times as long."""
    return np.asarray(cv2.transform(plane, np.array([[factor, added]])), np.uint8)
