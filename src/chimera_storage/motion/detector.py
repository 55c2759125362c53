"""From a luma picture to what moves in it: pure, no I/O, no clock."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What moves in one picture.

    `moving`: it counts as motion. `score`: share of the picture that moves, 0 to 1. `boxes`: where,
    in pixels of the source picture, the largest first.
    """

    moving: bool
    score: float
    boxes: tuple[Box, ...]


class Detector:
    """Finds motion in the pictures of one camera, given one after the other.

    `width` and `height` are those of the picture that boxes refer to; the luma planes given may
    have another size (a second stream's). When their size changes learning starts anew.
    """

    def __init__(self, settings: MotionSettings, width: int, height: int) -> None:
        self._settings = settings
        self._width = width
        self._height = height
        self._background: NDArray[np.float32] | None = None

    def detect(self, luma: NDArray[np.uint8], time_us: int) -> Motion:  # noqa: ARG002
        """What moves in this picture: uint8 of shape (h, w), taken at `time_us` microseconds."""
        small = cv2.resize(luma, (320, 180), interpolation=cv2.INTER_AREA).astype(np.float32)
        if self._background is None:
            self._background = small
        difference = np.abs(small - self._background)
        self._background += 0.05 * (small - self._background)
        mask = (difference > 20).astype(np.uint8)
        score = float(mask.mean())
        boxes: tuple[Box, ...] = ()
        if score >= self._settings.threshold:
            x, y, w, h = cv2.boundingRect(mask)
            sx, sy = self._width / 320, self._height / 180
            boxes = (Box(int(x * sx), int(y * sy), int(w * sx), int(h * sy)),)
        return Motion(moving=bool(boxes), score=score, boxes=boxes)
