"""`chimera-storage scan`."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from chimera_storage.cli.options import GivenMotion, StartOption, takes_motion_settings
from chimera_storage.errors import InvalidInputError


class ScanFormat(StrEnum):
    """What `scan` prints."""

    TABLE = "table"
    JSON = "json"
    JSONL = "jsonl"
    CSV = "csv"


@takes_motion_settings
def scan(
    files: Annotated[list[Path], typer.Argument(help="Video files, or folders with some.")],
    *,
    output: Annotated[ScanFormat, typer.Option("--format", help="What is printed.")] = (
        ScanFormat.TABLE
    ),
    thumbnails: Annotated[
        Path | None, typer.Option(help="Folder for the best picture of each event.")
    ] = None,
    boxes: Annotated[
        bool, typer.Option(help="Draw into the pictures where something moves.")
    ] = True,
    clips: Annotated[
        Path | None,
        typer.Option(help="Folder for each event cut out, pre- and post-capture included."),
    ] = None,
    exact: Annotated[
        bool, typer.Option("--exact", help="Encode clips anew, so that they begin exactly.")
    ] = False,
    start: StartOption = None,
    given: GivenMotion,
) -> None:
    """Find the motion events in recorded videos; exit code 1 if one could not be read wholly."""
    motion = given.settings()
    from chimera_storage.cli.scan_output import Progress, writer_for
    from chimera_storage.motion.scan import ClipWriter, Scanner, ThumbnailWriter, video_files

    paths = video_files(files)
    if start is not None and len(paths) > 1:
        raise InvalidInputError("--start is of one recording; name one file with it")
    scanner = Scanner(
        motion,
        timezone=given.timezone(),
        start_us=given.start_us(start),
        thumbnails=ThumbnailWriter(thumbnails, boxes=boxes) if thumbnails else None,
        clips=ClipWriter(
            clips, exact=exact, before_s=motion.pre_capture, after_s=motion.post_capture
        )
        if clips
        else None,
    )
    writer = writer_for(output)
    problems = False
    with Progress(paths) as progress:
        for path in paths:
            result = scanner.scan(path, progress.file(path))
            problems = problems or result.problem is not None
            writer.add(result)
    writer.end()
    if problems:
        raise typer.Exit(1)
