"""What FFmpeg reads for us, decoded: RTSP, USB cameras, video over HTTP, files.

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
from pathlib import Path
from typing import Literal

import av
from av.container import InputContainer
from av.video.stream import VideoStream

from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.motion.sources.address import Address, AddressKind
from chimera_storage.motion.sources.source import TIMEOUT_S, SourceFrame
from chimera_storage.motion.sources.timing import LiveTimes

_MICROSECONDS = 1_000_000
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
_CLOCK_STEP_US = 500_000


class StreamSource:
    """A live stream that FFmpeg reads. Damaged pictures are left out and counted in `damaged`."""

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

    def frames(self, stop: threading.Event) -> Iterator[SourceFrame]:
        """Pictures from the first key frame on. Raises SourceError."""
        times = LiveTimes(to_us(self._clock.now()))
        options = _options(self._address, self._transport, self._timeout_s)
        with Opened(self._address, options, self._timeout_s) as opened:
            for picture, jpeg in opened.pictures(stop):
                time_us = times.stamp(_pts_us(picture), to_us(self._clock.now()))
                yield SourceFrame(picture=picture, time_us=time_us, jpeg=jpeg)
                self.damaged = opened.damaged
            if opened.decoded == 0 and not stop.is_set():
                raise SourceError(f"{self._address.place} sent no picture before it hung up.")


class FileSource:
    """A video file, played in real time as if it were live, stamped with the present.

    The spacing is that of the file. When reading falls more than 1 s behind real time the rest
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

    def frames(self, stop: threading.Event) -> Iterator[SourceFrame]:
        """Pictures until the end of the file, or for ever. Raises SourceError."""
        _check_file(self._address)
        pace = Pace(self._clock)
        while not stop.is_set():
            pace.begin_pass()
            with Opened(self._address, {}, TIMEOUT_S) as opened:
                for picture, jpeg in opened.pictures(stop):
                    due_us = pace.due_us(_pts_us(picture))
                    if pace.wait(due_us, stop):
                        return
                    yield SourceFrame(picture=picture, time_us=pace.stamp(due_us), jpeg=jpeg)
                if opened.decoded == 0 and not stop.is_set():
                    raise SourceError(
                        f"No picture of {self._address.place!r} can be decoded; is the file whole?"
                    )
                self.damaged += opened.damaged
            if not self._loop:
                return


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
        elif pts_us <= self._last_pts_us:  # a file whose times run backwards
            self._offset_us += self._last_pts_us + self._interval_us - pts_us
        else:
            self._interval_us = min(pts_us - self._last_pts_us, _MICROSECONDS)
        behind_us = now_us - (pts_us + self._offset_us)
        if behind_us > _MAX_BEHIND_US:
            self._offset_us += behind_us
        self._last_pts_us = pts_us
        self._last_us = pts_us + self._offset_us
        return self._last_us

    def wait(self, due_us: int, stop: threading.Event) -> bool:
        """Wait until then; True if `stop` came first."""
        early_us = due_us - self._now_us()
        return stop.wait(early_us / _MICROSECONDS) if early_us > 0 else stop.is_set()

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

    `decoded` counts pictures, `damaged` what could not be decoded or was marked as corrupt.
    """

    def __init__(self, address: Address, options: dict[str, str], timeout_s: float) -> None:
        self._address = address
        self._options = {"protocol_whitelist": _PROTOCOLS[address.kind], **options}
        self._timeout_s = timeout_s
        self._container: InputContainer | None = None
        self.decoded = 0
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

    def pictures(self, stop: threading.Event) -> Iterator[tuple[av.VideoFrame, bytes | None]]:
        """Decoded pictures, with the camera's own JPEG where there is one."""
        assert self._container is not None, "use it in a with"  # noqa: S101
        if not self._container.streams.video:
            raise SourceError(
                f"There is no video in {self._address.place}, only sound or data; the address of a"
                " video stream is right."
            )
        stream = self._container.streams.video[0]
        # One thread: cameras run beside each other anyway, and each further one holds a picture.
        stream.codec_context.thread_count = 1
        try:
            yield from self._decode(self._container, stream, stop)
        except (av.FFmpegError, OSError, ValueError) as error:
            raise source_error(error, self._address) from None

    def _error(self, error: Exception, began_s: float) -> SourceError:
        # An RTSP server that stays silent is reported as one that talks nonsense.
        if isinstance(error, av.InvalidDataError) and (
            time.monotonic() - began_s >= 0.9 * self._timeout_s
        ):
            error = TimeoutError()
        return source_error(error, self._address)

    def _decode(
        self, container: InputContainer, stream: VideoStream, stop: threading.Event
    ) -> Iterator[tuple[av.VideoFrame, bytes | None]]:
        is_jpeg = stream.codec_context.name == "mjpeg"
        awaiting_key = True
        for packet in container.demux(stream):
            if stop.is_set():
                return
            if packet.size and (packet.is_corrupt or (awaiting_key and not packet.is_keyframe)):
                self.damaged += packet.is_corrupt
                continue
            awaiting_key = False
            try:
                pictures = packet.decode()
            except av.InvalidDataError:
                self.damaged += 1
                continue
            jpeg = bytes(packet) if is_jpeg and len(pictures) == 1 else None
            for picture in pictures:
                if picture.is_corrupt:
                    self.damaged += 1
                    continue
                self.decoded += 1
                yield picture, jpeg if jpeg and is_whole_jpeg(jpeg) else None


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


def _pts_us(picture: av.VideoFrame) -> int | None:
    if picture.pts is None or picture.time_base is None:
        return None
    return int(picture.pts * picture.time_base * _MICROSECONDS)
