"""docs/security.md says of routes, passwords, sessions and links what the code does.

`python -m tests.test_security_docs` makes its table of routes anew.
"""

import re
from collections import defaultdict
from pathlib import Path

import pytest

from chimera_storage.access import Role
from chimera_storage.access.accounts import SESSION_US
from chimera_storage.access.attempts import FREE_FOR_ADDRESS, FREE_FOR_NAME, LONGEST_DELAY_S
from chimera_storage.access.passwords import SHORTEST, Passwords
from chimera_storage.access.store import MOST_SESSIONS
from chimera_storage.web.auth import SHORT_KEY_BYTES
from chimera_storage.web.links import DEFAULT_HOURS
from chimera_storage.web.permissions import ROUTES, Cameras

DOCS = Path(__file__).parents[1] / "docs" / "security.md"
SECTION = re.compile(r"(?<=\n## Routes\n).*?(?=\n## )", re.DOTALL)
TEXT = " ".join(DOCS.read_text("utf-8").split())
HEAD = """Made of the table that the server goes by, by `python -m tests.test_security_docs`. Who
may ask for a route still gets nothing of cameras that one may not see; "of all cameras", and what
admins may, is refused to those who may see only some.

| who | may ask for |
| --- | --- |
"""


def table() -> str:
    """The section: who may ask for what."""
    by: dict[str, list[str]] = defaultdict(list)
    for route, needs in ROUTES.items():
        who = "everybody, without log-in" if needs.role is None else f"`{needs.role}`"
        if needs.role is Role.VIEWER and needs.cameras is Cameras.ALL:
            who += ", of all cameras"
        by[who].append(route.replace(":path}", "}"))
    ranks = ["everybody", "`viewer`", "`viewer`, of", "`operator`", "`admin`"]
    order = sorted(by, key=lambda who: max(n for n, r in enumerate(ranks) if who.startswith(r)))
    rows = [f"| {who} | {', '.join(f'`{r}`' for r in sorted(by[who]))} |" for who in order]
    return HEAD + "\n".join(rows) + "\n"


def test_the_table_of_routes_is_that_of_the_server() -> None:
    found = SECTION.search(DOCS.read_text("utf-8"))
    assert found, "no section Routes"
    assert found[0] == table(), "run python -m tests.test_security_docs"


@pytest.mark.parametrize(
    ("sentence", "figure"),
    [
        ("Argon2id ({} MiB", Passwords()._memory_kib // 1024),
        ("{} passes", Passwords()._passes),
        ("{} characters at least", SHORTEST),
        ("A session lasts {} days", SESSION_US // 86_400_000_000),
        ("the newest {} are kept", MOST_SESSIONS),
        ("It works for {} hours", DEFAULT_HOURS),
        ("shorter than {} bytes", SHORT_KEY_BYTES),
    ],
)
def test_figures_are_those_of_the_code(sentence: str, figure: int) -> None:
    assert sentence.format(figure) in TEXT


def test_delays_after_wrong_passwords_are_those_of_the_code() -> None:
    assert (FREE_FOR_NAME, FREE_FOR_ADDRESS, LONGEST_DELAY_S) == (5, 20, 300)
    for words in ("After five wrong passwords", "up to five minutes", "after twenty for any names"):
        assert words in TEXT


if __name__ == "__main__":
    DOCS.write_text(SECTION.sub(lambda _: table(), DOCS.read_text("utf-8")), "utf-8")
