"""Things that move: drawn people and cars, and cut-outs of real ones.

A sprite is BGR and alpha at the size it is shown at; people walk (`phase` swings legs and arms).
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Sprite = tuple[NDArray[np.float32], NDArray[np.float32]]  # BGR (h, w, 3), alpha 0..1 (h, w)

SUPER = 4  # drawn so many times larger, then shrunk: soft edges


@dataclass(frozen=True, kw_only=True)
class Look:
    """How a thing looks. `kind`: person, car or cutout; colours are BGR."""

    kind: str
    colour: tuple[float, float, float]
    second: tuple[float, float, float]
    cutout: Sprite | None = None

    def shape(self, pixels: float) -> tuple[int, int]:
        """Width and height at which its alpha covers about so many pixels."""
        if self.cutout is not None:
            rows, columns = self.cutout[1].shape
            scale = (pixels / float(self.cutout[1].sum())) ** 0.5
            return max(4, round(columns * scale)), max(4, round(rows * scale))
        filled, ratio = (0.50, 0.42) if self.kind == "person" else (0.80, 2.3)
        width = (pixels * ratio / filled) ** 0.5
        return max(4, round(width)), max(4, round(width / ratio))

    def draw(self, width: int, height: int, phase: float) -> Sprite:
        """The sprite at this size; `phase` in radians is where a step stands."""
        if self.cutout is not None:
            picture, alpha = (
                np.asarray(cv2.resize(p, (width, height), interpolation=cv2.INTER_AREA), np.float32)
                for p in self.cutout
            )
            return picture, alpha
        big = (height * SUPER, width * SUPER)
        picture = np.zeros((*big, 3), np.float32)
        alpha = np.zeros(big, np.float32)
        paint = _person if self.kind == "person" else _car
        paint(picture, alpha, self, phase)
        size = (width, height)
        return (
            np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.float32),
            np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.float32),
        )


def _person(
    picture: NDArray[np.float32], alpha: NDArray[np.float32], look: Look, phase: float
) -> None:
    rows, columns = alpha.shape
    picture[:] = look.colour
    picture[int(0.5 * rows) :] = look.second
    picture[: int(0.15 * rows)] = (110, 140, 190)  # skin
    picture[: int(0.06 * rows)] = (30, 35, 45)  # hair
    picture *= np.linspace(0.85, 1.1, columns, dtype=np.float32)[None, :, None]
    middle = columns / 2

    def limb(x0: float, y0: float, x1: float, y1: float, thick: float) -> None:
        start, end = (round(x0), round(y0 * rows)), (round(x1), round(y1 * rows))
        cv2.line(alpha, start, end, 1.0, max(2, round(thick * columns)))

    centre = (round(middle), round(0.075 * rows))
    cv2.ellipse(alpha, centre, (round(0.16 * columns), round(0.07 * rows)), 0, 0, 360, 1.0, -1)
    limb(middle, 0.2, middle, 0.5, 0.42)
    swing = 0.28 * columns * float(np.sin(phase))
    limb(middle, 0.5, middle + swing, 0.97, 0.2)
    limb(middle, 0.5, middle - swing, 0.97, 0.2)
    limb(middle - 0.2 * columns, 0.2, middle - 0.2 * columns - 0.6 * swing, 0.5, 0.13)
    limb(middle + 0.2 * columns, 0.2, middle + 0.2 * columns + 0.6 * swing, 0.5, 0.13)


def _car(
    picture: NDArray[np.float32], alpha: NDArray[np.float32], look: Look, phase: float
) -> None:
    del phase  # a car keeps its shape
    rows, columns = alpha.shape
    picture[:] = look.colour
    outline = [(0, 0.75), (0.02, 0.5), (0.2, 0.42), (0.33, 0.06), (0.7, 0.06), (0.85, 0.42)]
    outline += [(0.98, 0.5), (1, 0.78), (0.98, 0.86), (0.02, 0.86)]
    _fill(alpha, outline, 1.0)
    _fill(picture, [(0.24, 0.42), (0.35, 0.13), (0.5, 0.13), (0.5, 0.42)], look.second)
    _fill(picture, [(0.53, 0.42), (0.53, 0.13), (0.68, 0.13), (0.8, 0.42)], look.second)
    for x in (0.22, 0.78):
        centre, radius = (round(x * columns), round(0.83 * rows)), round(0.16 * rows)
        cv2.circle(alpha, centre, radius, 1.0, -1)
        cv2.circle(picture, centre, radius, (25.0, 25.0, 25.0), -1)


def _fill(
    target: NDArray[np.float32],
    shares: list[tuple[float, float]],
    value: float | tuple[float, float, float],
) -> None:
    rows, columns = target.shape[:2]
    points = np.array([[round(x * columns), round(y * rows)] for x, y in shares], np.int32)
    cv2.fillPoly(target, [points], value)  # type: ignore[call-overload]


def cut_out(sbi: Path, sequence: str, every: int = 12, most: int = 8) -> list[Sprite]:
    """Whole things of a labelled sequence: parts of its masks that touch no edge."""
    pictures = sorted((sbi / sequence / "input").glob("*.*"))
    masks = sorted((sbi / sequence / "groundtruth").glob("gt*.png"))
    found: list[Sprite] = []
    for number in range(0, len(masks), every):
        mask = np.asarray(cv2.imread(str(masks[number]), cv2.IMREAD_GRAYSCALE)) == 255
        picture = np.asarray(cv2.imread(str(pictures[number])), np.float32)
        count, labels, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8))
        for i in range(1, count):
            x, y, w, h, area = (int(value) for value in stats[i])
            rows, columns = mask.shape
            inside = x > 2 and y > 2 and x + w < columns - 2 and y + h < rows - 2
            if inside and 0.004 < area / mask.size < 0.06 and area > 0.35 * w * h:
                part = slice(y - 1, y + h + 1), slice(x - 1, x + w + 1)
                alpha = np.asarray(cv2.GaussianBlur((labels == i).astype(np.float32), (3, 3), 0))
                found.append((picture[part].copy(), alpha[part].copy()))
        if len(found) >= most:
            break
    return found[:most]
