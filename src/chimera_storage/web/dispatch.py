"""From a request to the function that answers it.

The routers describe the routes, and FastAPI makes /openapi.json of that; requests are answered from
a table that is made of them once: path → method → endpoint, and for paths with parameters one
pattern each. FastAPI's own way to an endpoint (a search through all routers, dependencies, three
stacks of contexts) takes ten times as long as what is done there.

An endpoint is given what it names: the request, parts of the path as text, and a body as
`parsing.read_body` reads it; it gives back a `Response`, or a model that is sent as JSON, a long
one as gzip to who takes it. With
`async def` it runs on the event loop, which is for what is in memory or one short question to the
index; with `def` it runs in a thread, which is for what may wait for a disk. HEAD is answered as
GET is, without the body.
"""

import asyncio
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from pydantic import BaseModel
from starlette._utils import get_route_path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, Mount
from starlette.types import Message, Receive, Scope, Send

from chimera_storage.web.compressing import compressed
from chimera_storage.web.error_page import wants_page
from chimera_storage.web.errors import ANSWERED, answer_to
from chimera_storage.web.parsing import read_body
from chimera_storage.web.permissions import Needs, check, entry_of
from chimera_storage.web.threads import in_thread

ROUTE = "chimera.route"  # in the scope: the path of the route, such as /frames/{camera}/{file}
STATUS = "chimera.status"  # in the scope, once an answer has begun

Methods = dict[str, "Endpoint"]


class Endpoint:
    """One route's function, and what it takes."""

    def __init__(self, route: RouteContext, needs: Needs) -> None:
        self._call: Callable[..., Any] = route.dependant.call
        self._needs = needs
        self._is_async = asyncio.iscoroutinefunction(self._call)
        self._request: str | None = route.dependant.request_param_name
        self._parts = [field.name for field in route.dependant.path_params]
        bodies = [found for found in route.dependant.dependencies if found.call is read_body]
        self._body: str | None = bodies[0].name if bodies else None
        self._excludes = {
            "exclude_unset": route.response_model_exclude_unset,
            "exclude_none": route.response_model_exclude_none,
        }
        takes = route.dependant
        others = takes.query_params + takes.header_params + takes.cookie_params + takes.body_params
        texts = all(field.field_info.annotation is str for field in takes.path_params)
        if others or not texts or len(takes.dependencies) > len(bodies):
            raise AssertionError(f"{route.path} takes what web/dispatch.py does not give")

    async def __call__(self, request: Request, parts: Mapping[str, str]) -> Response:
        check(self._needs)
        values: dict[str, Any] = {name: parts[name] for name in self._parts}
        if self._request is not None:
            values[self._request] = request
        if self._body is not None:
            values[self._body] = await read_body(request)
        if self._is_async:
            return self._said(request, await self._call(**values))
        return await in_thread(lambda: self._said(request, self._call(**values)))

    def _said(self, request: Request, answer: Response | BaseModel) -> Response:
        if isinstance(answer, Response):
            return answer
        text = answer.__pydantic_serializer__.to_json(answer, **self._excludes)
        return compressed(request, Response(text, media_type="application/json"))


class Dispatch:
    """The routes as an ASGI application; errors are answered as `errors.py` says.

    A browser that asks for a page gets what `as_page` makes of such an answer.
    """

    def __init__(
        self,
        routes: Sequence[BaseRoute],
        needs: Mapping[str, Needs],
        as_page: Callable[[Request, Response], Response],
    ) -> None:
        self._as_page = as_page
        self._fixed: dict[str, Methods] = {}
        # By the first part of the path, which is a name in all of them.
        self._patterns: dict[str, dict[str, tuple[re.Pattern[str], Methods]]] = {}
        self._mounts: list[Mount] = []
        for route in iter_route_contexts(routes):
            original = route.original_route
            if isinstance(original, Mount):
                self._mounts.append(original)
            elif isinstance(original, APIRoute):
                self._add(route, needs)
        for methods in self._all_methods():
            if "GET" in methods:
                methods["HEAD"] = methods["GET"]

    def _add(self, route: RouteContext, needs: Mapping[str, Needs]) -> None:
        path = route.path or ""
        if "{" in path:
            below = self._patterns.setdefault(_first(path), {})
            methods = below.setdefault(path, (route.path_regex, {}))[1]
        else:
            methods = self._fixed.setdefault(path, {})
        for method in route.methods or ():
            methods[method] = Endpoint(route, needs[entry_of(method, path)])

    def _all_methods(self) -> Iterator[Methods]:
        yield from self._fixed.values()
        for below in self._patterns.values():
            yield from (methods for _, methods in below.values())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["method"] == "HEAD":
            send = _head_alone(send)
        request = Request(scope, receive, send)
        try:
            answer = await self._answer(request)
            if answer is not None:
                await answer(scope, receive, send)
        except ANSWERED as error:
            if STATUS in scope:  # too late for another answer: the connection is closed
                raise
            answer = answer_to(request, error)
            if wants_page(request):
                answer = self._as_page(request, answer)
            await answer(scope, receive, send)

    async def _answer(self, request: Request) -> Response | None:
        """The answer; None where a mounted application gave it."""
        scope = request.scope
        path = get_route_path(scope)
        methods, parts = self._fixed.get(path), {}
        if methods is not None:
            scope[ROUTE] = path
        else:
            for template, (pattern, found) in self._patterns.get(_first(path), {}).items():
                if (match := pattern.fullmatch(path)) is not None:
                    methods, parts = found, match.groupdict()
                    scope[ROUTE] = template
                    break
            else:
                await self._mounted(request)
                return None
        endpoint = methods.get(scope["method"])
        if endpoint is None:
            raise HTTPException(405, headers={"Allow": ", ".join(sorted(methods))})
        scope["path_params"] = parts
        return await endpoint(request, parts)

    async def _mounted(self, request: Request) -> None:
        for mount in self._mounts:
            match, child = mount.matches(request.scope)
            if match is Match.FULL:
                request.scope.update(child)
                await mount.handle(request.scope, request.receive, request._send)
                return
        raise HTTPException(404)


def _first(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""


def _head_alone(send: Send) -> Send:
    """Sends the beginning of an answer; its body ends at once, also where it would be endless."""

    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            await send(message)
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    return sending
