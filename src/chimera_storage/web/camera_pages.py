"""The pages /settings/cameras and /settings/cameras/{camera}, for admins."""

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from chimera_storage.errors import NotFoundError
from chimera_storage.web.camera_schemas import ShownCamera
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages import page, speaker_of
from chimera_storage.web.pages.camera_names import named
from chimera_storage.web.ports import Services

_NUMBERS = {  # of [camera.motion]: least, most, step of what the form offers
    "minimum_motion_frames": (1, 100, 1),
    "lightswitch_percent": (0, 100, 1),
    "smart_mask_speed": (0, 10, 1),
    "pre_capture": (0, 30, 0.5),
    "post_capture": (0, 300, 0.5),
    "event_gap": (0, 3600, 1),
    "framerate": (0, 240, 0.1),
    "save_framerate": (0, 240, 0.1),
    "snapshot_interval": (0, 604_800, 1),
    "picture_quality": (1, 100, 1),
}


def camera_pages_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /settings/cameras and /settings/cameras/{camera}."""
    router = APIRouter(include_in_schema=False)

    @router.get("/settings/cameras")
    def cameras(request: Request) -> Response:
        configured = services.settings.camera
        speaks = speaker_of(request)
        taken = {camera.id for camera in configured} | set(names.all())
        return page(
            request,
            services,
            "cameras.html",
            cameras=[
                (ShownCamera.of(camera), named(names, speaks, camera.id)) for camera in configured
            ],
            free=next(n for n in range(1, len(taken) + 2) if n not in taken),
            file=services.configuration.path.name,
        )

    @router.get("/settings/cameras/{camera}")
    async def camera(request: Request, camera: str) -> Response:
        number = await run_in_threadpool(names.find, camera)
        if all(configured.id != number for configured in services.settings.camera):
            raise NotFoundError(f"camera {number} is not configured; it has footage alone")
        return await run_in_threadpool(
            page,
            request,
            services,
            "camera.html",
            camera=number,
            name=named(names, speaker_of(request), number),
            numbers=_NUMBERS,
            file=services.configuration.path.name,
            marks=f"marks/{number}.jsonl",
        )

    return router
