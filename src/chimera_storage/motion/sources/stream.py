"""What FFmpeg reads for us, still compressed: RTSP, USB cameras, video over HTTP, files.

FFmpeg's own log stays off, as PyAV leaves it: its lines name addresses with passwords, and PyAV's
callback into Python takes the GIL in FFmpeg's threads, a known source of deadlocks. Errors carry
the address too, so they are never chained to the SourceError that replaces them.

Time-outs, as measured with PyAV 18.1: `av.open(timeout=(open, read))` ends a silent connection, but
as InvalidDataError for RTSP, hence the look at the time that passed; FFmpeg's own `timeout`
(RTSP) and `rw_timeout` (HTTP) end a connection that goes silent later, UDP included.
"""

import math
import socket
import stat
import threading
import time
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer

from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.motion.sources.address import Address, AddressKind
from chimera_storage.motion.sources.codec import Codec, VideoPacket
from chimera_storage.motion.sources.continuity import HEAD_BYTES, Continuity
from chimera_storage.motion.sources.source import TIMEOUT_S, SourcePacket
from chimera_storage.motion.sources.timing import LiveTimes

_MICROSECONDS = 1_000_000
_MICROSECOND = Fraction(1, _MICROSECONDS)
# One stream may not make FFmpeg open another of another sort: a playlist could name local files.
_PROTOCOLS = {
    AddressKind.RTSP: "rtsp,rtsps,rtp,srtp,udp,tcp,tls",
    AddressKind.HTTP: "http,https,tcp,tls,crypto,data",
    AddressKind.FILE: "file",
    AddressKind.DEVICE: "file",
}
_SILENT = (
    "{place} did not answer, or sent no picture, in time; is the camera on, and does the address"
    " lead to its stream?"
)
_SENTENCES: tuple[tuple[type[Exception], str], ...] = (
    (av.error.HTTPForbiddenError, "{place} forbids this stream to this user (403)."),
    (
        av.error.HTTPNotFoundError,
        "{place} has no stream at this path (404); check the path in the address.",
    ),
    (
        av.error.HTTPClientError,
        "{place} answers with an error instead of a stream; check the address.",
    ),
    (av.error.HTTPError, "{place} answers with an error instead of a stream; check the address."),
    (
        ConnectionRefusedError,
        "{place} refuses the connection; is the camera on, and is this its port?",
    ),
    (av.ExitError, _SILENT),
    (TimeoutError, _SILENT),
    (ConnectionError, "{place} closed the connection."),
    (PermissionError, "{place} may not be read by this user; give the user the right to."),
    (FileNotFoundError, "{place} does not exist; is the camera plugged in?"),
)
_MAX_BEHIND_US = 1_000_000
_LONGEST_PAUSE_US = 60_000_000  # between two pictures of a file
_CLOCK_STEP_US = 500_000
_LATE_S = 0.15  # so late a file's packets may come: a few at a time cost less than one by one
_AWAIT_KEY_S = 10.0


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
    ) -> None:
        self._address = address
        self._transport = transport
        self._clock = clock
        self._timeout_s = timeout_s
        self.patience_s = 3 * timeout_s  # opening has two stages, each with a time-out
        self.damaged = 0

    def frames(self, stop: threading.Event) -> Iterator[SourcePacket]:
        """Packets from the first key frame on. Raises SourceError."""
        times = LiveTimes(to_us(self._clock.now()))
        options = _options(self._address, self._transport, self._timeout_s)
        came = False
        with Opened(self._address, options, self._timeout_s) as opened:
            order = _Order()
            for packet in opened.packets(stop):
                due_us, shift_us = order.place(packet)
                time_us = times.stamp(due_us, to_us(self._clock.now()))
                yield opened.stamped(packet, time_us + shift_us)
                came = True
                self.damaged = opened.damaged
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

    def __init__(self, address: Address, loop: bool, clock: Clock) -> None:
        self._address = address
        self._loop = loop
        self._clock = clock
        self.damaged = 0

    def frames(self, stop: threading.Event) -> Iterator[SourcePacket]:
        """Packets until the end of the file, or for ever. Raises SourceError."""
        _check_file(self._address)
        pace = Pace(self._clock)
        while not stop.is_set():
            pace.begin_pass()
            came = False
            with Opened(self._address, {}, TIMEOUT_S) as opened:
                order = _Order()
                for packet in opened.packets(stop):
                    pts_us, shift_us = order.place(packet)
                    due_us = pace.due_us(pts_us)
                    if pace.wait(due_us, stop, _LATE_S):
                        return
                    yield opened.stamped(packet, pace.stamp(due_us) + shift_us)
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
        dts_us, pts_us = _us(packet.dts, packet), _us(packet.pts, packet)
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


