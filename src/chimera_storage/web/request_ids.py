"""Each request has an id: in the answer, in every log line of it, and in what a fault answers.

A client or proxy may bring its own in X-Request-ID; what could mislead a reader of the log is
replaced. Stands around all other guards; plain ASGI, see security.py.
"""

import re
import secrets

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera_storage.log import logged_request

HEADER = "x-request-id"
REQUEST_ID = "chimera.request_id"  # in the scope
_WELL_FORMED = re.compile(r"[A-Za-z0-9._:-]{1,64}", re.ASCII)


class RequestIds:
    """Takes or makes the id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        brought = Headers(scope=scope).get(HEADER, "")
        request_id = brought if _WELL_FORMED.fullmatch(brought) else secrets.token_hex(8)
        # Into this very scope: what catches crashes stands outside, and has no other.
        scope[REQUEST_ID] = request_id

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message)[HEADER] = request_id
            await send(message)

        with logged_request(request_id):
            return await self._app(scope, receive, sending)
