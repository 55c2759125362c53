"""The pages' templates and static files, and nothing that decides anything."""

from importlib.resources import files
from pathlib import Path
from typing import Any
from urllib.parse import quote

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from starlette._utils import get_route_path
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from chimera_storage import __version__
from chimera_storage.web.compressing import compressed
from chimera_storage.web.pages import navigation
from chimera_storage.web.pages.texts import LANGUAGES, Speaker, preferred, speaker
from chimera_storage.web.permissions import may
from chimera_storage.web.ports import Services
from chimera_storage.web.sight import who

FOLDER = Path(str(files(__name__)))
STATIC = FOLDER / "static"
LANGUAGE_COOKIE = "chimera_storage_language"
COMMON_TEXTS = "common"  # what every page's modules may say

_environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def page(
    request: Request, services: Services, template: str, *, status: int = 200, **values: Any
) -> Response:
    """The template filled in, in the language of who asks; every value is escaped for HTML.

    Beside `values` a template has: `t`, `number` and `size` of a Speaker, `root`, `timezone`,
    `version`, `who`, `may`, `language` and what base.html needs. Nobody may store a page.
    """
    speaks = speaker_of(request)
    query = request.scope["query_string"].decode("latin-1")
    path = quote(get_route_path(request.scope), safe="/", errors="replace")
    text = _environment.get_template(template).render(
        t=speaks.t,
        number=speaks.number,
        size=speaks.size,
        texts_of=lambda *pages: speaks.part([COMMON_TEXTS, *pages]),
        language=speaks.language,
        languages=LANGUAGES,
        root=services.root,
        timezone=services.settings.server.timezone,
        version=__version__,
        who=who(),
        may=may,
        entries=navigation.entries,
        navigation=navigation,
        address=path + (f"?{query}" if query else ""),
        **values,
    )
    answer = HTMLResponse(text, status_code=status, headers={"cache-control": "no-store"})
    return compressed(request, answer)


def speaker_of(request: Request) -> Speaker:
    """By the cookie that somebody chose a language with, else what the browser prefers."""
    chosen = request.cookies.get(LANGUAGE_COOKIE, "")
    if chosen not in LANGUAGES:
        chosen = preferred(request.headers.get("accept-language", ""))
    return speaker(chosen)
