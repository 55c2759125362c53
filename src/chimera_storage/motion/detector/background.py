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

Picture = NDArray[np.uint8]
Field = NDArray[np.float32]
Mask = NDArray[np.uint8]  # 1: yes, 0: no

MEAN_S = 8.0  # time constants: of the mean
DEVIATION_S = 10.0  # of the deviation
RECENT_S = 0.4  # of the fast mean
ABSORB_S = 5.0  # what differs without changing for so long is background from then on
FLOOR, CEILING = 8, 40  # least difference that counts, and the most that flutter makes it, of 255
DEVIATIONS = 3.5  # mean deviations that make a change
MOST = 200  # greatest difference that is asked for in any case
UNREST, UNREST_S = 0.25, 2.0  # no fit is perfect: share of a change of exposure, and how long
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_SAMPLES = 3000  # pixels that the fit looks at


@dataclass(frozen=True, slots=True)
class Change:
    """How a picture differs from the background; masks of the picture's shape.

    `different`: from the background. `active`: of those, the pixels that changed within the last
    half second. `edges`: where the difference has a sharp edge that lighting alone does not make.
    """

    different: Mask
    active: Mask
    edges: Mask

    def outside(self, ignored: Mask) -> "Change":
        """The same without what lies where `ignored` is 1."""
        masks = (self.different, self.active, self.edges)
        return Change(*(np.where(ignored, np.uint8(0), mask) for mask in masks))


class Background:
    """The model of one camera's background, for pictures of one size."""

    def __init__(self, picture: Picture, noise_level: int | None) -> None:
        self._mean = picture.astype(np.float32)
        self._recent = picture.astype(np.float32)
        self._deviation = np.full_like(self._mean, 2.0)
        self._still_s = np.zeros_like(self._mean)  # how long a different pixel has not changed
        self._noise_level = noise_level
        self._noise = 1.0  # of this camera: typical difference between two pictures
        self._unrest = 0.0  # how much the exposure changed lately, of 255
        self._seen_s = 0.0
        self._sample = max(1, round(math.sqrt(picture.size / _SAMPLES)))

    def relearn(self, picture: Picture) -> None:
        """Take the picture for the new background: the whole scene changed at once."""
        self._mean[:] = picture
        self._recent[:] = picture
        self._still_s.fill(0)

    def compare(self, picture: Picture) -> Change:
        """What is different in this picture; brings the model to its exposure first."""
        self._follow_exposure(picture)
        floor = round(min(MOST, self._floor() + UNREST * self._unrest))
        # Where the exposure rose, what was nearly white before cannot get any lighter.
        mean = np.minimum(_to_bytes(self._mean), picture.max())
        # What the pixel or a neighbour is expected to be: edges may tremble by a pixel.
        lowest, highest = cv2.erode(mean, _NEIGHBOURS), cv2.dilate(mean, _NEIGHBOURS)
        beyond = cv2.max(cv2.subtract(picture, highest), cv2.subtract(lowest, picture))
        threshold = np.clip(_to_bytes(self._deviation, DEVIATIONS), floor, max(CEILING, floor))
        different = beyond > threshold
        changed = cv2.absdiff(picture, _to_bytes(self._recent))
        active = (changed > floor) & different
        # A gain that only a part of the picture has makes edges where the background has them.
        # Halves throughout, as a difference has a sign.
        difference = cv2.addWeighted(picture, 0.5, mean, -0.5, 128)
        slope = cv2.morphologyEx(difference, cv2.MORPH_GRADIENT, _NEIGHBOURS)
        allowed = cv2.addWeighted(highest, 0.25, lowest, -0.25, 0.75 * floor)
        edges = slope > allowed
        return Change(*(mask.view(np.uint8) for mask in (different, active, edges)))

    def learn(self, picture: Picture, change: Change, objects: Mask, elapsed_s: float) -> None:
        """Learn from a picture that was compared; nothing where `objects` says a thing moves.

        What differs but belongs to no object is learnt like the rest: it raises the deviation, so
        that flutter and noise are counted less and less.
        """
        self._seen_s += elapsed_s
        self._unrest *= 1 - _share(elapsed_s, UNREST_S)
        share = max(_share(elapsed_s, MEAN_S), min(0.5, elapsed_s / max(self._seen_s, 1e-3)))
        others = objects ^ 1
        magnitude = np.minimum(cv2.absdiff(picture, _to_bytes(self._mean)), np.uint8(CEILING))
        cv2.accumulateWeighted(magnitude, self._deviation, _share(elapsed_s, DEVIATION_S), others)
        cv2.accumulateWeighted(picture, self._mean, share, others)
        cv2.accumulateWeighted(picture, self._recent, _share(elapsed_s, RECENT_S))
        self._absorb(picture, change, elapsed_s)

    def _absorb(self, picture: Picture, change: Change, elapsed_s: float) -> None:
        """Take what stands still for the background after a while."""
        self._still_s += elapsed_s
        self._still_s *= change.different ^ change.active
        settled = self._still_s > ABSORB_S
        if settled.any():
            self._mean[settled] = picture[settled]
            self._still_s[settled] = 0

    def _floor(self) -> float:
        if self._noise_level is not None:
            return float(self._noise_level)
        return min(30, FLOOR + 3 * self._noise)

    def _follow_exposure(self, picture: Picture) -> None:
        """Bring both means to the exposure of the picture: present = gain * expected + offset."""
        every = self._sample
        present = picture[::every, ::every].ravel().astype(np.float32)
        expected = self._mean[::every, ::every].ravel()
        recent = self._recent[::every, ::every].ravel()
        noise = float(np.median(np.abs(present - recent)))
        self._noise += 0.05 * (min(noise, 8.0) - self._noise)
        fit = fit_exposure(present, expected)
        if fit is None:
            return
        gain, offset = fit
        self._unrest += float(np.abs((gain - 1) * expected + offset).mean())
        for mean in (self._mean, self._recent):
            cv2.addWeighted(mean, gain, mean, 0.0, offset, dst=mean)


def fit_exposure(present: Field, expected: Field) -> tuple[float, float] | None:
    """Gain and offset that turn the expected brightness of most pixels into the present one.

    A trimmed least-squares fit with a prior that the offset is 0. None: there is nothing to
    correct, or no straight line explains half of the pixels.
    """
    lit = (expected > 12) & (present > 4) & (present < 250)
    if np.count_nonzero(lit) < max(16, present.size // 4):
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


def _to_bytes(field: Field, factor: float = 1.0) -> Picture:
    """The field times a factor, rounded, at most 255."""
    return np.asarray(cv2.convertScaleAbs(field, alpha=factor), np.uint8)


def _share(elapsed_s: float, constant_s: float) -> float:
    """The weight of a new value in a running mean."""
    return 1 - math.exp(-elapsed_s / constant_s)
