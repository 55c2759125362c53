"""docs/cli.md is what the commands say of themselves: `python -m tests.test_cli_docs` makes it."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import typer

from chimera_storage.cli import app

DOCS = Path(__file__).parents[1] / "docs" / "cli.md"
HEAD = """# Commands
Made from the program's own help by `python -m tests.test_cli_docs`; a test holds that it is up to
date.

Exit codes: 0 done; 1 failed, or something is wrong that was looked for; 2 wrong use, configuration
or data folder. Errors are sentences on standard error. What is the same everywhere: `--config`
names a storage.toml, `--path` the data folder in place of what that says, `--help` prints what
stands here.
"""


def commands(command: Any, name: str) -> Iterator[tuple[str, Any]]:
    """Each command by its full name."""
    below = getattr(command, "commands", None)
    if below is None:
        yield name, command
        return
    for each in below:
        yield from commands(below[each], f"{name} {each}")


def options(command: Any) -> Iterator[tuple[str, str, str]]:
    """Name, default and help of each argument and option."""
    for parameter in command.params:
        help_text = getattr(parameter, "help", None) or ""
        if parameter.param_type_name == "argument":
            yield f"`{parameter.name.upper()}`", "needed" if parameter.required else "", help_text
        elif "--help" not in parameter.opts:
            names = ", ".join(f"`{n}`" for n in [*parameter.opts, *parameter.secondary_opts])
            yield names, _default(parameter), help_text


def _default(parameter: Any) -> str:
    if parameter.required:
        return "needed"
    default = parameter.default
    if (
        default in (None, False, (), "")
        or callable(default)
        or type(default).__name__ == "Sentinel"
    ):
        return ""
    return f"`{getattr(default, 'value', default)}`"


def reference() -> str:
    """The whole page."""
    parts = [HEAD]
    for name, command in commands(typer.main.get_command(app), "chimera-storage"):
        parts.append(f"\n## {name}\n{' '.join((command.help or '').split())}\n")
        rows = [
            f"| {names} | {default} | {said.replace('|', chr(92) + '|')} |"
            for names, default, said in options(command)
        ]
        if rows:
            parts.append("\n| | default | |\n| --- | --- | --- |\n" + "\n".join(rows) + "\n")
    return "".join(parts)


def test_every_command_and_option_is_documented_as_it_is() -> None:
    assert DOCS.read_text("utf-8") == reference(), "run python -m tests.test_cli_docs"


def test_every_command_and_option_says_what_it_is_for() -> None:
    for name, command in commands(typer.main.get_command(app), "chimera-storage"):
        assert command.help, name
        for option, _, said in options(command):
            assert said, f"{name} {option}"


def mentioned() -> Iterator[tuple[Path, str]]:
    """Each command with its options, wherever a page shows one."""
    root = DOCS.parents[1]
    for page in [*root.glob("*.md"), *(root / "docs").rglob("*.md")]:
        text = re.sub(r"\s*\\\n\s*", " ", page.read_text("utf-8"))
        in_blocks = re.findall(r"^[$ ]*(?:\S*/)?chimera-storage .*$", text, re.MULTILINE)
        in_text = re.findall(r"`chimera-storage ([^`]+)`", text)
        for line in [
            *in_blocks,
            *(f"chimera-storage {' '.join(said.split())}" for said in in_text),
        ]:
            yield page, re.split(r"  |#|\||>| < ", line.partition("chimera-storage ")[2])[0].strip()


def test_every_command_that_a_page_shows_exists_with_its_options() -> None:
    root: Any = typer.main.get_command(app)
    known = {n.removeprefix("chimera-storage "): c for n, c in commands(root, "chimera-storage")}
    own = {option for parameter in root.params for option in parameter.opts}
    groups = {name.partition(" ")[0] for name in known if " " in name}
    shown = list(mentioned())
    assert len(shown) > 50
    for page, said in shown:
        words = said.split()
        if words[0] in own:
            continue
        name = " ".join(words[: 2 if words[0] in groups and len(words) > 1 else 1])
        assert name in known or name in groups, f"{page.name}: chimera-storage {said}"
        if name in known:
            allowed = {o for p in known[name].params for o in [*p.opts, *p.secondary_opts]}
            given = {word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)}
            assert given <= allowed | {"--help"}, f"{page.name}: chimera-storage {said}"


if __name__ == "__main__":
    DOCS.write_text(reference(), "utf-8")
