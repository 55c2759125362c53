"""`chimera-storage config check` and `config example`."""

import os
from importlib import resources

import typer

from chimera_storage.cli.options import ConfigFile
from chimera_storage.config_load import load_settings
from chimera_storage.log import configure_logging

config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@config_app.command("check")
def config_check(config: ConfigFile = None) -> None:
    """Say whether the configuration is right, and what it amounts to."""
    configure_logging()
    settings = load_settings(config, os.environ)
    typer.echo(f"The configuration is right: {len(settings.camera)} camera(s),", nl=False)
    typer.echo(f" data in {settings.storage.path}, port {settings.server.port}.")


@config_app.command("example")
def config_example() -> None:
    """Print a commented configuration with every key and its default."""
    text = resources.files("chimera_storage").joinpath("storage.example.toml").read_text("utf-8")
    typer.echo(text, nl=False)
