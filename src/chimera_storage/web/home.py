"""The page at /, and /docs from files of this server's own."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI, Request
from starlette.responses import FileResponse, Response
from starlette.staticfiles import StaticFiles

from chimera_storage.web.compressing import TextFiles
from chimera_storage.web.errors import JSONAnswer
from chimera_storage.web.pages import STATIC, page
from chimera_storage.web.ports import Services
from chimera_storage.web.security import CONTENT_SECURITY_POLICY

# Swagger UI writes style attributes; its scripts come from files like everything else.
DOCS_POLICY = CONTENT_SECURITY_POLICY.replace(
    "style-src 'self'", "style-src 'self' 'unsafe-inline'"
)


def home_router(services: Services) -> APIRouter:
    """GET /, /docs, /openapi.json and /favicon.ico."""
    router = APIRouter(include_in_schema=False)

    @router.get("/")
    def home(request: Request) -> Response:
        return page(request, services, "now.html")

    @router.get("/docs")
    def docs(request: Request) -> Response:
        answer = page(request, services, "docs.html")
        answer.headers["content-security-policy"] = DOCS_POLICY
        return answer

    @router.get("/openapi.json")
    def openapi(request: Request) -> Response:
        description: dict[str, Any] = request.app.openapi()
        servers = {"servers": [{"url": services.root}]} if services.root else {}
        return JSONAnswer(description | servers)

    @router.get("/favicon.ico")
    def favicon() -> Response:
        return FileResponse(STATIC / "icon.svg", media_type="image/svg+xml")

    return router


def mount_static(app: FastAPI) -> None:
    """/static: scripts, styles and Swagger UI (from the package fastapi-offline)."""
    swagger = Path(str(files("fastapi_offline"))) / "static"
    app.mount("/static/swagger", StaticFiles(directory=swagger), name="swagger")
    app.mount("/static", TextFiles(directory=STATIC), name="static")
