"""Holding the picture still while the camera shakes, and following where it was turned to.

Where a part of the picture differs, the shift between it and the background is found by phase
correlation (Kuglin and Hines, 1975) of both at half size. It holds if it makes most of the
difference disappear, which no thing that moves can bring about.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.motion.detector.background import Background, Mask, Picture

LEAST_SHARE = 0.004  # of the picture that differs, for it to be worth a look
GAIN = 0.6  # what still differs after the shift is at most so much of what did before
GOOD_SHARE = 0.001  # so little needs no better shift
MOST = 0.05  # of the width
TURNED_S = 2.0  # a shift that holds so long is where the camera looks from now on

Shift = tuple[int, int]  # of the picture against the background: to the right, down


@dataclass(frozen=True, slots=True)
class Steadied:
    """A picture as if the camera had not moved.

    `different`: from the background, and `count` how many pixels. `turned`: the background was
    moved to where the camera looks now.
    """

    picture: Picture
    different: Mask
    count: int
    shift: Shift = (0, 0)
    turned: bool = False


class Steadier:
    """Steadies the pictures of one camera, all of one size."""

    def __init__(self) -> None:
        self._shift: Shift = (0, 0)  # of the last picture
        self._held_s = 0.0  # for how long it was about that
        self._window: NDArray[np.float32] | None = None

    def steady(self, picture: Picture, background: Background, elapsed_s: float) -> Steadied:
        """Compare a picture with the background, shifted where that explains the difference."""
        different = background.compare(picture)
        count = cv2.countNonZero(different)
        best = Steadied(picture, different, count)
        last, self._shift = self._shift, (0, 0)
        if count >= LEAST_SHARE * picture.size and min(picture.shape) >= 16:
            best = self._best(best, last, background)
        self._shift = best.shift
        near = max(abs(a - b) for a, b in zip(last, best.shift, strict=True)) <= 1
        self._held_s = self._held_s + elapsed_s if near and best.shift != (0, 0) else 0.0
        if self._held_s < TURNED_S:
            return best
        background.move(*best.shift)
        self._shift, self._held_s = (0, 0), 0.0
        different = background.compare(picture)
        return Steadied(picture, different, cv2.countNonZero(different), turned=True)

    def _best(self, unmoved: Steadied, last: Shift, background: Background) -> Steadied:
        """The first good shift of the last one and the estimate, or the picture as it is."""
        best, picture = unmoved, unmoved.picture
        for shift in (last, None):
            dx, dy = shift or self._estimate(picture, background.mean)
            if (dx, dy) in {(0, 0), best.shift} or max(abs(dx), abs(dy)) > MOST * picture.shape[1]:
                continue
            moved = _moved(picture, dx, dy)
            different = background.compare(moved)
            _clear_border(different, dx, dy)
            count = cv2.countNonZero(different)
            if count < min(GAIN * unmoved.count, best.count):
                best = Steadied(moved, different, count, (dx, dy))
            if best.count < GOOD_SHARE * picture.size:
                break
        return best

    def _estimate(self, picture: Picture, expected: Picture) -> Shift:
        rows, columns = picture.shape
        size = columns // 2, rows // 2
        before, now = (
            cv2.resize(p, size, interpolation=cv2.INTER_AREA).astype(np.float32)
            for p in (expected, picture)
        )
        if self._window is None:
            self._window = np.asarray(cv2.createHanningWindow(size, cv2.CV_32F), np.float32)
        (dx, dy), _ = cv2.phaseCorrelate(before, now, self._window)
        return round(2 * dx), round(2 * dy)


def _moved(picture: Picture, dx: int, dy: int) -> Picture:
    """The picture moved back by a shift."""
    back = np.array([[1, 0, -dx], [0, 1, -dy]], np.float32)
    moved = cv2.warpAffine(
        picture,
        back,
        picture.shape[::-1],
        flags=cv2.INTER_NEAREST,
        borderMode=cv2.BORDER_REPLICATE,
    )
    return np.asarray(moved, np.uint8)


def _clear_border(mask: Mask, dx: int, dy: int) -> None:
    """Nothing is known of what a shift moved out of the picture."""
    rows, columns = mask.shape
    mask[:, columns - dx if dx > 0 else columns :] = 0
    mask[:, : max(0, -dx)] = 0
    mask[rows - dy if dy > 0 else rows :] = 0
    mask[: max(0, -dy)] = 0
