"""Archives that are sent and not stored: with their length, in parts, by an address that stays."""

from collections.abc import Mapping
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.errors import InvalidInputError
from chimera_storage.model import ConversionType
from chimera_storage.web import parsing
from chimera_storage.web.errors import JSONAnswer
from chimera_storage.web.ports import Download, Services
from chimera_storage.web.schemas import Problem, problems
from chimera_storage.web.serving import file_answer, whole_file
from chimera_storage.web.threads import in_thread

FORMATS = {"zip": ConversionType.ZIP, "tar": ConversionType.TAR}
CACHE = "private, no-cache"


def archive_type(body: Mapping[str, Any]) -> ConversionType:
    """`format` of a createZip. Raises InvalidInputError."""
    value = parsing.given(body, "format")
    if value is None:
        return ConversionType.ZIP
    kind = FORMATS.get(value.strip().lower()) if isinstance(value, str) else None
    if kind is None:
        raise InvalidInputError(f"format is {parsing.shown(value)}; right would be zip or tar")
    return kind


def download_url(services: Services, download: Download) -> str:
    """Where it can be asked for again, and in parts."""
    return services.absolute(f"/convert/download/{download.name}")


def link_answer(services: Services, download: Download) -> Response:
    """The address and what is there; nothing of it was read yet."""
    download.close()
    return JSONAnswer(
        {
            "id": download.id,
            "url": download_url(services, download),
            "frameLimitMet": False,
            "frames": download.images,
            "size": download.size,
        }
    )


def body_answer(services: Services, download: Download) -> Response:
    """All of it, as the answer to the request that asked for it to be made."""
    answer = whole_file(download, cache=CACHE)
    answer.headers["content-location"] = download_url(services, download)
    return answer


def download_router(services: Services) -> APIRouter:
    """GET and HEAD /convert/download/{name}."""
    router = APIRouter(prefix="/convert", tags=["convert"])

    @router.get(
        "/download/{name}",
        summary="An archive by its link, whole or in part",
        response_class=Response,
        responses={
            **problems(400, 404, 409),
            200: {"content": {"application/zip": {}, "application/x-tar": {}}},
            206: {"description": "the part that Range asked for"},
            304: {"description": "the client has it already"},
            416: {"model": Problem, "description": "no such part"},
        },
    )
    async def download(request: Request, name: str) -> Response:
        found = await in_thread(services.downloads.open, name)
        return file_answer(request, found, cache=CACHE)

    return router
