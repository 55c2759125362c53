"""Which frames to keep, and when an event begins and ends: pure, with no clock and no pictures.

The trigger is told of every frame that was looked at, in order, and numbers them from 0. The caller
holds the frames of the recent past in a buffer under the same numbers; each `Step` says which of
them to save now and which will never be wanted again. A frame is named at most once, in order.

How it decides, with t the time of a frame:
- A run of moving frames begins with a moving frame while no event is open. A single still frame in
  it is overlooked; two in a row, or a pause of more than 2 s between frames, end it.
- The run opens an event when it holds `minimum_motion_frames` moving frames. Below three frames a
  second no more are needed than come in a second (one, at one frame a second): a passer-by
  would be gone before the third.
- While the event is open every moving frame m wants the frames from m - pre_capture to
  m + post_capture, those of the run that opened it included.
- The event closes with the first frame that comes more than the longer of event_gap and
  post_capture after the last moving one.
- Time that runs backwards (a clock was set) counts as no time; a leap ahead is time that passed.
"""

from collections import deque
from dataclasses import dataclass

from chimera_storage.config import MotionSettings

_SECOND_US = 1_000_000
_RUN_PAUSE_US = 2 * _SECOND_US
_INTERVALS = 5  # the shortest of so many intervals is the rate: a hiccup does not make it slow


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """What follows from one frame.

    `number`: that frame's own. `save`: the numbers of the frames to save now, ascending, the
    frame itself included where it is to be saved; they belong to the open event, the new one if
    `opened`. `drop_before`: frames with a smaller number can be let go (after saving). `closed`:
    the event that was open is over; it and `opened` may come with the same frame.
    """

    number: int
    save: range
    drop_before: int
    opened: bool = False
    closed: bool = False


class Pacer:
    """Thins frames out to at most `framerate` a second, evenly; 0 lets all of them through."""

    def __init__(self, framerate: float) -> None:
        self._interval_us = round(_SECOND_US / framerate) if framerate > 0 else 0
        self._next_us: int | None = None

    def due(self, time_us: int) -> bool:
        """Whether the frame of this time is one to look at."""
        if not self._interval_us:
            return True
        planned = self._next_us
        if planned is None or abs(time_us - planned) > 2 * self._interval_us:
            planned = time_us  # the first frame, or the clock leapt
        elif time_us < planned - self._interval_us // 20:
            return False
        self._next_us = planned + self._interval_us
        return True


class Trigger:
    """Turns "this frame moves" into images to keep and events."""

    def __init__(self, settings: MotionSettings) -> None:
        self._minimum = settings.minimum_motion_frames
        self._pre_us = round(settings.pre_capture * _SECOND_US)
        self._post_us = round(settings.post_capture * _SECOND_US)
        self._gap_us = max(round(settings.event_gap * _SECOND_US), self._post_us)
        self._number = -1
        self._given_us: int | None = None  # the last frame's time as it was given
        self._now_us = 0  # time that passed since the first frame
        self._intervals: deque[int] = deque(maxlen=_INTERVALS)
        self._buffered: deque[tuple[int, int]] = (
            deque()
        )  # number and time, not yet saved or dropped
        self._run: list[int] = []  # times of the run's moving frames
        self._still = 0  # still frames since the last moving one
        self._last_moving_us: int | None = None  # of the open event; None: none is open

    @property
    def event_open(self) -> bool:
        """Whether an event is open."""
        return self._last_moving_us is not None

    def step(self, time_us: int, moving: bool) -> Step:
        """Take in the next frame: its time in microseconds, and whether something moves in it."""
        pause_us = self._advance(time_us)
        self._buffered.append((self._number, self._now_us))
        closed = self._close_if_over()
        opened = False
        if self.event_open:
            if moving:
                self._last_moving_us = self._now_us
                self._forget(self._now_us - self._pre_us)
        else:
            opened = self._follow_run(moving, pause_us)
        return Step(
            number=self._number,
            save=self._take(),
            drop_before=self._drop(),
            opened=opened,
            closed=closed,
        )

    def _advance(self, time_us: int) -> int:
        """Number the frame, move the inner time on and return by how much."""
        self._number += 1
        pause_us = 0
        if self._given_us is not None:
            pause_us = max(0, time_us - self._given_us)
            self._intervals.append(pause_us)
        self._given_us = time_us
        self._now_us += pause_us
        return pause_us

    def _close_if_over(self) -> bool:
        if self._last_moving_us is None or self._now_us - self._last_moving_us <= self._gap_us:
            return False
        self._last_moving_us = None
        self._run = []
        return True

    def _follow_run(self, moving: bool, pause_us: int) -> bool:
        """Count moving frames while no event is open; True if this one opens it."""
        self._still = 0 if moving else self._still + 1
        if self._still > 1 or pause_us > _RUN_PAUSE_US:
            self._run = []
        if not moving:
            return False
        self._run.append(self._now_us)
        if len(self._run) < self._needed():
            return False
        self._forget(self._run[0] - self._pre_us)
        self._last_moving_us = self._run[-1]
        self._run = []
        return True

    def _needed(self) -> int:
        interval_us = min(self._intervals, default=0)
        if 3 * interval_us <= _SECOND_US:
            return self._minimum
        return min(self._minimum, max(1, _SECOND_US // interval_us))

    def _forget(self, before_us: int) -> None:
        while self._buffered and self._buffered[0][1] < before_us:
            self._buffered.popleft()

    def _take(self) -> range:
        """The frames to save now: all still buffered, if this one is within post-capture."""
        last_us = self._last_moving_us
        if last_us is None or self._now_us - last_us > self._post_us:
            return range(0)
        first = self._buffered[0][0]
        self._buffered.clear()
        return range(first, self._number + 1)

    def _drop(self) -> int:
        """Forget what no later moving frame can want; the number of the first that stays."""
        wanted_from = self._run[0] if self._run else self._now_us
        self._forget(wanted_from - self._pre_us)
        return self._buffered[0][0] if self._buffered else self._number + 1