class Opened:
    """An open input and its first video stream, to be used in a `with`. Raises SourceError.

    `damaged` counts packets that the network or the file says are damaged.
    """

    def __init__(self, address: Address, options: dict[str, str], timeout_s: float) -> None:
        self._address = address
        self._options = {"protocol_whitelist": _PROTOCOLS[address.kind], **options}
        self._timeout_s = timeout_s
        self._container: InputContainer | None = None
        self._codec: Codec | None = None
        self._continuity: Continuity | None = None
        self._left_out = False
        self.damaged = 0

    def __enter__(self) -> "Opened":
        began = time.monotonic()
        try:
            self._container = av.open(
                self._address.with_credentials(),
                format="v4l2" if self._address.kind is AddressKind.DEVICE else None,
                options=self._options,
                metadata_errors="replace",
                timeout=self._timeout_s,
            )
        except (av.FFmpegError, OSError, ValueError) as error:
            raise self._error(error, began) from None
        return self

    def __exit__(self, *_: object) -> None:
        if self._container is not None:
            self._container.close()

    def packets(self, stop: threading.Event) -> Iterator[VideoPacket]:
        """Packets of pictures, from the first key frame on (or without one, where none comes)."""
        assert self._container is not None, "use it in a with"  # noqa: S101
        if not self._container.streams.video:
            raise SourceError(
                f"There is no video in {self._address.place}, only sound or data; the address of a"
                " video stream is right."
            )
        stream = self._container.streams.video[0]
        try:
            self._codec = Codec(stream)
            if self._codec.name == "h264":
                self._continuity = Continuity(stream.codec_context.extradata)
            began_s: float | None = time.monotonic()
            for packet in self._container.demux(stream):
                if stop.is_set():
                    return
                if packet.is_corrupt:
                    self.damaged += 1
                    self._left_out = True
                elif packet.size and (
                    began_s is None or packet.is_keyframe or _is_over(began_s, _AWAIT_KEY_S)
                ):
                    began_s = None
                    yield packet
        except (av.FFmpegError, OSError, ValueError) as error:
            raise source_error(error, self._address) from None

    def stamped(self, packet: VideoPacket, time_us: int) -> SourcePacket:
        """The packet and, in it, this time instead of the stream's own."""
        assert self._codec is not None, "a packet of this stream"  # noqa: S101
        packet.pts, packet.dts, packet.time_base = time_us, None, _MICROSECOND
        is_broken, self._left_out = self._left_out, False
        if self._continuity is not None:
            is_broken |= self._continuity.is_broken(bytes(memoryview(packet)[:HEAD_BYTES]))
        return SourcePacket(
            packet=packet,
            time_us=time_us,
            key=packet.is_keyframe,
            size=packet.size,
            codec=self._codec,
            broken=is_broken,
        )

    def _error(self, error: Exception, began_s: float) -> SourceError:
        # An RTSP server that stays silent is reported as one that talks nonsense.
        if isinstance(error, av.InvalidDataError) and (
            time.monotonic() - began_s >= 0.9 * self._timeout_s
        ):
            error = TimeoutError()
        return source_error(error, self._address)


def is_whole_jpeg(data: bytes) -> bool:
    """Whether other programs can show it: USB cameras leave out the Huffman tables (DHT)."""
    return data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9") and b"\xff\xc4" in data


def source_error(error: Exception, address: Address) -> SourceError:
    """One sentence for what FFmpeg or the system said; never holds the error's own text."""
    get_logger().debug("source_error", error=type(error).__name__, place=address.place)
    return SourceError(_sentence(error, address))


def _sentence(error: Exception, address: Address) -> str:
    place = address.place
    if isinstance(error, av.error.HTTPUnauthorizedError):
        return refused_sentence(address)
    for kind, sentence in _SENTENCES:
        if isinstance(error, kind):
            return sentence.format(place=place)
    if address.host and isinstance(error, OSError):
        if not _known(address.host):
            return f"No host is known under the name {address.host!r}; is it written right?"
        return f"{place} cannot be reached from here; check the address and the network."
    return f"{place} gives nothing that is video; the address of a video stream or file is right."


def refused_sentence(address: Address) -> str:
    """What a 401 means."""
    if address.user is None:
        return f"{address.place} asks for a user and password (401); put them into the address."
    return f"{address.place} refuses the user or the password of the address (401)."


def _known(host: str) -> bool:
    try:
        socket.getaddrinfo(host, None)
    except OSError:
        return False
    return True


def _check_file(address: Address) -> None:
    try:
        mode = Path(address.target).stat().st_mode
    except (FileNotFoundError, NotADirectoryError):
        raise SourceError(f"The file {address.place!r} does not exist.") from None
    except (OSError, ValueError):
        raise SourceError(f"The file {address.place!r} cannot be read by this user.") from None
    if not stat.S_ISREG(mode):
        raise SourceError(f"{address.place!r} is no file; the path of a video file is right.")


def _options(address: Address, transport: str, timeout_s: float) -> dict[str, str]:
    timeout_us = str(round(timeout_s * _MICROSECONDS))
    if address.kind is AddressKind.RTSP:
        return {
            "rtsp_transport": transport,
            "timeout": timeout_us,
            "allowed_media_types": "video",
            "fpsprobesize": "0",  # nobody asks for the frame rate; it took 1.6 s longer to connect
            "tls_verify": "0",  # cameras sign their own certificates
        }
    if address.kind is AddressKind.HTTP:
        return {"rw_timeout": timeout_us, "tls_verify": "0", "fpsprobesize": "0"}
    return {}


def _is_over(began_s: float, lasts_s: float) -> bool:
    return time.monotonic() - began_s > lasts_s


def _us(ticks: int | None, packet: VideoPacket) -> int | None:
    if ticks is None or packet.time_base is None:
        return None
    return int(ticks * packet.time_base * _MICROSECONDS)
