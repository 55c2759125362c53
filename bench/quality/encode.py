"""H.264 files as cameras make them: no B frames, a key frame every 2 s, a bit rate that is held."""

from collections.abc import Iterable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

Planes = tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]  # Y (h, w), U, V (h/2, w/2)

GOP_S = 2.0


def write_camera(
    path: Path, pictures: Iterable[Planes], fps: float, bit_rate: int, pumping: bool = False
) -> int:
    """Encode YUV 4:2:0 pictures at `bit_rate` bits/s; the number of frames written.

    `pumping`: key frames get too few bits, as in cheap cameras, so the picture sharpens and blurs
    every 2 s.
    """
    extra = "scenecut=0:mbtree=0:rc-lookahead=0:bframes=0"
    extra += ":ipratio=0.7:aq-mode=0" if pumping else ":ipratio=1.3"
    options = {
        "preset": "ultrafast" if pumping else "veryfast",
        "maxrate": str(bit_rate),
        "bufsize": str(bit_rate),
        "x264-params": extra,
    }
    return _write(path, pictures, fps, options, bit_rate)


def write_near_lossless(path: Path, pictures: Iterable[Planes], fps: float) -> int:
    """Encode YUV 4:2:0 pictures without visible loss; the number of frames written."""
    return _write(path, pictures, fps, {"preset": "veryfast", "crf": "8", "bf": "0"}, 0)


def _write(
    path: Path, pictures: Iterable[Planes], fps: float, options: dict[str, str], bit_rate: int
) -> int:
    count = 0
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=rate, options=options)
        stream.pix_fmt = "yuv420p"
        stream.gop_size = round(GOP_S * fps)
        stream.thread_count = 1  # the same bytes on every machine
        if bit_rate:
            stream.bit_rate = bit_rate
        for planes in pictures:
            if count == 0:
                stream.height, stream.width = planes[0].shape
            frame = av.VideoFrame(stream.width, stream.height, "yuv420p")
            for plane, values in zip(frame.planes, planes, strict=True):
                _fill(plane, values)
            frame.pts, frame.time_base = count, 1 / rate
            container.mux(stream.encode(frame))
            count += 1
        container.mux(stream.encode(None))
    return count


def _fill(plane: av.video.plane.VideoPlane, values: NDArray[np.uint8]) -> None:
    rows, columns = values.shape
    padded = np.zeros((plane.height, plane.line_size), np.uint8)
    padded[:rows, :columns] = values
    plane.update(padded.tobytes())


def to_planes(picture: NDArray[np.uint8]) -> Planes:
    """The planes of a BGR picture of even size: uint8 (h, w, 3), limited range."""
    import cv2

    rows, columns = picture.shape[:2]
    i420 = cv2.cvtColor(picture, cv2.COLOR_BGR2YUV_I420)
    quarter = rows * columns // 4
    flat = i420.reshape(-1)
    y = flat[: rows * columns].reshape(rows, columns)
    u = flat[rows * columns : rows * columns + quarter].reshape(rows // 2, columns // 2)
    v = flat[rows * columns + quarter :].reshape(rows // 2, columns // 2)
    return y, u, v
