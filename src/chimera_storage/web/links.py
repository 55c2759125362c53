"""/links: handing one thing to somebody without an account; /link: what they get.

A link serves its own file, conversion or span of time and nothing else, whoever opens it, so what
it leads to is decided here from its signed row alone and never from the request; of the request
only a file's name is read, which has to be of an image inside that span.
"""

from contextlib import suppress
from typing import Annotated, Any
from urllib.parse import unquote

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from chimera_storage.access import Accounts, Link, Role, Target
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import ConversionStatus, Image
from chimera_storage.web import account_schemas as schemas
from chimera_storage.web.errors import UnknownProcessError
from chimera_storage.web.files import find, look
from chimera_storage.web.formatting import local_time
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages import page, speaker_of
from chimera_storage.web.parsing import (
    Body,
    fields,
    given,
    id_of,
    read_body,
    shown,
    time_range,
    whole,
)
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import (
    BODY_PROBLEMS,
    Problem,
    problems,
    query_parameters,
    request_body,
)
from chimera_storage.web.serving import StoredFile, file_answer, is_wished
from chimera_storage.web.sight import sees, sees_all, who
from chimera_storage.web.threads import in_thread
from chimera_storage.web.thumbnails import WIDTH_PARAMETER, Thumbnails

ReadBody = Annotated[Body, Depends(read_body)]
PER_PAGE = 200
DEFAULT_HOURS, MOST_HOURS, MOST_USES = 24, 24 * 365, 10_000
NO_CAMERA = -1  # a file that belongs to none, which only who sees all cameras can hand out
CACHE = "private, no-store"
HIDDEN = {"referrer-policy": "no-referrer", "x-robots-tag": "noindex", "cache-control": CACHE}
RESPONSES = {
    **problems(400, 404),
    200: {"content": {"*/*": {}, "text/html": {}}, "description": "the file, or a span as a page"},
    206: {"content": {"*/*": {}}, "description": "the part that Range asked for"},
    304: {"description": "the file is still the one that the client has"},
    416: {"model": Problem, "description": "no such part"},
}


def links_router(services: Services, names: CameraNames, accounts: Accounts) -> APIRouter:
    """GET and POST /links, POST /links/revoke: as who asks may see."""
    router = APIRouter(prefix="/links", tags=["links"])
    links = accounts.links

    def described(link: Link) -> dict[str, Any]:
        layout = services.archive.layout
        is_range = link.kind is Target.RANGE
        return {
            "id": link.id,
            "kind": link.kind.value,
            "target": link.target,
            "camera": None if link.camera == NO_CAMERA else link.camera,
            "start": layout.stamp(link.start_us) if is_range else None,
            "end": layout.stamp(link.end_us) if is_range else None,
            "madeBy": link.made_by,
            "created": link.created_us // 1000,
            "expires": link.expires_us // 1000,
            "uses": link.uses,
            "used": link.used,
        }

    def mine() -> str | None:
        """Whose links may be seen and revoked: one's own, an admin's all (None)."""
        return None if who().role is Role.ADMIN else who().name

    @router.post(
        "",
        summary="Make a link to a file, a process or a span, for who has no account",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(schemas.LinkRequest),
    )
    def make(body: ReadBody) -> schemas.MadeLink:
        hours = whole(body, "validHours", default=DEFAULT_HOURS, least=1, most=MOST_HOURS)
        uses = whole(body, "uses", default=0, least=1, most=MOST_USES) or None
        lasts_s: float = hours * HOUR_S
        if (ends_us := accounts.ends_us(who())) is not None:
            lasts_s = min(lasts_s, (ends_us - to_us(services.clock.now())) / SECOND_US)
        link, text = links.make(
            **_target(services, names, body),
            made_by=who().name,
            lasts_s=lasts_s,
            uses=uses,
        )
        url = services.absolute(f"/link/{text}")
        return schemas.MadeLink(**described(link), url=url)

    @router.get("", summary="The links that still work, the newest first", responses=problems())
    def list_links() -> schemas.LinkList:
        found = [link for link in links.list(made_by=mine()) if _is_seen(link)]
        return schemas.LinkList(list=[schemas.LinkInfo(**described(link)) for link in found])

    @router.post(
        "/revoke",
        summary="End a link",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=request_body(schemas.RevokeLink),
    )
    def revoke(body: ReadBody) -> schemas.Revoked:
        link_id = id_of(body)
        return schemas.Revoked(revoked=links.revoke(link_id, made_by=mine()), id=link_id)

    return router


