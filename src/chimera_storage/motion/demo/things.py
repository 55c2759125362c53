"""What passes by in the demonstration: people on the pavement, cars on the road, drawn in BGR."""

import math
import random
from dataclasses import dataclass
from enum import Enum

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Colour = tuple[int, int, int]
Points = list[tuple[float, float]]

_SHIFT = 3  # fractional bits of OpenCV's coordinates: things move by less than a pixel
_SKINS: tuple[Colour, ...] = ((150, 180, 225), (95, 130, 185), (60, 85, 130))
_CLOTHES: tuple[Colour, ...] = (
    (45, 40, 40), (60, 50, 170), (140, 75, 40), (60, 110, 60), (215, 215, 210), (35, 140, 210),
)  # fmt: skip
_TROUSERS: tuple[Colour, ...] = ((70, 50, 40), (45, 45, 50), (95, 70, 55))
_PAINTS: tuple[Colour, ...] = (
    (210, 210, 215), (45, 40, 160), (120, 70, 35), (40, 40, 42), (150, 160, 60), (60, 170, 220),
)  # fmt: skip


class Kind(Enum):
    """What passes."""

    PERSON = "person"
    CAR = "car"


@dataclass(frozen=True, slots=True)
class Look:
    """How one looks. `ground`, where it stands, and `size`, its height, in picture heights."""

    kind: Kind
    ground: float
    size: float
    colour: Colour
    second: Colour
    skin: Colour

    @staticmethod
    def random(choice: random.Random) -> "Look":
        """Any thing that may pass."""
        if choice.random() < 0.55:
            return Look(
                Kind.PERSON, choice.uniform(0.70, 0.735), choice.uniform(0.27, 0.32),
                choice.choice(_CLOTHES), choice.choice(_TROUSERS), choice.choice(_SKINS),
            )  # fmt: skip
        ground, size = choice.choice(((0.845, 0.165), (0.955, 0.2)))
        return Look(Kind.CAR, ground, size, choice.choice(_PAINTS), (60, 50, 45), (30, 30, 30))


def extent(look: Look, height: int) -> tuple[float, float]:
    """Width and height in pixels, in a picture `height` pixels high."""
    h = look.size * height
    return (0.42 * h if look.kind is Kind.PERSON else 2.75 * h), h


def draw_thing(
    canvas: Canvas, look: Look, x: float, ground: float, rightward: bool
) -> tuple[int, int, int, int] | None:
    """Draw it with its shadow, standing at (x, ground); the part touched: x0, y0, x1, y1, even."""
    rows, columns = canvas.shape[:2]
    w, h = extent(look, rows)
    x0, x1 = max(0, int(x - 0.62 * w - 4)) & ~1, min(columns, int(x + 0.62 * w + 6) & ~1)
    y0, y1 = max(0, int(ground - 1.06 * h)) & ~1, min(rows, int(ground + 0.12 * h + 6) & ~1)
    if x1 - x0 < 2 or y1 - y0 < 2:
        return None
    part = canvas[y0:y1, x0:x1]
    pen = _Pen(part, x - x0, ground - y0, h, 1 if rightward else -1)
    pen.shadow(0.46 * w)
    if look.kind is Kind.PERSON:
        _person(pen, look, stride=x / (0.36 * h))
    else:
        _car(pen, look, turn=x / (0.16 * h))
    return x0, y0, x1, y1


class _Pen:
    """Draws in units of the thing's height: x forward, y up from the ground."""

    def __init__(self, part: Canvas, x: float, y: float, unit: float, forward: int) -> None:
        self._part, self._x, self._y, self._unit, self._forward = part, x, y, unit, forward

    def _at(self, x: float, y: float) -> tuple[int, int]:
        scale = 1 << _SHIFT
        px = self._x + self._forward * x * self._unit
        return round(px * scale), round((self._y - y * self._unit) * scale)

    def polygon(self, points: Points, colour: Colour) -> None:
        corners = np.array([self._at(x, y) for x, y in points], np.int32)
        cv2.fillPoly(self._part, [corners], colour, cv2.LINE_AA, _SHIFT)

    def limb(self, start: tuple[float, float], end: tuple[float, float], thick: float,
             colour: Colour) -> None:  # fmt: skip
        width = max(1, round(thick * self._unit))
        cv2.line(self._part, self._at(*start), self._at(*end), colour, width, cv2.LINE_AA, _SHIFT)

    def ellipse(self, x: float, y: float, rx: float, ry: float, colour: Colour) -> None:
        axes = (round(rx * self._unit * 8), round(ry * self._unit * 8))
        cv2.ellipse(
            self._part, self._at(x, y), axes, 0, 0, 360, colour, -1, cv2.LINE_AA, _SHIFT
        )  # fmt: skip

    def shadow(self, half_width: float) -> None:
        """A soft dark patch on the ground."""
        mask = np.zeros(self._part.shape[:2], np.uint8)
        axes = (round(half_width * 8), max(8, round(0.045 * self._unit * 8)))
        cv2.ellipse(mask, self._at(0, 0), axes, 0, 0, 360, 110, -1, cv2.LINE_AA, _SHIFT)
        mask = np.asarray(cv2.blur(mask, (2 * int(0.02 * self._unit) + 3,) * 2), np.uint8)
        keep = cv2.merge([255 - mask] * 3)
        cv2.multiply(self._part, keep, dst=self._part, scale=1 / 255)


