"""Around all guards: what every request is given, and every answer gets.

An id (request_ids.py), the headers of security.py, and a place in the metrics. One wrapper for all
three, as a coroutine more for each message of each answer would cost as much as what it does.
"""

from collections.abc import Awaitable
from time import perf_counter

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera_storage.log import LoggedRequest
from chimera_storage.web.dispatch import STATUS
from chimera_storage.web.metrics import RequestSeconds
from chimera_storage.web.request_ids import HEADER, REQUEST_ID, request_id_of
from chimera_storage.web.security import SECURITY_HEADERS

_SECURITY = [(name.encode(), value.encode()) for name, value in SECURITY_HEADERS.items()]
_ID = HEADER.encode("ascii")


class Edge:
    """Gives and adds it; an answer's own header stands instead of the one of security.py."""

    def __init__(self, app: ASGIApp, *, seconds: RequestSeconds) -> None:
        self._app = app
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        began_s = perf_counter()
        request_id = request_id_of(scope["headers"])
        # Into this very scope: what catches crashes stands outside, and has no other.
        scope[REQUEST_ID] = request_id

        def sending(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                scope[STATUS] = message["status"]
                headers = message["headers"]
                own = {name for name, _ in headers}
                message["headers"] = [
                    *headers,
                    *[pair for pair in _SECURITY if pair[0] not in own],
                    (_ID, request_id.encode("ascii")),
                ]
            return send(message)

        try:
            with LoggedRequest(request_id):
                await self._app(scope, receive, sending)
        finally:
            self._seconds.observe(scope, perf_counter() - began_s)
