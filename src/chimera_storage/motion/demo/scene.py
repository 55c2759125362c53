"""The demonstration camera: a street that the program draws itself, with what passes along it.

It stands in for a camera that a newcomer does not have, and for footage in tests: it has sensor
noise, a slow drift of light and leaves that sway, and it knows what is where. Frame n is the same
for the same seed, whatever was drawn before. A 720p frame costs about 1.5 ms.
"""

import math
import random
from dataclasses import dataclass
from fractions import Fraction

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.model import Box
from chimera_storage.motion.demo.street import Backdrop, paint_street
from chimera_storage.motion.demo.things import Kind, Look, draw_thing, extent

Plane = NDArray[np.uint8]

PERIOD_S = 3600.0  # after an hour the same passes begin again
FIRST_PASS_S = (3.0, 6.0)
QUIET_S = (4.0, 40.0)  # between two passes; now and then they overlap
_OVERLAP = 0.15
_NOISE_DEVIATION = 2.2  # of 255, at every pixel of every frame
_NOISE_MARGIN = 64  # pixels by which the noise is larger than the picture
_DRIFT, _DRIFT_S = 0.03, 140.0  # of the light
_SWAY_S = 2.7
_VISIBLE = 0.1  # share of a thing that must be in the picture for it to be there


@dataclass(frozen=True, slots=True)
class Pass:
    """One thing that goes along the street: from `start_s` to `end_s`, where it has left."""

    start_s: float
    end_s: float
    look: Look
    rightward: bool


class DemoScene:
    """The scene as a camera of `width` x `height` even pixels and `fps` frames a second sees it.

    Not for several threads at once.
    """

    def __init__(
        self, width: int = 1280, height: int = 720, fps: float = 10, seed: int = 1
    ) -> None:
        if width < 32 or height < 32 or width % 2 or height % 2:
            raise ValueError("width and height are even and at least 32")
        self.width, self.height, self.fps = width, height, fps
        self._seed = seed
        self._backdrop: Backdrop = paint_street(width, height, seed)
        self._canvas = self._backdrop.picture.copy()
        self._yuv = _to_i420(self._backdrop.picture)
        self._noise = _noise(width, height, seed)
        self.passes = _schedule(seed)

    def frame(self, n: int) -> av.VideoFrame:
        """Frame `n` from 0: yuv420p, limited range, with its time."""
        time_s = n / self.fps
        yuv = self._yuv.copy()
        self._sway(yuv, time_s)
        self._draw_things(yuv, time_s)
        self._light_and_noise(yuv, n, time_s)
        frame = av.VideoFrame.from_ndarray(yuv, format="yuv420p")
        frame.pts = n
        frame.time_base = 1 / Fraction(self.fps).limit_denominator(1000)
        frame.color_range = 1  # AVCOL_RANGE_MPEG
        return frame

    def objects(self, n: int) -> tuple[Box, ...]:
        """Where in frame `n` the things are that pass by, as far as they are in the picture."""
        boxes = (self._box(going, n / self.fps) for going in self._going(n / self.fps))
        return tuple(box for box in boxes if box is not None)

    def _going(self, time_s: float) -> list[Pass]:
        time_s %= PERIOD_S
        going = [p for p in self.passes if p.start_s <= time_s < p.end_s]
        return sorted(going, key=lambda p: p.look.ground)  # the nearest last

    def _place(self, going: Pass, time_s: float) -> tuple[float, float]:
        """The middle of the thing's ground line, in pixels."""
        share = (time_s % PERIOD_S - going.start_s) / (going.end_s - going.start_s)
        w = extent(going.look, self.height)[0]
        way = self.width + 2 * w
        x = -w + way * (share if going.rightward else 1 - share)
        return x, going.look.ground * self.height

    def _box(self, going: Pass, time_s: float) -> Box | None:
        x, ground = self._place(going, time_s)
        w, h = extent(going.look, self.height)
        left, right = max(0, round(x - w / 2)), min(self.width, round(x + w / 2))
        top = max(0, round(ground - h))
        bottom = min(self.height, round(ground))
        if right - left < _VISIBLE * w or bottom <= top:
            return None
        return Box(left, top, right - left, bottom - top)

    def _draw_things(self, yuv: Plane, time_s: float) -> None:
        touched = []
        for going in self._going(time_s):
            x, ground = self._place(going, time_s)
            part = draw_thing(self._canvas, going.look, x, ground, going.rightward)
            if part is not None:
                touched.append(part)
        for part in touched:
            _paste(yuv, self._canvas, part, self.height)
        for x0, y0, x1, y1 in touched:
            self._canvas[y0:y1, x0:x1] = self._backdrop.picture[y0:y1, x0:x1]

    def _sway(self, yuv: Plane, time_s: float) -> None:
        """Move the leaves by up to two pixels, each twig at its own pace."""
        b = self._backdrop
        x0, y0, x1, y1 = b.leaves
        wind = 0.6 + 0.4 * math.sin(2 * math.pi * time_s / 11)
        phase = 2 * math.pi * time_s / _SWAY_S
        shift = (2 * wind * self.height / 720) * (
            b.sway_sin * math.cos(phase) + b.sway_cos * math.sin(phase)
        )
        map_x = b.map_x + shift
        leaves = self._yuv[y0:y1, x0:x1]
        yuv[y0:y1, x0:x1] = cv2.remap(
            leaves, map_x, b.map_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )

    def _light_and_noise(self, yuv: Plane, n: int, time_s: float) -> None:
        at = random.Random(self._seed * 1_000_003 + n)
        dx, dy = at.randrange(_NOISE_MARGIN), at.randrange(_NOISE_MARGIN)
        noise = self._noise[dy : dy + self.height, dx : dx + self.width]
        gain = 1 + _DRIFT * math.sin(2 * math.pi * time_s / _DRIFT_S)
        luma = yuv[: self.height]
        luma[:] = cv2.addWeighted(luma, gain, noise, 1.0, 16 * (1 - gain), dtype=cv2.CV_8U)


