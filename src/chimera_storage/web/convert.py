"""/convert: videos and archives of a time range."""

import secrets
import string
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from chimera_storage.clock import to_us
from chimera_storage.errors import ChimeraStorageError, ConversionError, InvalidInputError
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionType
from chimera_storage.options import Options, ZipOptions
from chimera_storage.web import parsing, schemas
from chimera_storage.web.download import FORMATS as ARCHIVES
from chimera_storage.web.download import archive_type, body_answer, link_answer
from chimera_storage.web.errors import BrokenOffError, JSONAnswer, UnknownProcessError
from chimera_storage.web.formatting import file_size
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.options import read_options
from chimera_storage.web.parsing import Body, read_body
from chimera_storage.web.ports import Download, Services
from chimera_storage.web.processes import listed, process_object
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.serving import filename_parameter, until_gone
from chimera_storage.web.threads import in_thread
from chimera_storage.web.timeline_schemas import Estimated, EstimateRequest

ReadBody = Annotated[Body, Depends(read_body)]

FILE_TYPES = {
    ConversionType.MP4: "video/mp4",
    ConversionType.GIF: "image/gif",
    ConversionType.WEBP: "image/webp",
    ConversionType.ZIP: "application/zip",
    ConversionType.TAR: "application/x-tar",
}
VIDEO_FORMATS = {kind.value: kind for kind in ConversionType if kind.is_video}
MOST_SKIP = 1_000_000
DEFAULT_FPS = 20

log = get_logger()


@dataclass(frozen=True, kw_only=True)
class Wish:
    """A validated createVideo or createZip."""

    type: ConversionType
    camera: int
    start_us: int
    end_us: int
    fps: int
    skip: int
    options: Options

    def conversion(self, process_id: str, requested_us: int) -> Conversion:
        """What the wish would be as a process; only to name its file."""
        return Conversion(
            id=process_id,
            type=self.type,
            camera=self.camera,
            start_us=self.start_us,
            end_us=self.end_us,
            requested_us=requested_us,
            fps=self.fps,
            skip=self.skip,
        )


