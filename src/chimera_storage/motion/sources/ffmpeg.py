"""An input that FFmpeg has open: packets out, and what goes wrong as sentences for people.

FFmpeg's own log stays off, as PyAV leaves it: its lines name addresses with passwords, and PyAV's
callback into Python takes the GIL in FFmpeg's threads, a known source of deadlocks. Errors carry
the address too, so they are never chained to the SourceError that replaces them.

Time-outs, as measured with PyAV 18.1: `av.open(timeout=(open, read))` ends a silent connection, but
as InvalidDataError for RTSP, hence the look at the time that passed; FFmpeg's own `timeout`
(RTSP) and `rw_timeout` (HTTP) end a connection that goes silent later, UDP included.
"""

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from fractions import Fraction

import av
from av.container import InputContainer

from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.address import Address, AddressKind
from chimera_storage.motion.sources.codec import Codec, VideoPacket
from chimera_storage.motion.sources.continuity import HEAD_BYTES, Continuity
from chimera_storage.motion.sources.hardware import Device
from chimera_storage.motion.sources.jpeg_files import is_whole
from chimera_storage.motion.sources.source import SourceJpeg, SourcePacket

_MICROSECONDS = 1_000_000
_MICROSECOND = Fraction(1, _MICROSECONDS)
_AWAIT_KEY_S = 10.0
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


class Opened:
    """An open input and its first video stream, to be used in a `with`. Raises SourceError.

    `damaged` counts packets that the network or the file says are damaged. `devices`: that may
    decode its pictures.
    """

    def __init__(
        self,
        address: Address,
        options: dict[str, str],
        timeout_s: float,
        devices: Sequence[Device] = (),
    ) -> None:
        self._address = address
        self._devices = devices
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
        if stream.codec_context is None:
            raise SourceError(
                f"The video in {self._address.place} is compressed in a way that is not known here;"
                " H.264 or H.265, set in the camera, is right."
            )
        try:
            self._codec = Codec(stream, self._devices)
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

    def item(self, packet: VideoPacket, time_us: int) -> SourcePacket | SourceJpeg | None:
        """The packet with this time instead of the stream's own; of motion JPEG its file.

        A file that cannot be saved as it is, or is not one picture of the stream's size, is a
        packet as well. None, and counted as damaged: something of a file is missing or wrong.
        """
        assert self._codec is not None, "a packet of this stream"  # noqa: S101
        if self._codec.name == "mjpeg":
            jpeg = bytes(packet).rstrip(b"\0")
            if is_whole(jpeg):
                try:
                    seen = Seen.of_jpeg(jpeg)
                except ValueError:
                    self.damaged += 1
                    return None
                if seen.size == (self._codec.width, self._codec.height):
                    return SourceJpeg(jpeg=jpeg, seen=seen, time_us=time_us)
        return self._stamped(packet, self._codec, time_us)

    def _stamped(self, packet: VideoPacket, codec: Codec, time_us: int) -> SourcePacket:
        packet.pts, packet.dts, packet.time_base = time_us, None, _MICROSECOND
        is_broken, self._left_out = self._left_out, False
        if self._continuity is not None:
            is_broken |= self._continuity.is_broken(bytes(memoryview(packet)[:HEAD_BYTES]))
        return SourcePacket(
            packet=packet,
            time_us=time_us,
            key=packet.is_keyframe,
            size=packet.size,
            codec=codec,
            broken=is_broken,
        )

    def _error(self, error: Exception, began_s: float) -> SourceError:
        # An RTSP server that stays silent is reported as one that talks nonsense.
        if isinstance(error, av.InvalidDataError) and (
            time.monotonic() - began_s >= 0.9 * self._timeout_s
        ):
            error = TimeoutError()
        return source_error(error, self._address)


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


def live_options(address: Address, transport: str, timeout_s: float) -> dict[str, str]:
    """What FFmpeg is told about a live stream."""
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
