"""The pages /settings/people, for admins, and /account, for everybody's own."""

from datetime import timedelta
from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.access import Accounts, Door, Kind, Link, Role, Session, Target
from chimera_storage.clock import to_us
from chimera_storage.web.folder_labels import Labels
from chimera_storage.web.formatting import local_time
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages import page, speaker_of
from chimera_storage.web.pages.camera_names import camera_names
from chimera_storage.web.people import token_info, user_info
from chimera_storage.web.ports import Services
from chimera_storage.web.sight import who

_BROWSERS = (("Firefox/", "Firefox"), ("Edg/", "Edge"), ("OPR/", "Opera"), ("Chrome/", "Chrome"))
_SYSTEMS = ("Android", "iPhone", "iPad", "Windows", "Mac OS X", "CrOS", "Linux")
_MOST_AGENT = 60


def people_pages_router(
    services: Services, names: CameraNames, accounts: Accounts, door: Door
) -> APIRouter:
    """GET /settings/people and /account."""
    router = APIRouter(include_in_schema=False)

    @router.get("/settings/people")
    def people(request: Request) -> Response:
        now = services.clock.now().astimezone(services.zone)
        now_ms = to_us(now) // 1000
        return page(
            request,
            services,
            "people.html",
            is_open=door.is_open,
            names=camera_names(names, speaker_of(request)),
            users=[user_info(accounts, user) for user in accounts.users()],
            tokens=[
                token
                | {
                    "expires_ms": token["expires"],
                    "expires": _text(services, token["expires"]),
                    "expired": token["expires"] is not None and token["expires"] <= now_ms,
                }
                for token in map(token_info, accounts.tokens())
            ],
            links=_links(request, services, accounts.links.list()),
            sessions=_sessions(services, accounts.sessions()),
            now=f"{now:%Y-%m-%dT%H:%M}",
            hour_ago=f"{now - timedelta(hours=1):%Y-%m-%dT%H:%M}",
        )

    @router.get("/account")
    def account(request: Request) -> Response:
        known = who()
        may_link = known.kind is Kind.USER and known.role.covers(Role.OPERATOR)
        links = accounts.links.list(made_by=known.name) if may_link else []
        return page(
            request,
            services,
            "account.html",
            is_user=known.kind is Kind.USER,
            names=camera_names(names, speaker_of(request)),
            cameras=None if known.cameras is None else sorted(known.cameras),
            sessions=_sessions(
                services, accounts.sessions(known.name) if known.kind is Kind.USER else []
            ),
            may_link=may_link,
            links=_links(request, services, links),
        )

    return router


def program_of(agent: str) -> str:
    """A browser's name and system, as "Firefox, Android"; of other programs what they say."""
    browser = next((name for mark, name in _BROWSERS if mark in agent), "")
    if not browser and "Safari/" in agent:
        browser = "Safari"
    if not browser:
        return agent[:_MOST_AGENT]
    system = next((name for name in _SYSTEMS if name in agent), "")
    return f"{browser}, {system}" if system else browser


def _text(services: Services, ms: int | None) -> str:
    return "" if ms is None else local_time(ms * 1000, services.zone)


def _sessions(services: Services, sessions: list[Session]) -> list[dict[str, Any]]:
    return [
        {
            "id": session.id,
            "user": session.user,
            "program": program_of(session.agent),
            "address": session.address,
            "created_ms": session.created_us // 1000,
            "created": local_time(session.created_us, services.zone),
            "current": session.id == who().credential,
        }
        for session in sessions
    ]


def _links(request: Request, services: Services, links: list[Link]) -> list[dict[str, Any]]:
    speaks = speaker_of(request)
    labels = Labels(services.archive.layout, services.settings.names(), speaks.t)
    return [
        {
            "id": link.id,
            "what": _what(services, labels, link),
            "made_by": link.made_by,
            "expires_ms": link.expires_us // 1000,
            "expires": local_time(link.expires_us, services.zone),
            "uses": link.uses,
            "used": link.used,
        }
        for link in links
    ]


def _what(services: Services, labels: Labels, link: Link) -> str:
    """What a link leads to, in words."""
    layout = services.archive.layout
    if link.kind is Target.RANGE:
        start, end = (local_time(us, services.zone) for us in (link.start_us, link.end_us))
        if start[:10] == end[:10]:
            end = end[11:]
        return f"{labels.camera(link.camera)} · {start} – {end}"
    if link.kind is Target.PROCESS:
        conversion = services.conversions.get(link.target)
        if conversion is None:
            return link.target
        return labels.of(f"{layout.captures.name}/{layout.output_name(conversion)}")
    return labels.of(link.target)
