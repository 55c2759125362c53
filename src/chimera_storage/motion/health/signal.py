"""Whether a camera still sees what it is there to see: pure, told the time with each picture.

Once a second a picture is measured and compared with what the camera usually shows (views.py). A
fault has to last before it counts, and to be gone for a while before it is over; what cannot be
told (in the dark, while the picture keeps changing) leaves everything as it is.
"""

import math
from collections import deque

import cv2
import numpy as np

from chimera_storage.model import Health
from chimera_storage.motion.health.measures import Field, Measures, Plane, likeness, measure
from chimera_storage.motion.health.views import View, Views

LOOK_INTERVAL_US = 1_000_000
BLACK_LEVEL = 22  # of 255; black is 16 in limited-range video
DARK_LEVEL = 45  # darker pictures are not judged but for being black
OVER_S = 10.0  # so long a fault has to be gone
LASTS_S = {
    Health.BLACK: 30.0,
    Health.FROZEN: 60.0,
    Health.COVERED: 40.0,
    Health.TURNED: 60.0,
    Health.DEFOCUSED: 60.0,
}
USUAL_AFTER_S = {Health.TURNED: 1800.0, Health.DEFOCUSED: 21_600.0}
DAMAGE_WITHIN_S, DAMAGE_SECONDS = 30.0, 3  # damaged pictures in so many different seconds
_FLAT_SHARE = 0.25  # of the usual contrast
_STABLE_LIKENESS = 0.6
_BLURRED_SHARE = 0.45  # of the usual sharpness above that of no edge at all
_NO_EDGE, _LEAST_SHARPNESS = 0.125, 0.08
_RECENT_S = 10.0
_LONGEST_STEP_S = 30.0


class SignalHealth:
    """Follows one camera over all its connections, by what is looked at of it."""

    def __init__(self) -> None:
        self._faults = {health: _Lasting(lasts_s) for health, lasts_s in LASTS_S.items()}
        self._views: dict[tuple[int, ...], Views] = {}  # by the shape of the pictures
        self._shape: tuple[int, ...] = ()
        self._points: Plane | None = None
        self._recent: Field | None = None
        self._now_s = 0.0
        self._now_us: int | None = None
        self._damaged_s: deque[float] = deque(maxlen=DAMAGE_SECONDS)

    @property
    def health(self) -> Health:
        """The gravest fault, or OK."""
        for health, fault in self._faults.items():
            if fault.began_s is not None and fault.is_there:
                return health
        return Health.DAMAGED if self._is_damaged() else Health.OK

    @property
    def since_us(self) -> int | None:
        """When that began, microseconds since 1970; None while all is well."""
        health = self.health
        if health is Health.OK or self._now_us is None:
            return None
        if health is Health.DAMAGED:
            began_s = self._damaged_s[0]
        else:
            began_s = self._faults[health].began_s or self._now_s
        return self._now_us - round((self._now_s - began_s) * 1e6)

    def look(self, luma: Plane, time_us: int) -> None:
        """Take in a picture: uint8 of shape (height, width); most return at once."""
        if self._now_us is not None and 0 <= time_us - self._now_us < LOOK_INTERVAL_US:
            return
        elapsed_s = self._advance(time_us)
        measures = measure(luma)
        is_same = self._is_same(measures.points)
        if luma.shape != self._shape:
            self._shape, self._recent = luma.shape, None
        self._judge(measures, is_same, elapsed_s)

    def damaged(self, time_us: int) -> None:
        """A picture came that was damaged."""
        if self._now_us is None:
            self._now_us = time_us
        ahead_s = min(max(0.0, (time_us - self._now_us) / 1e6), _LONGEST_STEP_S)
        now_s = self._now_s + ahead_s
        if not self._damaged_s or now_s - self._damaged_s[-1] >= 1.0:
            self._damaged_s.append(now_s)

    def _advance(self, time_us: int) -> float:
        """Move the inner time on; times that leap or run backwards count for little."""
        elapsed_s = 0.0 if self._now_us is None else (time_us - self._now_us) / 1e6
        elapsed_s = min(max(elapsed_s, 0.0), _LONGEST_STEP_S)
        self._now_us = time_us
        self._now_s += elapsed_s
        return elapsed_s

    def _is_same(self, points: Plane) -> bool:
        """Whether not one point of the picture changed since the last one."""
        before, self._points = self._points, points
        return before is not None and np.array_equal(before, points)

    def _is_damaged(self) -> bool:
        return (
            len(self._damaged_s) == DAMAGE_SECONDS
            and self._now_s - self._damaged_s[0] < DAMAGE_WITHIN_S
        )

    def _judge(self, measures: Measures, is_same: bool, elapsed_s: float) -> None:
        is_black = measures.brightest < BLACK_LEVEL
        verdicts: dict[Health, bool | None] = dict.fromkeys(LASTS_S)
        verdicts[Health.BLACK] = is_black
        verdicts[Health.FROZEN] = None if is_black else is_same
        views = self._views.setdefault(self._shape, Views())
        if measures.brightest >= DARK_LEVEL:
            nearest = views.nearest(measures)
            is_stable = self._follow(measures.structure, elapsed_s)
            if nearest is None:
                views.add(View.of(measures.structure, measures))
            else:
                view, found = nearest
                if view.known and view.tells:
                    verdicts |= _compare(measures, view, found, is_stable=is_stable)
                if not any(verdicts.values()) and not view.unlike(found):
                    view.learn(measures, elapsed_s)
        for health, fault in self._faults.items():
            fault.step(self._now_s, verdicts[health])
        self._get_used_to(views, measures)

    def _follow(self, structure: Field, elapsed_s: float) -> bool:
        """Whether the picture is like those of the last seconds."""
        if self._recent is None:
            self._recent = structure.copy()
            return False
        is_stable = likeness(structure, self._recent) >= _STABLE_LIKENESS
        share = 1 - math.exp(-elapsed_s / _RECENT_S)
        cv2.accumulateWeighted(structure, self._recent, share)
        return is_stable

    def _get_used_to(self, views: Views, measures: Measures) -> None:
        """What has been so for long is one of the camera's usual views."""
        for health, after_s in USUAL_AFTER_S.items():
            fault = self._faults[health]
            if fault.began_s is None or self._now_s - fault.began_s < after_s:
                continue
            if self._recent is not None:
                views.add(View.of(self._recent, measures))
            fault.forget()


