"""Places drawn from a number, and what befalls the cameras that look at them."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Change = Callable[[Picture], Picture]

WIDTH, HEIGHT = 640, 360
_random = np.random.default_rng(1)
_NOISE = [_random.normal(0, 1, (4 * HEIGHT, WIDTH)).astype(np.float32) for _ in range(2)]


def place(number: int) -> Picture:
    """A place with walls, boxes and lines: uint8 of shape (360, 640); each number another one."""
    random = np.random.default_rng(number)
    top, bottom = random.integers(90, 160, 2)
    picture = np.tile(np.linspace(top, bottom, HEIGHT)[:, None], (1, WIDTH)).astype(np.uint8)
    for _ in range(40):
        x, y = int(random.integers(0, WIDTH)), int(random.integers(0, HEIGHT))
        w, h = int(random.integers(15, 160)), int(random.integers(10, 120))
        cv2.rectangle(picture, (x, y), (x + w, y + h), int(random.integers(40, 220)), -1)
    return np.asarray(cv2.GaussianBlur(picture, (3, 3), 0), np.uint8)


def noisy(picture: Picture, deviation: float = 2.0) -> Picture:
    """With the noise of a sensor."""
    rows, columns = picture.shape
    from_row = int(_random.integers(0, 4 * HEIGHT - rows))
    noise = _NOISE[int(_random.integers(0, 2))][from_row : from_row + rows, :columns]
    return np.asarray(cv2.addWeighted(picture, 1, noise, deviation, 0, dtype=cv2.CV_8U), np.uint8)


def lit(gain: float) -> Change:
    """In another light."""
    return lambda picture: np.clip((picture - 16.0) * gain + 16, 0, 255).astype(np.uint8)


def blurred(sigma: float) -> Change:
    """Out of focus."""
    return lambda picture: np.asarray(cv2.GaussianBlur(picture, (0, 0), sigma), np.uint8)


def panned(pixels: int) -> Change:
    """Turned to the side."""
    return lambda picture: np.roll(picture, pixels, axis=1)


def covered(picture: Picture) -> Picture:
    """Behind a cloth that lets some light through."""
    return np.tile(np.linspace(60, 90, picture.shape[1]), (picture.shape[0], 1)).astype(np.uint8)


def infrared(picture: Picture) -> Picture:
    """At night under the camera's own lamp: bright in the middle, dark outside, noisy."""
    rows, columns = np.mgrid[-1 : 1 : HEIGHT * 1j, -1 : 1 : WIDTH * 1j]
    lamp = np.clip(1.3 - np.hypot(rows, columns), 0.1, 1)
    return noisy(np.clip((picture * 0.8) * lamp + 18, 0, 255).astype(np.uint8), 5)


def with_lorry(picture: Picture) -> Picture:
    """A lorry fills nine tenths of the picture."""
    picture = picture.copy()
    picture[20:, 20:620] = 175
    picture[200:210, 20:620] = 60
    return picture
