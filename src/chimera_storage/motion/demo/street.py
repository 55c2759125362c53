"""The still part of the demonstration: sky, a house, a tree, a hedge, a pavement and a road."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Canvas = NDArray[np.uint8]
Field = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Backdrop:
    """The painted street, BGR of shape (height, width, 3), and where and how its leaves sway.

    `leaves`: x0, y0, x1, y1. `map_x`, `map_y`: where each of their pixels comes from at rest.
    `sway_sin`, `sway_cos`: strength of each pixel's sway, split by its phase.
    """

    picture: Canvas
    leaves: tuple[int, int, int, int]
    map_x: Field
    map_y: Field
    sway_sin: Field
    sway_cos: Field


def paint_street(width: int, height: int, seed: int) -> Backdrop:
    """The street for a camera of this size; the seed decides on leaves and grain."""
    numbers = np.random.default_rng(seed)
    picture = np.zeros((height, width, 3), np.uint8)
    brush = _Brush(picture)
    _paint_sky(picture, numbers)
    _paint_hedge(brush, numbers)
    _paint_house(brush)
    _paint_ground(brush)
    _paint_tree(brush, numbers)
    brush.box(0.455, 0.2, 0.461, 0.69, (70, 72, 75))  # a lamp post
    brush.box(0.448, 0.185, 0.49, 0.2, (60, 62, 65))
    picture = np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)
    _grain(picture, numbers)
    return _with_leaves(picture, numbers)


class _Brush:
    """Paints in shares of the picture's width and height."""

    def __init__(self, picture: Canvas) -> None:
        self.picture = picture
        self.height, self.width = picture.shape[:2]

    def box(self, x0: float, y0: float, x1: float, y1: float, colour: tuple[int, int, int]) -> None:
        self.polygon([(x0, y0), (x1, y0), (x1, y1), (x0, y1)], colour)

    def polygon(self, points: list[tuple[float, float]], colour: tuple[int, int, int]) -> None:
        corners = np.array([(x * self.width * 8, y * self.height * 8) for x, y in points], np.int32)
        cv2.fillPoly(self.picture, [corners], colour, cv2.LINE_AA, 3)

    def dot(self, x: float, y: float, radius: float, colour: tuple[int, int, int]) -> None:
        """A disc; the radius in picture heights."""
        centre = (round(x * self.width), round(y * self.height))
        cv2.circle(
            self.picture, centre, max(1, round(radius * self.height)), colour, -1, cv2.LINE_AA
        )