class _Lasting:
    """A fault that counts once it has lasted, and is over once it was gone for a while."""

    def __init__(self, lasts_s: float) -> None:
        self._lasts_s = lasts_s
        self.began_s: float | None = None  # when it was first seen
        self._gone_s: float | None = None
        self.is_there = False

    def step(self, now_s: float, seen: bool | None) -> None:
        """Take in whether it is seen now; None: it cannot be told."""
        if seen:
            self._gone_s = None
            if self.began_s is None:
                self.began_s = now_s
            self.is_there = self.is_there or now_s - self.began_s >= self._lasts_s
        elif seen is False and self.began_s is not None:
            if self._gone_s is None:
                self._gone_s = now_s
            if not self.is_there or now_s - self._gone_s >= OVER_S:
                self.forget()

    def forget(self) -> None:
        """It is over."""
        self.began_s = self._gone_s = None
        self.is_there = False


def _compare(
    measures: Measures, view: View, found: float, *, is_stable: bool
) -> dict[Health, bool | None]:
    """What is wrong with a picture, given the view that it is most like and how much it is."""
    is_unlike = view.unlike(found)
    is_flat = measures.contrast < _FLAT_SHARE * view.contrast
    is_dimmer = measures.mean < 0.6 * view.mean
    return {
        Health.COVERED: is_flat and is_unlike,
        Health.TURNED: None if is_unlike and not is_stable else is_unlike,
        Health.DEFOCUSED: None if is_unlike else _is_blurred(measures, view, is_flat, is_dimmer),
    }


def _is_blurred(measures: Measures, view: View, is_flat: bool, is_dimmer: bool) -> bool | None:
    if measures.sharpness is None or view.sharpness is None:
        return (is_flat and not is_dimmer) or None
    usual = view.sharpness - _NO_EDGE
    if usual < _LEAST_SHARPNESS:
        return False
    return measures.sharpness - _NO_EDGE < _BLURRED_SHARE * usual
