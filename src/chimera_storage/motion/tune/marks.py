"""What the owner wants and does not want to be caught: moments and stretches of time.

In words: `12.5`, `1:02.5`, `0:10..0:14`, several with commas; or a file of such lines, of names of
saved images, or of JSON lines as `detect` and `scan` print them, in which `"wanted": true` or
`false` says what each is. Of a camera's footage times are `YYYYMMDD-HHMMSS`.
"""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from chimera_storage.errors import InvalidInputError

AROUND_US = 1_000_000  # a moment is met by motion so far before or after it
_CLOCK = re.compile(r"(?:(?:(\d+):)?([0-5]?\d):)?(\d+(?:\.\d+)?)")
_RIGHT = "12.5, 1:02.5 or 0:10..0:14 is right, or a file of such lines"
ParseTime = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Mark:
    """A stretch of time, and whether what moves in it is wanted."""

    start_us: int
    end_us: int
    wanted: bool


def seconds_us(text: str) -> int:
    """Microseconds of `12.5`, `1:02.5` or `1:02:03`. Raises InvalidInputError."""
    match = _CLOCK.fullmatch(text)
    if match is None or (match[2] and float(match[3]) >= 60):
        raise InvalidInputError(f"{text[:60]!r} is no time; {_RIGHT}")
    try:
        hours, minutes, seconds = int(match[1] or 0), int(match[2] or 0), float(match[3])
        return round((hours * 3600 + minutes * 60 + seconds) * 1e6)
    except (ValueError, OverflowError):
        raise InvalidInputError(f"{text[:60]!r} is longer than any video; {_RIGHT}") from None


def read_marks(given: str, *, wanted: bool, parse_time: ParseTime = seconds_us) -> list[Mark]:
    """The marks that a file or a text means. Raises InvalidInputError."""
    path = Path(given)
    if not _is_file(path):
        return [_mark(part, wanted, parse_time) for part in given.split(",") if part.strip()]
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        raise InvalidInputError(f"{given} cannot be read as text; {_RIGHT}") from None
    marks = []
    for line in map(str.strip, lines):
        if line.startswith("{"):
            marks += _from_json(line, wanted)
        elif line and not line.startswith("#"):
            marks.append(_mark(line, wanted, parse_time))
    return marks


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def _mark(text: str, wanted: bool, parse_time: ParseTime) -> Mark:
    start, dots, end = (part.strip() for part in text.partition(".."))
    start_us = parse_time(start)
    if not dots:
        return Mark(start_us - AROUND_US, start_us + AROUND_US, wanted)
    end_us = parse_time(end)
    if end_us < start_us:
        shown = repr(text.strip()[:60])
        raise InvalidInputError(f"{shown} ends before it starts; the earlier time first")
    return Mark(start_us, end_us, wanted)


def _from_json(line: str, wanted: bool) -> list[Mark]:
    """The mark of a line of `scan` (start and end) or `detect` (time); those of problems: none."""
    try:
        values = json.loads(line)
    except (ValueError, RecursionError):
        raise InvalidInputError(f"{line[:60]!r} is no JSON line; {_RIGHT}") from None
    if "start" not in values and "time" not in values:
        return []
    wanted = values.get("wanted", wanted)
    try:
        start_us = round(float(values.get("start", values.get("time"))) * 1e6)
        end_us = round(float(values["end"]) * 1e6) if "end" in values else start_us
    except (TypeError, ValueError, OverflowError):
        raise InvalidInputError(f"{line[:60]!r}: start and end are seconds") from None
    if not isinstance(wanted, bool):
        raise InvalidInputError(f'{line[:60]!r}: "wanted" is true or false')
    if end_us < start_us:
        raise InvalidInputError(f"{line[:60]!r} ends before it starts")
    around = AROUND_US if end_us == start_us else 0
    return [Mark(start_us - around, end_us + around, wanted)]
