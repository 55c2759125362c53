"""Clips in which nothing moves that anybody wants to see, and a great deal else does.

Each effect is a generator of pictures: BGR float32 (h, w, 3), before noise and encoding.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from .camera import Scene, expose

Pictures = Iterator[NDArray[np.uint8]]
LEAD_S = 3.0  # of stillness before sudden things begin


@dataclass(frozen=True, kw_only=True)
class Take:
    """What an effect is given."""

    background: Scene
    fps: float
    count: int
    rng: np.random.Generator

    @property
    def size(self) -> tuple[int, int]:
        return self.background.shape[1], self.background.shape[0]


def still(take: Take) -> Pictures:
    """Nothing."""
    picture = expose(take.background, 1.0)
    for _ in range(take.count):
        yield picture


def night(take: Take) -> Pictures:
    """Dark and without colour, as with infrared lamps: a bright middle."""
    width, height = take.size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    lamp = (0.16 + 0.34 * np.exp(-1.5 * (x * x + y * y))).astype(np.float32)
    grey = take.background.mean(axis=2) * lamp
    picture = expose(np.repeat(grey[..., None], 3, axis=2), 1.0)
    for _ in range(take.count):
        yield picture


def exposure(take: Take) -> Pictures:
    """The camera's automatic exposure hunts: slow waves and ramps of 1 to 4 s."""
    gain, target, pace = 1.0, 1.0, 0.0
    for number in range(take.count):
        if number > LEAD_S * take.fps and take.rng.random() < 1 / (6 * take.fps):
            target = float(take.rng.uniform(0.65, 1.4))
            pace = abs(target - gain) / (take.fps * float(take.rng.uniform(1, 4)))
        gain += float(np.clip(target - gain, -pace, pace))
        wave = 1 + 0.05 * float(np.sin(2 * np.pi * number / take.fps / 17))
        yield expose(take.background, gain * wave)


def clouds(take: Take) -> Pictures:
    """Soft shadows of clouds drift over the scene."""
    width, height = take.size
    field = take.rng.standard_normal((height // 8, width // 8 * 6)).astype(np.float32)
    field = np.asarray(cv2.GaussianBlur(field, (0, 0), width / 60), np.float32)
    field = np.asarray(cv2.resize(field, (width * 6, height)), np.float32)
    shade = 1 - 0.35 / (1 + np.exp(-2.5 * field / float(field.std())))
    speed = width * 0.06 / take.fps
    for number in range(take.count):
        left = int(number * speed) % (width * 5)
        yield expose(take.background, shade[:, left : left + width, None])


def light_switch(take: Take) -> Pictures:
    """A lamp in the scene goes on and off every 4 to 9 s; tubes flicker first."""
    width, height = take.size
    x, y = np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height))
    at = take.rng.uniform(-0.7, 0.7, 2)
    lamp = (0.25 + 0.75 * np.exp(-((x - at[0]) ** 2 + (y - at[1]) ** 2))).astype(np.float32)
    daylight = 0.35
    lit, level, flicker = True, 1.0, 0
    change = LEAD_S * take.fps
    for number in range(take.count):
        if number >= change:
            lit = not lit
            flicker = round(0.7 * take.fps) if lit and take.rng.random() < 0.5 else 0
            change = number + float(take.rng.uniform(4, 9)) * take.fps
        flicker -= 1
        aim = float(lit) if flicker < 0 else float(take.rng.random() < 0.5)
        level += 0.7 * (aim - level)
        yield expose(take.background, (daylight + (1 - daylight) * level * lamp)[..., None])


