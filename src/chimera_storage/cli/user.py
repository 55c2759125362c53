"""`chimera-storage user`: who may log in. A running server knows of changes within a second."""

import sys
from contextlib import closing
from typing import TYPE_CHECKING, Annotated

import typer

from chimera_storage.cli.options import ConfigFile, DataFolder, configured
from chimera_storage.clock import SystemClock, from_us
from chimera_storage.errors import InvalidInputError

if TYPE_CHECKING:
    from pathlib import Path

    from chimera_storage.access import Accounts

user_app = typer.Typer(help="Who may log in, and to what.", no_args_is_help=True)

Name = Annotated[str, typer.Argument(help="The user's name.")]
RoleOption = Annotated[
    str,
    typer.Option(
        help="viewer (see, list, download), operator (also make and cancel videos and archives,"
        " keep, hand out links) or admin (also delete)."
    ),
]
CamerasOption = Annotated[
    str, typer.Option(help='Numbers of the cameras to be seen, as "1,2", or "all".')
]


@user_app.command("add")
def user_add(
    name: Name,
    role: RoleOption = "viewer",
    cameras: CamerasOption = "all",
    config: ConfigFile = None,
    path: DataFolder = None,
) -> None:
    """Add a user; the password is asked for, or read from standard input."""
    from chimera_storage.access import cameras_named, role_named

    chosen, limit = role_named(role), cameras_named(cameras)
    with closing(opened(config, path)) as accounts:
        user = accounts.add_user(name, read_password(), role=chosen, cameras=limit)
    typer.echo(f"{user.name} may log in as {user.role}, {_seen(user.cameras)}.")


@user_app.command("list")
def user_list(config: ConfigFile = None, path: DataFolder = None) -> None:
    """List the users: role, cameras, open sessions."""
    with closing(opened(config, path)) as accounts:
        for user in accounts.users():
            sessions = len(accounts.sessions(user.name))
            state = "\tdisabled" if user.disabled else ""
            what = f"{user.name}\t{user.role}\t{_seen(user.cameras)}\t{sessions} session(s)"
            typer.echo(what + state)


@user_app.command("remove")
def user_remove(name: Name, config: ConfigFile = None, path: DataFolder = None) -> None:
    """Remove a user, with sessions and links."""
    with closing(opened(config, path)) as accounts:
        accounts.remove_user(name)
    typer.echo(f"{name} is removed.")


@user_app.command("password")
def user_password(name: Name, config: ConfigFile = None, path: DataFolder = None) -> None:
    """Set a new password and end all sessions of the user."""
    with closing(opened(config, path)) as accounts:
        accounts.set_password(name, read_password())
    typer.echo(f"{name} has a new password; all sessions are ended.")


@user_app.command("role")
def user_role(
    name: Name,
    role: Annotated[str, typer.Argument(help="viewer, operator or admin.")],
    cameras: CamerasOption = "all",
    config: ConfigFile = None,
    path: DataFolder = None,
) -> None:
    """Change what a user may do and see; links that the user made are revoked."""
    from chimera_storage.access import cameras_named, role_named

    chosen, limit = role_named(role), cameras_named(cameras)
    with closing(opened(config, path)) as accounts:
        accounts.set_role(name, chosen, limit)
    typer.echo(f"{name} is {chosen} now, {_seen(limit)}.")


@user_app.command("disable")
def user_disable(name: Name, config: ConfigFile = None, path: DataFolder = None) -> None:
    """Keep a user from logging in, and end all sessions and links; the password is kept."""
    with closing(opened(config, path)) as accounts:
        accounts.set_disabled(name, disabled=True)
    typer.echo(f"{name} may not log in any more.")


@user_app.command("enable")
def user_enable(name: Name, config: ConfigFile = None, path: DataFolder = None) -> None:
    """Let a user log in again."""
    with closing(opened(config, path)) as accounts:
        accounts.set_disabled(name, disabled=False)
    typer.echo(f"{name} may log in again.")


@user_app.command("sessions")
def user_sessions(config: ConfigFile = None, path: DataFolder = None) -> None:
    """List who is logged in, the newest first."""
    with closing(opened(config, path)) as accounts:
        for session in accounts.sessions():
            begun = from_us(session.created_us).strftime("%Y-%m-%d %H:%M UTC")
            typer.echo(f"{session.user}\t{begun}\t{session.address}\t{session.agent}")


@user_app.command("logout")
def user_logout(name: Name, config: ConfigFile = None, path: DataFolder = None) -> None:
    """End all sessions of a user."""
    with closing(opened(config, path)) as accounts:
        typer.echo(f"{accounts.log_out(name)} session(s) of {name} are ended.")


def opened(config: "Path | None", path: "Path | None") -> "Accounts":
    """The accounts of the configured data folder. Raises ConfigurationError, StorageError."""
    from chimera_storage.access import ACCOUNTS_NAME, Accounts
    from chimera_storage.log import configure_logging

    configure_logging()
    folder = configured(config, path).storage.path.absolute()
    folder.mkdir(parents=True, exist_ok=True)
    return Accounts(folder / ACCOUNTS_NAME, SystemClock())


def read_password() -> str:
    """Asked for twice on a terminal, else the first line of standard input.

    Never an argument, as those can be seen by everybody on the machine and stay in the history.
    Raises InvalidInputError.
    """
    from chimera_storage.access import check_password

    if sys.stdin.isatty():
        from getpass import getpass

        password = getpass("Password: ")
        check_password(password)
        if getpass("Once more: ") != password:
            raise InvalidInputError("the two are not the same; nothing was changed")
    else:
        password = sys.stdin.readline().rstrip("\r\n")
        check_password(password)
    return password


def _seen(cameras: frozenset[int] | None) -> str:
    if cameras is None:
        return "all cameras"
    return f"camera {', '.join(map(str, sorted(cameras)))}"
