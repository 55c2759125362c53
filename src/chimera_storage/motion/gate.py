"""Whether the sizes of compressed pictures say that something began to move: pure.

Between two key frames a packet holds what changed. While nothing does, that is the sensor's noise,
and the sizes stay within a band that is the camera's own, packet by packet from one key frame to
the next. What leaves the band for several packets is worth decoding. The band is learnt from groups
of pictures in which nothing was found, and follows the bit rate. Where a group left it and nothing
was found all the same (rate control evens out its own bursts), that much is no news again.

Sizes say much where an encoder holds the quality (a passer makes packets grow by half and more)
and little where it holds the bit rate: there the key frames, which are all looked at, decide.
"""

import math
from collections import deque
from statistics import median

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

GROUPS = 12  # that the band is learnt from
LEAST_GROUPS = 2  # before that nothing is known
PROOFS, LEAST_PROOFS = 10, 3  # groups in which something moved
WINDOWS = (3, 7, 15)  # packets whose median is compared: one that is large by itself is no motion
BEYOND = 2.0  # times the greatest excess in half of the still groups,
LEAST = 0.12  # and at least so much: shares of the usual size
VAIN_GROUPS = 20  # that left the band for nothing,
VAIN_BEYOND = 1.1  # and how far beyond the farthest of them the band reaches from then on


class Gate:
    """Compares the packets of one camera with those it sent while nothing moved."""

    def __init__(self) -> None:
        self._still: deque[list[float]] = deque(maxlen=GROUPS)
        self._reached: deque[tuple[float, ...]] = deque(maxlen=GROUPS)  # by the still groups
        self._vain: deque[tuple[float, ...]] = deque(maxlen=VAIN_GROUPS)
        self._group: list[float] = []
        self._group_surprised = False
        self._usual: list[float] = []
        self._level = 1.0
        self._limits: tuple[float, ...] = ()
        self._recent: deque[float] = deque(maxlen=max(WINDOWS))
        self._proofs: deque[bool] = deque(maxlen=PROOFS)
        self.surprised = False  # by the newest packets

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
        self._group_surprised = False

    def surprising(self, size: int) -> bool:
        """Take in the next packet that is no key frame; whether the last ones are too large."""
        place = len(self._group)
        self._group.append(float(size))
        if not self.knows:
            return False
        usual = self._usual[place] if place < len(self._usual) else self._level
        self._recent.append((size - usual) / self._level)
        last = list(self._recent)
        self.surprised = any(
            len(last) >= window and median(last[-window:]) > limit
            for window, limit in zip(WINDOWS, self._limits, strict=False)
        )
        self._group_surprised = self._group_surprised or self.surprised
        return self.surprised

    def learn(self, *, masked: bool = False) -> None:
        """Nothing was found in the group that now ends: it shows what is usual.

        `masked`: large sizes may have come of what is ignored, a tree in a gust; of something else
        they are news again.
        """
        group, self._group = self._group, []
        if len(group) < 2:
            return
        self._still.append(group)
        if not self.knows:
            return
        self._settle()
        for learnt in [group] if self._reached else self._still:
            self._reached.append(self._reach(learnt))
        if self._group_surprised and not masked:
            self._vain.append(self._reached[-1])
        self._limits = tuple(self._limit(number) for number in range(len(WINDOWS)))

    def _limit(self, window: int) -> float:
        usual = [reach[window] for reach in self._reached if reach[window] < math.inf]
        vain = [reach[window] for reach in self._vain if reach[window] < math.inf]
        if not usual:
            return math.inf
        return max(LEAST, BEYOND * median(usual), VAIN_BEYOND * max(vain, default=0.0))

    def _settle(self) -> None:
        length = max(len(group) for group in self._still)
        rows = np.full((len(self._still), length), np.nan)
        for row, group in zip(rows, self._still, strict=True):
            row[: len(group)] = group
        self._level = max(1.0, float(np.nanmedian(rows)))
        known = np.count_nonzero(~np.isnan(rows), axis=0)
        usual = np.where(known >= LEAST_GROUPS, np.nanmedian(rows, axis=0), self._level)
        self._usual = usual.tolist()

    def _reach(self, group: list[float]) -> tuple[float, ...]:
        """For each window, the greatest median of so many packets' excess above what is usual.

        Infinite where the group is shorter.
        """
        usual = (self._usual + [self._level] * len(group))[: len(group)]
        excess = (np.array(group) - usual) / self._level
        return tuple(
            float(np.median(sliding_window_view(excess, window), axis=1).max())
            if len(excess) >= window
            else math.inf
            for window in WINDOWS
        )