def shake(take: Take) -> Pictures:
    """The mast sways in the wind, with gusts and the odd knock."""
    width, height = take.size
    knock, phase = np.zeros(2), take.rng.uniform(0, 6, 4)
    border = 12
    wide = cv2.copyMakeBorder(
        take.background, border, border, border, border, cv2.BORDER_REFLECT_101
    )
    for number in range(take.count):
        t = number / take.fps
        gust = max(0.0, float(np.sin(2 * np.pi * t / 9 + phase[0]))) * (width / 640)
        sway = 2.2 * gust * np.sin(2 * np.pi * np.array([1.1, 1.7]) * t + phase[2:])
        knock *= -0.6
        if take.rng.random() < 1 / (8 * take.fps) and t > LEAD_S:
            knock = take.rng.uniform(-6, 6, 2) * (width / 640)
        dx, dy = np.clip(sway + knock, -border + 1, border - 1)
        move = np.array([[1, 0, -border + dx], [0, 1, -border + dy]], np.float32)
        yield expose(np.asarray(cv2.warpAffine(wide, move, (width, height)), np.float32), 1.0)


def rain(take: Take) -> Pictures:
    """Streaks that are each seen once, near ones long and blurred; shower after shower."""
    width, height = take.size
    slant = float(take.rng.uniform(-0.25, 0.25))
    for number in range(take.count):
        wet = 0.5 + 0.5 * float(np.sin(2 * np.pi * number / take.fps / 11))
        layer = np.zeros((height, width), np.float32)
        for near, count in ((1.0, int(140 * wet)), (2.6, int(9 * wet))):
            for x, y, length in zip(
                take.rng.uniform(0, width, count),
                take.rng.uniform(-20, height, count),
                take.rng.uniform(0.02, 0.05, count) * height * near,
                strict=True,
            ):
                end = (round(x + slant * length), round(y + length))
                strength = float(take.rng.uniform(20, 55))
                cv2.line(layer, (round(x), round(y)), end, strength, max(1, round(near - 1)))
        layer = np.asarray(cv2.GaussianBlur(layer, (3, 3), 0), np.float32)
        yield expose(take.background + layer[..., None], 1.0)


def snow(take: Take) -> Pictures:
    """Flakes that float down, swaying; a few pass close to the lens."""
    width, height = take.size
    count = 220
    near = np.where(take.rng.random(count) < 0.05, 4.0, take.rng.uniform(0.7, 1.8, count))
    near *= width / 640
    x, y = take.rng.uniform(0, width, count), take.rng.uniform(0, height, count)
    fall = 55 * near * take.rng.uniform(0.7, 1.3, count) / take.fps
    phase = take.rng.uniform(0, 6, count)
    wind = float(take.rng.uniform(-40, 40)) / take.fps
    for number in range(take.count):
        y = (y + fall) % (height + 20)
        x = (x + wind * near + 1.2 * np.sin(phase + number / take.fps * 2)) % width
        layer = np.zeros((height, width), np.float32)
        for cx, cy, radius in zip(x, y, near, strict=True):
            size = max(1, round(radius * 1.4))
            cv2.circle(layer, (round(cx), round(cy - 10)), size, 150.0 / radius**0.7, -1)
        layer = np.asarray(cv2.GaussianBlur(layer, (5, 5), 0), np.float32)
        yield expose(take.background + layer[..., None], 1.0)


def clock(take: Take) -> Pictures:
    """Date and time to the second in a corner, and a bit rate that changes twice a second."""
    width, height = take.size
    scale, low = height / 480, take.rng.random() < 0.5
    start = int(take.rng.integers(0, 80_000))
    picture = expose(take.background, 1.0)
    for number in range(take.count):
        t = start + int(number / take.fps)
        text = f"2026-11-08 {t // 3600:02}:{t // 60 % 60:02}:{t % 60:02} CAM 1"
        rate = f"{1800 + int(997 * np.sin(int(2 * number / take.fps))):5d} kb/s"
        shown = picture.copy()
        for words, x in ((text, 10), (rate, width - round(150 * scale))):
            at = (x, height - 14 if low else round(32 * scale))
            for colour, thick in (((0, 0, 0), 4), ((255, 255, 255), 2)):
                cv2.putText(
                    shown, words, at, cv2.FONT_HERSHEY_SIMPLEX, 0.8 * scale, colour,
                    max(1, round(thick * scale)), cv2.LINE_AA,
                )  # fmt: skip
        yield shown