def _shade(colour: Colour, factor: float) -> Colour:
    b, g, r = (min(255, round(value * factor)) for value in colour)
    return b, g, r


def _person(pen: _Pen, look: Look, stride: float) -> None:
    swing = math.sin(stride * math.pi)
    bob = 0.012 * abs(math.cos(stride * math.pi))
    hip, neck = 0.48 + bob, 0.82 + bob
    for side, factor in ((-1, 0.75), (1, 1.0)):  # the far limbs darker
        angle = 0.42 * swing * side
        knee = (0.24 * math.sin(angle), hip - 0.24 * math.cos(angle))
        bend = angle - 0.5 * max(0.0, -math.cos(stride * math.pi) * side)
        foot = (knee[0] + 0.23 * math.sin(bend), max(0.02, knee[1] - 0.23 * math.cos(bend)))
        trousers = _shade(look.second, factor)
        pen.limb((0, hip), knee, 0.095, trousers)
        pen.limb(knee, foot, 0.075, trousers)
        pen.limb(foot, (foot[0] + 0.06, foot[1]), 0.05, (30, 30, 35))
        if side < 0:
            _arm(pen, look, neck, -angle, 0.7)
            _torso(pen, look, hip, neck)
    _arm(pen, look, neck, -0.42 * swing, 0.88)
    pen.limb((0, neck), (0.01, neck + 0.06), 0.06, _shade(look.skin, 0.85))
    pen.ellipse(0.012, 0.915 + bob, 0.058, 0.075, look.skin)
    pen.ellipse(-0.012, 0.945 + bob, 0.055, 0.05, (35, 45, 60))


def _torso(pen: _Pen, look: Look, hip: float, neck: float) -> None:
    pen.polygon(
        [(-0.085, hip - 0.03), (0.08, hip - 0.03), (0.1, neck - 0.05), (0.05, neck + 0.005),
         (-0.06, neck + 0.005), (-0.105, neck - 0.06)],
        look.colour,
    )  # fmt: skip
    pen.polygon(
        [(-0.085, hip - 0.03), (-0.03, hip - 0.03), (-0.045, neck), (-0.105, neck - 0.06)],
        _shade(look.colour, 0.72),
    )


def _arm(pen: _Pen, look: Look, neck: float, angle: float, factor: float) -> None:
    shoulder = (0.0, neck - 0.03)
    elbow = (0.17 * math.sin(angle), shoulder[1] - 0.17 * math.cos(angle))
    hand = (elbow[0] + 0.15 * math.sin(angle + 0.35), elbow[1] - 0.15 * math.cos(angle + 0.35))
    pen.limb(shoulder, elbow, 0.07, _shade(look.colour, factor))
    pen.limb(elbow, hand, 0.055, _shade(look.colour, factor))
    pen.ellipse(*hand, 0.03, 0.03, _shade(look.skin, 0.9))


def _car(pen: _Pen, look: Look, turn: float) -> None:
    paint, glass = look.colour, (95, 85, 75)
    pen.polygon(
        [(-0.62, 0.52), (-0.42, 0.93), (-0.2, 1.0), (0.25, 0.99), (0.45, 0.9), (0.72, 0.52)],
        _shade(paint, 1.08),
    )
    pen.polygon([(-0.5, 0.55), (-0.36, 0.88), (-0.04, 0.93), (-0.04, 0.55)], glass)
    pen.polygon([(0.02, 0.55), (0.02, 0.93), (0.27, 0.91), (0.4, 0.84), (0.6, 0.55)], glass)
    pen.polygon([(0.3, 0.86), (0.4, 0.84), (0.54, 0.64), (0.42, 0.62)], (165, 155, 145))
    pen.polygon(
        [(-1.33, 0.2), (-1.35, 0.45), (-1.2, 0.58), (-0.62, 0.6), (0.72, 0.58), (1.15, 0.5),
         (1.33, 0.38), (1.35, 0.2), (1.25, 0.13), (-1.25, 0.13)],
        paint,
    )  # fmt: skip
    pen.polygon([(-1.33, 0.2), (1.35, 0.2), (1.25, 0.13), (-1.25, 0.13)], _shade(paint, 0.5))
    pen.polygon([(-1.34, 0.38), (-1.2, 0.58), (0.72, 0.58), (1.33, 0.38)], _shade(paint, 1.15))
    pen.polygon([(-1.345, 0.34), (1.34, 0.34), (1.34, 0.37), (-1.345, 0.37)], _shade(paint, 0.8))
    pen.limb((-0.01, 0.58), (-0.01, 0.2), 0.012, _shade(paint, 0.55))
    pen.ellipse(1.26, 0.42, 0.06, 0.05, (215, 240, 250))
    pen.ellipse(-1.3, 0.45, 0.04, 0.06, (40, 35, 190))
    for x in (-0.82, 0.82):
        pen.ellipse(x, 0.19, 0.21, 0.21, (28, 27, 27))
        pen.ellipse(x, 0.19, 0.12, 0.12, (150, 150, 150))
        for spoke in range(3):
            angle = -turn + spoke * math.pi / 3
            dx, dy = 0.11 * math.cos(angle), 0.11 * math.sin(angle)
            pen.limb((x - dx, 0.19 - dy), (x + dx, 0.19 + dy), 0.02, (70, 70, 72))
