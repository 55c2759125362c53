"""/shared: images, videos and archives as files, and their folders as pages.

Which file a path means is for `Layout.resolve` alone to say; files.py opens it without following a
link in its last part and looks at it through the descriptor, and it is sent from that.
"""

import re
from contextlib import suppress
from pathlib import Path
from typing import Any
from urllib.parse import quote

from fastapi import APIRouter, Request
from starlette.responses import RedirectResponse, Response

from chimera_storage.archive.layout import Layout
from chimera_storage.errors import InvalidInputError
from chimera_storage.web.files import find, find_at_hand, shows
from chimera_storage.web.folder import Asked, Sort, read_folder
from chimera_storage.web.folder_labels import Labels
from chimera_storage.web.pages import page, speaker_of
from chimera_storage.web.parsing import moment, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import Problem, problems, query_parameters
from chimera_storage.web.serving import CACHE, StoredFile, file_answer, is_left_to_proxy, is_wished
from chimera_storage.web.threads import in_thread
from chimera_storage.web.thumbnails import WIDTH_PARAMETER, Thumbnails, is_smaller_asked

HIGHEST_PAGE = 1_000_000
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
FOLDER_PARAMETERS: tuple[tuple[str, str, dict[str, Any], bool], ...] = (
    (
        "page",
        "of a folder, 200 entries each",
        {"type": "integer", "minimum": 1, "default": 1},
        False,
    ),
    ("sort", "of a folder", {"type": "string", "enum": list(Sort), "default": "newest"}, False),
    ("day", "YYYY-MM-DD: of a very large folder, that day", {"type": "string"}, False),
)
RESPONSES = {
    **problems(400, 404),
    200: {"content": {"*/*": {}, "text/html": {}}, "description": "the file, or the folder's page"},
    206: {"content": {"*/*": {}}, "description": "the part that Range asked for"},
    302: {"description": "a folder asked for without its trailing slash"},
    304: {"description": "the file is still the one that the client has"},
    416: {
        "model": Problem,
        "description": "no such part; Content-Range says how large the file is",
    },
}


def shared_router(services: Services, thumbnails: Thumbnails) -> APIRouter:
    """GET and HEAD /shared/…"""
    router = APIRouter(tags=["shared"])
    layout = services.archive.layout

    @router.get("/shared", include_in_schema=False)
    def root(request: Request) -> Response:
        return _redirect(request, "")

    @router.get(
        "/shared/{path:path}",
        summary="A file, or a folder as a page",
        response_class=Response,
        responses=RESPONSES,
        openapi_extra={
            "parameters": [
                {
                    "name": "inline",
                    "in": "query",
                    "required": False,
                    "allowEmptyValue": True,
                    "description": "show in the browser instead of downloading",
                    "schema": {"type": "string"},
                },
                *query_parameters(*FOLDER_PARAMETERS, WIDTH_PARAMETER)["parameters"],
            ]
        },
    )
    async def shared(request: Request, path: str) -> Response:
        inline = is_wished(request, "inline")
        if not is_smaller_asked(request) and not is_left_to_proxy(request):
            held = find_at_hand(layout, path)
            if held is not None:
                return file_answer(request, held, inline=inline, cache=CACHE)
        found, _ = await in_thread(find, layout, path)
        if isinstance(found, StoredFile):
            sized = await thumbnails.sized(request, found)
            return file_answer(request, sized, inline=inline, cache=CACHE)
        if path and not path.endswith("/"):
            return _redirect(request, path)
        return await in_thread(_folder_page, request, services, path, found)

    return router


def _redirect(request: Request, path: str) -> Response:
    """To the folder with its slash, always below /shared/ of this server."""
    query = f"?{quote(request.url.query, safe='=&%')}" if request.url.query else ""
    root = request.scope.get("root_path", "")
    slash = "/" if path else ""
    return RedirectResponse(f"{root}/shared/{quote(path, safe='/')}{slash}{query}", 302)


def _folder_page(request: Request, services: Services, path: str, folder: Path) -> Response:
    layout = services.archive.layout
    labels = Labels(layout, services.settings.names(), speaker_of(request).t)
    asked = Asked(relative=path, folder=folder, **_wish(request, layout))
    return page(
        request,
        services,
        "folder.html",
        listing=read_folder(services.archive, asked, labels=labels, shows=shows(layout, path)),
        crumbs=labels.breadcrumb(path),
        sorts=list(Sort),
    )


def _wish(request: Request, layout: Layout) -> dict[str, Any]:
    """Which page, in which order, of which day; what cannot be read is as if it were not there."""
    query = request.query_params
    wish: dict[str, Any] = {}
    with suppress(InvalidInputError):
        wish["number"] = whole(query, "page", default=1, least=1, most=HIGHEST_PAGE)
    with suppress(ValueError):
        wish["sort"] = Sort(query.get("sort", Sort.NEWEST))
    with suppress(InvalidInputError):
        day = query.get("day", "")
        if _DATE.fullmatch(day):
            moment(day, "day", layout.timezone)
            wish["day"] = day
    return wish
