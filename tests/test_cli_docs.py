"""docs/cli.md is what the commands say of themselves: `python -m tests.test_cli_docs` makes it."""

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


if __name__ == "__main__":
    DOCS.write_text(reference(), "utf-8")
