"""GET /events and /frames: a camera's images of a day, as Chimera 6 lists and shows them."""

import re
from contextlib import suppress
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.clock import from_us
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import Image
from chimera_storage.web.file_schemas import FrameOfDay, FramesOfDay
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, fields, given, moment, shown, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import Problem, problems, query_parameters
from chimera_storage.web.serving import CACHE, StoredFile, file_answer
from chimera_storage.web.threads import in_thread
from chimera_storage.web.thumbnails import WIDTH_PARAMETER, Thumbnails

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)
PER_PAGE, MOST_PER_PAGE, LAST_PAGE = 100, 1000, 10_000_000


def frames_router(services: Services, names: CameraNames, thumbnails: Thumbnails) -> APIRouter:
    """GET /events and /frames/{camera}/{file}."""
    router = APIRouter(tags=["frames"])
    archive = services.archive

    @router.get(
        "/events",
        summary="A camera's images of a day, the newest first",
        responses=problems(400, 404),
        openapi_extra=query_parameters(
            ("camera_id", "number or name of the camera", {"type": "string"}, True),
            ("date", "YYYY-MM-DD, in the server's time zone", {"type": "string"}, True),
            ("page", "from 1", {"type": "integer", "minimum": 1, "default": 1}, False),
            (
                "per_page",
                "images on a page",
                {"type": "integer", "minimum": 1, "maximum": MOST_PER_PAGE, "default": PER_PAGE},
                False,
            ),
        ),
    )
    def events(request: Request) -> FramesOfDay:
        query = fields(request.query_params.multi_items())
        if given(query, "camera_id") is None:
            raise InvalidInputError("camera_id is missing; right would be a camera's number")
        camera = names.find(query["camera_id"])
        first_us, last_us = _day(query, services.zone)
        page = whole(query, "page", default=1, least=1, most=LAST_PAGE)
        per_page = whole(query, "per_page", default=PER_PAGE, least=1, most=MOST_PER_PAGE)
        hours = hours_of(archive, camera, first_us // SECOND_US, last_us // SECOND_US)
        images = page_of(archive, camera, hours, offset=(page - 1) * per_page, limit=per_page)
        return FramesOfDay(
            events=[_frame(services, image) for image in images],
            total=sum(count for _, _, count in hours),
            page=page,
            per_page=per_page,
        )

    @router.get(
        "/frames/{camera}/{file}",
        summary="An image by camera and file name, shown in the browser",
        response_class=Response,
        responses={
            **problems(400, 404),
            200: {"content": {"image/jpeg": {}}, "description": "the image"},
            206: {"content": {"image/jpeg": {}}, "description": "the part that Range asked for"},
            304: {"description": "the image is still the one that the client has"},
            416: {"model": Problem, "description": "no such part"},
        },
        openapi_extra=query_parameters(WIDTH_PARAMETER),
    )
    async def frame(request: Request, camera: str, file: str) -> Response:
        stored = await in_thread(lambda: _open(archive, names.find(camera), file))
        sized = await thumbnails.sized(request, stored)
        return file_answer(request, sized, inline=True, cache=CACHE)

    return router


def _day(query: Body, zone: ZoneInfo) -> tuple[int, int]:
    date = given(query, "date")
    if not isinstance(date, str) or not _DATE.fullmatch(date):
        raise InvalidInputError(
            f"date is {'missing' if date is None else shown(date)}; right would be 2026-01-31"
        )
    return moment(date, "date", zone), moment(date, "date", zone, last=True)


def hours_of(
    archive: Archive, camera: int, first_s: int, last_s: int
) -> list[tuple[int, int, int]]:
    """(first second, last second, images) of the day's hours that have any, the newest first."""
    found = []
    for totals in archive.index.hourly(
        camera=camera, first_hour=first_s // HOUR_S, last_hour=last_s // HOUR_S
    ):
        begin, end = totals.hour * HOUR_S, totals.hour * HOUR_S + HOUR_S - 1
        part = max(begin, first_s), min(end, last_s)
        count = totals.images
        if part != (begin, end):  # zones whose days do not begin with an hour
            count = archive.index.count(camera, part[0] * SECOND_US, part[1] * SECOND_US)
        found.append((*part, count))
    return found[::-1]


def page_of(
    archive: Archive,
    camera: int,
    hours: list[tuple[int, int, int]],
    *,
    offset: int,
    limit: int,
) -> list[Image]:
    """A page of the day; hours before it are passed over by their totals."""
    images: list[Image] = []
    for first_s, last_s, count in hours:
        if offset < count and len(images) < limit:
            images += archive.index.newest(
                camera, first_s, last_s, offset=offset, limit=limit - len(images)
            )
        offset = max(0, offset - count)
    return images


def _frame(services: Services, image: Image) -> FrameOfDay:
    url = services.archive.layout.image_url(image.key)
    taken = from_us(image.taken_at_us).isoformat(timespec="milliseconds")
    return FrameOfDay(
        id=url.removeprefix("/shared/captures/"),
        timestamp=taken.replace("+00:00", "Z"),
        name=url.rpartition("/")[2],
        size=image.size,
        url=services.root + url,
        event=None if image.event is None else image.event // 1000,
        score=image.score,
    )


def _open(archive: Archive, camera: int, name: str) -> StoredFile:
    """The image of this name in the camera's folder, or in the dated one that the name says."""
    layout = archive.layout
    found = (layout.flat_key(camera, name), layout.dated_key(camera, name[:8], name[9:11], name))
    for key in found:
        if key is not None:
            with suppress(NotFoundError):
                path = layout.image_url(key).removeprefix("/shared/")
                return StoredFile(archive.open(key), name=name, path=path)
    raise NotFoundError("there is no such image; GET /events lists a day's")
