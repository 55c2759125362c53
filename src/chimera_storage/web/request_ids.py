"""Each request has an id: in the answer, in every log line of it, and in what a fault answers.

A client or proxy may bring its own in X-Request-ID; what could mislead a reader of the log is
replaced. Stands around all other guards; plain ASGI, see security.py.
"""

import random
import re

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera_storage.log import LoggedRequest

HEADER = "x-request-id"
REQUEST_ID = "chimera.request_id"  # in the scope
_NAME = HEADER.encode("ascii")
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


class RequestIds:
    """Takes or makes the id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self._app(scope, receive, send)
        brought = next((value for name, value in scope["headers"] if name == _NAME), b"")
        if _WELL_FORMED.fullmatch(brought):
            request_id = brought.decode("ascii")
        else:
            request_id = f"{random.getrandbits(64):016x}"  # it has to differ, not to be a secret
        header = (_NAME, request_id.encode("ascii"))
        # Into this very scope: what catches crashes stands outside, and has no other.
        scope[REQUEST_ID] = request_id

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": [*message["headers"], header]}
            await send(message)

        with LoggedRequest(request_id):
            return await self._app(scope, receive, sending)
