"""/cameras: settings of cameras, changed while the server runs and written back to storage.toml."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from chimera_storage.config import CameraSettings
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.model import MAX_CAMERA_ID
from chimera_storage.web.camera_schemas import (
    CameraPaused,
    CameraRemoved,
    CameraSaved,
    CamerasChange,
    CamerasSaved,
    ShownCamera,
    nested_body,
)
from chimera_storage.web.file_schemas import EmptyRequest
from chimera_storage.web.formatting import file_size
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, given, read_body, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.threads import in_thread

ReadBody = Annotated[Body, Depends(read_body)]


def camera_settings_router(services: Services, names: CameraNames) -> APIRouter:
    """POST and PUT /cameras; GET, PUT and DELETE /cameras/{camera}, its pause and resume."""
    router = APIRouter(prefix="/cameras", tags=["cameras"])
    configuration = services.configuration

    def saved(camera: int) -> CameraSaved:
        return CameraSaved(camera=_shown(services, camera), file=configuration.path.name)

    @router.post(
        "",
        summary="Add a camera",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=nested_body(CameraSettings, needed=["id", "url"]),
    )
    async def add(body: ReadBody) -> CameraSaved:
        return saved(await configuration.add_camera(_numbered(body)))

    @router.put(
        "",
        summary="Make these the cameras; one that is missing is removed, its footage stays",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=nested_body(CamerasChange, needed=["id"]),
    )
    async def replace(body: ReadBody) -> CamerasSaved:
        cameras = body.get("cameras")
        if not isinstance(cameras, list) or not all(isinstance(c, dict) for c in cameras):
            raise InvalidInputError('cameras is missing; right would be a list such as [{"id": 1}]')
        await configuration.replace_cameras([_numbered(camera) for camera in cameras])
        return CamerasSaved(
            cameras=[ShownCamera.of(camera) for camera in services.settings.camera],
            file=configuration.path.name,
        )

    @router.get("/{camera}", summary="A camera's settings", responses=problems(400, 404))
    def show(camera: str) -> ShownCamera:
        return _shown(services, names.find(camera))

    @router.put(
        "/{camera}",
        summary="Give a camera other settings",
        responses=problems(*BODY_PROBLEMS, 404, 409),
        openapi_extra=nested_body(CameraSettings, needed=[]),
    )
    async def change(camera: str, body: ReadBody) -> CameraSaved:
        number = await in_thread(names.find, camera)
        await configuration.change_camera(number, _numbered(body))
        return saved(number)

    @router.delete(
        "/{camera}",
        summary="Record a camera no more; its images stay",
        responses=problems(400, 404, 409),
    )
    async def remove(camera: str) -> CameraRemoved:
        number = await in_thread(names.find, camera)
        await configuration.remove_camera(number)
        totals = await in_thread(services.upkeep.totals, number)
        return CameraRemoved(
            removed=True,
            id=number,
            count=totals.count,
            size=totals.size,
            formatted=file_size(totals.size),
        )

    @router.post(
        "/{camera}/pause",
        summary="Do not record a camera for now",
        responses=problems(*BODY_PROBLEMS, 404, 409),
        openapi_extra=request_body(EmptyRequest, required=False),
    )
    async def pause(camera: str, _: ReadBody) -> CameraPaused:
        number = await in_thread(names.find, camera)
        await configuration.pause_camera(number, paused=True)
        return CameraPaused(id=number, paused=True)

    @router.post(
        "/{camera}/resume",
        summary="Record a camera again",
        responses=problems(*BODY_PROBLEMS, 404, 409),
        openapi_extra=request_body(EmptyRequest, required=False),
    )
    async def resume(camera: str, _: ReadBody) -> CameraPaused:
        number = await in_thread(names.find, camera)
        await configuration.pause_camera(number, paused=False)
        return CameraPaused(id=number, paused=False)

    return router


def _numbered(body: Body) -> Body:
    """The camera with its id as a number, which may have come as text."""
    if given(body, "id") is None:
        return body
    return {**body, "id": whole(body, "id", default=0, least=0, most=MAX_CAMERA_ID)}


def _shown(services: Services, camera: int) -> ShownCamera:
    settings: Any = next((c for c in services.settings.camera if c.id == camera), None)
    if settings is None:
        raise NotFoundError(f"camera {camera} is not configured; POST /cameras adds one")
    return ShownCamera.of(settings)
