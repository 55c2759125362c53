"""/file: what a camera's images take, and deleting them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from chimera_storage.web import schemas
from chimera_storage.web.formatting import file_size
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, days_of, read_body
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body

ReadBody = Annotated[Body, Depends(read_body)]


def file_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /file/pathSize, pathFileCount, pathDelete and pathClean."""
    router = APIRouter(prefix="/file", tags=["file"])
    upkeep = services.upkeep
    of_camera: dict[str, Any] = {
        "responses": problems(*BODY_PROBLEMS, 404),
        "openapi_extra": request_body(schemas.FolderRequest),
    }

    @router.post("/pathSize", summary="Bytes of a camera's images", **of_camera)
    def path_size(body: ReadBody) -> schemas.PathSize:
        size = upkeep.totals(names.of(body, folder_too=True)).size
        return schemas.PathSize(
            size=str(size),
            bytes=size,
            formatted=file_size(size),
            confidence=upkeep.confidence(),
        )

    @router.post("/pathFileCount", summary="Number of a camera's images", **of_camera)
    def path_file_count(body: ReadBody) -> schemas.PathCount:
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

    return router
