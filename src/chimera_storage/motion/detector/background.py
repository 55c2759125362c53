"""What a camera sees while nothing happens, pixel by pixel, and what differs from it.

Each pixel has a running mean and a running mean deviation, as in the adaptive background models
since Wren et al., "Pfinder" (1997); where leaves flutter the deviation grows and with it the
difference that counts as a change. A second, fast running mean tells what changes now from what
merely differs, such as a car that was parked. Before comparing, the mean is brought to the present
exposure by a robust straight-line fit of present to expected brightness.

The means are slow, so they are learnt every fifth of a second; in between a picture is held against
two planes of bytes, the darkest and the brightest that each pixel may be. That is what makes a
picture in which nothing differs cheap. Masks are bytes, 255: yes, 0: no.
"""

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.motion.detector.exposure import fit_exposure

Picture = NDArray[np.uint8]
Mask = NDArray[np.uint8]
Field = NDArray[np.float32]

MEAN_S = 8.0  # time constants: of the mean
DEVIATION_S = 10.0  # of the deviation
RECENT_S = 0.4  # of the fast mean
LEARN_S = 0.2  # between two lessons
BEGIN_S = 2.0  # at first every picture is one
ABSORB_S = 5.0  # what differs without changing for so long is background from then on
FLOOR, NOISES = 5.0, 3.0  # least difference that counts, of 255, and so many times the noise
MOST_FLOOR, MOST = 30.0, 200  # greatest that noise makes it, and that is asked for in any case
DEVIATIONS, CEILING = 3.5, 40  # mean deviations that make a change, and the most that they ask for
UNREST, UNREST_S = 0.25, 2.0  # no fit is perfect: share of a change of exposure, and how long
LEAST_FIT = 0.5  # levels of brightness off that are worth a fit
STILL_PER_S = 20  # how stillness is counted, in bytes
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_SAMPLES = 3000  # pixels that the fit looks at


