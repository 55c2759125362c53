"""`chimera-storage import-motion`: a Motion daemon's configuration becomes a storage.toml."""

import os
import secrets
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
    from chimera_storage.motion_conf import as_toml, read_motion_conf

    configure_logging()
    read = read_motion_conf(conf)
    _say_notes(read)
    if not read.cameras:
        raise ConfigurationError(f"{conf} names no camera: no netcam_url and no video_device")
    text = as_toml(read, conf)
    validated(Settings, tomllib.loads(text))
    _write(output, text)
    typer.echo(f"{output} is written: {len(read.cameras)} camera(s). It holds the cameras'")
    typer.echo("passwords and can be read by you alone. Look through its comments, then run")
    typer.echo(f"chimera-storage serve --config {output}")


def _say_notes(read: "MotionConf") -> None:
    for note in read.notes:
        typer.echo(note, err=True)
    for camera in read.cameras:
        for note in camera.notes:
            typer.echo(f"camera {camera.table['id']}: {note}", err=True)


def _write(path: Path, text: str) -> None:
    """Write it whole or not at all, for this user's eyes only; never over what is there."""
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            temporary.unlink()
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists already and is left as it is; name another with --output"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None
