"""What a camera sees while nothing happens, pixel by pixel, and what differs from it.

Each pixel has a running mean and a running mean deviation, as in the adaptive background models
since Wren et al., "Pfinder" (1997); where leaves flutter the deviation grows and with it the
difference that counts as a change. A second, fast running mean tells what changes now from what
merely differs: a car that was parked, or the hole left by one that drove off. Before comparing, the
mean is brought to the present exposure by a robust straight-line fit of present to expected
brightness, so that a camera's automatic gain is no motion.
"""

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.float32]
Mask = NDArray[np.uint8]  # 1: yes, 0: no

MEAN_S = 8.0  # time constants: of the mean
DEVIATION_S = 10.0  # of the deviation
RECENT_S = 0.4  # of the fast mean
ABSORB_S = 5.0  # what differs without changing for so long is background from then on
FLOOR, CEILING = 8.0, 40.0  # least and greatest difference that counts, of 255
DEVIATIONS = 3.5  # mean deviations that make a change
UNREST, UNREST_S = 0.25, 2.0  # no fit is perfect: share of a change of exposure, and how long
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_SAMPLE = 4  # the fit looks at every 4th pixel of every 4th line


@dataclass(frozen=True, slots=True)
class Change:
    """How a picture differs from the background; masks of the picture's shape.

    `different`: from the background. `active`: of those, the pixels that changed within the last
    half second. `edges`: where the difference has a sharp edge that lighting alone does not make.
    """

    different: Mask
    active: Mask
    edges: Mask


class Background:
    """The model of one camera's background, for pictures of one size."""

    def __init__(self, picture: Picture, noise_level: int | None) -> None:
        self._mean = picture.copy()
        self._recent = picture.copy()
        self._deviation = np.full_like(picture, 2.0)
        self._still_s = np.zeros_like(picture)  # how long a different pixel has not changed
        self._noise_level = noise_level
        self._noise = 1.0  # of this camera: typical difference between two pictures
        self._unrest = 0.0  # how much the exposure changed lately, of 255
        self._seen_s = 0.0

    def relearn(self, picture: Picture) -> None:
        """Take the picture for the new background: the whole scene changed at once."""
        np.copyto(self._mean, picture)
        np.copyto(self._recent, picture)
        self._still_s.fill(0)

    def compare(self, picture: Picture) -> Change:
        """What is different in this picture; brings the model to its exposure first."""
        self._follow_exposure(picture)
        floor = self._floor() + UNREST * self._unrest
        ceiling = max(CEILING, floor)
        # What the pixel or a neighbour is expected to be: edges may tremble by a pixel.
        top = float(picture.max())
        lowest, highest = np.minimum(_eroded(self._mean), top), _dilated(self._mean)
        highest = np.minimum(highest, top)
        beyond = np.maximum(picture - highest, lowest - picture)
        threshold = np.minimum(np.maximum(self._deviation * DEVIATIONS, floor), ceiling)
        different = beyond > threshold
        active = different & (np.abs(picture - self._recent) > floor)
        # A gain that only a part of the picture has makes edges where the background has them.
        difference = picture - np.minimum(self._mean, top)
        slope = _dilated(difference) - _eroded(difference)
        edges = slope > 0.5 * (highest - lowest) + 1.5 * floor
        return Change(different.view(np.uint8), active.view(np.uint8), edges.view(np.uint8))

    def learn(self, picture: Picture, change: Change, objects: Mask, elapsed_s: float) -> None:
        """Learn from a picture that was compared; nothing where `objects` says a thing moves.

        What differs but belongs to no object is learnt like the rest: it raises the deviation, so
        that flutter and noise are counted less and less.
        """
        self._seen_s += elapsed_s
        self._unrest *= 1 - _share(elapsed_s, UNREST_S)
        share = max(_share(elapsed_s, MEAN_S), min(0.5, elapsed_s / max(self._seen_s, 1e-3)))
        others = 1 - objects
        magnitude = np.minimum(np.abs(picture - self._mean), CEILING)
        cv2.accumulateWeighted(magnitude, self._deviation, _share(elapsed_s, DEVIATION_S), others)
        cv2.accumulateWeighted(picture, self._mean, share, others)
        cv2.accumulateWeighted(picture, self._recent, _share(elapsed_s, RECENT_S))
        self._absorb(picture, change, elapsed_s)

    def _absorb(self, picture: Picture, change: Change, elapsed_s: float) -> None:
        self._still_s += elapsed_s
        self._still_s *= change.different & (1 - change.active)
        settled = self._still_s > ABSORB_S
        if settled.any():
            self._mean[settled] = picture[settled]
            self._still_s[settled] = 0

    def _floor(self) -> float:
        if self._noise_level is not None:
            return float(self._noise_level)
        return min(30.0, FLOOR + 3 * self._noise)

    def _follow_exposure(self, picture: Picture) -> None:
        """Bring both means to the exposure of the picture: present = gain * expected + offset."""
        present = picture[::_SAMPLE, ::_SAMPLE].ravel()
        expected = self._mean[::_SAMPLE, ::_SAMPLE].ravel()
        recent = self._recent[::_SAMPLE, ::_SAMPLE].ravel()
        noise = float(np.median(np.abs(present - recent)))
        self._noise += 0.05 * (min(noise, 8.0) - self._noise)
        fit = fit_exposure(present, expected)
        if fit is None:
            return
        gain, offset = fit
        self._unrest += float(np.abs((gain - 1) * expected + offset).mean())
        for mean in (self._mean, self._recent):
            cv2.addWeighted(mean, gain, mean, 0.0, offset, dst=mean)


def fit_exposure(present: Picture, expected: Picture) -> tuple[float, float] | None:
    """Gain and offset that turn the expected brightness of most pixels into the present one.

    A trimmed least-squares fit with a prior that the offset is 0. None: there is nothing to
    correct, or no straight line explains half of the pixels.
    """
    lit = (expected > 12) & (present > 4) & (present < 250)
    if np.count_nonzero(lit) < present.size // 4:
        return None
    x, y = expected[lit], present[lit]
    gain, offset = float(np.median(y / x)), 0.0
    for _ in range(3):
        residual = np.abs(y - (gain * x + offset))
        limit = max(3.0, 2.5 * float(np.median(residual)))
        inside = residual < limit
        xi, yi = x[inside], y[inside]
        x_mean, y_mean = float(xi.mean()), float(yi.mean())
        prior = 100.0 * xi.size
        slope = float(np.dot(xi - x_mean, yi - y_mean)) + prior * gain
        gain = slope / (float(np.dot(xi - x_mean, xi - x_mean)) + prior)
        offset = y_mean - gain * x_mean
    if abs(gain - 1) * 128 < 0.3 and abs(offset) < 0.3:
        return None
    explained = np.count_nonzero(np.abs(y - (gain * x + offset)) < 6) / x.size
    return (gain, offset) if explained > 0.5 and 0.2 < gain < 5 else None


def _dilated(picture: Picture) -> Picture:
    """The greatest of each pixel and its eight neighbours."""
    return np.asarray(cv2.dilate(picture, _NEIGHBOURS), np.float32)


def _eroded(picture: Picture) -> Picture:
    """The least of each pixel and its eight neighbours."""
    return np.asarray(cv2.erode(picture, _NEIGHBOURS), np.float32)


def _share(elapsed_s: float, constant_s: float) -> float:
    """The weight of a new value in a running mean."""
    return 1 - math.exp(-elapsed_s / constant_s)
