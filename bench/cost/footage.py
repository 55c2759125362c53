"""Clips to measure with: a painted street with a camera's noise, and things that pass by.

H.264 as cameras send it: no B frames, a key frame every 2 s, a bounded bit rate. A picture of 1080p
costs about 5 ms to decode, a key frame 15 ms. Unlike the demonstration's, the leaves hang
still, so that still means still.
"""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np

from chimera_storage.doctor.bench.clips import Street
from chimera_storage.motion.demo.scene import Pass
from chimera_storage.motion.demo.things import Look

FPS = 15
GOP_S = 2
SECONDS = 60
PASS_S = 6.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Kind:
    """A sort of clip: at which seconds something begins to pass by, for 6 s each."""

    name: str
    starts_s: tuple[float, ...]


STILL = Kind(name="still", starts_s=())
MOSTLY_STILL = Kind(name="mostly_still", starts_s=(27.3,))  # 10 % of a minute
ALWAYS = Kind(name="always", starts_s=tuple(np.arange(-3.0, SECONDS, 2.5)))


def clip(folder: Path, kind: Kind, width: int, height: int, *, seed: int = 1) -> Path:
    """The file of that kind and size, a minute long; made where it is not there yet."""
    path = folder / f"{kind.name}-{width}x{height}-{seed}.mp4"
    if not path.exists():
        partial = path.with_suffix(".part.mp4")
        _write(partial, _frames(kind, width, height, seed), width, height)
        partial.rename(path)
    return path


def _frames(kind: Kind, width: int, height: int, seed: int) -> Iterator[av.VideoFrame]:
    scene = Street(width, height, FPS, seed)
    choice = random.Random(seed)
    shift_s = 3.7 * (seed - 1)  # so that not all of many cameras have it at once
    scene.passes = tuple(
        Pass((start + shift_s) % SECONDS if kind is MOSTLY_STILL else start,
             (start + shift_s) % SECONDS + PASS_S if kind is MOSTLY_STILL else start + PASS_S,
             Look.random(choice), choice.random() < 0.5)
        for start in kind.starts_s
    )  # fmt: skip
    for n in range(SECONDS * FPS):
        yield scene.frame(n)


def _write(path: Path, frames: Iterator[av.VideoFrame], width: int, height: int) -> None:
    bits = round(4_000_000 * width * height / (1920 * 1080))
    options = {
        "preset": "veryfast",
        "crf": "23",
        "maxrate": str(bits),
        "bufsize": str(2 * bits),
        "x264-params": "scenecut=0:bframes=0:mbtree=0:rc-lookahead=0:ipratio=1.0",
    }
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=Fraction(FPS), options=options)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        stream.codec_context.gop_size = GOP_S * FPS
        for frame in frames:
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


cv2.setNumThreads(1)
