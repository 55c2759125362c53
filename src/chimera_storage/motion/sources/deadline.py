"""A limit to how long an HTTP answer takes to begin.

The client's own time-outs are those of single reads: a camera that sends one byte of its headers
every few seconds would hold up its thread for hours.
"""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx


class HeadDeadline:
    """Cuts the connection where the head of an answer is not there after `limit_s` seconds.

    Redirects and the log-in count in. The cut comes out as an error of the client, with `missed`
    set.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._socket: socket.socket | None = None
        self.missed = False

    @contextmanager
    def stream(self, client: httpx.Client, url: str) -> Iterator[httpx.Response]:
        """GET `url`; the body is to be read within the `with`. Raises what the client raises."""
        timer = threading.Timer(self._limit_s, self._cut)
        timer.daemon = True
        timer.start()
        try:
            with client.stream("GET", url, extensions={"trace": self._trace}) as response:
                timer.cancel()
                yield response
        finally:
            timer.cancel()

    def _trace(self, event: str, info: dict[str, Any]) -> None:
        if event in ("connection.connect_tcp.complete", "connection.start_tls.complete"):
            self._socket = info["return_value"].get_extra_info("socket")

    def _cut(self) -> None:
        self.missed = True
        if self._socket is not None:
            with contextlib.suppress(OSError):
                self._socket.shutdown(socket.SHUT_RDWR)
