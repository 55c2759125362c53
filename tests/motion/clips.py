"""Small video files: a quiet, noisy scene through which a thing passes when it is told to."""

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from numpy.typing import NDArray

WIDTH, HEIGHT, RATE = 320, 240, 10


def write_clip(
    path: Path, seconds: float, passes: list[tuple[float, float]], *, made: str = ""
) -> None:
    """H.264, 10 pictures a second, a key frame a second; `passes`: (begin, end) of each passer.

    `made`: when, as the container says it.
    """
    with av.open(str(path), "w") as container:
        container.metadata["creation_time"] = made
        stream = container.add_stream("libx264", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = RATE
        stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for pixels in scene(seconds, passes):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def scene(seconds: float, passes: list[tuple[float, float]]) -> list[NDArray[np.uint8]]:
    """The pictures: uint8 of shape (240, 320)."""
    random = np.random.default_rng(1)
    ground = np.kron(random.integers(80, 150, (12, 16)), np.ones((20, 20))).astype(np.int16)
    pictures = []
    for number in range(round(seconds * RATE)):
        picture = ground + random.integers(-3, 4, ground.shape, dtype=np.int16)
        for begin, end in passes:
            share = (number / RATE - begin) / (end - begin)
            if 0 <= share <= 1:
                left = round(share * (WIDTH - 40))
                picture[80:180, left : left + 40] = 230
                picture[100:120, left + 10 : left + 30] = 20
        pictures.append(np.clip(picture, 0, 255).astype(np.uint8))
    return pictures


def jpegs(seconds: float, passes: list[tuple[float, float]]) -> list[bytes]:
    """The same as a camera's JPEG files."""
    codec = av.CodecContext.create("mjpeg", "w")
    assert isinstance(codec, av.VideoCodecContext)
    codec.width, codec.height, codec.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
    codec.framerate = Fraction(RATE)
    files = []
    for pixels in scene(seconds, passes):
        frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuvj420p")
        files += [bytes(packet) for packet in codec.encode(frame)]
    return files


def without_tables(jpeg: bytes) -> bytes:
    """The file without its Huffman tables (DHT, ITU-T T.81, B.2.4.2), as USB cameras send it."""
    while (at := jpeg.find(b"\xff\xc4")) >= 0:
        jpeg = jpeg[:at] + jpeg[at + 2 + int.from_bytes(jpeg[at + 2 : at + 4], "big") :]
    return jpeg
