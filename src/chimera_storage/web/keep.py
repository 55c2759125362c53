"""/file: times that are kept: no rule deletes their images."""

from typing import Annotated

from fastapi import APIRouter, Depends

from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import KeptRange
from chimera_storage.web.file_schemas import (
    KeepRequest,
    Kept,
    KeptList,
    LetGo,
    LetGoRequest,
)
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, given, moment, read_body, shown, time_range
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.sight import sees

ReadBody = Annotated[Body, Depends(read_body)]
MOST_REASON = 200


def keep_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /file/createKeep and deleteKeep, GET /file/listKeep."""
    router = APIRouter(prefix="/file", tags=["file"])
    keep = services.archive.keep

    def answer(kept: KeptRange) -> Kept:
        layout = services.archive.layout
        return Kept(
            id=kept.id,
            camera=kept.camera,
            name=names.name(kept.camera),
            start=layout.stamp(kept.start_us),
            end=layout.stamp(kept.end_us),
            reason=kept.reason,
            created=kept.created_us // 1000,
        )

    @router.post(
        "/createKeep",
        summary="Keep the images of a time, or of an event, from all rules",
        responses=problems(*BODY_PROBLEMS, 404, 409),
        openapi_extra=request_body(KeepRequest),
    )
    def create_keep(body: ReadBody) -> Kept:
        camera = names.of(body, folder_too=True)
        start_us, end_us = _range(body, camera, services)
        return answer(
            keep.add(
                camera=camera,
                start_us=start_us,
                end_us=end_us,
                reason=_reason(body),
                created_us=to_us(services.clock.now()),
            )
        )

    @router.get("/listKeep", summary="What is kept, the oldest first", responses=problems())
    def list_keep() -> KeptList:
        return KeptList(list=[answer(kept) for kept in keep.ranges() if sees(kept.camera)])

    @router.post(
        "/deleteKeep",
        summary="Keep a time no longer; its images go when a rule says so",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=request_body(LetGoRequest),
    )
    def delete_keep(body: ReadBody) -> LetGo:
        value = given(body, "id")
        if not isinstance(value, str) or len(value) > 200:
            raise InvalidInputError(
                f"id is {shown(value)}; right would be the id that createKeep answered"
            )
        is_hidden = any(kept.id == value and not sees(kept.camera) for kept in keep.ranges())
        return LetGo(deleted=not is_hidden and keep.remove(value), id=value)

    return router


def _range(body: Body, camera: int, services: Services) -> tuple[int, int]:
    """Of the event that began at `event`, else what start, end, hours and days say."""
    event = given(body, "event")
    if event is None:
        if all(given(body, name) is None for name in ("start", "hours", "days")):
            raise InvalidInputError(
                "start is missing; right would be the start and end of what is to be kept"
            )
        return time_range(body, now_us=to_us(services.clock.now()), zone=services.zone)
    first_us = moment(event, "event", services.zone)
    last_us = moment(event, "event", services.zone, last=True)
    found = services.archive.index.events(camera, first_us, last_us)
    if not found:
        raise NotFoundError("no event of this camera begins then; GET /motion/events lists them")
    end_us = found[0].end_us
    return found[0].start_us, to_us(services.clock.now()) if end_us is None else end_us


def _reason(body: Body) -> str:
    value = given(body, "reason")
    if value is None:
        return ""
    if not isinstance(value, str) or len(value) > MOST_REASON or not value.isprintable():
        raise InvalidInputError(
            f"reason is {shown(value)}; right would be a text of up to {MOST_REASON} characters"
        )
    return value.strip()
