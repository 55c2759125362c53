"""What the detector costs for each picture, and where.

    python bench/detector_cost.py [--size 1920x1080] [--runs 3]

Pictures are made here and held in memory: a textured wall with a camera's noise on it, as luma
planes with the line padding of a decoder. Each scene is played `--runs` times from the beginning by
a new detector; the first 3 s count for nothing. Given are medians over the runs of the mean over
the pictures, in milliseconds of this thread's processor time (stages: of wall time).
"""

import argparse
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.motion.detector import Detector
from chimera_storage.motion.detector import detector as detector_module
from chimera_storage.motion.detector.background import Background
from chimera_storage.motion.detector.steady import Steadier
from chimera_storage.motion.detector.tracks import Tracker

Picture = NDArray[np.uint8]

FPS, SECONDS, WARM_UP_S = 15, 9, 3
PADDING = 64  # bytes at the end of each line
VARIANTS = 8  # noise pictures, in turns
STAGES: dict[str, tuple[Any, str]] = {
    "shrink": (detector_module, "_shrunken"),
    "exposure": (Background, "follow_exposure"),
    "compare, steady": (Steadier, "steady"),
    "active": (Background, "active"),
    "despeckle": (detector_module, "despeckle"),
    "patches": (detector_module, "find_patches"),
    "tracks": (Tracker, "things"),
    "learn": (Background, "learn"),
}


@dataclass(kw_only=True)
class Timing:
    """Sums over the pictures of a run: seconds in all and by stage, and frames with motion."""

    pictures: int = 0
    moving: int = 0
    total_s: float = 0.0
    stages_s: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the detector costs.")
    parser.add_argument("--size", default="1920x1080")
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    width, height = (int(n) for n in given.size.split("x"))
    cv2.setNumThreads(1)
    print(f"{width}x{height}, {FPS} pictures a second, ms a picture\n")
    print("| scene | moving | all |", " | ".join(STAGES), "|")
    print("| --- | --- | --- |", " | ".join("---" for _ in STAGES), "|")
    for name, scene in SCENES.items():
        pictures = scene(width, height)
        plain = [play(pictures, timed=False) for _ in range(given.runs)]
        staged = [play(pictures, timed=True) for _ in range(given.runs)]
        whole = 1e3 * median(t.total_s / t.pictures for t in plain)
        parts = [1e3 * median(t.stages_s[s] / t.pictures for t in staged) for s in STAGES]
        share = plain[0].moving / plain[0].pictures
        print(f"| {name} | {share:.0%} | {whole:.2f} |", " | ".join(f"{p:.3f}" for p in parts), "|")


def play(pictures: list[Picture], *, timed: bool) -> Timing:
    """Show the pictures to a new detector."""
    timing = Timing()
    height, width = pictures[0].shape
    detector = Detector(MotionSettings(), width, height)
    originals = {name: getattr(owner, attribute) for name, (owner, attribute) in STAGES.items()}
    try:
        for number, picture in enumerate(pictures):
            if number == WARM_UP_S * FPS:
                timing = Timing()
                if timed:
                    _instrument(timing)
            started = time.thread_time()
            motion = detector.detect(picture, round(number * 1e6 / FPS))
            timing.total_s += time.thread_time() - started
            timing.pictures += 1
            timing.moving += motion.moving
    finally:
        for name, (owner, attribute) in STAGES.items():
            setattr(owner, attribute, originals[name])
    return timing


def _instrument(timing: Timing) -> None:
    for name, (owner, attribute) in STAGES.items():
        setattr(owner, attribute, _timed(name, getattr(owner, attribute), timing))


def _timed(name: str, function: Callable[..., Any], timing: Timing) -> Callable[..., Any]:
    def run(*args: Any, **kwargs: Any) -> Any:
        started = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            timing.stages_s[name] += time.perf_counter() - started

    return run


def _wall(width: int, height: int) -> NDArray[np.float32]:
    """Texture of all sizes, from a sixtieth of the picture down."""
    rng = np.random.default_rng(1)
    wall = np.full((height, width), 115, np.float32)
    for cells, contrast in ((60, 20), (240, 10), (960, 5)):
        coarse = rng.normal(0, contrast, (cells * height // width, cells)).astype(np.float32)
        wall += np.asarray(cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC))
    return wall


def _filmed(wall: NDArray[np.float32], draw: Callable[[Picture, int], Picture]) -> list[Picture]:
    """Planes with noise of 2 levels; they share memory where nothing was drawn."""
    rng = np.random.default_rng(2)
    height, width = wall.shape
    still = []
    for _ in range(VARIANTS):
        plane = np.zeros((height, width + PADDING), np.uint8)
        noise = cv2.GaussianBlur(rng.standard_normal(wall.shape).astype(np.float32), (0, 0), 0.7)
        plane[:, :width] = np.clip(wall + 4 * noise, 0, 255)
        still.append(plane[:, :width])
    return [draw(still[n % VARIANTS], n) for n in range(SECONDS * FPS)]


def _still(width: int, height: int) -> list[Picture]:
    return _filmed(_wall(width, height), lambda plane, _: plane)


def _walker(width: int, height: int) -> list[Picture]:
    """One person of 1.5 % of the picture."""

    def draw(plane: Picture, number: int) -> Picture:
        walked = plane.copy()
        x = int((number / FPS / SECONDS) * 0.9 * width)
        cv2.ellipse(
            walked,
            (x, height // 2),
            (width // 40, height // 5),
            8 * np.sin(number),
            0,
            360,
            30,
            -1,
        )
        return walked

    return _filmed(_wall(width, height), draw)


def _snow(width: int, height: int) -> list[Picture]:
    """Two hundred flakes at once."""
    rng = np.random.default_rng(3)
    x, y = rng.uniform(0, width, 200), rng.uniform(0, height, 200)
    near = rng.uniform(0.7, 3, 200) * width / 640

    def draw(plane: Picture, number: int) -> Picture:
        snowy = plane.copy()
        for cx, cy, r in zip(x, (y + number * 4 * near) % height, near, strict=True):
            cv2.circle(snowy, (round(cx), round(cy)), max(1, round(1.5 * r)), 230, -1)
        return snowy

    return _filmed(_wall(width, height), draw)


def _shaking(width: int, height: int) -> list[Picture]:
    """A mast in the wind: up to 10 pixels of 1080p."""
    rng = np.random.default_rng(4)

    def draw(plane: Picture, _: int) -> Picture:
        dx, dy = (rng.uniform(-1, 1, 2) * width / 192).astype(int)
        return np.roll(plane, (dy, dx), (0, 1))

    return _filmed(_wall(width, height), draw)


SCENES: dict[str, Callable[[int, int], list[Picture]]] = {
    "still": _still,
    "a person walks": _walker,
    "snow": _snow,
    "shaking": _shaking,
}


if __name__ == "__main__":
    main()
