"""What the camera-settings page looks at: test pictures, the network, the detector, past motion."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from chimera_storage.archive.marks import MarksFile
from chimera_storage.camera_address import kept_address
from chimera_storage.clock import to_us
from chimera_storage.config import CameraSettings
from chimera_storage.config_load import validated
from chimera_storage.errors import (
    ConfigurationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
    SourceError,
)
from chimera_storage.web.camera_schemas import (
    DiscoverRequest,
    FoundCameras,
    MarkRequest,
    Marks,
    Noise,
    Sight,
    Streams,
    StreamsRequest,
    TryRequest,
)
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, fields, given, read_body, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, query_parameters, request_body

ReadBody = Annotated[Body, Depends(read_body)]
_TRIED = ("url", "transport", "interval")
_LATEST_MS = 32_503_680_000_000
_WANTED = {"true": True, "false": False, "none": None, "null": None, "": None}


def camera_finding_router(services: Services) -> APIRouter:
    """POST /cameras/try, /cameras/discover and /cameras/streams."""
    router = APIRouter(prefix="/cameras", tags=["cameras"])

    @router.post(
        "/try",
        summary="A test picture of an address; nothing is stored",
        response_class=Response,
        responses={
            **problems(*BODY_PROBLEMS, 404, 409),
            200: {"content": {"image/jpeg": {}}, "description": "a picture that it gives now"},
        },
        openapi_extra=request_body(TryRequest),
    )
    async def try_address(body: ReadBody) -> Response:
        with _reason_told():
            picture = await services.finder.picture(_tried(services, body))
        return Response(picture, media_type="image/jpeg", headers={"cache-control": "no-store"})

    @router.post(
        "/discover",
        summary="Search the local network for ONVIF cameras",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=request_body(DiscoverRequest, required=False),
    )
    async def discover(body: ReadBody) -> FoundCameras:
        address = given(body, "address")
        if address is not None and (not isinstance(address, str) or len(address) > 253):
            raise InvalidInputError("address: the name or number of a host is right")
        with _reason_told():
            found = await services.finder.discover(address and address.strip())
        return FoundCameras.model_validate({"cameras": [_plain(camera) for camera in found]})

    @router.post(
        "/streams",
        summary="The streams of an ONVIF camera",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=request_body(StreamsRequest),
    )
    async def streams(body: ReadBody) -> Streams:
        texts = [given(body, name) or "" for name in ("service", "user", "password")]
        if not all(isinstance(text, str) and len(text) <= 1000 for text in texts) or not texts[0]:
            raise InvalidInputError("service is missing; right would be one of /cameras/discover")
        with _reason_told():
            found = await services.finder.streams(*map(str, texts))
        return Streams.model_validate({"streams": [_plain(stream) for stream in found]})

    return router


def camera_sight_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /cameras/{camera}/sight, GET and POST /cameras/{camera}/marks."""
    router = APIRouter(prefix="/cameras", tags=["cameras"])
    marks = MarksFile(services.archive.layout)

    @router.get(
        "/{camera}/sight",
        summary="What the detector finds in a camera's pictures, picture by picture",
        responses=problems(400, 404),
        openapi_extra=query_parameters(
            ("since", "milliseconds since 1970; pictures after that", {"type": "integer"}, False)
        ),
    )
    async def sight(request: Request, camera: str) -> Sight:
        query = fields(request.query_params.multi_items())
        since_ms = whole(query, "since", default=0, least=0, most=_LATEST_MS)
        number = await run_in_threadpool(names.find, camera)
        settings = _configured(services, number)
        services.recorders.watch(number)
        report = next((r for r in services.recorders.reports() if r.camera == number), None)
        sights = services.recorders.sights(number, since_ms * 1000 + 999)
        return Sight(
            now=to_us(services.clock.now()) // 1000,
            state="stopped" if report is None else report.state.value,
            width=report.width if report else 0,
            height=report.height if report else 0,
            recording=report is not None and report.recording,
            score=report.score if report else 0.0,
            boxes=[tuple(box) for box in report.boxes] if report else [],
            floor=report.floor if report else None,
            noise=Noise(**dataclasses.asdict(report.noise)) if report and report.noise else None,
            threshold=settings.motion.threshold,
            scores=[(time_us // 1000, round(score, 6)) for time_us, score in sights],
        )

    @router.get(
        "/{camera}/marks",
        summary="What was said of a camera's past motion",
        responses=problems(400, 404),
    )
    def list_marks(camera: str) -> Marks:
        found = marks.of(names.find(camera))
        return Marks.model_validate(
            {
                "marks": [
                    {"start": m.start_us // 1000, "end": m.end_us // 1000, "wanted": m.wanted}
                    for m in found
                ]
            }
        )

    @router.post(
        "/{camera}/marks",
        summary="Say whether past motion was wanted, for chimera-storage tune",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(MarkRequest),
    )
    def mark(camera: str, body: ReadBody) -> Marks:
        number = names.find(camera)
        said = str(body.get("wanted")).strip().lower()
        if said not in _WANTED:
            raise InvalidInputError("wanted: true, false or null is right")
        start, end = (
            whole(body, name, default=-1, least=0, most=_LATEST_MS) if name in body else -1
            for name in ("start", "end")
        )
        if start < 0 or end < start:
            raise InvalidInputError("start and end: milliseconds since 1970 in order are right")
        marks.put(number, start * 1000, end * 1000, wanted=_WANTED[said])
        return list_marks(str(number))

    return router


@contextmanager
def _reason_told() -> Iterator[None]:
    """A camera that does not answer is no fault of this server (5xx), and the reason is told."""
    try:
        yield
    except SourceError as error:
        raise ConflictError(str(error)) from None


def _tried(services: Services, body: Body) -> CameraSettings:
    values: dict[str, Any] = {key: body[key] for key in _TRIED if given(body, key) is not None}
    camera = whole(body, "camera", default=-1, least=0, most=999_999) if "camera" in body else -1
    if camera >= 0 and isinstance(values.get("url"), str):
        stored = _configured(services, camera)
        values["url"] = kept_address(values["url"], stored.url.get_secret_value())
    try:
        return validated(CameraSettings, {"id": 0, "hwaccel": "none", **values})
    except ConfigurationError as error:
        raise InvalidInputError("; ".join(str(error).splitlines())) from None


def _configured(services: Services, camera: int) -> CameraSettings:
    found = next((c for c in services.settings.camera if c.id == camera), None)
    if found is None:
        raise NotFoundError(f"camera {camera} is not configured; POST /cameras adds one")
    return found


def _plain(found: Any) -> dict[str, Any]:
    return {name: getattr(found, name) for name in found.__slots__}
