"""Whether a key frame shows anything that those before did not: quick, and rather once too often.

Where it says so in vain, a few packets are decoded for nothing; where it is silent, nothing is. So
it asks for less than the detector: a cluster of pixels that leave the range of noise that each has
shown so far. Changes of light that are even over a large part of the picture do not count, nor does
anything in the areas that the detector ignores.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Field = NDArray[np.float32]
Mask = NDArray[np.uint8]  # 1: yes, 0: no

MAX_PIXELS = 135_000
LEARN = 0.3  # weight of a new key frame in mean and deviation
LEAST = 4.0  # difference that counts, of 255,
DEVIATIONS = 3.5  # and in mean deviations of the pixel
LIGHT = 24  # pixels: what is as even as this is light
MOST = 20.0  # difference that the deviation learns from
AROUND = 15  # pixels: noise is much the same all around
CLUSTER, CLUSTER_SHARE = 5, 0.5  # side in pixels, and how much of it differs


class Glance:
    """Compares key frames of one camera."""

    def __init__(self) -> None:
        self._mean: Field | None = None
        self._deviation: Field | None = None

    def differs(self, luma: Picture, ignored: Mask | None = None) -> bool:
        """Whether this brightness plane, uint8 (h, w), shows anything new; learns from it.

        `ignored`: where that does not count, of the shape of the detector's shrunken picture.
        """
        small = _shrunken(luma)
        if ignored is not None and ignored.shape != small.shape:
            ignored = None
        if self._mean is None or self._deviation is None or self._mean.shape != small.shape:
            self._begin(small)
            return True
        away = _without_light(small - self._mean, ignored)
        around = cv2.boxFilter(self._deviation, -1, (AROUND, AROUND))
        limit = np.maximum(self._deviation, around) * np.float32(DEVIATIONS)
        limit = np.maximum(limit, np.float32(LEAST))
        mask = cv2.compare(away, limit, cv2.CMP_GT)
        dense = cv2.boxFilter(mask, -1, (CLUSTER, CLUSTER))
        cv2.accumulateWeighted(small, self._mean, LEARN)
        cv2.accumulateWeighted(np.minimum(away, MOST), self._deviation, LEARN)
        return float(dense.max()) >= 255 * CLUSTER_SHARE

    def accept(self, luma: Picture) -> None:
        """What this plane shows was looked at, and is nothing that moves."""
        small = _shrunken(luma)
        if self._mean is None or self._deviation is None or self._mean.shape != small.shape:
            self._begin(small)
            return
        away = _without_light(small - self._mean)
        cv2.accumulateWeighted(np.minimum(away, MOST), self._deviation, LEARN)
        self._mean = small

    def _begin(self, small: Field) -> None:
        self._mean, self._deviation = small, np.full_like(small, LEAST / DEVIATIONS)


def _without_light(difference: Field, ignored: Mask | None = None) -> Field:
    """How far each pixel is away, apart from what is even over a large part of the picture.

    Nothing is away where it is ignored, and the light around is told from the rest alone.
    """
    rows, columns = difference.shape
    coarse = (max(1, columns // LIGHT), max(1, rows // LIGHT))
    if ignored is None:
        light = cv2.resize(difference, coarse, interpolation=cv2.INTER_AREA)
    else:
        counts = (ignored == 0).astype(np.float32)
        share = cv2.resize(counts, coarse, interpolation=cv2.INTER_AREA)
        difference = difference * counts
        light = cv2.resize(difference, coarse, interpolation=cv2.INTER_AREA)
        usual = np.float32(light.sum() / max(share.sum(), 1e-3))
        light = np.where(share > 0.05, light / np.maximum(share, 0.05), usual)
    light = cv2.resize(light, (columns, rows), interpolation=cv2.INTER_LINEAR)
    away = np.asarray(cv2.absdiff(difference, light), np.float32)
    return away if ignored is None else away * counts


def _shrunken(luma: Picture) -> Field:
    small = luma
    while small.size > MAX_PIXELS and min(small.shape) > 1:
        rows, columns = small.shape
        half = (max(1, columns // 2), max(1, rows // 2))
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
    return cv2.GaussianBlur(small, (3, 3), 0).astype(np.float32)
