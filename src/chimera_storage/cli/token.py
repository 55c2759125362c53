"""`chimera-storage token`: API tokens for programs. A running server knows within a second."""

import sys
from contextlib import closing
from typing import Annotated

import typer

from chimera_storage.cli.options import ConfigFile, DataFolder
from chimera_storage.cli.user import CamerasOption, RoleOption, opened
from chimera_storage.clock import SystemClock, from_us, to_us

token_app = typer.Typer(help="API tokens for programs.", no_args_is_help=True)
_DAY_S = 86_400


@token_app.command("add")
def token_add(
    name: Annotated[str, typer.Argument(help="What it is for; each name once.")],
    role: RoleOption = "viewer",
    cameras: CamerasOption = "all",
    days: Annotated[
        float | None, typer.Option(min=0.001, max=36500, help="After these it expires.")
    ] = None,
    *,
    config: ConfigFile = None,
    path: DataFolder = None,
) -> None:
    """Make a token and print it, this once: programs send it as Authorization: Bearer <token>."""
    from chimera_storage.access import cameras_named, role_named

    chosen, limit = role_named(role), cameras_named(cameras)
    lasts_s = None if days is None else days * _DAY_S
    with closing(opened(config, path)) as accounts:
        secret = accounts.add_token(name, role=chosen, cameras=limit, lasts_s=lasts_s)
    typer.echo(secret)
    if sys.stdout.isatty():
        typer.echo("It is not stored and cannot be shown again.", err=True)


@token_app.command("list")
def token_list(config: ConfigFile = None, path: DataFolder = None) -> None:
    """List the tokens: role, cameras, when they expire."""
    now_us = to_us(SystemClock().now())
    with closing(opened(config, path)) as accounts:
        for token in accounts.tokens():
            seen = "all" if token.cameras is None else ",".join(map(str, sorted(token.cameras)))
            until = "never expires"
            if token.expires_us is not None:
                day = from_us(token.expires_us).strftime("%Y-%m-%d %H:%M UTC")
                until = f"{'expired' if token.expires_us <= now_us else 'until'} {day}"
            typer.echo(f"{token.name}\t{token.role}\tcameras {seen}\t{until}")


@token_app.command("remove")
def token_remove(
    name: Annotated[str, typer.Argument(help="Of `token list`.")],
    config: ConfigFile = None,
    path: DataFolder = None,
) -> None:
    """Revoke a token, and the links that were made with it."""
    with closing(opened(config, path)) as accounts:
        accounts.remove_token(name)
    typer.echo(f"{name} is revoked.")
