"""`chimera-storage serve`."""

import gc
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera_storage.cli.config import check_camera
from chimera_storage.cli.options import ConfigFile
from chimera_storage.config import Settings
from chimera_storage.log import configure_logging


def serve(
    config: ConfigFile = None,
    demo: Annotated[bool, typer.Option(help="Add a generated demonstration camera.")] = False,
    path: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM."""
    # What is imported and made until requests are answered stays: to look through it again and
    # again for what nobody refers to would take a quarter of the start.
    gc.disable()
    from chimera_storage.config_load import serving_is_switched_off
    from chimera_storage.configuration import Configuration

    configure_logging()
    if serving_is_switched_off(os.environ):
        typer.echo("storage_ON is false in the environment: not starting.")
        return
    configuration = Configuration(
        config,
        os.environ,
        overrides=_overrides(path, host, port),
        demo=demo,
        check=check_camera,
    )
    settings = configuration.settings
    import uvloop

    from chimera_storage.service.serve import serve as serve_until_stopped

    def ready(address: str) -> None:
        gc.freeze()
        gc.enable()
        _greet(address, settings)

    uvloop.run(serve_until_stopped(configuration, on_ready=ready))


def _overrides(path: Path | None, host: str | None, port: int | None) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    if path is not None:
        overrides["storage"] = {"path": str(path)}
    server = {"host": host, "port": port}
    if any(value is not None for value in server.values()):
        overrides["server"] = {k: v for k, v in server.items() if v is not None}
    return overrides


def _greet(address: str, settings: Settings) -> None:
    # As it was called, so that the line can be copied where the command is not on the PATH.
    command = sys.argv[0] if sys.argv[0].endswith("chimera-storage") else "chimera-storage"
    lines = [f"Chimera Storage answers on {address}", f"  Open it in a browser: {address}/"]
    addresses = [camera.url.get_secret_value() for camera in settings.camera]
    if "demo:" in addresses:
        lines.append("  The demonstration camera's first images appear within a minute.")
    if all(url == "demo:" for url in addresses):
        lines += [
            f"  Your own cameras: add them at {address}/settings/cameras; or {command} config"
            " example",
            f"  > storage.toml, put in their addresses, then {command} serve --config storage.toml",
        ]
    lines.append(
        f"  Files are kept in {settings.storage.path.absolute()}. Ctrl-C stops the server."
    )
    typer.echo("\n".join(lines))
    sys.stdout.flush()
