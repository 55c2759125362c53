"""What an owner said of past motion, wanted or not, in `<data>/marks/<camera>.jsonl`.

JSON lines as `chimera-storage tune` reads them: `start` and `end` in seconds since 1970, and
`wanted`. The file is replaced whole at every change; nothing depends on it but `tune`.
"""

import json
import os
import secrets
import threading
from dataclasses import dataclass
from pathlib import Path

from chimera_storage.archive.layout import TEMPORARY_SUFFIX, Layout
from chimera_storage.errors import StorageError

FOLDER = "marks"
MOST_MARKS = 5000  # of a camera; the oldest go

_US = 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class MotionMark:
    """Motion of a camera that was wanted, or not; times in microseconds since 1970."""

    start_us: int
    end_us: int
    wanted: bool


class MarksFile:
    """The marks of one data folder. Thread-safe; every method raises StorageError."""

    def __init__(self, layout: Layout) -> None:
        self._folder = layout.root / FOLDER
        self._lock = threading.Lock()

    def path(self, camera: int) -> Path:
        """Where the marks of a camera stand; there is no file before the first."""
        return self._folder / f"{camera}.jsonl"

    def of(self, camera: int) -> list[MotionMark]:
        """Those of a camera, the earliest first."""
        try:
            lines = self.path(camera).read_text(encoding="utf-8").splitlines()
            return [_mark(line) for line in lines if line.strip()]
        except FileNotFoundError:
            return []
        except (OSError, ValueError, LookupError, TypeError) as error:
            raise StorageError(
                f"what was said of this camera's motion cannot be read ({type(error).__name__})"
            ) from None

    def put(self, camera: int, start_us: int, end_us: int, *, wanted: bool | None) -> None:
        """Say it of a stretch of time in place of what was said; None takes that back."""
        with self._lock:
            marks = [mark for mark in self.of(camera) if mark.start_us != start_us]
            if wanted is not None:
                marks.append(MotionMark(start_us=start_us, end_us=end_us, wanted=wanted))
            marks.sort(key=lambda mark: mark.start_us)
            self._write(self.path(camera), marks[-MOST_MARKS:])

    def _write(self, path: Path, marks: list[MotionMark]) -> None:
        temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        try:
            self._folder.mkdir(exist_ok=True)
            with temporary.open("x", encoding="utf-8") as file:
                for mark in marks:
                    values = {"start": mark.start_us / _US, "end": mark.end_us / _US}
                    file.write(json.dumps({**values, "wanted": mark.wanted}) + "\n")
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(path)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StorageError(f"the answer cannot be stored: {error.strerror}") from None


def _mark(line: str) -> MotionMark:
    values = json.loads(line)
    if not isinstance(values["wanted"], bool):
        raise TypeError("wanted")
    return MotionMark(
        start_us=round(values["start"] * _US),
        end_us=round(values["end"] * _US),
        wanted=values["wanted"],
    )
