"""A mask that is learned: places that move most of the time, such as a tree, are ignored.

Each pixel has a running share of the time in which it, or one close by, changed. From a fifth on it
is ignored, until the share has fallen below a tenth. What passes by changes a place for a second at
a time, which is less; somebody who works at one place for minutes is learned as well. Speeds 1
(slow) to 10 (fast) are those of Motion's smart mask. Pure.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]  # 1: yes, 0: no

CONSTANT_S = 30.0  # time constant at speed 10; each step slower adds as much
ENTER, LEAVE = 0.2, 0.1  # share of the time that makes a place ignored, and that frees it
CLOSE = 0.025  # picture widths: twigs are seldom at the same pixel twice, and gusts reach farther


class SmartMask:
    """Learns from the pictures of one camera, all of one shape (rows, columns)."""

    def __init__(self, shape: tuple[int, ...], speed: int) -> None:
        self._constant_s = CONSTANT_S * (11 - speed)
        reach = 2 * round(CLOSE * shape[1]) + 1
        self._close = np.ones((reach, reach), np.uint8)
        self._share = np.zeros(shape, np.float32)
        self._learned = np.zeros(shape, np.uint8)
        self.ignored: Mask | None = None

    def learn(self, changed: Mask, elapsed_s: float) -> None:
        """Take in where the picture changed; `ignored` is up to date afterwards (None: nowhere)."""
        weight = 1 - math.exp(-elapsed_s / self._constant_s)
        cv2.accumulateWeighted(cv2.dilate(changed, self._close), self._share, weight)
        bar = np.where(self._learned > 0, np.float32(LEAVE), np.float32(ENTER))
        self._learned = (self._share > bar).astype(np.uint8)
        self.ignored = self._learned if cv2.countNonZero(self._learned) else None
