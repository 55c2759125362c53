"""`chimera-storage config check` and `config example`."""

import os
from importlib import resources
from pathlib import Path

import typer

from chimera_storage.cli.options import ConfigFile
from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings, Settings
from chimera_storage.errors import ConfigurationError, SourceError
from chimera_storage.log import configure_logging

config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)


@config_app.command("check")
def config_check(config: ConfigFile = None) -> None:
    """Say whether the configuration is right, and what it amounts to."""
    from chimera_storage.config_load import load_settings

    configure_logging()
    settings = load_settings(config, os.environ)
    for camera in settings.camera:
        check_camera(camera)
    _check_door(settings)
    for sentence in hints(settings):
        typer.echo(sentence)
    typer.echo(f"The configuration is right: {len(settings.camera)} camera(s),", nl=False)
    typer.echo(f" data in {settings.storage.path}, port {settings.server.port}.")


def check_camera(camera: CameraSettings) -> None:
    """Raises ConfigurationError for an address that cannot be one and a mask that cannot be read.

    Serving shows the one as a failure and warns of the other. Nothing is connected to, and a file
    may come later.
    """
    from chimera_storage.motion.sources.address import parse_address

    for key, url in (("url", camera.url), ("detect_url", camera.detect_url)):
        try:
            if url is not None:
                parse_address(url.get_secret_value())
        except SourceError as error:
            raise ConfigurationError(f"camera {camera.id}: {key}: {error}") from None
    if camera.motion.mask_file:
        from chimera_storage.motion.regions import read_mask

        try:
            read_mask(Path(camera.motion.mask_file))
        except ConfigurationError as error:
            raise ConfigurationError(f"camera {camera.id}: {error}") from None


def hints(settings: Settings) -> list[str]:
    """What is right and yet hardly meant."""
    sends = settings.alerts.url is not None or settings.webhooks
    if sends and not settings.server.public_url:
        return [
            "Links in alerts and webhooks will be paths that begin with /, which only the page can"
            " follow; server.public_url makes them whole addresses."
        ]
    return []


def _check_door(settings: Settings) -> None:
    """Raises ConfigurationError where anybody on another machine could come in."""
    from chimera_storage.service.opening import opened_accounts

    opened_accounts(settings, SystemClock()).close()


@config_app.command("example")
def config_example() -> None:
    """Print a commented configuration with every key and its default."""
    text = resources.files("chimera_storage").joinpath("storage.example.toml").read_text("utf-8")
    typer.echo(text, nl=False)
