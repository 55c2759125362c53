"""What `scan` shows: its results as a table, JSON, JSON lines or CSV, and how far it is.

rich is imported where it is used, as that takes as long as scanning some seconds of video.
"""

import csv
import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from chimera_storage.cli.bar import Bar
from chimera_storage.motion.scan import FileResult

if TYPE_CHECKING:
    from rich.table import Table

_COLUMNS = (
    "file", "event", "start", "end", "duration", "score", "box_x", "box_y", "box_w", "box_h",
    "best", "thumbnail", "clip", "damaged", "problem",
)  # fmt: skip


class Writer(Protocol):
    """Puts results onto standard output."""

    def add(self, result: FileResult) -> None:
        """One file is through."""

    def end(self) -> None:
        """All files are."""


def writer_for(form: str) -> Writer:
    """The writer of a format."""
    match form:
        case "json":
            return JsonWriter()
        case "jsonl":
            return LineWriter()
        case "csv":
            return CsvWriter()
        case _:
            return TableWriter()


def _problem(result: FileResult) -> dict[str, Any]:
    return {"file": result.file, "damaged": result.damaged, "problem": result.problem}


class LineWriter:
    """An object for each event, and one with `problem` for each file that has one."""

    def add(self, result: FileResult) -> None:
        for event in result.events:
            self._line(asdict(event))
        if result.problem is not None:
            self._line(_problem(result))

    def end(self) -> None:
        pass

    def _line(self, values: dict[str, Any]) -> None:
        sys.stdout.write(json.dumps(values) + "\n")
        sys.stdout.flush()


class JsonWriter:
    """One object: `files`, each with its `events`."""

    def __init__(self) -> None:
        self._files: list[dict[str, Any]] = []

    def add(self, result: FileResult) -> None:
        self._files.append(asdict(result))

    def end(self) -> None:
        sys.stdout.write(json.dumps({"files": self._files}, indent=2) + "\n")
        sys.stdout.flush()


class CsvWriter:
    """A row for each event; a file with a problem has a row of its own without times."""

    def __init__(self) -> None:
        self._rows = csv.DictWriter(sys.stdout, _COLUMNS, restval="", lineterminator="\n")
        self._rows.writeheader()

    def add(self, result: FileResult) -> None:
        for event in result.events:
            values = asdict(event)
            box = values.pop("box")
            names = ("box_x", "box_y", "box_w", "box_h")
            self._rows.writerow({**values, **dict(zip(names, box or (), strict=False))})
        if result.problem is not None:
            self._rows.writerow(_problem(result))
        sys.stdout.flush()

    def end(self) -> None:
        sys.stdout.flush()


class TableWriter:
    """For people: a table of all events, a line of sums, and what was wrong."""

    def __init__(self) -> None:
        self._results: list[FileResult] = []

    def add(self, result: FileResult) -> None:
        self._results.append(result)

    def end(self) -> None:
        from rich.console import Console
        from rich.markup import escape

        # Not cut to the width of a terminal that is not there.
        width = None if sys.stdout.isatty() else 200
        console = Console(highlight=False, width=width)
        if any(result.events for result in self._results):
            console.print(_table(self._results))
        events = [event for result in self._results for event in result.events]
        seconds = sum(result.duration for result in self._results)
        moving = sum(event.duration for event in events)
        files = len(self._results)
        console.print(
            f"{_count(len(events), 'event')} in {_count(files, 'file')}, {clock(seconds)} of video,"
            f" {clock(moving)} of it with motion."
        )
        for result in self._results:
            if result.problem is not None:
                console.print(f"{escape(result.file)}: {escape(result.problem)}", soft_wrap=True)


def _table(results: Sequence[FileResult]) -> "Table":
    from rich.markup import escape
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    # Where the terminal is narrow the file's name gives way, not the figures.
    table.add_column("File", overflow="ellipsis")
    for name in ("Start", "End", "Length", "Score", "Largest box", "Best"):
        table.add_column(name, justify="right", no_wrap=True)
    for result in results:
        for event in result.events:
            box = event.box
            table.add_row(
                escape(Path(event.file).name) if event.event == 1 else "",
                clock(event.start),
                clock(event.end),
                f"{event.duration:.1f} s",
                f"{event.score:.2%}",
                f"{box.w}x{box.h} at {box.x},{box.y}" if box else "",
                clock(event.best),
            )
    return table


def clock(seconds: float) -> str:
    """`m:ss.s` or `h:mm:ss.s`."""
    tenths = round(seconds * 10)
    minutes, rest = divmod(tenths, 600)
    hours, minutes = divmod(minutes, 60)
    start = f"{hours}:{minutes:02}" if hours else f"{minutes}"
    return f"{start}:{rest // 10:02}.{rest % 10}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


class Progress(Bar):
    """A bar over the bytes of all files."""

    def __init__(self, paths: Sequence[Path]) -> None:
        self._sizes = {path: path.stat().st_size if path.is_file() else 0 for path in paths}
        self._done = 0
        super().__init__(sum(self._sizes.values()) or 1)

    def file(self, path: Path) -> Callable[[int], None]:
        """The next file has begun; what it returns is to be told the byte that was reached."""
        before, self._done = self._done, self._done + self._sizes[path]
        self.show(before, path.name)
        return lambda position: self.show(before + position)
