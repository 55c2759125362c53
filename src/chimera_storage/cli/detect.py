"""`chimera-storage detect`."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chimera_storage.cli.options import GivenMotion, StartOption, takes_motion_settings


class OutputFormat(StrEnum):
    """What `detect` prints."""

    JSONL = "jsonl"
    TEXT = "text"


@takes_motion_settings
def detect(
    source: Annotated[Path, typer.Argument(help="A video file.")],
    *,
    output: Annotated[
        OutputFormat, typer.Option("--format", help="jsonl: an object per frame; text: a summary.")
    ] = OutputFormat.JSONL,
    start: StartOption = None,
    given: GivenMotion,
) -> None:
    """Run the detector over a video file, as fast as it can be read."""
    motion, timezone, start_us = given.settings(), given.timezone(), given.start_us(start)
    from chimera_storage.motion.replay import replay

    seen = moving = saved = damaged = 0
    for verdict in replay(source, motion, timezone=timezone, start_us=start_us):
        seen, moving, saved = seen + 1, moving + verdict.motion, saved + verdict.saved
        damaged += verdict.damaged
        if output is OutputFormat.JSONL:
            sys.stdout.write(json.dumps(asdict(verdict)) + "\n")
    if output is OutputFormat.TEXT:
        typer.echo(f"{seen} frames, {moving} with motion, {saved} would be saved", nl=False)
        typer.echo(f", {damaged} damaged" if damaged else "")
    sys.stdout.flush()
