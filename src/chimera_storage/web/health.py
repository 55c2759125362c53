"""/storage/health and /storage/ready. No log-in, as watchdogs have none, so no camera is named.

An answer of `health` means that the server lives, whatever its status says: a restart mends neither
a camera nor a disk. `ready` is for what has to act when nothing is recorded.
"""

from typing import Any, Literal

from fastapi import APIRouter
from starlette.responses import Response

from chimera_storage import __version__
from chimera_storage.model import CameraState
from chimera_storage.web import schemas
from chimera_storage.web.errors import error_answer
from chimera_storage.web.ports import Services

Status = Literal["ok", "degraded", "failed"]


def health_router(services: Services) -> APIRouter:
    """GET /storage/health and /storage/ready. `services` are those of all cameras."""
    router = APIRouter(prefix="/storage", tags=["health"])
    foreign: dict[int | str, dict[str, Any]] = {
        403: {"model": schemas.Problem, "description": "a Host that is not this server"}
    }

    @router.get("/health", summary="Does the server answer, and does it record?", responses=foreign)
    def health() -> schemas.Health:
        status, reasons = recording(services)
        return schemas.Health(
            status=status,
            reasons=reasons,
            version=__version__,
            storage=storage_state(services),
        )

    @router.get(
        "/ready",
        summary="Does it record? 503 where it does not",
        response_model=schemas.Ready,
        responses={
            **foreign,
            503: {"model": schemas.NotReady, "description": "nothing is recorded"},
        },
    )
    def ready() -> schemas.Ready | Response:
        status, reasons = recording(services)
        if status == "failed":
            return error_answer(503, " ".join(reasons), ready=False, reasons=reasons)
        return schemas.Ready(ready=True, reasons=reasons)

    return router


def recording(services: Services) -> tuple[Status, list[str]]:
    """Whether what should be recorded is, and in sentences what is wrong.

    Failed: nothing can be recorded at all. Degraded: of one camera or more nothing is.
    """
    failed = []
    problem = services.upkeep.state().problem
    if problem is not None:
        failed.append(_sentence(problem))
    if not all(camera.paused for camera in services.settings.camera):
        status = services.recorders.status()
        if status == "errored":
            failed.append("The recorder process ends again and again; the log says why.")
        elif status == "stopped":
            failed.append("The recorder process is not running.")
    reports = [r for r in services.recorders.reports() if r.state is not CameraState.PAUSED]
    broken = sum(report.state is CameraState.FAILED for report in reports)
    if broken and broken == len(reports):
        failed.append("Every camera fails." if broken > 1 else "The camera fails.")
    if failed:
        return "failed", failed
    if broken:
        return "degraded", [f"{broken} of {len(reports)} cameras fail."]
    return "ok", []


def storage_state(services: Services) -> schemas.StorageState:
    """How the data folder is, for people and watchdogs."""
    state = services.upkeep.state()
    return schemas.StorageState(
        problem=state.problem,
        complete=state.complete,
        progress=round(state.progress, 3),
        takenIn=state.taken_in,
    )


def _sentence(text: str) -> str:
    text = text[:1].upper() + text[1:]
    return text if text.endswith((".", "?", "!")) else f"{text}."
