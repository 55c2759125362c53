"""The web application: every route, and the guards in front of them."""

from contextlib import suppress
from typing import Any

from fastapi import FastAPI
from fastapi.routing import APIRoute
from prometheus_client import CollectorRegistry
from starlette.middleware.errors import ServerErrorMiddleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chimera_storage import __version__
from chimera_storage.access import Accounts, Door
from chimera_storage.archive.images import Archive
from chimera_storage.clock import Clock
from chimera_storage.config import Settings
from chimera_storage.errors import ConfigurationError
from chimera_storage.web.account import account_router
from chimera_storage.web.auth import Auth
from chimera_storage.web.camera_looks import camera_finding_router, camera_sight_router
from chimera_storage.web.camera_pages import camera_pages_router
from chimera_storage.web.cameras import camera_settings_router
from chimera_storage.web.convert import convert_router, processes_router
from chimera_storage.web.disk_page import disk_page_router
from chimera_storage.web.dispatch import Dispatch
from chimera_storage.web.download import download_router
from chimera_storage.web.edge import Edge
from chimera_storage.web.error_page import error_page, wants_page
from chimera_storage.web.errors import unforeseen
from chimera_storage.web.events import events_router
from chimera_storage.web.file import file_router
from chimera_storage.web.frames import frames_router
from chimera_storage.web.health import health_router
from chimera_storage.web.health_page import health_page_router
from chimera_storage.web.home import home_router, mount_static
from chimera_storage.web.keep import keep_router
from chimera_storage.web.language import language_router
from chimera_storage.web.links import link_router, links_router
from chimera_storage.web.lists import lists_router
from chimera_storage.web.live import live_router
from chimera_storage.web.metrics import RequestSeconds, metrics_router
from chimera_storage.web.motion import cameras_router, motion_router
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.people import people_router
from chimera_storage.web.people_pages import people_pages_router
from chimera_storage.web.permissions import ROUTES, missing_entries
from chimera_storage.web.ports import (
    CameraFinder,
    Configuration,
    Conversions,
    Downloads,
    Recorders,
    Rules,
    Services,
    Sprites,
    Statistics,
    Upkeep,
)
from chimera_storage.web.process_events import process_events_router
from chimera_storage.web.processes_page import processes_page_router
from chimera_storage.web.proxies import TrustedProxies
from chimera_storage.web.rules import rules_router
from chimera_storage.web.security import SiteGuard
from chimera_storage.web.seen import seen
from chimera_storage.web.shared import shared_router
from chimera_storage.web.statistics import statistics_router
from chimera_storage.web.thumbnails import Thumbnails
from chimera_storage.web.timeline import timeline_router

DESCRIPTION = """\
Motion images of cameras: get them, make videos and archives of them, see what they take, delete
them.

Bodies are JSON or urlencoded forms; no body is an empty object. Numbers and truth values may come
as text. Every error is `{"error": "<one sentence>"}`.
"""


class Application(FastAPI):
    """FastAPI whose description holds, and whose requests `dispatch.py` answers.

    422 is left out, which this server never answers with, and so is the `type: string` that FastAPI
    writes beside the schema of routes that answer with files as well.
    """

    def openapi(self) -> dict[str, Any]:
        if self.openapi_schema is None:
            schema = super().openapi()
            for operations in schema["paths"].values():
                for operation in operations.values():
                    operation["responses"].pop("422", None)
                    for content in (
                        operation["responses"].get("200", {}).get("content", {}).values()
                    ):
                        if "$ref" in content.get("schema", {}):
                            content["schema"].pop("type", None)
            for name in ("HTTPValidationError", "ValidationError"):
                schema["components"]["schemas"].pop(name, None)
        return super().openapi()

    def build_middleware_stack(self) -> ASGIApp:
        """The guards around the routes; a fault outside of what `dispatch.py` answers is a 500."""
        app: ASGIApp = Dispatch(self.routes, ROUTES, self._as_page)
        for guard in reversed(self.user_middleware):
            app = guard.cls(app, *guard.args, **guard.kwargs)
        return ServerErrorMiddleware(app, handler=self._unforeseen)

    def _as_page(self, request: Request, answer: Response) -> Response:
        return error_page(request, self.state.services, answer)

    async def _unforeseen(self, request: Request, error: Exception) -> Response:
        answer = await unforeseen(request, error)
        if wants_page(request):
            with suppress(Exception):  # what crashed may be what all pages have
                return self._as_page(request, answer)
        return answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self.middleware_stack is None:
            self.middleware_stack = self.build_middleware_stack()
        scope["app"] = self
        await self.middleware_stack(scope, receive, send)


