"""axe-core over a page: what somebody who sees, hears or moves otherwise would trip over."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

SEVERE = frozenset({"serious", "critical"})
COLOURS = ("color-contrast",)


def barriers(page: Page, *, only: tuple[str, ...] = ()) -> list[str]:
    """What axe finds serious or critical, each with where; `only`: these rules alone."""
    options: dict[str, object] = {"resultTypes": ["violations"]}
    if only:
        options["runOnly"] = {"type": "rule", "values": list(only)}
    found = Axe().run(page, options=options).response["violations"]
    return [
        f"{violation['impact']} {violation['id']}: {node['html'][:150]} – {summary(node)}"
        for violation in found
        if violation["impact"] in SEVERE
        for node in violation["nodes"]
    ]


def summary(node: dict[str, str]) -> str:
    """What axe says is to be mended, in one line."""
    return " ".join(node["failureSummary"].split())[:300]