def _is_seen(link: Link) -> bool:
    return sees_all() or sees(link.camera)


def _target(services: Services, names: CameraNames, body: Body) -> dict[str, Any]:
    """What the body names, as `Links.make` takes it."""
    ways = [name for name in ("process", "file") if given(body, name) is not None]
    if not ways and any(given(body, name) is not None for name in ("start", "hours", "days")):
        ways = ["start"]
    if len(ways) != 1:
        raise InvalidInputError(
            "right would be one of process (an id), file (its address), or camera, start and end"
        )
    nothing = {"start_us": 0, "end_us": 0}
    if ways == ["process"]:
        process_id = id_of({"id": body["process"]})
        conversion = services.conversions.get(process_id)
        if conversion is None or conversion.id != process_id:
            raise UnknownProcessError(process_id)
        return {
            "kind": Target.PROCESS,
            "target": process_id,
            "camera": conversion.camera,
            **nothing,
        }
    if ways == ["file"]:
        path, camera = _file_of(services, given(body, "file"))
        return {"kind": Target.FILE, "target": path, "camera": camera, **nothing}
    start_us, end_us = time_range(body, now_us=to_us(services.clock.now()), zone=services.zone)
    return {
        "kind": Target.RANGE,
        "target": "",
        "camera": names.of(body),
        "start_us": start_us // SECOND_US * SECOND_US,  # names of images hold whole seconds
        "end_us": end_us,
    }


def _file_of(services: Services, address: object) -> tuple[str, int]:
    """The path below shared, and the camera, of a file's address as this server gives them out."""
    layout = services.archive.layout
    prefix = "/shared/"
    path = unquote(address) if isinstance(address, str) else ""
    for beginning in (services.settings.server.public_url, services.root):
        path = path.removeprefix(beginning)
    if not path.startswith(prefix):
        raise InvalidInputError(
            f"file is {shown(address)}; right would be an address such as /shared/captures/…"
        )
    path = path.removeprefix(prefix)
    found, camera = find(layout, path)
    if not isinstance(found, StoredFile):
        raise InvalidInputError("file is a folder; right would be a file, or camera, start and end")
    found.close()
    return path, NO_CAMERA if camera is None else camera


def link_router(services: Services, accounts: Accounts, thumbnails: Thumbnails) -> APIRouter:
    """GET and HEAD /link/{text}, for everybody. `services`: the real ones, where all is seen."""
    router = APIRouter(prefix="/link", tags=["links"])
    opened = _Opened(services, accounts, thumbnails)

    @router.get(
        "/{text}",
        summary="What a link leads to",
        response_class=Response,
        responses=RESPONSES,
        openapi_extra=query_parameters(WIDTH_PARAMETER),
    )
    async def link(request: Request, text: str) -> Response:
        found = await in_thread(accounts.links.open, text)
        if found.kind is Target.RANGE:
            answer = await in_thread(_page, request, services, found, text)
            await in_thread(opened.use, request, found)
        else:
            stored = await in_thread(opened.file, found)
            answer = await opened.sent(request, found, stored)
        answer.headers.update(HIDDEN)
        return answer

    @router.get(
        "/{text}/{file}",
        summary="An image of the span that a link leads to",
        response_class=Response,
        responses=RESPONSES,
        openapi_extra=query_parameters(WIDTH_PARAMETER),
    )
    async def image(request: Request, text: str, file: str) -> Response:
        found = await in_thread(accounts.links.open, text)
        stored = await in_thread(opened.image, found, file)
        answer = await opened.sent(request, found, stored)
        answer.headers.update(HIDDEN)
        return answer

    return router


