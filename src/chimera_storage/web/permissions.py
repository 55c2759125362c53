"""Who may ask for what: one table of all routes, and the guard that every route goes through.

The guard runs after routing, with the entry of the route that was found (dispatch.py), so no
spelling of a path can lead to a route by another entry than its own. A route without an entry keeps
the server from starting.

What "cameras" says for those who may see only some:
NONE   the answer says nothing of any camera
NAMED  the request names a camera, and `CameraNames` knows only those that may be seen
SHOWN  the answer holds those only, as `seen.py` (for files `files.py`) gives out no others
ALL    the answer is about all cameras: refused
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

from fastapi.routing import APIRoute, RouteContext, iter_route_contexts
from starlette.routing import BaseRoute

from chimera_storage.access import Kind, Role
from chimera_storage.web import sight
from chimera_storage.web.errors import NotAllowedError, NotLoggedInError


class Cameras(Enum):
    """How a route is kept to the cameras that who asks may see."""

    NONE = auto()
    NAMED = auto()
    SHOWN = auto()
    ALL = auto()


@dataclass(frozen=True, slots=True)
class Needs:
    """What a route needs; `role` None: nobody has to be logged in."""

    role: Role | None
    cameras: Cameras


_OPEN = Needs(None, Cameras.NONE)
_PAGE = Needs(Role.VIEWER, Cameras.NONE)
_VIEW_NAMED = Needs(Role.VIEWER, Cameras.NAMED)
_VIEW_SHOWN = Needs(Role.VIEWER, Cameras.SHOWN)
_VIEW_ALL = Needs(Role.VIEWER, Cameras.ALL)
_OPERATE_NAMED = Needs(Role.OPERATOR, Cameras.NAMED)
_OPERATE_SHOWN = Needs(Role.OPERATOR, Cameras.SHOWN)
_ADMIN = Needs(Role.ADMIN, Cameras.ALL)

# HEAD needs what GET needs.
ROUTES: dict[str, Needs] = {
    "GET /": _PAGE,
    "GET /account": _PAGE,
    "POST /account/password": _PAGE,
    "GET /cameras": _VIEW_SHOWN,
    "POST /cameras": _ADMIN,
    "PUT /cameras": _ADMIN,
    "DELETE /cameras/{camera}": _ADMIN,
    "GET /cameras/{camera}": _ADMIN,
    "GET /cameras/{camera}/marks": _VIEW_NAMED,
    "GET /cameras/{camera}/sight": _VIEW_NAMED,
    "PUT /cameras/{camera}": _ADMIN,
    "POST /cameras/discover": _ADMIN,
    "POST /cameras/streams": _ADMIN,
    "POST /cameras/try": _ADMIN,
    "POST /cameras/{camera}/marks": _OPERATE_NAMED,
    "POST /cameras/{camera}/pause": _OPERATE_NAMED,
    "POST /cameras/{camera}/resume": _OPERATE_NAMED,
    "GET /cameras/{camera}/latest.jpg": _VIEW_NAMED,
    "GET /cameras/{camera}/live.mjpeg": _VIEW_NAMED,
    "POST /convert/cancelProcess": _OPERATE_SHOWN,
    "POST /convert/createVideo": _OPERATE_NAMED,
    "POST /convert/createZip": _OPERATE_NAMED,
    "POST /convert/deleteProcess": _ADMIN,
    "GET /convert/download/{name}": _VIEW_SHOWN,
    "POST /convert/estimate": _VIEW_NAMED,
    "GET /convert/events": _VIEW_SHOWN,
    "POST /convert/listFramesVideo": _VIEW_NAMED,
    "GET /convert/listProcess": _VIEW_SHOWN,
    "POST /convert/listProcess": _VIEW_SHOWN,
    "GET /convert/process/{id}": _VIEW_SHOWN,
    "GET /convert/sprite/{name}": _VIEW_SHOWN,
    "POST /convert/statusProcess": _VIEW_SHOWN,
    "GET /disk": _VIEW_SHOWN,
    "GET /docs": _PAGE,
    "GET /events": _VIEW_NAMED,
    "GET /favicon.ico": _OPEN,
    "POST /file/applyRules": _ADMIN,
    "POST /file/createKeep": _OPERATE_NAMED,
    "GET /file/dailyStats": _VIEW_SHOWN,
    "POST /file/deleteKeep": _OPERATE_SHOWN,
    "GET /file/hourStats": _VIEW_SHOWN,
    "GET /file/listDeletions": _VIEW_SHOWN,
    "GET /file/listKeep": _VIEW_SHOWN,
    "POST /file/pathAutoClean": _ADMIN,
    "POST /file/pathClean": _ADMIN,
    "POST /file/pathDelete": _ADMIN,
    "POST /file/pathFileCount": _VIEW_NAMED,
    "POST /file/pathMetrics": _VIEW_SHOWN,
    "POST /file/pathSize": _VIEW_NAMED,
    "GET /file/pathStats": _VIEW_SHOWN,
    "POST /file/previewRules": _VIEW_ALL,
    "POST /file/rangeDelete": _ADMIN,
    "GET /frames/{camera}/{file}": _VIEW_NAMED,
    "GET /link/{text}": _OPEN,
    "GET /link/{text}/{file}": _OPEN,
    "POST /language": _OPEN,
    "GET /links": _OPERATE_SHOWN,
    "POST /links": _OPERATE_SHOWN,
    "POST /links/revoke": _OPERATE_SHOWN,
    "GET /login": _OPEN,
    "POST /login": _OPEN,
    "POST /logout": _PAGE,
    "GET /me": _PAGE,
    "GET /metrics": _VIEW_ALL,
    "GET /motion/events": _VIEW_NAMED,
    "GET /motion/status": _VIEW_SHOWN,
    "GET /openapi.json": _PAGE,
    "GET /sessions": _PAGE,
    "GET /settings/health": _ADMIN,
    "GET /settings/cameras": _ADMIN,
    "GET /settings/cameras/{camera}": _ADMIN,
    "GET /settings/people": _ADMIN,
    "POST /sessions/revoke": _PAGE,
    "GET /processes": _VIEW_SHOWN,
    "GET /shared": _VIEW_SHOWN,
    "GET /shared/{path:path}": _VIEW_SHOWN,
    "GET /storage/health": _OPEN,
    "GET /storage/ready": _OPEN,
    "GET /tokens": _ADMIN,
    "POST /tokens": _ADMIN,
    "POST /tokens/revoke": _ADMIN,
    "GET /usage": _VIEW_SHOWN,
    "GET /users": _ADMIN,
    "POST /users": _ADMIN,
    "POST /users/change": _ADMIN,
    "POST /users/remove": _ADMIN,
    "GET /timeline": _VIEW_SHOWN,
    "GET /timeline/activity": _VIEW_NAMED,
    "GET /timeline/days": _VIEW_SHOWN,
    "GET /timeline/images": _VIEW_NAMED,
}
# Files of this package, the same for everybody.
OPEN_MOUNTS = frozenset({"/static", "/static/swagger"})


def check(needs: Needs) -> None:
    """The guard. Raises NotLoggedInError or NotAllowedError."""
    if needs.role is None:
        return
    who = sight.who()
    if who.kind is Kind.NOBODY:
        raise NotLoggedInError("not logged in")
    if not who.role.covers(needs.role):
        raise NotAllowedError(f"this needs the role {needs.role}; yours is {who.role}")
    if needs.cameras is Cameras.ALL and who.cameras is not None:
        raise NotAllowedError("this is about all cameras, and you may see only some")


def may(route: str) -> bool:
    """Whether there is such a route ("GET /disk"), and who asks may ask for it."""
    needs = ROUTES.get(route)
    if needs is None or needs.role is None:
        return needs is not None
    who = sight.who()
    limited = needs.cameras is Cameras.ALL and who.cameras is not None
    return who.kind is not Kind.NOBODY and who.role.covers(needs.role) and not limited


def missing_entries(routes: Sequence[BaseRoute | RouteContext]) -> list[str]:
    """Routes that the table does not know, and entries that no route has."""
    found: set[str] = set()
    for context in iter_route_contexts(routes):
        route = context.original_route
        if isinstance(route, APIRoute):
            found |= {entry_of(method, context.path or "") for method in context.methods or ()}
        elif context.path not in OPEN_MOUNTS:
            found.add(f"{type(route).__name__} {context.path}")
    return sorted(found ^ ROUTES.keys())


def entry_of(method: str, path: str) -> str:
    """The key in `ROUTES` of a route."""
    return f"{'GET' if method == 'HEAD' else method} {path}"
