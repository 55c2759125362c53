"""Cameras behind http:// and https://: an endless MJPEG stream, snapshots to poll, or other video.

Which it is, is decided by the Content-Type of the first answer. The camera's own JPEG files are
kept as they are, so saving them needs no encoding and loses nothing.
"""

import ssl
import threading
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import closing
from typing import Literal

import httpx

from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import SourceError
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.address import Address
from chimera_storage.motion.sources.deadline import HeadDeadline
from chimera_storage.motion.sources.ffmpeg import refused_sentence, source_error
from chimera_storage.motion.sources.hardware import Device
from chimera_storage.motion.sources.jpeg_files import JpegFiles
from chimera_storage.motion.sources.multipart import MultipartParser
from chimera_storage.motion.sources.source import TIMEOUT_S, Item, SourceFrame, SourceJpeg
from chimera_storage.motion.sources.stream import StreamSource
from chimera_storage.motion.sources.timing import LiveTimes

_MAX_SNAPSHOT_BYTES = 32 * 1024 * 1024
_MAX_DAMAGED_IN_A_ROW = 10


class HttpSource:
    """A camera behind an HTTP address; `interval_s` between two reads of a snapshot address."""

    live = True

    def __init__(
        self,
        address: Address,
        transport: Literal["tcp", "udp"],
        clock: Clock,
        *,
        interval_s: float,
        timeout_s: float = TIMEOUT_S,
        devices: Sequence[Device] = (),
    ) -> None:
        self._address = address
        self._devices = devices
        self._transport: Literal["tcp", "udp"] = transport
        self._interval_s = interval_s
        self._timeout_s = timeout_s
        self._clock = clock
        self._files = JpegFiles()
        self._head = HeadDeadline(2 * timeout_s)
        self.patience_s = 3 * timeout_s + interval_s

    @property
    def damaged(self) -> int:
        """Pictures that could not be decoded."""
        return self._files.damaged

    def frames(self, stop: threading.Event) -> Iterator[Item]:
        """Pictures until the camera hangs up. Raises SourceError."""
        try:
            with httpx.Client(
                auth=CameraAuth(self._address),
                timeout=self._timeout_s,
                follow_redirects=True,
                verify=False,  # noqa: S501  cameras sign their own certificates
                trust_env=False,  # a proxy for the web does not lead to the camera
                headers={"Accept-Encoding": "identity", "Cache-Control": "no-cache"},
            ) as client:
                yield from self._frames(client, stop)
        except httpx.HTTPError as error:
            raise self._error(TimeoutError() if self._head.missed else error) from None
        except (httpx.InvalidURL, httpx.StreamError, OSError, ValueError, LookupError) as error:
            raise source_error(error, self._address) from None

    def _frames(self, client: httpx.Client, stop: threading.Event) -> Iterator[Item]:
        with self._head.stream(client, self._address.target) as response:
            self._check(response)
            content_type = response.headers.get("content-type", "")
            kind = content_type.partition(";")[0].strip().lower()
            if kind.startswith("multipart/"):
                yield from self._multipart(response, content_type, stop)
                return
            is_snapshot = kind.startswith("image/")
            first = self._body(response, stop) if is_snapshot else b""
        if is_snapshot:
            yield from self._snapshots(client, first, stop)
        elif kind.startswith(("text/", "application/json", "application/xhtml")):
            raise SourceError(
                f"{self._address.place} answers with a page ({kind}), no video; the address of an"
                " MJPEG stream or of a snapshot is right."
            )
        else:
            other = StreamSource(
                self._address,
                self._transport,
                self._clock,
                timeout_s=self._timeout_s,
                devices=self._devices,
            )
            yield from other.frames(stop)

    def _multipart(
        self, response: httpx.Response, content_type: str, stop: threading.Event
    ) -> Iterator[Item]:
        parser = MultipartParser(content_type)
        times = LiveTimes(None)
        quiet_since = time.monotonic()
        for chunk in response.iter_bytes():
            if stop.is_set():
                return
            for body in parser.feed(chunk):
                if frame := self._frame(body, times):
                    quiet_since = time.monotonic()
                    yield frame
            if time.monotonic() - quiet_since > self._timeout_s:
                raise SourceError(
                    f"{self._address.place} sent no whole JPEG for {self._timeout_s:.0f} s."
                )

    def _snapshots(
        self, client: httpx.Client, first: bytes, stop: threading.Event
    ) -> Iterator[Item]:
        times = LiveTimes(None)
        body = first
        due = time.monotonic()
        while True:
            if frame := self._frame(body, times):
                yield frame
            due = max(due + self._interval_s, time.monotonic())
            if stop.wait(due - time.monotonic()):
                return
            with self._head.stream(client, self._address.target) as response:
                self._check(response)
                body = self._body(response, stop)

    def _frame(self, body: bytes, times: LiveTimes) -> Item | None:
        received_us = to_us(self._clock.now())
        jpeg = body.rstrip(b"\0\r\n ")
        found = self._files.decode(jpeg)
        if found is None:
            if self._files.damaged_in_a_row >= _MAX_DAMAGED_IN_A_ROW:
                raise SourceError(
                    f"{self._address.place} sends pictures that are no JPEG; an address of JPEG"
                    " pictures is right."
                )
            return None
        time_us = times.stamp(None, received_us)
        if isinstance(found, Seen):
            return SourceJpeg(jpeg=jpeg, seen=found, time_us=time_us)
        return SourceFrame(picture=found, time_us=time_us)

    def _body(self, response: httpx.Response, stop: threading.Event) -> bytes:
        """One snapshot; a camera that trickles does not get more time than one that is silent."""
        began = time.monotonic()
        body = bytearray()
        for chunk in response.iter_bytes():
            body += chunk
            if stop.is_set():
                break
            if len(body) > _MAX_SNAPSHOT_BYTES:
                raise SourceError(f"The picture of {self._address.place} has more than 32 MiB.")
            if time.monotonic() - began > self._timeout_s:
                raise httpx.ReadTimeout("the snapshot took too long")
        return bytes(body)

    def _check(self, response: httpx.Response) -> None:
        place, status = self._address.place, response.status_code
        if status == 401:
            raise SourceError(refused_sentence(self._address))
        if status == 403:
            raise SourceError(f"{place} forbids this picture to this user (403).")
        if status == 404:
            raise SourceError(
                f"{place} has no stream at this path (404); check the path in the address."
            )
        if not response.is_success:
            raise SourceError(f"{place} answers with the HTTP status {status} instead of pictures.")

    def _error(self, error: httpx.HTTPError | TimeoutError) -> SourceError:
        place = self._address.place
        if isinstance(error, httpx.TimeoutException | TimeoutError):
            return source_error(TimeoutError(), self._address)
        if isinstance(error, httpx.ConnectError):
            cause = _root_cause(error)
            if isinstance(cause, ssl.SSLError):
                return SourceError(
                    f"{place} does not speak TLS; http:// instead of https:// is right."
                )
            return source_error(cause, self._address)
        if isinstance(error, httpx.TooManyRedirects | httpx.UnsupportedProtocol):
            return SourceError(f"{place} redirects to where no picture is; check the address.")
        return SourceError(f"{place} closed the connection.")


class CameraAuth(httpx.Auth):
    """Digest or Basic, whichever the camera asks for, remembered for the next request."""

    def __init__(self, address: Address) -> None:
        self._user = address.user
        self._password = address.password or ""
        self._chosen: httpx.Auth | None = None

    def auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Ask first, then answer what was asked for."""
        if self._chosen is not None:
            yield from self._chosen.auth_flow(request)
            return
        response = yield request
        if response.status_code != 401 or self._user is None:
            return
        challenges = response.headers.get_list("www-authenticate")
        if any(challenge.lower().startswith("digest ") for challenge in challenges):
            self._chosen = httpx.DigestAuth(self._user, self._password)
        else:
            self._chosen = httpx.BasicAuth(self._user, self._password)
        with closing(self._chosen.auth_flow(request)) as flow:
            answer = next(flow)
            while True:
                response = yield answer
                try:
                    answer = flow.send(response)
                except StopIteration:
                    return


def _root_cause(error: BaseException) -> Exception:
    """The system's own error below those of the HTTP client."""
    found: BaseException = error
    while (below := found.__cause__ or found.__context__) is not None:
        found = below
    return found if isinstance(found, Exception) else OSError()
