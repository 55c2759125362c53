"""What docs/storage.md says about crashes is proven by tests that exist."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
_NAME = re.compile(r"`(test_\w+)`")


def rows() -> list[str]:
    """The rows of the tables of what happens when."""
    text = (ROOT / "docs/storage.md").read_text("utf-8")
    section = text.split("## What happens when", 1)[1].split("\n## ", 1)[0]
    lines = [line for line in section.splitlines() if line.startswith("| ")]
    return [line for line in lines if not line.startswith("| ---") and "proven by" not in line]


def test_each_row_of_what_happens_when_names_a_test_that_exists() -> None:
    defined = {
        name
        for path in (ROOT / "tests").rglob("test_*.py")
        for name in re.findall(r"^def (test_\w+)", path.read_text("utf-8"), re.MULTILINE)
    }
    assert len(rows()) > 20
    for row in rows():
        named = _NAME.findall(row)
        assert named, f"no test proves: {row}"
        assert set(named) <= defined, f"no such test: {set(named) - defined}"
