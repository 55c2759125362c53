"""/storage/health: an answer means that the server lives. No log-in, as watchdogs have none."""

from fastapi import APIRouter
from starlette.responses import Response

from chimera_storage import __version__
from chimera_storage.web import schemas
from chimera_storage.web.ports import Services


def health_router(services: Services) -> APIRouter:
    """GET /storage/health."""
    router = APIRouter(prefix="/storage", tags=["health"])

    @router.get(
        "/health",
        summary="Does the server answer?",
        responses={
            403: {"model": schemas.Problem, "description": "a Host that is not this server"}
        },
    )
    def health() -> schemas.Health:
        return schemas.Health(version=__version__, storage=storage_state(services))

    @router.head("/health", include_in_schema=False)
    async def health_head() -> Response:
        return Response()

    return router


def storage_state(services: Services) -> schemas.StorageState:
    """How the data folder is, for people and watchdogs."""
    state = services.upkeep.state()
    return schemas.StorageState(
        problem=state.problem,
        complete=state.complete,
        progress=round(state.progress, 3),
        takenIn=state.taken_in,
    )
