"""docs/operations.md says of every warning and error in the log what is behind it."""

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
CALL = re.compile(r"(?:log|logger\([^()]*\))\.(?:warning|error|exception|critical)\(\s*([^\s,)]*)")


def described() -> set[str]:
    """The events of the first column."""
    text = (ROOT / "docs/operations.md").read_text("utf-8").split("\n## Log events\n", 1)[1]
    rows = re.findall(r"^\| (`.+?) \| .+ \| .+ \|$", text.split("\n## ")[0], re.MULTILINE)
    return {name for row in rows for name in re.findall(r"`(\w+)`", row)}


def logged() -> set[str]:
    """What the code logs at a warning's level or above."""
    code = "\n".join(
        path.read_text("utf-8") for path in sorted((ROOT / "src/chimera_storage").rglob("*.py"))
    )
    posted = set(re.findall(r'\bPoster\(\s*[\w.]+,\s*"(\w+)"', code))
    assert posted == {"alert", "webhook"}
    said: set[str] = set()
    for name in CALL.findall(code):
        assert name.startswith(('"', 'f"{self._what}')), f"a name that cannot be read: {name}"
        event = name.removeprefix("f").strip('"')
        said |= {event.replace("{self._what}", what) for what in posted}
    return said


def test_every_warning_and_error_of_the_log_has_its_cause_and_what_to_do() -> None:
    assert len(logged()) > 50
    assert logged() - described() == set()


def test_no_event_is_described_that_does_not_exist() -> None:
    assert described() - logged() == set()
