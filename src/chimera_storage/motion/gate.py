"""Whether the sizes of compressed pictures say that something began to move: pure.

Between two key frames a packet holds what changed. While nothing does, that is the sensor's noise,
and the sizes stay within a band that is the camera's own, packet by packet from one key frame to
the next. What leaves the band for several packets is worth decoding. The band is learnt from groups
of pictures in which nothing was found, and follows the bit rate.

Sizes say much where an encoder holds the quality (a passer makes packets grow by half and more)
and little where it holds the bit rate: there the key frames, which are all looked at, decide.
"""

import math
from collections import deque
from statistics import median

import numpy as np
from numpy.typing import NDArray

GROUPS = 12  # that the band is learnt from
LEAST_GROUPS = 2  # before that nothing is known
PROOFS, LEAST_PROOFS = 10, 3  # groups in which something moved
WINDOWS = (3, 7, 15)  # packets whose median is compared: one that is large by itself is no motion
BEYOND = 2.0  # times the greatest excess in half of the still groups,
LEAST = 0.12  # and at least so much: shares of the usual size


class Gate:
    """Compares the packets of one camera with those it sent while nothing moved."""

    def __init__(self) -> None:
        self._still: deque[list[float]] = deque(maxlen=GROUPS)
        self._group: list[float] = []
        self._usual: list[float] = []
        self._level = 1.0
        self._limits: tuple[float, ...] = ()
        self._recent: deque[float] = deque(maxlen=max(WINDOWS))
        self._proofs: deque[bool] = deque(maxlen=PROOFS)

    @property
    def knows(self) -> bool:
        """Whether enough was learnt to tell."""
        return len(self._still) >= LEAST_GROUPS

    @property
    def proven(self) -> bool:
        """Whether the sizes alone would have found what moved lately."""
        return len(self._proofs) >= LEAST_PROOFS and all(self._proofs)

    def prove(self, surprised: bool) -> None:
        """Something moved in a group; whether its sizes were surprising."""
        self._proofs.append(surprised and self.knows)

    def begin_group(self) -> None:
        """A key frame came; the group before it counts for nothing unless `learn` was called."""
        self._group = []

    def surprising(self, size: int) -> bool:
        """Take in the next packet that is no key frame; whether the last ones are too large."""
        place = len(self._group)
        self._group.append(float(size))
        if not self.knows:
            return False
        usual = self._usual[place] if place < len(self._usual) else self._level
        self._recent.append((size - usual) / self._level)
        last = list(self._recent)
        return any(
            len(last) >= window and median(last[-window:]) > limit
            for window, limit in zip(WINDOWS, self._limits, strict=False)
        )

    def learn(self) -> None:
        """Nothing was found in the group that now ends: it shows what is usual."""
        if len(self._group) < 2:
            return
        self._still.append(self._group)
        self._group = []
        if self.knows:
            self._settle()

    def _settle(self) -> None:
        length = max(len(group) for group in self._still)
        rows = np.full((len(self._still), length), np.nan)
        for row, group in zip(rows, self._still, strict=True):
            row[: len(group)] = group
        self._level = max(1.0, float(np.nanmedian(rows)))
        known = np.count_nonzero(~np.isnan(rows), axis=0)
        usual = np.where(known >= LEAST_GROUPS, np.nanmedian(rows, axis=0), self._level)
        self._usual = usual.tolist()
        excesses = [row[~np.isnan(row)] for row in (rows - usual) / self._level]
        self._limits = tuple(_limit(excesses, window) for window in WINDOWS)


def _limit(excesses: list[NDArray[np.float64]], window: int) -> float:
    """What the median of so many packets stays below: half of the groups reach less than that."""
    greatest = [
        float(np.median(np.lib.stride_tricks.sliding_window_view(row, window), axis=1).max())
        for row in excesses
        if len(row) >= window
    ]
    return max(LEAST, BEYOND * median(greatest)) if greatest else math.inf
