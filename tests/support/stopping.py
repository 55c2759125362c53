"""Saving and deleting in a process that kills itself at a chosen call: every point of a crash.

Nothing in the product knows of it: a profile function sees each call of a C function of the
operating system or of SQLite (`link`, `fsync`, `execute`, `commit` ...), before and after it, and
at the chosen one the process sends itself SIGKILL. The program reads orders from standard input,
one a line (root, scenario, point, for example `/tmp/x save after link 2`), forks for each, and
answers with `killed`, or with what it counted of each call when it came to its end.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Self

from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.model import Box, Event, Image
from tests.support.archive import JPEG

CALLS = ("open", "write", "link", "unlink", "fsync", "mkdir", "rmdir", "execute", "commit")
START = datetime(2026, 3, 20, 12, 0, tzinfo=UTC)
EVENT_US = to_us(START)
SAVED = 3  # images that "save" saves; "delete" deletes the first two, "empty" all as a span


def save(writer: ImageWriter) -> list[Image]:
    """Three images of one event, each some milliseconds after its second."""
    writer.note_event(Event(camera=1, start_us=EVENT_US, end_us=None))
    images = [
        writer.save(
            1,
            to_us(START + timedelta(seconds=number)) + 5000,
            JPEG,
            width=32,
            height=16,
            score=0.5,
            boxes=(Box(1, 2, 3, 4),),
            event=EVENT_US,
        )
        for number in range(SAVED)
    ]
    writer.note_event(Event(camera=1, start_us=EVENT_US, end_us=images[-1].taken_at_us))
    return images


def _scenario(name: str, root: Path) -> Callable[[], object]:
    """What is to be interrupted; what it needs is made ready here."""
    layout = Layout(root, UTC)
    index = Index(layout.index)
    writer = ImageWriter(layout, index, sync_interval_s=3600)

    def save_and_flush() -> None:
        save(writer)
        writer.flush()

    if name == "save":
        return save_and_flush
    images = save(writer)
    writer.flush()
    keys = [image.key for image in images]
    archive = Archive(layout, index, SystemClock())
    if name == "delete":
        return lambda: archive.delete(keys[:2])
    return lambda: archive.deleter.span(1, keys[0].second, keys[-1].second)


class _Stop:
    """Counts calls and kills the process at one of them."""

    def __init__(self, when: str, call: str = "", number: str = "0") -> None:
        self._chosen = ({"before": "c_call", "after": "c_return"}.get(when), call)
        self._number = int(number)
        self._lock = threading.Lock()
        self.seen: Counter[tuple[str, str]] = Counter()

    def __call__(self, _frame: FrameType, event: str, function: Any) -> None:
        name = getattr(function, "__name__", "")
        if event in ("c_call", "c_return") and name in CALLS:
            with self._lock:
                self.seen[event, name] += 1
                if (event, name) == self._chosen and self.seen[event, name] == self._number:
                    os.kill(os.getpid(), signal.SIGKILL)


def _run(order: str, answer: int) -> None:
    root, scenario, *point = order.split()
    action = _scenario(scenario, Path(root))
    stop = _Stop(*point)
    threading.setprofile(stop)
    sys.setprofile(stop)
    action()
    sys.setprofile(None)
    counts = {call: stop.seen["c_return", call] for call in CALLS}
    os.write(answer, (json.dumps(counts) + "\n").encode())
    os._exit(0)


class Stopper:
    """Runs scenarios up to a chosen call."""

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.stopping"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
        )
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.communicate()

    def run(self, root: Path, scenario: str, point: str) -> dict[str, int]:
        """Empty where it was killed there, else how often each call came to its end.

        `point`: before or after, the call, its number, as in `after link 2`; `never`.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(root, scenario, point, file=self._process.stdin, flush=True)
        said = self._process.stdout.readline().strip()
        assert said, "the program ended"
        counts: dict[str, int] = {} if said == "killed" else json.loads(said)
        return counts


def main() -> None:
    """Obeys until standard input ends. One thread: each fork has all that it needs."""
    for order in sys.stdin:
        child = os.fork()
        if child == 0:
            try:
                _run(order, 1)
            finally:
                os._exit(1)
        _, status = os.waitpid(child, 0)
        if os.WIFSIGNALED(status):
            os.write(1, b"killed\n")


if __name__ == "__main__":
    main()