def _operation_id(route: APIRoute) -> str:
    return f"{route.tags[0]}_{route.name}" if route.tags else route.name


def create_app(
    *,
    configuration: Configuration,
    archive: Archive,
    conversions: Conversions,
    downloads: Downloads,
    sprites: Sprites,
    recorders: Recorders,
    finder: CameraFinder,
    upkeep: Upkeep,
    rules: Rules,
    statistics: Statistics,
    clock: Clock,
    accounts: Accounts,
) -> FastAPI:
    """The ASGI application. It starts and closes nothing: its parts belong to the caller.

    Raises ConfigurationError where `server.root_path` begins as a route does.
    """
    settings = configuration.settings
    everything = Services(
        configuration=configuration,
        archive=archive,
        conversions=conversions,
        downloads=downloads,
        sprites=sprites,
        recorders=recorders,
        finder=finder,
        upkeep=upkeep,
        rules=rules,
        statistics=statistics,
        clock=clock,
    )
    services = seen(everything)
    names = CameraNames(services)
    door = Door(settings.server, accounts)
    registry = CollectorRegistry()
    thumbnails = Thumbnails()
    app = Application(
        title="Chimera Storage",
        version=__version__,
        openapi_url=None,  # home.py has it, behind the guard
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,
        generate_unique_id_function=_operation_id,
    )
    app.state.thumbnails = thumbnails
    app.state.services = services
    for router in (
        motion_router(services, names),
        events_router(services, names),
        cameras_router(services, names),
        live_router(services, names, thumbnails),
        camera_finding_router(services),
        camera_sight_router(services, names),
        camera_settings_router(services, names),
        camera_pages_router(services, names),
        convert_router(services, names),
        lists_router(services, names),
        download_router(services),
        processes_router(services, names),
        process_events_router(services),
        file_router(services, names),
        rules_router(services, names),
        keep_router(services, names),
        statistics_router(services, names),
        frames_router(services, names, thumbnails),
        shared_router(services, thumbnails),
        timeline_router(services, names),
        health_router(everything),
        metrics_router(services, names, registry),
        account_router(services, accounts, door),
        disk_page_router(services, names),
        health_page_router(services, names),
        people_router(accounts, door),
        people_pages_router(services, names, accounts, door),
        links_router(services, names, accounts),
        link_router(everything, accounts, thumbnails),
        home_router(services),
        processes_page_router(services),
        language_router(services),
    ):
        app.include_router(router)
    mount_static(app)
    _check(app, settings)
    # The last one added is the first one asked.
    app.add_middleware(Auth, server=settings.server, accounts=accounts, door=door)
    app.add_middleware(SiteGuard, server=settings.server, door=door)
    app.add_middleware(TrustedProxies, server=settings.server)
    app.add_middleware(Edge, seconds=RequestSeconds(registry))
    app.middleware_stack = app.build_middleware_stack()
    return app


def _check(app: FastAPI, settings: Settings) -> None:
    missing = missing_entries(app.routes)
    if missing:
        raise AssertionError(f"permissions.py and the routes differ in: {', '.join(missing)}")
    root = settings.server.root_path
    if root and any(f"{entry.partition(' ')[2]}/".startswith(f"{root}/") for entry in ROUTES):
        raise ConfigurationError(
            f"server.root_path {root} begins as a route of this server does; set another"
        )
