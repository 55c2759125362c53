"""The pages that the navigation leads to: only those that there are, for who may open them."""

from dataclasses import dataclass

from chimera_storage.web.permissions import may


@dataclass(frozen=True, slots=True)
class Entry:
    """A page. `name` is its icon, and its text's key below "nav."."""

    name: str
    path: str


# The first four have a place of their own on a phone, the others stand behind "More".
MAIN = (
    Entry("now", "/"),
    Entry("timeline", "/timeline"),
    Entry("processes", "/processes"),
    Entry("files", "/shared/captures/"),
    Entry("disk", "/disk"),
    Entry("settings", "/settings/cameras"),
)
SETTINGS = (
    Entry("cameras", "/settings/cameras"),
    Entry("people", "/settings/people"),
    Entry("health", "/settings/health"),
)
_ROUTES = {"/shared/captures/": "/shared/{path:path}"}


def entries(of: tuple[Entry, ...]) -> list[Entry]:
    """Those of them that there are and who asks may open."""
    return [entry for entry in of if may(f"GET {_ROUTES.get(entry.path, entry.path)}")]
