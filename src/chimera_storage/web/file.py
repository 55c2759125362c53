"""/file: what a camera's images take, and deleting them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from chimera_storage.archive.layout import SECOND_US
from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.web import schemas
from chimera_storage.web.formatting import file_size
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import (
    Body,
    days_of,
    given,
    read_body,
    time_range,
    yes_or_no,
)
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.timeline_schemas import RangeDeleted, RangeDeleteRequest

ReadBody = Annotated[Body, Depends(read_body)]


def file_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /file/pathSize, pathFileCount, pathDelete, pathClean and rangeDelete."""
    router = APIRouter(prefix="/file", tags=["file"])
    upkeep = services.upkeep
    of_camera: dict[str, Any] = {
        "responses": problems(*BODY_PROBLEMS, 404),
        "openapi_extra": request_body(schemas.FolderRequest),
    }

    @router.post("/pathSize", summary="Bytes of a camera's images", **of_camera)
    async def path_size(body: ReadBody) -> schemas.PathSize:
        size = upkeep.totals(names.of(body, folder_too=True)).size
        return schemas.PathSize(
            size=str(size),
            bytes=size,
            formatted=file_size(size),
            confidence=upkeep.confidence(),
        )

    @router.post("/pathFileCount", summary="Number of a camera's images", **of_camera)
    async def path_file_count(body: ReadBody) -> schemas.PathCount:
        count = upkeep.totals(names.of(body, folder_too=True)).count
        return schemas.PathCount(count=count, confidence=upkeep.confidence())

    @router.post("/pathDelete", summary="Delete every image of a camera", **of_camera)
    def path_delete(body: ReadBody) -> schemas.PathDeleted:
        camera = names.of(body, folder_too=True)
        return schemas.PathDeleted(deleted=upkeep.delete_camera(camera))

    @router.post(
        "/pathClean",
        summary="Delete a camera's images older than some days",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(schemas.CleanRequest),
    )
    def path_clean(body: ReadBody) -> schemas.PathCleaned:
        days = days_of(body)
        result = upkeep.clean(names.of(body, folder_too=True), days)
        share = result.confidence
        confidence = int(share) if share == int(share) else share  # 100, not 100.0
        return schemas.PathCleaned(deleted=result.deleted, confidence=confidence)

    @router.post(
        "/rangeDelete",
        summary="Delete a camera's images of a time, or say what would go",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(RangeDeleteRequest),
    )
    def range_delete(body: ReadBody) -> RangeDeleted:
        camera = names.of(body, folder_too=True)
        for end in ("start", "end"):
            if given(body, end) is None:
                raise InvalidInputError(
                    f"{end} is missing; right would be the start and end of what is to be deleted"
                )
        start_us, end_us = time_range(body, now_us=to_us(services.clock.now()), zone=services.zone)
        preview = yes_or_no(body, "preview", default=False)
        found = upkeep.delete_range(
            camera,
            start_us // SECOND_US,
            end_us // SECOND_US,
            kept_too=yes_or_no(body, "kept", default=False),
            only_ask=preview,
        )
        return RangeDeleted(
            preview=preview,
            deleted=found.gone.count,
            bytes=found.gone.size,
            formatted=file_size(found.gone.size),
            kept=found.kept,
            busy=found.busy,
        )

    return router
