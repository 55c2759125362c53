"""The page /settings/health: how every part is, in words, for admins."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.clock import to_us
from chimera_storage.errors import StorageError
from chimera_storage.log import redact
from chimera_storage.model import CameraReport, CameraState, ConversionStatus, Disk, Health
from chimera_storage.web.folder_labels import Labels
from chimera_storage.web.formatting import local_time
from chimera_storage.web.health import recording
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages import page, speaker_of
from chimera_storage.web.pages.camera_names import camera_names
from chimera_storage.web.ports import Services

RECENT_US = 7 * 86_400_000_000
MOST_FAILED = 20


def health_page_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /settings/health."""
    router = APIRouter(include_in_schema=False)

    @router.get("/settings/health")
    def health(request: Request) -> Response:
        speaks = speaker_of(request)
        cameras = camera_names(names, speaks)
        labels = Labels(services.archive.layout, services.settings.names(), speaks.t)
        overall, _ = recording(services)
        reports = {report.camera: report for report in services.recorders.reports()}
        usage = services.statistics.usage()
        conversions = services.conversions.list()
        now_us = to_us(services.clock.now())
        return page(
            request,
            services,
            "health.html",
            overall=overall,
            storage=services.upkeep.state(),
            recorder=services.recorders.status(),
            restarts=services.recorders.restarts(),
            cameras=[
                _camera(cameras[camera.id], reports.get(camera.id), services)
                for camera in services.settings.camera
            ],
            usage=usage,
            images=sum(totals.count for totals in usage.cameras.values()),
            disk=_disk(services),
            running=sum(c.status is ConversionStatus.RUNNING for c in conversions),
            waiting=sum(c.status is ConversionStatus.QUEUED for c in conversions),
            failed=[
                {
                    "what": labels.of(
                        f"{services.archive.layout.captures.name}"
                        f"/{services.archive.layout.output_name(c)}"
                    ),
                    "error": redact(c.error or ""),
                    "at": _time(c.requested_us, services),
                }
                for c in conversions
                if c.status is ConversionStatus.FAILED and c.requested_us > now_us - RECENT_US
            ][:MOST_FAILED],
            now=_time(now_us, services),
        )

    return router


def _disk(services: Services) -> Disk | None:
    """None where it cannot be asked: it is not mounted, as the state of the folder says."""
    try:
        return services.statistics.disk()
    except StorageError:
        return None


def _camera(name: str, report: CameraReport | None, services: Services) -> dict[str, Any]:
    """What the recorder says of a camera; without a report it is not watched."""
    if report is None:
        return {"name": name, "state": "stopped", "is_well": False, "health": None}
    seen = report.health is not Health.OK and report.state is CameraState.CONNECTED
    since_us = report.health_since_us if seen and report.health_since_us else report.since_us
    return {
        "name": name,
        "state": report.state.value,
        "is_well": report.state is not CameraState.FAILED and not seen,
        "health": report.health.value if seen else None,
        "since": _time(since_us, services),
        "problem": redact(report.problem or ""),
        "width": report.width,
        "height": report.height,
        "fps": report.fps,
        "decoder": report.decoder,
        "reconnects": report.reconnects,
        "lost": report.frames_damaged + report.frames_dropped + report.frames_unsaved,
        "read": report.frames_read,
    }


def _time(us: int, services: Services) -> dict[str, Any]:
    """As the macro `moment` takes it."""
    return {"ms": us // 1000, "text": local_time(us, services.zone)}
