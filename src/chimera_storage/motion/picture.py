"""Decoded pictures: their luma plane as a NumPy view, and JPEGs straight from the YUV planes."""

import av
import numpy as np
import simplejpeg
from av.video.plane import VideoPlane
from numpy.typing import NDArray

Plane = NDArray[np.uint8]


def luma(frame: av.VideoFrame) -> Plane:
    """The brightness of each pixel: uint8 of shape (height, width), read only."""
    if frame.format.name not in {"yuv420p", "yuvj420p", "nv12", "gray"}:
        frame = frame.reformat(format="gray")
    return _view(frame.planes[0], frame.width, frame.height)


def _view(plane: VideoPlane, width: int, height: int) -> Plane:
    """A plane without the padding at the end of its lines."""
    line = plane.line_size
    data: Plane = np.frombuffer(memoryview(plane), dtype=np.uint8)  # holds on to the frame
    return data[: line * height].reshape(height, line)[:, :width]


def encode_jpeg(frame: av.VideoFrame, quality: int) -> bytes:
    """The picture as a JPEG (JFIF) of `quality` 1 to 100."""
    frame = frame.reformat(format="yuvj420p")
    y, u, v = (_view(plane, plane.width, plane.height) for plane in frame.planes)
    encoded: bytes = simplejpeg.encode_jpeg_yuv_planes(y, u, v, quality=quality)
    return encoded
