"""How long to wait before the next attempt: longer each time, never all at the same moment."""

import random


class Backoff:
    """Delays that double from `first_s` to `most_s`, and begin anew after `good_s` without a fault.

    Each is varied by up to a fifth, so that cameras behind one switch do not come back in step.
    """

    def __init__(self, *, first_s: float, most_s: float, good_s: float) -> None:
        self._first_s = first_s
        self._most_s = most_s
        self._good_s = good_s
        self._next_s = first_s
        self.failures = 0

    def failed(self, lasted_s: float) -> float:
        """The seconds to wait now that an attempt ended which had gone well for `lasted_s`."""
        if lasted_s >= self._good_s:
            self._next_s, self.failures = self._first_s, 0
        self.failures += 1
        delay_s = self._next_s
        self._next_s = min(self._most_s, 2 * delay_s)
        return delay_s * random.uniform(0.8, 1.2)