class GeneratedFile(Response):
    """A file sent while it is made; the work stops when the client goes away.

    Also before there is a first part, which takes an animation as long as all of its colours.
    """

    def __init__(self, parts: AsyncGenerator[bytes, None], headers: dict[str, str]) -> None:
        self._parts = parts
        super().__init__(headers=headers)
        del self.headers["content-length"]

    async def __call__(self, _scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await until_gone(self._send(send), receive)
        finally:
            await self._parts.aclose()

    async def _send(self, send: Send) -> None:
        # The first part decides between a file and an error, which cannot be told once 200 is sent.
        first = await anext(self._parts, None)
        if first is None:
            raise ConversionError("the images of this range are gone, so nothing was made")
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": first, "more_body": True})
        try:
            async for part in self._parts:
                await send({"type": "http.response.body", "body": part, "more_body": True})
        except ChimeraStorageError as error:
            log.warning("download_broken_off", reason=str(error))
            raise BrokenOffError from error
        await send({"type": "http.response.body", "body": b"", "more_body": False})


class Converting:
    """What the two create routes do."""

    def __init__(self, services: Services, names: CameraNames) -> None:
        self._services = services
        self._names = names
        limits = services.settings.convert
        self._limits = {
            kind: limits.video_frame_limit if kind.is_video else limits.zip_frame_limit
            for kind in ConversionType
        }

    async def create(self, kind: ConversionType, body: Body) -> Response:
        """Begin a saved process, or answer with the file itself (`save: false`)."""
        save = parsing.yes_or_no(body, "save", default=True)
        wish = await in_thread(read_wish, self._services, self._names, kind, body)
        as_link = isinstance(wish.options, ZipOptions) and parsing.yes_or_no(
            body, "link", default=False
        )
        if save and not as_link:
            return await self._saved(wish, over_limit=False)
        frames = await in_thread(
            self._services.conversions.count,
            camera=wish.camera,
            start_us=wish.start_us,
            end_us=wish.end_us,
            skip=wish.skip,
        )
        if frames == 0:
            process_id, _ = self._new_id()
            return JSONAnswer({"id": process_id, "frameLimitMet": False, "frames": 0})
        if frames > self._limits[kind] and not as_link:
            return await self._saved(wish, over_limit=True)
        if isinstance(wish.options, ZipOptions):
            download = await in_thread(self._pinned, wish, wish.options)
            answer = link_answer if as_link else body_answer
            return answer(self._services, download)
        return self._streamed(wish)

    def _pinned(self, wish: Wish, options: ZipOptions) -> Download:
        return self._services.downloads.pin(
            type=wish.type,
            camera=wish.camera,
            start_us=wish.start_us,
            end_us=wish.end_us,
            skip=wish.skip,
            options=options,
        )

    async def _saved(self, wish: Wish, *, over_limit: bool) -> Response:
        conversion = await self._services.conversions.request(
            type=wish.type,
            camera=wish.camera,
            start_us=wish.start_us,
            end_us=wish.end_us,
            fps=wish.fps,
            skip=wish.skip,
            options=wish.options,
        )
        answer: dict[str, Any] = {"id": conversion.id}
        if conversion.frames:
            url = self._services.archive.layout.output_url(conversion)
            answer["url"] = self._services.absolute(url)
        return JSONAnswer(answer | {"frameLimitMet": over_limit, "frames": conversion.frames})

    def _streamed(self, wish: Wish) -> Response:
        parts = self._services.conversions.stream(
            type=wish.type,
            camera=wish.camera,
            start_us=wish.start_us,
            end_us=wish.end_us,
            fps=wish.fps,
            skip=wish.skip,
            options=wish.options,
        )
        conversion = wish.conversion(*self._new_id())
        name = self._services.archive.layout.output_name(conversion)
        headers = {
            "content-type": FILE_TYPES[wish.type],
            "content-disposition": f"attachment; {filename_parameter(name)}",
            "cache-control": "no-store",
        }
        return GeneratedFile(parts, headers)

    def _new_id(self) -> tuple[str, int]:
        letters = string.ascii_lowercase + string.digits
        requested_us = to_us(self._services.clock.now())
        random = "".join(secrets.choice(letters) for _ in range(8))
        return f"{random}-{self._services.archive.layout.stamp(requested_us)}", requested_us


def read_wish(services: Services, names: CameraNames, kind: ConversionType, body: Body) -> Wish:
    """What a client asks to be made. Raises InvalidInputError, NotFoundError."""
    skip = parsing.whole(body, "skip", default=1, least=1, most=MOST_SKIP)
    fps = DEFAULT_FPS
    if kind.is_video:
        fps = parsing.whole(body, "fps", default=DEFAULT_FPS, least=1, most=kind.highest_fps)
    start_us, end_us = time_range(services, body)
    return Wish(
        type=kind,
        camera=names.of(body),
        start_us=start_us,
        end_us=end_us,
        fps=fps,
        skip=skip,
        options=read_options(kind.options_type, body),
    )


def video_type(body: Body) -> ConversionType:
    """`format` of a createVideo. Raises InvalidInputError."""
    value = parsing.given(body, "format")
    if value is None:
        return ConversionType.MP4
    kind = VIDEO_FORMATS.get(value.strip().lower()) if isinstance(value, str) else None
    if kind is None:
        raise InvalidInputError(
            f"format is {parsing.shown(value)}; right would be one of {', '.join(VIDEO_FORMATS)}"
        )
    codec = parsing.given(body, "codec")
    if kind is not ConversionType.MP4 and codec not in (None, "h264"):
        raise InvalidInputError(f"a {kind.value} has no codec; right would be format mp4, or none")
    return kind


def time_range(services: Services, body: Body) -> tuple[int, int]:
    """`parsing.time_range` with the server's clock and time zone."""
    now_us = to_us(services.clock.now())
    return parsing.time_range(body, now_us=now_us, zone=services.zone)


def convert_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /convert/createVideo, createZip and estimate."""
    router = APIRouter(prefix="/convert", tags=["convert"])
    converting = Converting(services, names)

    def made(kind: str) -> dict[int | str, dict[str, Any]]:
        described = "the process that was begun; with save:false the file itself"
        file = {kind: {"schema": {"type": "string", "format": "binary"}}}
        created = {200: {"model": schemas.Created, "description": described, "content": file}}
        return problems(*BODY_PROBLEMS, 404, 409) | created

    @router.post(
        "/createVideo",
        summary="Make a video of a camera's images",
        responses=made("video/mp4"),
        openapi_extra=request_body(schemas.VideoRequest),
        response_class=JSONAnswer,
    )
    async def create_video(body: ReadBody) -> Response:
        return await converting.create(video_type(body), body)

    @router.post(
        "/createZip",
        summary="Make a zip archive of a camera's images",
        responses=made("application/zip"),
        openapi_extra=request_body(schemas.ZipRequest),
        response_class=JSONAnswer,
    )
    async def create_zip(body: ReadBody) -> Response:
        return await converting.create(archive_type(body), body)

    @router.post(
        "/estimate",
        summary="What a video or archive will take, before it is made",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(EstimateRequest),
    )
    def estimate(body: ReadBody) -> Estimated:
        is_archive = str(parsing.given(body, "format")).strip().lower() in ARCHIVES
        kind = archive_type(body) if is_archive else video_type(body)
        wish = read_wish(services, names, kind, body)
        found = services.conversions.estimate(
            type=wish.type,
            camera=wish.camera,
            start_us=wish.start_us,
            end_us=wish.end_us,
            fps=wish.fps,
            skip=wish.skip,
            options=wish.options,
        )
        return Estimated(
            frames=found.frames,
            bytes=found.bytes,
            size=found.size,
            formatted=file_size(found.size),
            exact=found.exact,
            seconds=round(found.seconds, 1),
            duration=None if found.duration_s is None else round(found.duration_s, 2),
            learnedFrom=found.learned_from,
        )

    return router


def processes_router(services: Services, names: CameraNames) -> APIRouter:
    """/convert/statusProcess, process/{id}, cancelProcess, deleteProcess, listProcess."""
    router = APIRouter(prefix="/convert", tags=["processes"])
    unknown: dict[int | str, dict[str, Any]] = {
        404: {"model": schemas.UnknownProcess, "description": "no process has this id"}
    }
    by_id: dict[str, Any] = {
        "responses": problems(*BODY_PROBLEMS) | unknown,
        "openapi_extra": request_body(schemas.ProcessRequest),
    }

    def found(process_id: str, **answer: bool) -> Conversion:
        conversion = services.conversions.get(process_id)
        if conversion is None or conversion.id != process_id:
            raise UnknownProcessError(process_id, **answer)
        return conversion

    def shown(conversion: Conversion) -> schemas.Process:
        return process_object(conversion, services)

    @router.post("/statusProcess", summary="How far is a process?", **by_id)
    async def status(body: ReadBody) -> schemas.Process:
        return shown(found(parsing.id_of(body)))

    @router.get("/process/{id}", summary="One process", responses=problems(404) | unknown)
    async def one(id: str) -> schemas.Process:  # noqa: A002 - the name in the address
        return shown(found(id))

    @router.post("/cancelProcess", summary="Stop a queued or running process", **by_id)
    async def cancel(body: ReadBody) -> schemas.Cancelled:
        process_id = parsing.id_of(body)
        await in_thread(found, process_id, cancelled=False)
        return schemas.Cancelled(
            cancelled=await services.conversions.cancel(process_id), id=process_id
        )

    @router.post("/deleteProcess", summary="Delete a process and its file", **by_id)
    async def delete(body: ReadBody) -> schemas.Deleted:
        process_id = parsing.id_of(body)
        await in_thread(found, process_id, deleted=False)
        return schemas.Deleted(deleted=await services.conversions.delete(process_id), id=process_id)

    @router.post(
        "/listProcess",
        summary="All processes, newest first",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(schemas.ProcessFilter, required=False),
        response_model_exclude_unset=True,
    )
    def list_processes(body: ReadBody) -> schemas.Processes:
        total, found = listed(body, names, services.conversions.list())
        answer = schemas.Processes(list=[shown(c) for c in found])
        if parsing.given(body, "limit") is not None:
            answer.total = total
        return answer

    @router.get(
        "/listProcess",
        summary="All processes, newest first",
        responses=problems(400, 404),
        openapi_extra={"parameters": _query_parameters()},
        response_model_exclude_unset=True,
    )
    def list_processes_get(request: Request) -> schemas.Processes:
        return list_processes(parsing.fields(list(request.query_params.multi_items())))

    return router


def _query_parameters() -> list[dict[str, Any]]:
    properties = schemas.ProcessFilter.model_json_schema()["properties"]
    return [
        {"name": name, "in": "query", "required": False, "schema": schema}
        for name, schema in properties.items()
    ]
