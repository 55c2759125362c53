"""Clips in which things enter, cross and leave, with exact truth.

A thing goes along a line, in from an edge of the picture or from behind something that stands in
it (it is cut off at a vertical line there), and out the same way; every third turns back half-way.
Speeds are those of its kind in its own sizes a second: people walk 0.6 to 1.6 of their heights,
cars drive 0.7 to 4 of their lengths. Low contrast is 14 to 22 (of 255) from the mean of what is
behind it on its way, high is 45 to 80.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Noise, expose, shoot
from .clips import EMPTY, MOVING, UNSURE, Box, Event
from .encode import Planes
from .sprites import Look, Sprite

CLASSES = ((0.001, 0.002), (0.002, 0.005), (0.005, 0.02))
LEAD_S, PAUSE_S = 4.0, (3.5, 6.0)  # empty before the first and after each
WHOLE = 0.5  # of the thing that is in sight: MOVING, less is UNSURE
FPS_WALK = 1.0  # steps a second


@dataclass(frozen=True, kw_only=True)
class Passage:
    """One thing's way: centre at `start` in the first frame and at `end` in the last."""

    look: Look
    area: float  # share of the picture
    contrast: str
    first: int
    frames: int
    start: tuple[float, float]
    end: tuple[float, float]
    window: tuple[int, int]  # columns between which it is in sight
    back: bool  # turns round half-way

    def centre(self, number: int) -> tuple[float, float]:
        way = (number - self.first) / max(1, self.frames - 1)
        if self.back:
            way = min(1.0, 2 * way) if way < 0.5 else 2 - 2 * way
        x = self.start[0] + way * (self.end[0] - self.start[0])
        return x, self.start[1] + way * (self.end[1] - self.start[1])


def plan(
    rng: np.random.Generator,
    background: NDArray[np.uint8],
    cutouts: list[Sprite],
    fps: float,
    seconds: float,
) -> list[Passage]:
    """Passages one after the other, sizes and contrasts in turns."""
    passages: list[Passage] = []
    number = round(LEAD_S * fps)
    turn = int(rng.integers(6))
    while True:
        passage = _passage(rng, background, cutouts, fps, number, turn)
        number = passage.first + passage.frames + round(rng.uniform(*PAUSE_S) * fps)
        if number > seconds * fps:
            return passages
        passages.append(passage)
        turn += 1