def _paint_sky(picture: Canvas, numbers: np.random.Generator) -> None:
    height, width = picture.shape[:2]
    share = np.linspace(0, 1, height // 2, dtype=np.float32)[:, None, None]
    top, horizon = np.array([205, 165, 120], np.float32), np.array([225, 220, 210], np.float32)
    sky = np.broadcast_to(top + (horizon - top) * share, (height // 2, width, 3)).copy()
    clouds = numbers.random((7, 14), np.float32)
    clouds = np.asarray(cv2.resize(clouds, (width, height // 2), interpolation=cv2.INTER_CUBIC))
    sky += 70 * np.clip(clouds - 0.55, 0, 0.4)[..., None]
    picture[: height // 2] = np.clip(sky, 0, 245)


def _paint_hedge(brush: _Brush, numbers: np.random.Generator) -> None:
    for x in np.arange(0, 1.02, 0.012):
        brush.dot(x, 0.42 + 0.02 * numbers.random(), 0.05, (78, 92, 82))  # a distant wood
    brush.box(0, 0.43, 1, 0.6, (62, 82, 66))
    for _ in range(1400):
        x, y = numbers.uniform(0.4, 1.0), numbers.uniform(0.44, 0.59)
        tone = numbers.uniform(0.7, 1.25) * (1.25 - 0.6 * (y - 0.44) / 0.15)
        brush.dot(x, y, 0.008, (round(48 * tone), round(84 * tone), round(60 * tone)))


def _paint_house(brush: _Brush) -> None:
    brush.box(0.05, 0.24, 0.4, 0.6, (165, 190, 205))
    brush.box(0.05, 0.54, 0.4, 0.6, (125, 140, 150))
    brush.polygon([(0.03, 0.25), (0.11, 0.09), (0.34, 0.09), (0.42, 0.25)], (70, 75, 125))
    for row in range(1, 6):
        y, inset = 0.25 - row * 0.027, 0.0135 * row
        brush.box(0.03 + inset, y, 0.42 - inset, y + 0.003, (58, 62, 105))
    brush.box(0.29, 0.05, 0.325, 0.15, (75, 85, 120))
    for x in (0.085, 0.185, 0.325):
        brush.box(x - 0.006, 0.3, x + 0.056, 0.43, (225, 230, 232))
        brush.box(x, 0.31, x + 0.05, 0.42, (95, 80, 65))
        brush.polygon([(x, 0.42), (x, 0.37), (x + 0.03, 0.31), (x + 0.05, 0.31)], (130, 112, 95))
        brush.box(x + 0.023, 0.31, x + 0.027, 0.42, (225, 230, 232))
    brush.box(0.255, 0.36, 0.305, 0.6, (60, 70, 95))
    brush.box(0.263, 0.375, 0.297, 0.45, (105, 95, 85))


def _paint_ground(brush: _Brush) -> None:
    brush.box(0, 0.595, 1, 0.67, (70, 122, 98))  # lawn
    brush.box(0, 0.665, 1, 0.745, (160, 166, 168))  # pavement
    for x in np.arange(-0.1, 1.15, 0.07):
        foot = x + 0.03 * (x - 0.5)
        brush.polygon(
            [(x, 0.665), (x + 0.002, 0.665), (foot + 0.002, 0.745), (foot, 0.745)], (132, 137, 139)
        )
    brush.box(0, 0.742, 1, 0.757, (185, 190, 192))  # kerb
    brush.box(0, 0.757, 1, 0.766, (88, 90, 92))
    brush.box(0, 0.766, 1, 1, (84, 84, 86))  # road
    for x in np.arange(-0.05, 1.1, 0.14):
        brush.polygon(
            [(x, 0.868), (x + 0.07, 0.868), (x + 0.069, 0.878), (x - 0.002, 0.878)], (190, 196, 198)
        )


def _paint_tree(brush: _Brush, numbers: np.random.Generator) -> None:
    brush.polygon([(0.8, 0.66), (0.812, 0.4), (0.833, 0.4), (0.848, 0.66)], (52, 66, 84))
    for _ in range(900):
        angle, reach = numbers.uniform(0, 2 * np.pi), np.sqrt(numbers.random())
        x, y = 0.822 + 0.12 * reach * np.cos(angle), 0.27 + 0.2 * reach * np.sin(angle)
        tone = numbers.uniform(0.65, 1.3) * (1.2 - 0.9 * (y - 0.07))
        brush.dot(x, y, 0.011, (round(50 * tone), round(105 * tone), round(72 * tone)))


def _grain(picture: Canvas, numbers: np.random.Generator) -> None:
    """Fine texture, stronger on the ground, and corners a little darker, as lenses make them."""
    height, width = picture.shape[:2]
    rows = np.linspace(0, 1, height, dtype=np.float32)[:, None]
    columns = np.linspace(-1, 1, width, dtype=np.float32)[None, :]
    fine = numbers.normal(0, 1, (height, width)).astype(np.float32)
    coarse = np.asarray(
        cv2.resize(
            numbers.normal(0, 1, (9, 16)).astype(np.float32), (width, height),
            interpolation=cv2.INTER_CUBIC,
        )
    )  # fmt: skip
    tone = 1 - 0.14 * (columns**2 + (2 * rows - 1) ** 2) / 2
    texture = (fine * (0.8 + 4 * (rows > 0.59)) + 4 * coarse)[..., None]
    picture[:] = np.clip(picture * tone[..., None] + texture, 0, 255)


def _with_leaves(picture: Canvas, numbers: np.random.Generator) -> Backdrop:
    height, width = picture.shape[:2]
    leaves = round(0.69 * width), round(0.05 * height), round(0.95 * width), round(0.49 * height)
    x0, y0, x1, y1 = leaves
    w, h = x1 - x0, y1 - y0
    map_x, map_y = np.meshgrid(np.arange(w, dtype=np.float32), np.arange(h, dtype=np.float32))
    across = np.sin(np.pi * map_x / w) * np.sin(np.pi * map_y / h)  # none at the rim
    phases = numbers.uniform(0, 2 * np.pi, (7, 9)).astype(np.float32)
    phase = np.asarray(cv2.resize(phases, (w, h), interpolation=cv2.INTER_CUBIC), np.float32)
    return Backdrop(
        picture=picture,
        leaves=leaves,
        map_x=map_x,
        map_y=map_y,
        sway_sin=(across * np.sin(phase)).astype(np.float32),
        sway_cos=(across * np.cos(phase)).astype(np.float32),
    )
