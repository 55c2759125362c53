"""GET /processes: the page of videos and archives, with the form to make one."""

from dataclasses import dataclass

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.model import ConversionType
from chimera_storage.web.pages import page
from chimera_storage.web.ports import Services
from chimera_storage.web.sight import sees


@dataclass(frozen=True, slots=True)
class Scheduled:
    """An export by the clock, as the page shows it. `options`: those that are no default."""

    name: str
    cron: str
    cameras: list[str]
    range: str
    format: str
    options: list[str]


def processes_page_router(services: Services) -> APIRouter:
    """GET and HEAD /processes."""
    router = APIRouter(include_in_schema=False)

    @router.get("/processes")
    def processes(request: Request) -> Response:
        limits = services.settings.convert
        return page(
            request,
            services,
            "processes.html",
            video_limit=limits.video_frame_limit,
            archive_limit=limits.zip_frame_limit,
            kinds=[kind.value for kind in ConversionType],
            scheduled=_scheduled(services),
        )

    return router


def _scheduled(services: Services) -> list[Scheduled]:
    """Those that make anything of a camera that who asks may see."""
    settings = services.settings
    names = settings.names()
    found = []
    for export in settings.exports:
        cameras = export.cameras or [camera.id for camera in settings.camera]
        seen = [names.get(camera) or f"Camera {camera}" for camera in cameras if sees(camera)]
        if seen:
            options = [f"{name}: {value}" for name, value in export.options.items()]
            found.append(
                Scheduled(export.name, export.cron, seen, export.range, export.format, options)
            )
    return found
