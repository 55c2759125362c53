"""The camera's exposure: the straight line from expected to present brightness."""

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

DARK, BRIGHT = 4, 250  # beyond them the sensor says nothing of exposure
LEAST_EXPECTED = 12
PRIOR = 100.0  # weight of "the offset is 0", in squared levels of brightness
NEAR = 6.0  # levels within which a pixel is explained
GAINS = (0.2, 5.0)  # beyond them it is no exposure


def fit_exposure(present: Values, expected: Values) -> tuple[float, float] | None:
    """Gain and offset that turn the expected brightness of most pixels into the present one.

    A trimmed least-squares fit with a prior that the offset is 0. None: there is nothing to
    correct, or no straight line explains half of the pixels.
    """
    lit = (expected > LEAST_EXPECTED) & (present > DARK) & (present < BRIGHT)
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
        prior = PRIOR * xi.size
        slope = float(np.dot(xi - x_mean, yi - y_mean)) + prior * gain
        gain = slope / (float(np.dot(xi - x_mean, xi - x_mean)) + prior)
        offset = y_mean - gain * x_mean
    if abs(gain - 1) * 128 < 0.3 and abs(offset) < 0.3:
        return None
    explained = np.count_nonzero(np.abs(y - (gain * x + offset)) < NEAR) / x.size
    return (gain, offset) if explained > 0.5 and GAINS[0] < gain < GAINS[1] else None
