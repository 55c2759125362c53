"""Arguments and exit codes, nothing else: 0 done, 1 failed, 2 wrong use or configuration."""

import json
import os
import sys
from dataclasses import asdict
from enum import StrEnum
from importlib import resources
from pathlib import Path
from typing import Annotated, Any

import typer

from chimera_storage import __version__
from chimera_storage.config import CameraSettings, MotionSettings, Settings
from chimera_storage.config_load import load_settings, serving_is_switched_off, validated
from chimera_storage.errors import (
    ChimeraStorageError,
    ConfigurationError,
    InvalidInputError,
    StorageError,
)
from chimera_storage.log import configure_logging

app = typer.Typer(
    name="chimera-storage",
    help="Watches cameras, keeps the images in which something moves, and makes them useful.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
config_app = typer.Typer(help="The configuration file.", no_args_is_help=True)
app.add_typer(config_app, name="config")


class OutputFormat(StrEnum):
    """What `detect` prints."""

    JSONL = "jsonl"
    TEXT = "text"


def _about(setting: str) -> str:
    return MotionSettings.model_fields[setting].description or ""


ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="storage.toml; without it, defaults")
]


def main() -> None:
    """The command `chimera-storage`."""
    try:
        app()
    except (ConfigurationError, StorageError, InvalidInputError) as error:
        _end(error, 2)
    except ChimeraStorageError as error:
        _end(error, 1)
    except BrokenPipeError:  # the reader of our output has had enough, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise SystemExit(1) from None


def _end(error: ChimeraStorageError, code: int) -> None:
    for line in str(error).splitlines():
        typer.echo(f"chimera-storage: {line}", err=True)
    raise SystemExit(code) from None


@app.command()
def serve(
    config: ConfigFile = None,
    demo: Annotated[bool, typer.Option(help="Add a generated demonstration camera.")] = False,
    path: Annotated[Path | None, typer.Option(help="The data folder.")] = None,
    host: Annotated[str | None, typer.Option(help="The address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="The port to listen on.")] = None,
) -> None:
    """Run the server until Ctrl-C or SIGTERM."""
    configure_logging()
    if serving_is_switched_off(os.environ):
        typer.echo("storage_ON is false in the environment: not starting.")
        return
    settings = load_settings(config, os.environ, overrides=_overrides(path, host, port))
    if demo:
        settings = _with_demo_camera(settings)
    import uvloop

    from chimera_storage import service

    uvloop.run(service.serve(settings, on_ready=lambda address: _greet(address, settings)))


def _overrides(path: Path | None, host: str | None, port: int | None) -> dict[str, Any]:
    overrides: dict[str, Any] = {}
    if path is not None:
        overrides["storage"] = {"path": str(path)}
    server = {"host": host, "port": port}
    if any(value is not None for value in server.values()):
        overrides["server"] = {k: v for k, v in server.items() if v is not None}
    return overrides


def _with_demo_camera(settings: Settings) -> Settings:
    taken = {camera.id for camera in settings.camera}
    number = next(n for n in range(1, len(taken) + 2) if n not in taken)
    camera = CameraSettings.model_validate({"id": number, "url": "demo:", "name": "Demonstration"})
    return settings.model_copy(update={"camera": (*settings.camera, camera)})


def _greet(address: str, settings: Settings) -> None:
    # As it was called, so that the line can be copied where the command is not on the PATH.
    command = sys.argv[0] if sys.argv[0].endswith("chimera-storage") else "chimera-storage"
    lines = [f"Chimera Storage answers on {address}", f"  Open it in a browser: {address}/"]
    if any(camera.url.get_secret_value() == "demo:" for camera in settings.camera):
        lines.append("  The demonstration camera's first images appear within a minute.")
    lines += [
        f"  Your own cameras: {command} config example > storage.toml, put in their addresses,",
        f"  then {command} serve --config storage.toml",
        f"  Files are kept in {settings.storage.path.absolute()}. Ctrl-C stops the server.",
    ]
    typer.echo("\n".join(lines))
    sys.stdout.flush()


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


@app.command()
def detect(  # noqa: PLR0917  (typer's arguments: an option each)
    source: Annotated[Path, typer.Argument(help="A video file.")],
    output: Annotated[
        OutputFormat, typer.Option("--format", help="jsonl: an object per frame; text: a summary.")
    ] = OutputFormat.JSONL,
    config: ConfigFile = None,
    camera: Annotated[int | None, typer.Option(help="Take this camera's settings.")] = None,
    threshold: Annotated[float | None, typer.Option(help=_about("threshold"))] = None,
    noise_level: Annotated[str | None, typer.Option(help=_about("noise_level"))] = None,
    minimum_motion_frames: Annotated[
        int | None, typer.Option(help=_about("minimum_motion_frames"))
    ] = None,
    pre_capture: Annotated[float | None, typer.Option(help=_about("pre_capture"))] = None,
    post_capture: Annotated[float | None, typer.Option(help=_about("post_capture"))] = None,
    event_gap: Annotated[float | None, typer.Option(help=_about("event_gap"))] = None,
    framerate: Annotated[float | None, typer.Option(help=_about("framerate"))] = None,
) -> None:
    """Run the detector over a video file, as fast as it can be read."""
    configure_logging()
    flags = {
        "threshold": threshold,
        "noise_level": int(noise_level) if noise_level and noise_level.isdigit() else noise_level,
        "minimum_motion_frames": minimum_motion_frames,
        "pre_capture": pre_capture,
        "post_capture": post_capture,
        "event_gap": event_gap,
        "framerate": framerate,
    }
    settings = _motion_settings(config, camera, {k: v for k, v in flags.items() if v is not None})
    from chimera_storage.motion.replay import replay

    seen = moving = saved = 0
    for verdict in replay(source, settings):
        seen, moving, saved = seen + 1, moving + verdict.motion, saved + verdict.saved
        if output is OutputFormat.JSONL:
            sys.stdout.write(json.dumps(asdict(verdict)) + "\n")
    if output is OutputFormat.TEXT:
        typer.echo(f"{seen} frames, {moving} with motion, {saved} would be saved")
    sys.stdout.flush()


def _motion_settings(
    config: Path | None, camera: int | None, flags: dict[str, Any]
) -> MotionSettings:
    """A configured camera's settings (the defaults without one) with the flags on top."""
    base = MotionSettings()
    if config is not None or camera is not None:
        cameras = {c.id: c for c in load_settings(config, os.environ).camera}
        chosen = camera if camera is not None else next(iter(cameras), None)
        if chosen not in cameras:
            known = ", ".join(map(str, cameras)) or "none"
            raise ConfigurationError(f"camera {chosen} is not configured; known: {known}")
        base = cameras[chosen].motion
    return validated(MotionSettings, {**base.model_dump(), **flags})


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