def _schedule(seed: int) -> tuple[Pass, ...]:
    """An hour of passes."""
    choice = random.Random(seed)
    passes: list[Pass] = []
    start_s = choice.uniform(*FIRST_PASS_S)
    while True:
        look = Look.random(choice)
        lasts = choice.uniform(9, 14) if look.kind is Kind.PERSON else choice.uniform(4, 6.5)
        if start_s + lasts > PERIOD_S - 5:
            return tuple(passes)
        rightward = look.ground > 0.9 if look.kind is Kind.CAR else choice.random() < 0.5
        passes.append(Pass(start_s, start_s + lasts, look, rightward))
        if choice.random() < _OVERLAP:
            start_s += 0.4 * lasts
        else:
            start_s += lasts + choice.uniform(*QUIET_S)


def _noise(width: int, height: int, seed: int) -> NDArray[np.int8]:
    numbers = np.random.default_rng(seed)
    shape = (height + _NOISE_MARGIN, width + _NOISE_MARGIN)
    return np.rint(numbers.normal(0, _NOISE_DEVIATION, shape)).clip(-12, 12).astype(np.int8)


def _to_i420(bgr: Plane) -> Plane:
    """BT.601, limited range; shape (height * 3 / 2, width), the planes one after the other."""
    return np.asarray(cv2.cvtColor(bgr, cv2.COLOR_BGR2YUV_I420), np.uint8)


def _paste(yuv: Plane, canvas: Plane, part: tuple[int, int, int, int], height: int) -> None:
    """Copy a part of the BGR canvas, of even place and size, into the planes."""
    x0, y0, x1, y1 = part
    w, h = x1 - x0, y1 - y0
    i420 = _to_i420(np.ascontiguousarray(canvas[y0:y1, x0:x1]))
    yuv[y0:y1, x0:x1] = i420[:h]
    width = yuv.shape[1]
    chroma = yuv[height:].reshape(2, height // 2, width // 2)
    small = i420[h:].reshape(2, h // 2, w // 2)
    chroma[:, y0 // 2 : y1 // 2, x0 // 2 : x1 // 2] = small
