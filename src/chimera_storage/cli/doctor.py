"""`chimera-storage doctor`: whether this machine, its configuration and its cameras are fit."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chimera_storage.cli.config import check_camera, hints
from chimera_storage.cli.doctor_bench import show_bench
from chimera_storage.cli.doctor_chaos import show_chaos
from chimera_storage.cli.options import ConfigFile, DataFolder, configured
from chimera_storage.clock import SystemClock
from chimera_storage.errors import ConfigurationError
from chimera_storage.log import configure_logging

if TYPE_CHECKING:
    from chimera_storage.config import Settings
    from chimera_storage.doctor.findings import Finding

_SHOWN = {"good": "ok", "advice": "look", "wrong": "WRONG"}
_COLOURS = {"good": "green", "advice": "yellow", "wrong": "bold red"}


def doctor(
    *,
    config: ConfigFile = None,
    path: DataFolder = None,
    bench: Annotated[
        bool,
        typer.Option("--bench", help="Measure how many cameras this machine carries (a minute)."),
    ] = False,
    chaos: Annotated[
        bool,
        typer.Option(
            "--chaos",
            help="Kill, fill and damage a server of its own in a scratch folder, and say what was"
            " lost (some minutes).",
        ),
    ] = False,
    seed: Annotated[int, typer.Option(help="Of the chance in --chaos.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Look at machine, configuration, disk, index, port and cameras, and say what to do."""
    configure_logging()
    if bench and chaos:
        raise typer.BadParameter("--bench and --chaos are two things; ask for one after the other")
    if bench:
        show_bench(configured(config, path), as_json=as_json)
    elif chaos:
        show_chaos(configured(config, path), seed, as_json=as_json)
    else:
        _examine(config, path, as_json=as_json)


def _examine(config: Path | None, path: Path | None, *, as_json: bool) -> None:
    found: list[Finding] = []
    for finding in _findings(config, path):
        found.append(finding)
        if not as_json:
            _show(finding)
    faults = sum(finding.level == "wrong" for finding in found)
    if as_json:
        said = {"sound": not faults, "findings": [finding.to_dict() for finding in found]}
        typer.echo(json.dumps(said, indent=1, ensure_ascii=False))
    else:
        typer.echo(_sum(faults, sum(finding.level == "advice" for finding in found)))
    if faults:
        raise SystemExit(1)


def _findings(config: Path | None, path: Path | None) -> "Iterator[Finding]":
    from chimera_storage.doctor.examine import examine
    from chimera_storage.doctor.findings import advice, good, wrong

    topic = "configuration"
    settings: Settings | None = None
    try:
        settings = configured(config, path)
        for camera in settings.camera:
            check_camera(camera)
        yield good(topic, f"can be read; {len(settings.camera)} camera(s)")
    except ConfigurationError as error:
        yield wrong(topic, str(error), "Correct it, then run this again.")
    if settings is not None:
        for sentence in hints(settings):
            yield advice(topic, sentence, "See docs/configuration.md.")
        if config is not None and _holds_secrets(settings) and config.stat().st_mode & 0o077:
            yield advice(
                topic,
                f"{config} holds passwords, and others on this machine may read or change it",
                f"chmod 600 {config}",
            )
    yield from examine(settings, SystemClock())


def _holds_secrets(settings: "Settings") -> bool:
    addresses = [camera.url.get_secret_value() for camera in settings.camera]
    return settings.server.secret_key is not None or any("@" in address for address in addresses)


def _show(finding: "Finding") -> None:
    level = finding.level.value
    mark = _SHOWN[level].ljust(6)
    if sys.stdout.isatty():
        mark = typer.style(mark, fg=_COLOURS[level].split()[-1], bold=level == "wrong")
    typer.echo(f"{mark}{finding.topic}: {finding.says}")
    if finding.todo:
        typer.echo(f"      -> {finding.todo}")


def _sum(faults: int, hints_: int) -> str:
    if not faults and not hints_:
        return "All is well."
    parts = [f"{faults} wrong" if faults else "", f"{hints_} to look at" if hints_ else ""]
    return ", ".join(part for part in parts if part) + "."
