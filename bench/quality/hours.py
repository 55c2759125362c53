"""Hours in which nothing happens: how often a detector cries wolf over a still scene.

Every background of every set, filmed for PIECE_S with the mild noise of a camera by day and light
that goes up and down by 2 % a minute or so, at the bit rate of a camera. A piece is encoded,
measured and deleted again, since all of them would fill a disk.
"""

import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from .backgrounds import SCENES, background
from .camera import Noise, expose
from .clips import EMPTY, Clip
from .encode import Planes, to_planes, write_camera

SIZES = ((640, 360), (704, 576), (960, 540))
RATES = (10.0, 15.0, 12.5)
PIECE_S = 720.0
SIGMA, GRAIN = (1.0, 3.0), (0.3, 1.2)  # of 255, pixels
BITS_PER_PIXEL = (0.04, 0.1)
LIGHT, LIGHT_S, STEPS = 0.02, (30.0, 90.0), 41  # steps of a quarter of a level


def pieces(folder: Path, name_contains: str = "") -> list[Clip]:
    """The clips of the set, not made yet. `folder`: what `prepare_footage.py` wrote."""
    found = []
    for number, scene in enumerate(SCENES):
        name = f"hours-{scene.name}-{number:02}"
        if name_contains not in name:
            continue
        (width, height), fps = SIZES[number % len(SIZES)], RATES[number % len(RATES)]
        clip = Clip(
            name=name,
            kind="still",
            effect="hours",
            background=scene.name,
            fps=fps,
            width=width,
            height=height,
            states=[EMPTY] * round(PIECE_S * fps),
            path=folder / "hours" / f"{name}.mp4",
        )
        found.append(clip)
    return found


@contextmanager
def made(clip: Clip) -> Iterator[None]:
    """The clip's video file is there within, and gone afterwards."""
    rng = np.random.default_rng(zlib.crc32(clip.name.encode()))
    bit_rate = clip.width * clip.height * clip.fps * float(rng.uniform(*BITS_PER_PIXEL))
    clip.path.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_camera(clip.path, _filmed(clip, rng), clip.fps, round(bit_rate))
        yield
    finally:
        clip.path.unlink(missing_ok=True)


def _filmed(clip: Clip, rng: np.random.Generator) -> Iterator[Planes]:
    folder = clip.path.parent.parent / "backgrounds"
    empty = background(folder, clip.background, clip.width, clip.height).astype(np.float32)
    sigma, grain = float(rng.uniform(*SIGMA)), float(rng.uniform(*GRAIN))
    noise = Noise(rng, clip.width, clip.height, sigma=sigma, grain=grain)
    pace = float(rng.uniform(*LIGHT_S)) * clip.fps
    levels = [to_planes(expose(empty, 1 + LIGHT * step)) for step in np.linspace(-1, 1, STEPS)]
    for number in range(len(clip.states)):
        light = float(np.sin(2 * np.pi * number / pace))
        y, u, v = levels[round((light + 1) / 2 * (STEPS - 1))]
        yield noise.add(y), u, v