class Background:
    """The model of one camera's background, for pictures of one size.

    `mean`: what is expected, rounded. `floor`: least difference that counts now, of 255.
    """

    def __init__(self, picture: Picture, noise_level: int | None) -> None:
        self._mean = picture.astype(np.float32)
        self._recent = picture.astype(np.float32)
        self._deviation = np.full_like(self._mean, 2.0)
        self._still = np.zeros_like(picture)  # how long a different pixel has not changed
        self._under = np.zeros_like(self._mean)  # the background behind what was absorbed,
        self._covered: Mask | None = None  # where something was
        self._noise_level = noise_level
        self._noise = 1.0  # of this camera: typical difference between two pictures
        self._unrest = 0.0  # how much the exposure changed lately, of 255
        self._brightest = 255
        self._seen_s = self._since_s = 0.0  # since the beginning, since the last lesson
        self._sample = max(1, round(math.sqrt(picture.size / _SAMPLES)))
        self._settle()

    def relearn(self, picture: Picture) -> None:
        """Take the picture for the new background: the whole scene changed at once."""
        self._mean[:] = picture
        self._recent[:] = picture
        self._still.fill(0)
        self._covered = None
        self._settle()

    def follow_exposure(self, picture: Picture) -> None:
        """Bring the means to the exposure of the picture: present = gain * expected + offset."""
        every = self._sample
        present = picture[::every, ::every].ravel().astype(np.float32)
        expected = self._mean[::every, ::every].ravel()
        off = present - expected
        if max(abs(float(np.median(off))), abs(float(np.clip(off, -20, 20).mean()))) < LEAST_FIT:
            return
        fit = fit_exposure(present, expected)
        if fit is None:
            return
        gain, offset = fit
        self._unrest += float(np.abs((gain - 1) * expected + offset).mean())
        for mean in (self._mean, self._recent, self._under):
            cv2.addWeighted(mean, gain, mean, 0.0, offset, dst=mean)
        self._brightest = int(picture.max())
        self._settle()

    def compare(self, picture: Picture) -> Mask:
        """Where the picture differs from the background."""
        different = self._outside(picture)
        if self._covered is not None and cv2.countNonZero(different):
            again = cv2.absdiff(picture, _to_bytes(self._under))
            uncovered = cv2.bitwise_and(cv2.bitwise_not(_above(again, self.floor)), different)
            uncovered = cv2.bitwise_and(uncovered, self._covered)
            if cv2.countNonZero(uncovered):
                self._uncover(np.asarray(uncovered, np.uint8))
                different = self._outside(picture)
        return different

    def active(self, picture: Picture, different: Mask) -> Mask:
        """Which of the different pixels changed within the last half second."""
        changed = cv2.absdiff(picture, _to_bytes(self._recent))
        return np.asarray(cv2.bitwise_and(_above(changed, self.floor), different), np.uint8)

    def edges(self, picture: Picture, part: tuple[slice, slice]) -> Mask:
        """Where in this part the difference has a sharp edge that lighting alone does not make.

        A gain that only a part of the picture has makes edges where the background has them.
        Halves throughout, as a difference has a sign.
        """
        difference = cv2.addWeighted(picture[part], 0.5, self.mean[part], -0.5, 128)
        slope = cv2.morphologyEx(difference, cv2.MORPH_GRADIENT, _NEIGHBOURS)
        highest, lowest = self._highest[part], self._lowest[part]
        allowed = cv2.addWeighted(highest, 0.25, lowest, -0.25, 0.75 * self.floor)
        return np.asarray(cv2.compare(slope, allowed, cv2.CMP_GT), np.uint8)

    def learn(
        self,
        picture: Picture,
        different: Mask | None,
        active: Mask | None,
        things: Mask | None,
        elapsed_s: float,
    ) -> None:
        """Learn from a picture that was compared; nothing where `things` says that one moves.

        What differs but belongs to no thing is learnt like the rest: it raises the deviation, so
        that flutter and noise are counted less and less. None: nowhere.
        """
        self._seen_s += elapsed_s
        self._since_s += elapsed_s
        cv2.accumulateWeighted(picture, self._recent, _share(elapsed_s, RECENT_S))
        if self._since_s < LEARN_S and self._seen_s > BEGIN_S:
            return
        since_s, self._since_s = self._since_s, 0.0
        self._unrest *= 1 - _share(since_s, UNREST_S)
        others = None if things is None else cv2.bitwise_not(things)
        magnitude = np.minimum(cv2.absdiff(picture, self.mean), np.uint8(CEILING))
        share = _share(since_s, DEVIATION_S)
        cv2.accumulateWeighted(magnitude, self._deviation, share, others)
        share = max(_share(since_s, MEAN_S), min(0.5, since_s / max(self._seen_s, 1e-3)))
        cv2.accumulateWeighted(picture, self._mean, share, others)
        self._absorb(picture, different, active, since_s)
        self._learn_noise(picture)
        self._brightest = int(picture.max())
        self._settle()

    def more(self) -> Picture:
        """How much more than `floor` each pixel has to differ by, as it is never quite still."""
        needed = np.minimum(_to_bytes(self._deviation, DEVIATIONS), np.uint8(CEILING))
        return np.asarray(cv2.subtract(needed, np.full_like(needed, self.floor)), np.uint8)

    def move(self, dx: int, dy: int) -> None:
        """Move all that was learnt by so many pixels: the camera was turned."""
        by = np.array([[1, 0, dx], [0, 1, dy]], np.float32)
        planes = (self._mean, self._recent, self._deviation, self._under, self._still)
        for plane in planes if self._covered is None else (*planes, self._covered):
            plane[:] = cv2.warpAffine(
                plane,
                by,
                plane.shape[::-1],
                flags=cv2.INTER_NEAREST,
                borderMode=cv2.BORDER_REPLICATE,
            )
        self._settle()

    def _outside(self, picture: Picture) -> Mask:
        inside = cv2.inRange(picture, self._lower, self._upper)
        return np.asarray(cv2.bitwise_not(inside), np.uint8)

    def _settle(self) -> None:
        """Work out the bounds that pictures are held against, from what was learnt."""
        level = self._noise_level
        asked = min(MOST_FLOOR, FLOOR + NOISES * self._noise) if level is None else float(level)
        self.floor = round(min(MOST, asked + UNREST * self._unrest))
        # Where the exposure rose, what was nearly white before cannot get any lighter.
        self.mean = np.minimum(_to_bytes(self._mean), np.uint8(self._brightest))
        # What the pixel or a neighbour is expected to be: edges may tremble by a pixel.
        self._lowest = cv2.erode(self.mean, _NEIGHBOURS)
        self._highest = cv2.dilate(self.mean, _NEIGHBOURS)
        floor, ceiling = np.uint8(self.floor), np.uint8(max(CEILING, self.floor))
        threshold = np.clip(_to_bytes(self._deviation, DEVIATIONS), floor, ceiling)
        self._lower = cv2.subtract(self._lowest, threshold)
        self._upper = cv2.add(self._highest, threshold)

    def _absorb(
        self, picture: Picture, different: Mask | None, active: Mask | None, since_s: float
    ) -> None:
        """Take what stands still for the background after a while, and remember what is behind."""
        if different is None:
            self._still.fill(0)
            return
        quiet = different if active is None else cv2.bitwise_xor(different, active)
        longer = np.full_like(self._still, min(255, math.ceil(since_s * STILL_PER_S)))
        cv2.add(self._still, longer, dst=self._still)
        cv2.bitwise_and(self._still, quiet, dst=self._still)
        settled = _above(self._still, round(ABSORB_S * STILL_PER_S) - 1)
        if not cv2.countNonZero(settled):
            return
        if self._covered is None:
            self._covered = np.zeros_like(self._still)
        fresh = cv2.bitwise_and(settled, cv2.bitwise_not(self._covered))
        cv2.copyTo(self._mean, fresh, self._under)
        cv2.bitwise_or(self._covered, fresh, dst=self._covered)
        cv2.copyTo(picture.astype(np.float32), settled, self._mean)
        self._still[settled > 0] = 0

    def _uncover(self, where: Mask) -> None:
        """What was absorbed went away: what was behind it is back."""
        assert self._covered is not None  # noqa: S101
        where = np.asarray(cv2.bitwise_and(cv2.dilate(where, _NEIGHBOURS), self._covered))
        cv2.copyTo(self._under, where, self._mean)
        cv2.bitwise_and(self._covered, cv2.bitwise_not(where), dst=self._covered)
        self._settle()

    def _learn_noise(self, picture: Picture) -> None:
        every = self._sample
        present = picture[::every, ::every].astype(np.float32)
        noise = float(np.median(np.abs(present - self._recent[::every, ::every])))
        self._noise += 0.15 * (min(noise, 8.0) - self._noise)


def _above(plane: Picture | cv2.typing.MatLike, level: int) -> Mask:
    """Where the plane is above a level."""
    return np.asarray(cv2.threshold(plane, level, 255, cv2.THRESH_BINARY)[1], np.uint8)


def _to_bytes(field: Field, factor: float = 1.0) -> Picture:
    """The field times a factor, rounded, at most 255."""
    return np.asarray(cv2.convertScaleAbs(field, alpha=factor), np.uint8)


def _share(elapsed_s: float, constant_s: float) -> float:
    """The weight of a new value in a running mean."""
    return 1 - math.exp(-elapsed_s / constant_s)