def _passage(  # noqa: PLR0917
    rng: np.random.Generator,
    background: NDArray[np.uint8],
    cutouts: list[Sprite],
    fps: float,
    first: int,
    turn: int,
) -> Passage:
    rows, columns = background.shape[:2]
    area = float(rng.uniform(*CLASSES[turn % 3]))
    contrast = "low" if (turn // 3) % 2 else "high"
    kind = ("person", "car", "cutout")[int(rng.integers(3))]
    cutout = cutouts[int(rng.integers(len(cutouts)))] if kind == "cutout" and cutouts else None
    kind = "person" if kind == "cutout" and cutout is None else kind
    width, height = Look(kind=kind, colour=(0, 0, 0), second=(0, 0, 0), cutout=cutout).shape(
        area * rows * columns
    )
    sizes = float(rng.uniform(0.7, 4.0) if kind == "car" else rng.uniform(0.6, 1.6))
    speed = sizes * max(width, height)  # pixels a second
    way = min(float(columns + width), speed * float(rng.uniform(4.0, 14.0)))
    y = float(rng.uniform(0.3, 0.9)) * (rows - height) + height / 2
    left = float(rng.uniform(0, columns - way)) if way < columns else 0.0
    edge = rng.integers(3)  # in from the left, from the right, or from behind something
    if edge == 0 or way >= columns:
        left = 0.0
    elif edge == 1:
        left = columns - way
    window = (round(left), round(min(columns, left + way)))
    inward, outward = window[0] - width / 2, window[1] + width / 2
    slope = float(rng.uniform(-0.15, 0.15)) * way
    start, end = (inward, y), (outward, float(np.clip(y + slope, height / 2, rows - height / 2)))
    if rng.random() < 0.5:
        start, end = end, start
    back = turn % 3 == 2 and rng.random() < 0.5
    if back:
        end = ((start[0] + end[0]) / 2, (start[1] + end[1]) / 2)
    frames = max(8, round((way + width) / speed * fps))
    behind = background[
        max(0, int(y - height)) : int(y + height), max(0, window[0]) : max(1, window[1])
    ]
    look = _look(rng, kind, cutout, contrast, behind.reshape(-1, 3).mean(axis=0))
    return Passage(
        look=look,
        area=area,
        contrast=contrast,
        first=first,
        frames=frames,
        start=start,
        end=end,
        window=window,
        back=back,
    )


def _look(
    rng: np.random.Generator,
    kind: str,
    cutout: Sprite | None,
    contrast: str,
    behind: NDArray[np.float64],
) -> Look:
    step = float(rng.uniform(14, 22) if contrast == "low" else rng.uniform(45, 80))
    if behind.mean() > 128 or (behind.mean() > 60 and rng.random() < 0.5):
        step = -step
    if cutout is not None:
        picture, alpha = cutout
        mean = float((picture.mean(axis=2) * alpha).sum() / alpha.sum())
        shifted = (picture - mean) * (0.4 if contrast == "low" else 1.0) + behind.mean() + step
        cutout = np.clip(shifted, 0, 255).astype(np.float32), alpha
    tint = rng.uniform(-12, 12, 3)
    colour = np.clip(behind + step + tint, 5, 250)
    second = np.clip(behind + 0.7 * step - tint, 5, 250)
    b, g, r = (float(v) for v in colour)
    b2, g2, r2 = (float(v) for v in second)
    return Look(kind=kind, colour=(b, g, r), second=(b2, g2, r2), cutout=cutout)


class ObjectScene:
    """Renders the passages and keeps the truth of each frame."""

    def __init__(
        self, background: NDArray[np.uint8], passages: list[Passage], fps: float, count: int
    ) -> None:
        self._background = background.astype(np.float32)
        self._passages, self._fps = passages, fps
        self.states = [EMPTY] * count
        self.boxes: list[list[Box]] = [[] for _ in range(count)]
        self._whole: dict[int, list[int]] = {i: [] for i in range(len(passages))}

    def pictures(self, rng: np.random.Generator, noise: Noise) -> Iterator[Planes]:
        """The planes of each frame, with slow light of about 2 %."""
        pace = float(rng.uniform(30, 90))
        for number in range(len(self.states)):
            picture = self._background
            for index, passage in enumerate(self._passages):
                if 0 <= number - passage.first < passage.frames:
                    picture = self._draw(picture, number, index)
            light = 1 + 0.02 * float(np.sin(2 * np.pi * number / self._fps / pace))
            yield shoot(expose(picture, light), noise)

    def events(self) -> list[Event]:
        """The truth by event; call it when all pictures have been made."""
        found = []
        for index, passage in enumerate(self._passages):
            whole = self._whole[index]
            if whole:
                note = f"{passage.look.kind} {passage.contrast}"
                event = Event(first=whole[0], last=whole[-1], area=passage.area, note=note)
                found.append(event)
        return found

    def _draw(self, picture: NDArray[np.float32], number: int, index: int) -> NDArray[np.float32]:
        passage = self._passages[index]
        rows, columns = picture.shape[:2]
        width, height = passage.look.shape(passage.area * rows * columns)
        phase = 2 * np.pi * FPS_WALK * (number - passage.first) / self._fps
        sprite, alpha = passage.look.draw(width, height, float(phase))
        x, y = passage.centre(number)
        left, top = x - width / 2, y - height / 2
        column, row = int(np.floor(left)), int(np.floor(top))
        shift = np.array([[1, 0, left - column], [0, 1, top - row]], np.float32)
        size = (width + 1, height + 1)
        sprite = np.asarray(
            cv2.warpAffine(sprite, shift, size, borderMode=cv2.BORDER_REPLICATE), np.float32
        )
        alpha = np.asarray(cv2.warpAffine(alpha, shift, size), np.float32)
        x0, x1 = max(column, passage.window[0], 0), min(column + width + 1, passage.window[1])
        y0, y1 = max(row, 0), min(row + height + 1, rows)
        if x1 <= x0 or y1 <= y0:
            return picture
        part = slice(y0 - row, y1 - row), slice(x0 - column, x1 - column)
        seen, total = float(alpha[part].sum()), float(alpha.sum())
        if seen > 0.02 * total:
            self.boxes[number].append((x0, y0, x1 - x0, y1 - y0))
            whole = seen >= WHOLE * total
            if whole or self.states[number] == EMPTY:
                self.states[number] = MOVING if whole else UNSURE
            if whole:
                self._whole[index].append(number)
        picture = picture.copy()
        weight = alpha[part][..., None]
        target = picture[y0:y1, x0:x1]
        picture[y0:y1, x0:x1] = target + weight * (sprite[part] - target)
        return picture
