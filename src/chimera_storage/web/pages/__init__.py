"""The pages' templates and static files, and nothing that decides anything."""

from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from chimera_storage import __version__
from chimera_storage.web.sight import who

FOLDER = Path(str(files(__name__)))
STATIC = FOLDER / "static"

_environment = Environment(
    loader=FileSystemLoader(FOLDER / "templates"),
    autoescape=True,
    undefined=StrictUndefined,
    auto_reload=False,
    trim_blocks=True,
    lstrip_blocks=True,
)


def render(template: str, **values: Any) -> str:
    """The template filled in; every value is escaped for HTML. `who`: who asks."""
    return _environment.get_template(template).render(version=__version__, who=who(), **values)
