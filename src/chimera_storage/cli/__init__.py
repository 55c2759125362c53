"""Arguments and exit codes, nothing else: 0 done, 1 failed, 2 wrong use or configuration.

A module for each command; `options` holds what several of them take.
"""

import errno
import gc
import os
import sys
from typing import NoReturn

import typer

from chimera_storage import __version__
from chimera_storage.cli.check import check_command
from chimera_storage.cli.clean import clean, deletions
from chimera_storage.cli.config import config_app
from chimera_storage.cli.detect import detect
from chimera_storage.cli.doctor import doctor
from chimera_storage.cli.export import export
from chimera_storage.cli.import_motion import import_motion
from chimera_storage.cli.migrate import migrate
from chimera_storage.cli.scan import scan
from chimera_storage.cli.serve import serve
from chimera_storage.cli.token import token_app
from chimera_storage.cli.tune import tune
from chimera_storage.cli.user import user_app
from chimera_storage.errors import (
    ChimeraStorageError,
    ConfigurationError,
    InvalidInputError,
    StorageError,
)

app = typer.Typer(
    name="chimera-storage",
    help="Watches cameras, keeps the images in which something moves, and makes them useful.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
app.command()(serve)
app.add_typer(config_app, name="config")
app.add_typer(user_app, name="user")
app.add_typer(token_app, name="token")
app.command("check")(check_command)
app.command()(doctor)
app.command()(clean)
app.command()(deletions)
app.command()(export)
app.command()(detect)
app.command()(scan)
app.command()(tune)
app.command()(import_motion)
app.command()(migrate)


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)


def main() -> None:
    """The command `chimera-storage`."""
    gc.freeze()  # not looking through what is here for good takes 70 ms off what is imported next
    try:
        app()
    except (ConfigurationError, StorageError, InvalidInputError) as error:
        _end(error, 2)
    except ChimeraStorageError as error:
        _end(error, 1)
    except OSError as error:
        if error.errno in (errno.EPIPE, errno.ENOSPC):
            _end_output(error)
        if error.filename is None:
            raise
        typer.echo(f"chimera-storage: {error.filename}: {error.strerror}", err=True)
        raise SystemExit(2) from None


def _end_output(error: OSError) -> NoReturn:
    if error.errno == errno.ENOSPC:
        typer.echo("chimera-storage: there is no room on the disk for the output", err=True)
    # Else the reader of it has had enough, as in `| head`. What is left has nowhere to go.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    raise SystemExit(1) from None


def _end(error: ChimeraStorageError, code: int) -> None:
    for line in str(error).splitlines():
        typer.echo(f"chimera-storage: {line}", err=True)
    raise SystemExit(code) from None
