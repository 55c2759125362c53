"""Live streams and video files that FFmpeg reads for us, still compressed, and their times."""

import math
import stat
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Literal

from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import SourceError
from chimera_storage.motion.sources.address import Address
from chimera_storage.motion.sources.codec import VideoPacket
from chimera_storage.motion.sources.ffmpeg import Opened, live_options
from chimera_storage.motion.sources.hardware import Device
from chimera_storage.motion.sources.source import TIMEOUT_S, Item
from chimera_storage.motion.sources.timing import LiveTimes

_MICROSECONDS = 1_000_000
_MAX_BEHIND_US = 1_000_000
_LONGEST_PAUSE_US = 60_000_000  # between two pictures of a file
_CLOCK_STEP_US = 500_000
_LATE_S = 0.5  # so late a file's packets may come: a few at a time cost less than one by one


class StreamSource:
    """A live stream that FFmpeg reads. Packets that came damaged are left out, and counted."""

    live = True

    def __init__(
        self,
        address: Address,
        transport: Literal["tcp", "udp"],
        clock: Clock,
        *,
        timeout_s: float = TIMEOUT_S,
        devices: Sequence[Device] = (),
    ) -> None:
        self._address = address
        self._devices = devices
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self.patience_s = 3 * timeout_s  # opening has two stages, each with a time-out
        self.damaged = 0

    def frames(self, stop: threading.Event) -> Iterator[Item]:
        """Packets from the first key frame on; JPEG files as such. Raises SourceError."""
        times = LiveTimes(to_us(self._clock.now()))
        options = live_options(self._address, self._transport, self._timeout_s)
        came = False
        with Opened(self._address, options, self._timeout_s, self._devices) as opened:
            order = _Order()
            for packet in opened.packets(stop):
                due_us, shift_us = order.place(packet)
                time_us = times.stamp(due_us, to_us(self._clock.now()))
                item = opened.item(packet, time_us + shift_us)
                self.damaged = opened.damaged
                if item is not None:
                    yield item
                    came = True
        if not came and not stop.is_set():
            raise SourceError(f"{self._address.place} sent no picture before it hung up.")


class FileSource:
    """A video file, played in real time as if it were live, stamped with the present.

    The spacing is that of the file; times that leap by more than a minute or run backwards count
    as one usual interval. When reading falls more than 1 s behind real time the rest
    of the file is played that much later; no picture is left out. With `loop` the first picture
    follows the last one after one usual interval.
    """

    live = False
    patience_s = math.inf  # pictures may be hours apart

    def __init__(
        self, address: Address, loop: bool, clock: Clock, *, devices: Sequence[Device] = ()
    ) -> None:
        self._address = address
        self._devices = devices
        self._loop = loop
        self._clock = clock
        self.damaged = 0

    def frames(self, stop: threading.Event) -> Iterator[Item]:
        """Packets, or JPEG files, until the end of the file or for ever. Raises SourceError."""
        _check_file(self._address)
        pace = Pace(self._clock)
        while not stop.is_set():
            pace.begin_pass()
            came = False
            with Opened(self._address, {}, TIMEOUT_S, self._devices) as opened:
                order = _Order()
                for packet in opened.packets(stop):
                    pts_us, shift_us = order.place(packet)
                    due_us = pace.due_us(pts_us)
                    if pace.wait(due_us, stop, _LATE_S):
                        return
                    item = opened.item(packet, pace.stamp(due_us) + shift_us)
                    if item is not None:
                        yield item
                        came = True
                self.damaged += opened.damaged
            if not came and not stop.is_set():
                raise SourceError(
                    f"No picture of {self._address.place!r} can be decoded; is the file whole?"
                )
            if not self._loop:
                return


class _Order:
    """When packets are due, and how much earlier or later than that their picture is.

    With B frames packets come in another order than their pictures: they are timed by `dts`.
    """

    def __init__(self) -> None:
        self._delay_us: int | None = None

    def place(self, packet: VideoPacket) -> tuple[int | None, int]:
        """Its due time and the picture's distance from it, in microseconds."""
        unit = packet.time_base
        dts_us, pts_us = _us(packet.dts, unit), _us(packet.pts, unit)
        if dts_us is None or pts_us is None:
            return (pts_us if dts_us is None else dts_us), 0
        if self._delay_us is None:
            self._delay_us = pts_us - dts_us
        shift_us = pts_us - dts_us - self._delay_us
        return dts_us, shift_us if abs(shift_us) <= _MAX_BEHIND_US else 0


class Pace:
    """When each picture of a file is due: its time in the file plus when playing began.

    Waits go by the monotonic clock, stamps by the machine's, so that a clock that is set while
    a file plays changes the stamps and not the pace.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._offset_us: int | None = None
        self._last_pts_us = 0
        self._interval_us = 40_000  # until two pictures have shown another
        self._last_us: int | None = None
        self._wall_us = 0  # the machine's clock minus the monotonic one

    def begin_pass(self) -> None:
        """The next picture is the first of the file."""
        self._offset_us = None

    def due_us(self, pts_us: int | None) -> int:
        """Monotonic time in microseconds at which the next picture is due."""
        now_us = self._now_us()
        if pts_us is None:
            pts_us = self._last_pts_us + self._interval_us
        if self._offset_us is None:
            first_us = now_us if self._last_us is None else self._last_us + self._interval_us
            self._offset_us = first_us - pts_us
        elif not 0 < pts_us - self._last_pts_us <= _LONGEST_PAUSE_US:  # a clock that was set
            self._offset_us += self._last_pts_us + self._interval_us - pts_us
        else:
            self._interval_us = min(pts_us - self._last_pts_us, _MICROSECONDS)
        behind_us = now_us - (pts_us + self._offset_us)
        if behind_us > _MAX_BEHIND_US:
            self._offset_us += behind_us
        self._last_pts_us = pts_us
        self._last_us = pts_us + self._offset_us
        return self._last_us

    def wait(self, due_us: int, stop: threading.Event, late_s: float = 0.0) -> bool:
        """Wait until `late_s` after then, if it is still to come; True if `stop` came first."""
        early_us = due_us - self._now_us()
        return stop.wait(early_us / _MICROSECONDS + late_s) if early_us > 0 else stop.is_set()

    def stamp(self, due_us: int) -> int:
        """The machine's time, microseconds since 1970, of a picture due then."""
        wall_us = to_us(self._clock.now()) - self._now_us()
        if abs(wall_us - self._wall_us) > _CLOCK_STEP_US:
            self._wall_us = wall_us
        return due_us + self._wall_us

    def _now_us(self) -> int:
        return round(self._clock.monotonic() * _MICROSECONDS)


def _check_file(address: Address) -> None:
    try:
        mode = Path(address.target).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"The file {address.place!r} does not exist.") from None
    except (OSError, ValueError):
        raise SourceError(f"The file {address.place!r} cannot be read by this user.") from None
    if not stat.S_ISREG(mode):
        raise SourceError(f"{address.place!r} is no file; the path of a video file is right.")


def _us(ticks: int | None, unit: Fraction | None) -> int | None:
    if ticks is None or unit is None:
        return None
    return ticks * unit.numerator * _MICROSECONDS // unit.denominator
