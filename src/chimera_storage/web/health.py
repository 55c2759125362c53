"""/storage/health: an answer means that the server lives. No log-in, as watchdogs have none."""

from fastapi import APIRouter
from starlette.responses import Response

from chimera_storage import __version__
from chimera_storage.web import schemas


def health_router() -> APIRouter:
    """GET /storage/health."""
    router = APIRouter(prefix="/storage", tags=["health"])

    @router.get(
        "/health",
        summary="Does the server answer?",
        responses={
            403: {"model": schemas.Problem, "description": "a Host that is not this server"}
        },
    )
    async def health() -> schemas.Health:
        return schemas.Health(version=__version__)

    @router.head("/health", include_in_schema=False)
    async def health_head() -> Response:
        return Response()

    return router
