"""Clips to measure with: a painted street with a camera's noise, still or full of passers-by."""

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np
from av.video.stream import VideoStream
from numpy.typing import NDArray

from chimera_storage.motion.demo.scene import DemoScene, Pass
from chimera_storage.motion.demo.things import Look

CLIP_S = 14
_GOP_S = 2
_PASS_S, _EVERY_S = 6.0, 2.5
_BITS = 4_000_000  # a second, of 1080p
_ENCODERS = {"h264": "libx264", "h265": "libx265", "mjpeg": "mjpeg"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A kind of camera: `codec` h264, h265 or mjpeg, pixels, pictures a second."""

    codec: str
    width: int
    height: int
    fps: int

    def __str__(self) -> str:
        codec = {"h264": "H.264", "h265": "H.265", "mjpeg": "MJPEG"}[self.codec]
        return f"{codec} {self.height}p {self.fps}/s"


KINDS = (
    Kind(codec="h264", width=1280, height=720, fps=15),
    Kind(codec="h264", width=1920, height=1080, fps=15),
    Kind(codec="mjpeg", width=1280, height=720, fps=10),
    Kind(codec="h265", width=1920, height=1080, fps=15),  # takes longest to encode
)


class Street(DemoScene):
    """The demonstration's street without wind: still means still."""

    def _sway(self, yuv: NDArray[np.uint8], time_s: float) -> None:
        """Nothing moves by itself."""


def write_clip(
    path: Path,
    kind: Kind,
    *,
    moving: bool,
    until_s: Callable[[], float] = lambda: math.inf,
    seconds: float = CLIP_S,
) -> None:
    """Write a clip as a camera sends it: no B frames, a key frame every 2 s, bounded bits.

    `moving`: somebody is in the picture all the time, else nobody ever. Raises TimeoutError where
    it is not written by `until_s` (monotonic), which is asked at each picture.
    """
    scene = Street(kind.width, kind.height, kind.fps)
    scene.passes = passes(seconds) if moving else ()
    with av.open(str(path), "w") as container:
        stream = _stream(container.add_stream(_ENCODERS[kind.codec], rate=Fraction(kind.fps)), kind)
        for number in range(round(seconds * kind.fps)):
            if time.monotonic() > until_s():
                raise TimeoutError(f"A clip of {kind} takes too long to encode")
            frame = scene.frame(number)
            if kind.codec == "mjpeg":
                frame = frame.reformat(format="yuvj420p")
                frame.pts, frame.time_base = number, Fraction(1, kind.fps)
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def _stream(added: object, kind: Kind) -> VideoStream:
    stream = cast("VideoStream", added)
    stream.width, stream.height = kind.width, kind.height
    stream.pix_fmt = "yuvj420p" if kind.codec == "mjpeg" else "yuv420p"
    stream.codec_context.gop_size = _GOP_S * kind.fps
    bits = round(_BITS * kind.width * kind.height / (1920 * 1080))
    common: dict[str, object] = {
        "preset": "ultrafast",
        "maxrate": str(bits),
        "bufsize": str(2 * bits),
    }
    match kind.codec:
        case "h264":
            stream.options = common | {"crf": "23", "x264-params": "scenecut=0:bframes=0"}
        case "h265":
            quiet = "log-level=none:scenecut=0:bframes=0"
            stream.options = common | {"crf": "26", "x265-params": quiet}
        case _:
            stream.options = {"qmin": "4", "qmax": "4"}
    return stream


def passes(seconds: float) -> tuple[Pass, ...]:
    """Somebody goes by all the time."""
    choice = random.Random(1)
    return tuple(
        Pass(start, start + _PASS_S, Look.random(choice), choice.random() < 0.5)
        for start in np.arange(-3.0, seconds, _EVERY_S)
    )
