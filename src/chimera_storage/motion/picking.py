"""Which of the wanted images are saved, and when one is saved whatever moves. Pure, no clock.

`picture_output` as in Motion, of the images of an event in which something moves: "first" is the
first, "best" that with the highest score, "center" that whose largest box is nearest to the middle
of the picture. The first is saved at once. The other two are known only when the event closes, but
a crash may come first: so the best so far is saved, at once and then every few seconds where it has
changed, each in place of the one before.
"""

import math
from typing import Generic, Protocol, TypeVar

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box
from chimera_storage.motion.trigger import Pacer

_SECOND_US = 1_000_000
REPLACE_US = 5 * _SECOND_US  # the most that a crash takes of what was better


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
        self._saved_us: int | None = None  # when the best so far was saved last

    @property
    def replaces(self) -> bool:
        """Whether an image takes the place of the one before of the same event."""
        return self._output in ("best", "center")

    def offer(
        self, picture: Picture, found: AnyFound, time_us: int, size: tuple[int, int]
    ) -> tuple[Picture, AnyFound] | None:
        """What is to be saved now. `size`: width and height that boxes refer to."""
        if self._output == "all":
            return (picture, found) if self._pacer.due(time_us) else None
        if self._output == "first":
            if not found.moving or self._first_is_saved:
                return None
            self._first_is_saved = True
            return picture, found
        if found.moving:
            rank = (found.score, 0.0) if self._output == "best" else _centred(found, size)
            if rank > self._best_rank:
                self._best, self._best_rank = (picture, found), rank
        if self._best is None or (
            self._saved_us is not None and 0 <= time_us - self._saved_us < REPLACE_US
        ):
            return None
        best, self._best, self._saved_us = self._best, None, time_us
        return best

    def close(self) -> tuple[Picture, AnyFound] | None:
        """The event is over: what is still to be saved of it. The next offer is of a new event."""
        best, self._best = self._best, None
        self._best_rank = (-math.inf, -math.inf)
        self._first_is_saved = False
        self._saved_us = None
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