class _Opened:
    """What links lead to. Every method but `sent` may block on the disk."""

    def __init__(self, services: Services, accounts: Accounts, thumbnails: Thumbnails) -> None:
        self._services = services
        self._thumbnails = thumbnails
        self._links = accounts.links

    def use(self, request: Request, link: Link) -> None:
        """Count it, once it is known that there is something; a HEAD is only a look."""
        if request.method != "HEAD":
            self._links.use(link, request.client.host if request.client else "")

    def file(self, link: Link) -> StoredFile:
        layout = self._services.archive.layout
        path = link.target
        if link.kind is Target.PROCESS:
            conversion = self._services.conversions.get(link.target)
            if conversion is None or conversion.status is not ConversionStatus.DONE:
                raise NotFoundError("this is not made yet, or not there any more")
            path = f"{layout.captures.name}/{layout.output_name(conversion)}"
        found, camera = look(layout, path)
        if isinstance(found, StoredFile):
            if (NO_CAMERA if camera is None else camera) == link.camera:
                return found
            found.close()
        raise NotFoundError("there is no such file any more")

    def image(self, link: Link, name: str) -> StoredFile:
        archive = self._services.archive
        layout = archive.layout
        dated = layout.dated_key(link.camera, name[:8], name[9:11], name)
        for key in (layout.flat_key(link.camera, name), dated):
            is_inside = key and link.start_us <= key.second * SECOND_US <= link.end_us
            if link.kind is Target.RANGE and key is not None and is_inside:
                with suppress(NotFoundError):
                    path = layout.image_url(key).removeprefix("/shared/")
                    return StoredFile(archive.open(key), name=name, path=path)
        raise NotFoundError("there is no such image behind this link")

    async def sent(self, request: Request, link: Link, stored: StoredFile) -> Response:
        try:
            await in_thread(self.use, request, link)
        except BaseException:
            stored.close()
            raise
        inline = is_wished(request, "inline")
        is_shown = inline or link.kind is Target.RANGE
        sized = await self._thumbnails.sized(request, stored)
        return file_answer(request, sized, inline=is_shown, cache=CACHE)


def _page(request: Request, services: Services, link: Link, text: str) -> Response:
    query = fields(list(request.query_params.multi_items()))
    number = whole(query, "page", default=1, least=1, most=1_000_000)
    index = services.archive.index
    first_s, last_s = link.start_us // SECOND_US, link.end_us // SECOND_US
    total = index.count(link.camera, link.start_us, last_s * SECOND_US + SECOND_US - 1)
    images = index.newest(
        link.camera, first_s, last_s, offset=(number - 1) * PER_PAGE, limit=PER_PAGE
    )
    start, end = (_time(us, services) for us in (link.start_us, link.end_us))
    return page(
        request,
        services,
        "link.html",
        text=text,
        camera=services.settings.names().get(link.camera)
        or speaker_of(request).t("folder.camera", camera=link.camera),
        start=start,
        end=end,
        until=_time(link.expires_us, services),
        is_one_day=start["text"][:10] == end["text"][:10],
        images=[_shown(services, image) for image in images],
        total=total,
        at=number,
        pages=max(1, -(-total // PER_PAGE)),
    )


def _shown(services: Services, image: Image) -> tuple[str, dict[str, Any]]:
    """(file name, time) of an image."""
    name = services.archive.layout.image_path(image.key).name
    return name, _time(image.taken_at_us, services)


def _time(us: int, services: Services) -> dict[str, Any]:
    """As the macro `moment` takes it."""
    return {"ms": us // 1000, "text": local_time(us, services.zone)}