def foliage(take: Take) -> Pictures:
    """Branches hang into the picture; they swing as a whole and their leaves flutter, in gusts."""
    width, height = take.size
    leaves, cover = _branches(take)
    phases = [_smooth(take.rng, width, height, 40) * 9 for _ in range(2)]
    grid_x, grid_y = np.meshgrid(np.arange(width), np.arange(height))
    grid_x, grid_y = grid_x.astype(np.float32), grid_y.astype(np.float32)
    reach = 5.0 * width / 640
    start = take.rng.uniform(0, 6, 3)
    for number in range(take.count):
        t = number / take.fps
        gust = 0.35 + 0.65 * max(0.0, float(np.sin(2 * np.pi * t / 12 + start[0])))
        swing = reach * gust * float(np.sin(2 * np.pi * 0.45 * t + start[1]))
        flutter = [0.5 * reach * gust * np.sin(2 * np.pi * 1.3 * t + phase) for phase in phases]
        map_x = grid_x + (swing + flutter[0]).astype(np.float32)
        map_y = grid_y + flutter[1].astype(np.float32)
        moved = np.asarray(cv2.remap(leaves, map_x, map_y, cv2.INTER_LINEAR), np.float32)
        alpha = np.asarray(cv2.remap(cover, map_x, map_y, cv2.INTER_LINEAR), np.float32)
        yield expose(take.background + alpha[..., None] * (moved - take.background), 1.0)


def _branches(take: Take) -> tuple[Scene, NDArray[np.float32]]:
    """Leaves in green and grey all over, and how much of each pixel they cover."""
    width, height = take.size
    leaves = np.zeros((height, width, 3), np.float32)
    cover = np.zeros((height, width), np.float32)
    side = float(take.rng.choice([0.0, 1.0]))
    for _ in range(900):
        depth = abs(float(take.rng.normal(0, 0.13)))
        x = (depth if side == 0 else 1 - depth) * width
        y = float(take.rng.uniform(0, 0.75)) * height
        size = float(take.rng.uniform(4, 11)) * width / 640
        axes, angle = (round(size), max(1, round(size * 0.45))), float(take.rng.uniform(0, 360))
        bright = float(take.rng.uniform(35, 130))
        green = (0.45 * bright, bright, 0.75 * bright)
        cv2.ellipse(leaves, (round(x), round(y)), axes, angle, 0, 360, green, -1)
        cv2.ellipse(cover, (round(x), round(y)), axes, angle, 0, 360, 1.0, -1)
    return (
        np.asarray(cv2.GaussianBlur(leaves, (3, 3), 0), np.float32),
        np.asarray(cv2.GaussianBlur(cover, (3, 3), 0), np.float32),
    )


def _smooth(rng: np.random.Generator, width: int, height: int, blob: int) -> NDArray[np.float32]:
    field = rng.standard_normal((height // blob + 2, width // blob + 2)).astype(np.float32)
    return np.asarray(cv2.resize(field, (width, height), interpolation=cv2.INTER_CUBIC), np.float32)


@dataclass(frozen=True, kw_only=True)
class Effect:
    """An effect, the noise (of 255) and grain it is filmed with, and how it is encoded."""

    pictures: Callable[[Take], Pictures]
    sigma: float = 2.0
    grain: float = 0.6
    bits_per_pixel: float = 0.08
    pumping: bool = False


EFFECTS = {
    "still": Effect(pictures=still),
    "night_noise": Effect(pictures=night, sigma=11, grain=0.9),
    "exposure": Effect(pictures=exposure),
    "clouds": Effect(pictures=clouds),
    "light_switch": Effect(pictures=light_switch),
    "shake": Effect(pictures=shake),
    "rain": Effect(pictures=rain),
    "snow": Effect(pictures=snow),
    "foliage": Effect(pictures=foliage),
    "clock": Effect(pictures=clock),
    "pumping": Effect(pictures=still, sigma=3, bits_per_pixel=0.03, pumping=True),
}
