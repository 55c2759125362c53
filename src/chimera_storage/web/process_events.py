"""GET /convert/events: every change of a video or archive as a server-sent event.

The first event holds all of them (or as many as asked for), so it does not matter what a client
missed, nor which Last-Event-ID it comes back with. A slow client gets the newest state of each;
nothing piles up.
(WHATWG HTML, "Server-sent events".)
"""

import asyncio
import json
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chimera_storage.model import Conversion
from chimera_storage.web.parsing import fields, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.processes import MOST_LISTED, process_object
from chimera_storage.web.schemas import problems, query_parameters
from chimera_storage.web.serving import until_gone
from chimera_storage.web.threads import in_thread

HEARTBEAT_S = 15.0  # proxies close what is silent for a minute
LEAST_BETWEEN_S = 0.2  # two sendings to one client
RETRY_MS = 3000
LIMIT_PARAMETER = (
    "limit",
    "so many of the newest in `list`, at most; default: all",
    {"type": "integer", "minimum": 0, "maximum": MOST_LISTED},
    False,
)


class EventStream(Response):
    """Sends what the generator gives until it ends or the client has gone away."""

    def __init__(self, events: AsyncGenerator[bytes, None]) -> None:
        self._events = events
        headers = {
            "content-type": "text/event-stream; charset=utf-8",
            "cache-control": "no-store",
            "x-accel-buffering": "no",  # nginx would hold events back
        }
        super().__init__(headers=headers)
        del self.headers["content-length"]

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await until_gone(self._send(send), receive)
        finally:
            await self._events.aclose()

    async def _send(self, send: Send) -> None:
        start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
        await send(start)
        async for part in self._events:
            await send({"type": "http.response.body", "body": part, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def process_events(services: Services, limit: int) -> AsyncGenerator[bytes, None]:
    """`list` with the newest processes, then `process` and `deleted` as they happen; comments."""
    with services.conversions.changes() as changes:
        # Listening first: what changes while the list is read comes again after it.
        yield f"retry: {RETRY_MS}\n\n".encode()
        processes = await in_thread(_newest, services, limit) if limit else []
        number = 1
        yield _event(number, "list", {"list": processes})
        while (news := await changes.news(HEARTBEAT_S)) is not None:
            if not news:
                yield b": nothing new\n\n"
            for item in news:
                number += 1
                if isinstance(item, str):
                    yield _event(number, "deleted", {"id": item})
                else:
                    yield _event(number, "process", _shown(item, services))
            await asyncio.sleep(LEAST_BETWEEN_S)


def _newest(services: Services, limit: int) -> list[object]:
    return [_shown(conversion, services) for conversion in services.conversions.list()[:limit]]


def _shown(conversion: Conversion, services: Services) -> object:
    return process_object(conversion, services).model_dump(mode="json")


def _event(number: int, kind: str, data: object) -> bytes:
    return f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n".encode()


def process_events_router(services: Services) -> APIRouter:
    """GET /convert/events."""
    router = APIRouter(prefix="/convert", tags=["processes"])
    described = "`list` with all processes, then `process` for every change and `deleted`"
    content = {"text/event-stream": {"schema": {"type": "string"}}}

    @router.get(
        "/events",
        summary="Changes of processes as server-sent events",
        responses={**problems(400), 200: {"description": described, "content": content}},
        response_class=Response,
        openapi_extra=query_parameters(LIMIT_PARAMETER),
    )
    async def events(request: Request) -> Response:
        query = fields(request.query_params.multi_items())
        limit = whole(query, "limit", default=MOST_LISTED, least=0, most=MOST_LISTED)
        return EventStream(process_events(services, limit))

    return router
