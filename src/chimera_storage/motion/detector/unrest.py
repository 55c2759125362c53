"""What flutters, falls and flickers, where, and how large: what a thing has to stand out from.

Rain, snow, leaves and glitter come in numbers, look alike and are gone again; what is worth an
image is larger than they are, or goes on where they stop. Three kinds of memory, none of which
counts what is large:
- how many specks there are at once around a place, and of what size: near a crowd of them a thing
  has to be several times as large;
- tracks that ended before they went anywhere, around a place: half a minute;
- and those in the whole picture: seconds, so that the first drops count at once.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.motion.detector.patches import Patch

Grid = NDArray[np.float32]

SPECK = 0.002  # of the picture: what is larger is no speck in a crowd
CROWD_GRID, CROWD_S = (5, 8), 5.0  # rows and columns; time constant
CROWD = 1.0  # so many specks in 3 by 3 places are no crowd yet, twice as many are
CROWD_TIMES = 6.0  # the size of its specks a thing has among a crowd
BRIEF = 0.001  # of the picture: a larger track that ends says nothing of specks
PLACE_GRID, PLACE_S, PLACE = (9, 16), 30.0, 3.0  # brief tracks in 3 by 3 places that make a doubt
NOW_S, NOW = 3.0, 5.0  # and in the whole picture
BRIEF_TIMES = 5.0  # what is so much larger than the brief tracks is not doubted
_AROUND = (3, 3)


class Unrest:
    """The memory of one camera, for pictures of one size."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._crowd, self._crowd_area = np.zeros((2, *CROWD_GRID), np.float32)
        self._least = np.zeros(CROWD_GRID, np.float32)
        self._place, self._place_area = np.zeros((2, *PLACE_GRID), np.float32)
        self._around: tuple[Grid, Grid] | None = None  # the same in 3 by 3 places
        self._now = self._now_area = 0.0
        self._unseen_s = 0.0  # without a patch

    def see(self, patches: list[Patch], elapsed_s: float) -> None:
        """Take in the live patches of a picture."""
        self._unseen_s += elapsed_s
        if not patches:
            return
        self._fade()
        count, area = np.zeros((2, *CROWD_GRID), np.float32)
        for patch in patches:
            if patch.area < SPECK * self._size[0] * self._size[1]:
                place = self._of(patch, CROWD_GRID)
                count[place] += 1
                area[place] += patch.area
        share = 1 - math.exp(-min(elapsed_s, 1.0) / CROWD_S)
        self._crowd += share * count
        self._crowd_area += share * area
        usual, usual_area = _sums(self._crowd), _sums(self._crowd_area)
        now, now_area = _sums(count), _sums(area)
        many = np.maximum(usual, now - 1)
        size = (usual_area + now_area) / np.maximum(usual + now, 1e-6)
        self._least = CROWD_TIMES * size * np.clip(many / CROWD - 1, 0, 1)

    def ended(self, patch: Patch, area: float) -> None:
        """A track ended that went nowhere; `area`: the most it had."""
        if area >= BRIEF * self._size[0] * self._size[1]:
            return
        self._now += 1
        self._now_area += area
        place = self._of(patch, PLACE_GRID)
        self._place[place] += 1
        self._place_area[place] += area
        self._around = None

    def least(self, patch: Patch) -> float:
        """The area that a thing has to have at this place, in pixels."""
        return float(self._least[self._of(patch, CROWD_GRID)])

    def doubts(self, patch: Patch) -> int:
        """How much speaks against this patch."""
        found = 0
        if patch.area * self._now < BRIEF_TIMES * self._now_area:
            found += int(self._now / NOW)
        if self._around is None:
            self._around = _sums(self._place), _sums(self._place_area)
        count, area = (float(grid[self._of(patch, PLACE_GRID)]) for grid in self._around)
        if patch.area * count < BRIEF_TIMES * area:
            found += int(count / PLACE)
        return found

    def _fade(self) -> None:
        """Let what was seen before fade, by the time since the last patch."""
        passed_s, self._unseen_s = self._unseen_s, 0.0
        crowd, place, now = (math.exp(-passed_s / s) for s in (CROWD_S, PLACE_S, NOW_S))
        self._crowd *= crowd
        self._crowd_area *= crowd
        self._place *= place
        self._place_area *= place
        self._around = None
        self._now *= now
        self._now_area *= now

    def _of(self, patch: Patch, grid: tuple[int, int]) -> tuple[int, int]:
        x, y = patch.centre
        width, height = self._size
        rows, columns = grid
        return min(rows - 1, int(y * rows / height)), min(columns - 1, int(x * columns / width))


def _sums(grid: Grid) -> Grid:
    """The sum over each place and those around it."""
    sums = cv2.boxFilter(grid, -1, _AROUND, normalize=False, borderType=cv2.BORDER_REFLECT)
    return np.asarray(sums, np.float32)
