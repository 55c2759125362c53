"""/motion: whether the cameras are being watched; /cameras: what the page shows of each."""

from fastapi import APIRouter

from chimera_storage.clock import to_us
from chimera_storage.log import redact
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.web import schemas
from chimera_storage.web.formatting import file_size
from chimera_storage.web.health import storage_state
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import problems
from chimera_storage.web.sight import sees


def motion_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /motion/status."""
    router = APIRouter(prefix="/motion", tags=["motion"])

    @router.get("/status", summary="Is motion detection running?", responses=problems())
    def status() -> schemas.MotionStatus:
        process = schemas.ServerProcess.model_validate(
            {
                "name": "motion",
                "status": services.recorders.status(),
                "restarts": services.recorders.restarts(),
            }
        )
        reports = {report.camera: report for report in services.recorders.reports()}
        cameras = [
            schemas.CameraStatus.model_validate(_status(camera.id, names, reports.get(camera.id)))
            for camera in services.settings.camera
            if sees(camera.id)
        ]
        return schemas.MotionStatus(
            processList=[process], cameras=cameras, storage=storage_state(services)
        )

    return router


def cameras_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /cameras."""
    router = APIRouter(prefix="/cameras", tags=["cameras"])

    @router.get("", summary="Every camera: state, newest image, totals", responses=problems())
    def cameras() -> schemas.Cameras:
        reports = {report.camera: report for report in services.recorders.reports()}
        recorded = {camera.id for camera in services.settings.camera}
        overviews = [
            schemas.CameraOverview.model_validate(
                {
                    **_status(camera, names, reports.get(camera)),
                    **_stored(camera, services),
                    "recorded": camera in recorded,
                }
            )
            for camera in names.all()
        ]
        return schemas.Cameras(
            cameras=overviews,
            storage=storage_state(services),
            now=to_us(services.clock.now()) // 1000,
        )

    return router


def _status(camera: int, names: CameraNames, report: CameraReport | None) -> dict[str, object]:
    known = report or CameraReport(camera=camera, state=CameraState.STARTING, since_us=0)
    return {
        "id": camera,
        "name": names.name(camera),
        "state": known.state.value if report else "stopped",
        "since": known.since_us // 1000 if report else None,
        "problem": redact(known.problem) if known.problem else None,
        "fps": round(known.fps, 2),
        "width": known.width,
        "height": known.height,
        "lastFrame": _ms(known.last_frame_us),
        "recording": known.recording,
        "recordingSince": _ms(known.event_since_us),
        "imagesSaved": known.images_saved,
        "restarts": known.reconnects,
        "score": round(known.score, 5),
        "health": known.health.value,
        "healthSince": _ms(known.health_since_us),
        "healthProblem": known.health.sentence,
        "decoder": known.decoder,
    }


def _stored(camera: int, services: Services) -> dict[str, object]:
    image = services.archive.index.latest(camera)
    totals = services.upkeep.totals(camera)
    latest = image and {
        "url": services.root + services.archive.layout.image_url(image.key),
        "taken": image.taken_at_us // 1000,
        "width": image.width,
        "height": image.height,
        "boxes": [tuple(box) for box in image.boxes],
    }
    return {
        "latest": latest,
        "count": totals.count,
        "size": totals.size,
        "formatted": file_size(totals.size),
    }


def _ms(us: int | None) -> int | None:
    return None if us is None else us // 1000
