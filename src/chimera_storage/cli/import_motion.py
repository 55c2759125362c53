"""`chimera-storage import-motion`: a Motion daemon's configuration becomes a storage.toml."""

import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chimera_storage.config import Settings
from chimera_storage.errors import ConfigurationError
from chimera_storage.log import configure_logging

if TYPE_CHECKING:
    from chimera_storage.motion_conf import MotionConf


def import_motion(
    conf: Annotated[Path, typer.Argument(help="The motion.conf; its cameras' files are read too.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="The file to write; it must not exist yet.")
    ] = Path("storage.toml"),
) -> None:
    """Turn a Motion daemon's configuration into a storage.toml, and say what has no counterpart."""
    from chimera_storage.config_load import validated
    from chimera_storage.motion_conf import as_toml, read_motion_conf, write_new

    configure_logging()
    read = read_motion_conf(conf)
    _say_notes(read)
    if not read.cameras:
        raise ConfigurationError(f"{conf} names no camera: no netcam_url and no video_device")
    text = as_toml(read, f"{conf.name} by `chimera-storage import-motion`")
    validated(Settings, tomllib.loads(text))
    write_new(output, text)
    typer.echo(f"{output} is written: {len(read.cameras)} camera(s). It holds the cameras'")
    typer.echo("passwords and can be read by you alone. Look through its comments, then run")
    typer.echo(f"chimera-storage serve --config {output}")


def _say_notes(read: "MotionConf") -> None:
    for note in read.notes:
        typer.echo(note, err=True)
    for camera in read.cameras:
        for note in camera.notes:
            typer.echo(f"camera {camera.table['id']}: {note}", err=True)
