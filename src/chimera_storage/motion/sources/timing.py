"""When a picture was taken, in microseconds since 1970 by this machine's clock.

Cameras' clocks are not trusted: they are off by years after a power cut. What is trusted is the
spacing of the pictures within a stream (`pts`), because the network delivers them in bursts: a
stall of two seconds on TCP ends with thirty pictures at one instant, which were not taken then.
"""

_MAX_LAG_US = 5_000_000
_CLOCK_STEP_US = 1_000_000
_LEAK = 50  # the offset rises by a 50th of the time that passes: 2 %


class LiveTimes:
    """Receipt times, smoothed by the stream's own spacing; always rising unless the clock is set.

    A picture's time is `pts + offset`, where the offset follows the pictures that arrived with the
    least delay: it falls at once (nothing is received before it was taken) and rises by at most 2 %
    of the time that passes, which follows a camera whose clock runs slow. Where `pts` is missing,
    runs backwards or leaps, or lags more than 5 s behind the receipt, the receipt time counts and
    the offset begins anew. `began_us` is when the connection was begun: the pictures read while
    the stream was being opened come in one burst, and are spaced from then on, also where RTP gives
    the first of them no `pts` yet. None: there is no such burst.
    """

    def __init__(self, began_us: int | None) -> None:
        self._began_us = began_us
        self._offset_us: int | None = None
        self._pts_us = 0
        self._received_us: int | None = None
        self._last_us: int | None = None

    def stamp(self, pts_us: int | None, received_us: int) -> int:
        """The time of the next picture, from its `pts` and the present, both in microseconds."""
        if self._received_us is not None and received_us < self._received_us - _CLOCK_STEP_US:
            self._offset_us = self._last_us = None  # the clock was set back
        self._received_us = received_us
        if self._began_us is not None and not 0 <= received_us - self._began_us <= _MAX_LAG_US:
            self._began_us = None
        if pts_us is None:
            self._offset_us = None
            if self._last_us is not None:
                self._began_us = None
            time_us = received_us if self._began_us is None else self._began_us
        else:
            self._offset_us = self._next_offset(pts_us, received_us)
            self._began_us = None
            self._pts_us = pts_us
            time_us = pts_us + self._offset_us
        if self._last_us is not None:
            time_us = max(time_us, self._last_us + 1)
        self._last_us = time_us
        return time_us

    def _next_offset(self, pts_us: int, received_us: int) -> int:
        fresh = received_us - pts_us
        if self._began_us is not None:
            return self._began_us - pts_us
        if self._offset_us is None:
            return fresh
        passed_us = pts_us - self._pts_us
        if not 0 < passed_us <= _MAX_LAG_US or fresh - self._offset_us > _MAX_LAG_US:
            return fresh
        return min(self._offset_us + passed_us // _LEAK, fresh)
