"""What a camera usually shows, learnt from its pictures: pure.

A camera has more than one usual picture: by day in colour and at night under its own infrared lamp,
or the stations of one that turns by itself. Each is a `View`; a picture is compared with the view
that it is most like.
"""

import math
from dataclasses import dataclass

import cv2

from chimera_storage.motion.health.measures import Field, Measures, likeness

MOST_VIEWS = 4
LEARN_S = 600.0  # how slowly a view follows the scene, once it is known
KNOWN_S = 20.0  # of pictures, and as many pictures, before anything is compared
KNOWN_LOOKS = 10
_UNLIKE_SHARE = 0.4  # of the usual likeness
_LEAST_LIKENESS = 0.5  # of its pictures to each other, below which nothing can be told
_LEAST_CONTRAST = 16


@dataclass(slots=True)
class View:
    """One usual picture: running means of the measures, and of how like it its pictures are."""

    structure: Field
    contrast: float
    mean: float
    sharpness: float | None
    likeness: float = 1.0
    looks: int = 1
    learnt_s: float = 0.0
    used: int = 0

    @staticmethod
    def of(structure: Field, measures: Measures) -> "View":
        """A view of one picture."""
        return View(structure.copy(), measures.contrast, measures.mean, measures.sharpness)

    @property
    def known(self) -> bool:
        """Whether enough was seen of it to compare with."""
        return self.learnt_s >= KNOWN_S and self.looks >= KNOWN_LOOKS

    @property
    def tells(self) -> bool:
        """Whether it has anything to compare with: not a bare wall, nor a hedge in the wind."""
        return self.likeness >= _LEAST_LIKENESS and self.contrast >= _LEAST_CONTRAST

    def unlike(self, found: float) -> bool:
        """Whether a picture so like it does not show it."""
        return self.known and self.tells and found < _UNLIKE_SHARE * self.likeness

    def learn(self, measures: Measures, elapsed_s: float) -> None:
        """Follow the scene: quickly at first, then slowly."""
        self.looks += 1
        self.learnt_s += elapsed_s
        share = max(1 - math.exp(-elapsed_s / LEARN_S), 1 / self.looks if not self.known else 0.0)
        if self.looks > 3:
            found = likeness(measures.structure, self.structure)
            self.likeness += share * (found - self.likeness)
        cv2.accumulateWeighted(measures.structure, self.structure, share)
        self.contrast += share * (measures.contrast - self.contrast)
        self.mean += share * (measures.mean - self.mean)
        if measures.sharpness is not None:
            before = measures.sharpness if self.sharpness is None else self.sharpness
            self.sharpness = before + share * (measures.sharpness - before)


class Views:
    """The views of a camera; the one that was used longest ago goes when there are too many."""

    def __init__(self) -> None:
        self._views: list[View] = []
        self._uses = 0

    def nearest(self, measures: Measures) -> tuple[View, float] | None:
        """The view that a picture is most like, and how much; None before there is one."""
        if not self._views:
            return None
        likenesses = [likeness(measures.structure, view.structure) for view in self._views]
        best = max(range(len(likenesses)), key=likenesses.__getitem__)
        self._uses += 1
        self._views[best].used = self._uses
        return self._views[best], likenesses[best]

    def add(self, view: View) -> None:
        """One more."""
        if len(self._views) == MOST_VIEWS:
            self._views.remove(min(self._views, key=lambda known: known.used))
        self._uses += 1
        view.used = self._uses
        self._views.append(view)
