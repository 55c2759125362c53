"""`chimera-storage tune`."""

from dataclasses import replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from chimera_storage.cli.bar import Bar
from chimera_storage.cli.options import GivenMotion, StartOption, takes_motion_settings
from chimera_storage.clock import EPOCH, from_us, to_us
from chimera_storage.errors import InvalidInputError, SourceError

if TYPE_CHECKING:
    from chimera_storage.motion.tune import Footage, Mark

_FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


class TuneFormat(StrEnum):
    """What `tune` prints."""

    TEXT = "text"
    JSON = "json"


@takes_motion_settings
def tune(
    source: Annotated[str, typer.Argument(help="A video file, or a camera's id.")],
    *,
    since: Annotated[
        str | None, typer.Option("--from", help="First image of a camera, YYYYMMDD-HHMMSS.")
    ] = None,
    until: Annotated[
        str | None, typer.Option("--to", help="Last image of a camera, YYYYMMDD-HHMMSS.")
    ] = None,
    wanted: Annotated[
        list[str] | None, typer.Option(help="Times that should be caught, or a file of them.")
    ] = None,
    not_wanted: Annotated[
        list[str] | None, typer.Option(help="Times that should not be, or a file of them.")
    ] = None,
    answers: Annotated[
        bool, typer.Option("--answers", help="Take the answers given on the camera's page.")
    ] = False,
    search: Annotated[
        bool, typer.Option("--search", help="Look for settings that tell them apart.")
    ] = False,
    picture: Annotated[Path, typer.Option(help="The picture to write.")] = Path("tune.png"),
    output: Annotated[TuneFormat, typer.Option("--format", help="What is printed.")] = (
        TuneFormat.TEXT
    ),
    start: StartOption = None,
    given: GivenMotion,
) -> None:
    """Replay saved footage with other settings, and show what they would have caught."""
    of_camera = source.isdecimal() and not Path(source).exists()
    if of_camera:
        given = replace(given, camera=int(source))
        if start is not None:
            raise InvalidInputError("--start is for a recording; a camera's images say their time")
    elif since is not None or until is not None:
        raise InvalidInputError("--from and --to are for a camera's saved images")
    present, other = given.present(), given.settings()
    from chimera_storage.cli.tune_output import Times, print_json, print_text
    from chimera_storage.motion.tune import VideoFootage, compare, read_marks, write_picture

    times = Times(given.timezone() if of_camera else None)
    marks = [
        mark
        for texts, good in ((wanted, True), (not_wanted, False))
        for text in texts or ()
        for mark in read_marks(text, wanted=good, parse_time=times.parse)
    ]
    if answers:
        marks += _answers(given, source, of_camera=of_camera)
    if search and not marks:
        raise InvalidInputError("--search needs marks: --wanted, --not-wanted or --answers")
    footage: Footage
    if of_camera:
        footage = _saved(given, int(source), times.parse_or(since, 0), times.parse_or(until, None))
    else:
        start_us = given.start_us(start)
        footage = VideoFootage(Path(source), timezone=given.timezone(), start_us=start_us)
    with Bar(1.0) as bar:
        bar.show(description="replaying")
        comparison = compare(footage, present, other, marks, searching=search, on_progress=bar.show)
    write_picture(comparison, footage, picture, times.say)
    if output is TuneFormat.JSON:
        print_json(comparison, picture)
    else:
        print_text(comparison, picture, times.say)


def _answers(given: GivenMotion, source: str, *, of_camera: bool) -> "list[Mark]":
    """What was said on the camera's page. Raises InvalidInputError where nothing was."""
    from chimera_storage.archive.layout import Layout
    from chimera_storage.archive.marks import MarksFile
    from chimera_storage.motion.tune import read_marks

    if not of_camera:
        raise InvalidInputError("--answers are those to a camera's saved motion, not to a file")
    path = MarksFile(Layout(given.configured().storage.path, given.timezone())).path(int(source))
    if not path.is_file():
        raise InvalidInputError(
            f"nothing was answered for camera {source} yet; its page under Settings asks"
        )
    return read_marks(str(path), wanted=True)


def _saved(given: GivenMotion, camera: int, start_us: int | None, end_us: int | None) -> "Footage":
    """The camera's saved images. Raises SourceError where there is no data folder."""
    from chimera_storage.archive.images import Archive
    from chimera_storage.archive.layout import Layout
    from chimera_storage.archive.mark import open_index
    from chimera_storage.clock import SystemClock
    from chimera_storage.motion.tune import SavedFootage

    timezone = given.timezone()
    layout = Layout(given.configured().storage.path, timezone)
    if not layout.index.is_file():
        raise SourceError(f"There is no index in {layout.root}; is it the data folder?")
    archive = Archive(layout, open_index(layout), SystemClock())
    first = start_us if start_us is not None else to_us(EPOCH)
    last = end_us if end_us is not None else to_us(_FOR_EVER)
    footage = SavedFootage(archive, camera, first, last, timezone=timezone)
    if not footage.images:
        raise SourceError(
            f"Camera {camera} has no saved image between {from_us(first):%Y-%m-%d %H:%M:%S} and"
            f" {from_us(last):%Y-%m-%d %H:%M:%S} UTC."
        )
    return footage
