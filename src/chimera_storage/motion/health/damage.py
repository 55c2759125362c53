"""Pictures that a decoder gave as whole, but that show what was lost on the way: pure.

Two marks are looked for, which no lens makes. Fill: where a decoder has nothing to go by it leaves
grey, luma of exactly 128, while a real grey is never that even; or the 0 of fresh memory, which as
colour is a green that no camera sends. Smear: below where the data broke off the
last good line is drawn again and again, so that the picture changes from left to right and not
from top to bottom. Something that a scene shows by nature (a grey panel, a drawn border) is there
all the time, so what counts is more of it than the last whole pictures had.

About 0.03 ms for a picture of 1080p.
"""

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]

GREY, NO_COLOUR = 128, 0
FILL_SHARE = 0.02  # of the picture, more than usual
SMEAR_SHARE = 0.12  # of its height, more than usual
USUAL_AFTER_US = 15_000_000  # marks that stay so long belong to the scene
_LINES, _POINTS = 90, 160
_SAME = 1  # of 255: the most by which a repeated line differs
_VARIED = 4.0  # mean step from point to point of a line that shows something


class DamageCheck:
    """Looks at the pictures of one camera, one after the other."""

    def __init__(self) -> None:
        self._usual: tuple[float, float] | None = None
        self._since_us: int | None = None
        self._shape: tuple[int, ...] = ()

    def is_damaged(self, luma: Plane, time_us: int, chroma: Plane | None = None) -> bool:
        """Whether a picture shows marks of damage.

        `luma`: uint8 of shape (height, width); `chroma`: the same of one colour, or of both.
        """
        if luma.shape != self._shape:
            self._shape, self._usual, self._since_us = luma.shape, None, None
        found = marks(luma, chroma)
        usual_fill, usual_smear = self._usual or (0.0, 0.0)
        if found[0] - usual_fill < FILL_SHARE and found[1] - usual_smear < SMEAR_SHARE:
            self._usual, self._since_us = found, None
            return False
        if self._since_us is None or time_us < self._since_us:
            self._since_us = time_us
        if time_us - self._since_us >= USUAL_AFTER_US:
            self._usual, self._since_us = found, None
            return False
        return True


def marks(luma: Plane, chroma: Plane | None = None) -> tuple[float, float]:
    """The share of the picture that is fill, and the share of its height that is smear."""
    rows, columns = luma.shape
    if rows < 16 or columns < 16:
        return 0.0, 0.0
    picked = _picked(luma)
    fill = _even(picked, GREY)
    if chroma is not None:
        fill = max(fill, _even(_picked(chroma), NO_COLOUR))
    return fill, _smear(picked)


def _picked(plane: Plane) -> Plane:
    rows, columns = plane.shape
    return np.ascontiguousarray(plane[:: max(1, rows // _LINES), :: max(1, columns // _POINTS)])


def _even(picked: Plane, value: int) -> float:
    """The share of points of this value whose neighbours below and to the right have it, too."""
    has = picked == value
    if np.count_nonzero(has) < FILL_SHARE * has.size:
        return 0.0
    inner = has[:-1, :-1] & has[1:, :-1] & has[:-1, 1:] & has[1:, 1:]
    return float(np.count_nonzero(inner) / inner.size)


def _smear(picked: Plane) -> float:
    """The longest run of lines that repeat the one above and are not even themselves."""
    lines = picked.astype(np.int16)
    repeats = np.abs(np.diff(lines, axis=0)).max(axis=1) <= _SAME
    if np.count_nonzero(repeats) < SMEAR_SHARE * len(lines):
        return 0.0
    varied = np.abs(np.diff(lines, axis=1)).mean(axis=1)[1:] >= _VARIED
    longest = run = 0
    for is_smear in (repeats & varied).tolist():
        run = run + 1 if is_smear else 0
        longest = max(longest, run)
    return float(longest / len(lines))
