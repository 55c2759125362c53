"""docs/cameras.md has each problem that the state of a camera can name."""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
MOTION = ROOT / "src/chimera_storage/motion"
FILES = [*sorted((MOTION / "sources").glob("*.py")), MOTION / "recorder.py"]
TABLE = (ROOT / "docs/cameras.md").read_text("utf-8").split("## What the problems mean\n")[1]


def sentences(path: Path) -> Iterator[str]:
    """Each text of a module that is a sentence and no docstring, with NUL for what varies."""
    tree = ast.parse(path.read_text("utf-8"))
    passed = set()  # docstrings, and pieces of what is put together
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            passed.add(node.value)
        if isinstance(node, ast.JoinedStr):
            passed.update(node.values)
    for node in ast.walk(tree):
        if node in passed:
            continue
        text = ""
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            text = node.value.replace("{place}", "\0")
        elif isinstance(node, ast.JoinedStr):
            text = "".join(
                str(p.value) if isinstance(p, ast.Constant) else "\0" for p in node.values
            )
        if text.endswith((".", "?")) and len(text.split()) > 3:
            yield text


def what_is_fixed(sentence: str) -> str:
    """The longest part that does not vary of what it says, without what is to be done."""
    return max(sentence.split("; ", maxsplit=1)[0].split("\0"), key=len).strip(" .\"',")


def test_every_problem_of_a_camera_is_in_the_table() -> None:
    said = {what_is_fixed(sentence) for path in FILES for sentence in sentences(path)}
    assert len(said) > 25
    missing = {text for text in said if text.split(", with user")[0] not in TABLE}
    assert missing == set()
