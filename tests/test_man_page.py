"""The man page is what the commands say of themselves: `python -m tests.test_man_page` makes it."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from chimera_storage.cli import app
from tests.test_cli_docs import commands, options

PAGE = Path(__file__).parents[1] / "packaging/data/share/man/man1/chimera-storage.1"
HEAD = r""".\" Made from the program's own help by `python -m tests.test_man_page`.
.TH CHIMERA\-STORAGE 1 "" "Chimera Storage" "User Commands"
.SH NAME
chimera\-storage \- watch cameras, keep the images in which something moves
.SH SYNOPSIS
.B chimera\-storage
.I command
[\fIoption\fR ...]
.SH DESCRIPTION
A server that watches cameras, saves the images in which something moves, makes videos and archives
of them, and keeps the disk from filling. It answers over HTTP, with pages for browsers.
.PP
Without \fB\-\-config\fR every setting has its default;
\fBchimera\-storage config example\fR prints all of them.
.SH COMMANDS
"""
TAIL = r""".SH SIGNALS OF THE SERVER
.TP
.B SIGTERM, SIGINT
End in order; a second one ends at once.
.TP
.B SIGHUP
Read the configuration again.
.SH FILES
.TP
.I data/shared/captures
The images, videos and archives; another data folder is set with \fBstorage.path\fR or
\fB\-\-path\fR.
.TP
.I data/index.db
What is known of them; it is made anew from the files where it is missing.
.TP
.I data/accounts.db
Users, API tokens and links.
.SH EXIT STATUS
0: done. 1: failed, or something is wrong that was looked for. 2: wrong use, configuration or
data folder.
.SH ENVIRONMENT
.TP
.B CHIMERA_LOG
\fBjson\fR or \fBtext\fR: how the log is written. By default JSON, unless it goes to a terminal.
.PP
Names of a Chimera install stand in docs/configuration.md.
"""


def escaped(text: str) -> str:
    """Text as roff takes it literally."""
    plain = text.replace("\\", r"\e").replace("-", r"\-").replace("`", "").strip()
    return plain.replace("\n.", "\n\\&.").replace("\n'", "\n\\&'")


def page() -> str:
    """The whole page."""
    return HEAD + "".join(sections()) + TAIL


def sections() -> Iterator[str]:
    for name, command in commands(typer.main.get_command(app), "chimera-storage"):
        yield f".SS {escaped(name.removeprefix('chimera-storage '))}\n"
        yield escaped(" ".join((command.help or "").split())) + "\n"
        for names, default, said in options(command):
            tail = f" Default: {default}." if default not in ("", "needed") else ""
            yield f".TP\n.B {escaped(names)}\n{escaped(' '.join(said.split()) + tail)}\n"


def test_the_man_page_says_what_the_commands_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run python -m tests.test_man_page"


@pytest.mark.skipif(shutil.which("groff") is None, reason="needs groff")
def test_the_man_page_is_set_without_a_warning() -> None:
    command = ["groff", "-man", "-Tutf8", "-ww", "-z", str(PAGE)]
    said = subprocess.run(command, capture_output=True, text=True, check=True)
    assert said.stderr == ""


if __name__ == "__main__":
    PAGE.parent.mkdir(parents=True, exist_ok=True)
    PAGE.write_text(page(), "utf-8")
