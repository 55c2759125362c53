"""Which of the wanted images are saved, and when one is saved whatever moves. Pure, no clock.

`picture_output` as in Motion, of the images of an event in which something moves: "first" is the
first, "best" that with the highest score, "center" that whose largest box is nearest to the middle
of the picture. The first is saved at once; the other two are known only when the event closes, and
until then the one that is best so far is all that is kept.
"""

import math
from typing import Generic, Protocol, TypeVar

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box
from chimera_storage.motion.trigger import Pacer

_SECOND_US = 1_000_000


class Found(Protocol):
    """What was found in a picture."""

    @property
    def moving(self) -> bool: ...
    @property
    def score(self) -> float: ...
    @property
    def boxes(self) -> tuple[Box, ...]: ...


Picture = TypeVar("Picture")
AnyFound = TypeVar("AnyFound", bound=Found)


class Picker(Generic[Picture, AnyFound]):
    """Picks from the images that the trigger wants, offered in the order of their times."""

    def __init__(self, settings: MotionSettings) -> None:
        self._output = settings.picture_output
        self._pacer = Pacer(settings.save_framerate)
        self._first_is_saved = False
        self._best: tuple[Picture, AnyFound] | None = None
        self._best_rank = (-math.inf, -math.inf)

    def takes(self, picture: Picture, found: AnyFound, time_us: int, size: tuple[int, int]) -> bool:
        """Whether this image is to be saved now. `size`: width and height that boxes refer to."""
        if self._output == "all":
            return self._pacer.due(time_us)
        if not found.moving:
            return False
        if self._output == "first":
            is_first, self._first_is_saved = not self._first_is_saved, True
            return is_first
        rank = (found.score, 0.0) if self._output == "best" else _centred(found, size)
        if rank > self._best_rank:
            self._best, self._best_rank = (picture, found), rank
        return False

    def close(self) -> tuple[Picture, AnyFound] | None:
        """The event is over: what is still to be saved of it. The next offer is of a new event."""
        best, self._best = self._best, None
        self._best_rank = (-math.inf, -math.inf)
        self._first_is_saved = False
        return best


def _centred(found: Found, size: tuple[int, int]) -> tuple[float, float]:
    """The nearer the largest box to the middle the higher; of two equally near the larger score."""
    if not found.boxes:
        return -math.inf, found.score
    box = max(found.boxes, key=lambda b: b.w * b.h)
    middle = box.x + box.w / 2, box.y + box.h / 2
    return -math.dist(middle, (size[0] / 2, size[1] / 2)), found.score


class Snapshots:
    """When an image is saved whatever moves: once in each interval counted from 1970 on.

    All cameras and every restart share that grid. A picture that `is_cheap` is preferred: one that
    has to be decoded from the last key frame on is taken only after a quarter of the interval.
    """

    def __init__(self, interval_s: int) -> None:
        self._interval_us = interval_s * _SECOND_US
        self._taken_in: int | None = None

    def due(self, time_us: int, *, is_cheap: bool = True) -> bool:
        """Whether the picture of this time, in microseconds since 1970, is one to save."""
        if not self._interval_us:
            return False
        interval, passed_us = divmod(time_us, self._interval_us)
        if interval == self._taken_in or not (is_cheap or passed_us >= self._interval_us // 4):
            return False
        self._taken_in = interval
        return True
