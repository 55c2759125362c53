"""What a camera makes of a scene: sensor noise, exposure, and the planes that are encoded."""

import cv2
import numpy as np
from numpy.typing import NDArray

from .encode import Planes, to_planes

Scene = NDArray[np.float32]  # BGR (h, w, 3), 0 to 255

POOL = 12  # noise fields; each frame takes one at a random place, mirrored at random


class Noise:
    """Sensor noise of standard deviation `sigma` (of 255), stronger where it is darker.

    `grain`: size of its blobs in pixels; 0 is white, 1 to 2 what a camera's own denoising leaves.
    """

    def __init__(
        self, rng: np.random.Generator, width: int, height: int, sigma: float, grain: float = 0.6
    ) -> None:
        self._rng, self._sigma = rng, sigma
        self._fields = []
        for _ in range(POOL):
            field = rng.standard_normal((height + 64, width + 64)).astype(np.float32)
            if grain:
                field = np.asarray(cv2.GaussianBlur(field, (0, 0), grain), np.float32)
            self._fields.append(field / float(field.std()))

    def add(self, y: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The luma plane with this frame's noise."""
        rows, columns = y.shape
        field = self._fields[int(self._rng.integers(POOL))]
        top, left = (int(n) for n in self._rng.integers(0, 64, 2))
        part = field[top : top + rows, left : left + columns]
        if self._rng.random() < 0.5:
            part = part[:, ::-1]
        bright = y.astype(np.float32)
        noisy = bright + part * (self._sigma * (1.25 - 0.5 * bright / 255))
        return np.clip(noisy, 16, 235).astype(np.uint8)


def expose(scene: Scene, gain: float | NDArray[np.float32]) -> NDArray[np.uint8]:
    """The picture at this exposure, with the soft shoulder of a camera's curve."""
    lit = scene * gain
    knee = 215.0
    over = np.maximum(lit - knee, 0)
    return np.clip(np.minimum(lit, knee) + 40 * (1 - np.exp(-over / 40)), 0, 255).astype(np.uint8)


def shoot(picture: NDArray[np.uint8], noise: Noise) -> Planes:
    """The planes to encode of a BGR picture."""
    y, u, v = to_planes(np.ascontiguousarray(picture))
    return noise.add(y), u, v
