"""`chimera-storage detect`."""

import json
import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chimera_storage.cli.options import takes_motion_settings
from chimera_storage.config import MotionSettings
from chimera_storage.log import configure_logging


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
    motion: MotionSettings,
) -> None:
    """Run the detector over a video file, as fast as it can be read."""
    configure_logging()
    from chimera_storage.motion.replay import replay

    seen = moving = saved = 0
    for verdict in replay(source, motion):
        seen, moving, saved = seen + 1, moving + verdict.motion, saved + verdict.saved
        if output is OutputFormat.JSONL:
            sys.stdout.write(json.dumps(asdict(verdict)) + "\n")
    if output is OutputFormat.TEXT:
        typer.echo(f"{seen} frames, {moving} with motion, {saved} would be saved")
    sys.stdout.flush()
