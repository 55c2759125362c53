"""What a server's processes hold, every few seconds, and whether it grows."""

import json
import os
import statistics
import threading
import time
from collections import defaultdict
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

WARM_UP, LEAST_WARM_UP_S = 0.25, 360.0  # caches fill, libraries are loaded
MOST_GROWTH_MB, MOST_GROWTH_SHARE = 8.0, 0.06
MOST_MORE_HANDLES = 10  # clients come and go
_MB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at all processes of a kind: how many there are, and what they hold together.

    `rss_mb`: resident memory; `own_mb`: of that what is no file (RssAnon). `cpu_s`: seconds of
    processor that those that live now have had.
    """

    at_s: float
    kind: str
    processes: int
    rss_mb: float
    own_mb: float
    descriptors: int
    threads: int
    cpu_s: float


class Sampler:
    """Looks at a server and its children every `interval_s`, in a thread, until closed.

    Samples are also written to `path`, a JSON line each, with the size of the index.
    """

    def __init__(self, pid: int, index: Path, path: Path, interval_s: float) -> None:
        self._pid = pid
        self._index = index
        self._path = path
        self._interval_s = interval_s
        self._began_s = time.monotonic()
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sampler", daemon=True)
        self.samples: list[Sample] = []
        self.index_mb: list[float] = []

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self._over.set()
        self._thread.join()

    def _run(self) -> None:
        with self._path.open("a") as file:
            while not self._over.wait(self._interval_s):
                found = look(self._pid, time.monotonic() - self._began_s)
                self.samples += found
                size = sum(part.stat().st_size for part in self._index.parent.glob("index.db*"))
                self.index_mb.append(size / _MB)
                for sample in found:
                    file.write(json.dumps(asdict(sample) | {"index_mb": size / _MB}) + "\n")
                file.flush()


def look(pid: int, at_s: float) -> list[Sample]:
    """The server `pid` and its children, by kind."""
    held: dict[str, list[tuple[float, float, int, int, float]]] = defaultdict(list)
    for process in [pid, *children(pid)]:
        with suppress(OSError, KeyError, ValueError):
            folder = Path(f"/proc/{process}")
            kind = _kind((folder / "cmdline").read_bytes())
            if kind == "serve" and process != pid:  # a child that is about to be another program
                continue
            status = dict(
                line.split(":", 1) for line in (folder / "status").read_text().splitlines()
            )
            times = (folder / "stat").read_text().rpartition(")")[2].split()[11:13]
            held[kind].append(
                (
                    int(status["VmRSS"].split()[0]) / 1024,
                    int(status["RssAnon"].split()[0]) / 1024,
                    sum(1 for _ in (folder / "fd").iterdir()),
                    int(status["Threads"]),
                    sum(map(int, times)) / os.sysconf("SC_CLK_TCK"),
                )
            )
    return [
        Sample(at_s, kind, len(each), *(sum(values) for values in zip(*each, strict=True)))
        for kind, each in held.items()
    ]


def children(pid: int) -> list[int]:
    """Every process below this one."""
    parents: dict[int, list[int]] = defaultdict(list)
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError, ValueError, IndexError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(fields[1])].append(int(folder.name))
    found, left = [], [pid]
    while left:
        left = [child for parent in left for child in parents[parent]]
        found += left
    return found


def _kind(command: bytes) -> str:
    for kind in ("motion", "convert"):
        if b"chimera_storage." + kind.encode() in command:
            return kind
    return "serve"


@dataclass(frozen=True, slots=True)
class Growth:
    """How one figure went: medians of the first and last tenth after the warm-up, and its slope."""

    kind: str
    what: str
    first: float
    last: float
    most: float
    slope_per_hour: float

    @property
    def grows(self) -> bool:
        more = self.last - self.first
        if self.what.endswith("_mb"):
            return more > max(MOST_GROWTH_MB, MOST_GROWTH_SHARE * self.first)
        return more > MOST_MORE_HANDLES

    def __str__(self) -> str:
        word = "  GROWS" if self.grows else ""
        return (
            f"{self.kind:8} {self.what:12} {self.first:8.1f} {self.last:8.1f} {self.most:8.1f}"
            f" {self.slope_per_hour:+9.2f}{word}"
        )


def growths(samples: list[Sample]) -> list[Growth]:
    """Of every kind of process that lives as long as the server; of too short a run nothing."""
    found = []
    warm_up_s = max(LEAST_WARM_UP_S, WARM_UP * max(sample.at_s for sample in samples))
    for kind in ("serve", "motion"):
        of_kind = [sample for sample in samples if sample.kind == kind]
        settled = [sample for sample in of_kind if sample.at_s > warm_up_s]
        if len(settled) < 30:
            continue
        times = [sample.at_s / 3600 for sample in settled]
        for what in ("rss_mb", "own_mb", "descriptors", "threads"):
            values = [float(getattr(sample, what)) for sample in settled]
            tenth = max(3, len(values) // 10)
            found.append(
                Growth(
                    kind,
                    what,
                    statistics.median(values[:tenth]),
                    statistics.median(values[-tenth:]),
                    max(float(getattr(sample, what)) for sample in of_kind),
                    theil_sen(times, values),
                )
            )
    return found


def theil_sen(times: list[float], values: list[float]) -> float:
    """The median slope of all pairs of (some 400 of) the points."""
    step = max(1, len(times) // 400)
    points = list(zip(times[::step], values[::step], strict=True))
    slopes = [
        (b[1] - a[1]) / (b[0] - a[0])
        for n, a in enumerate(points)
        for b in points[n + 1 :]
        if b[0] > a[0]
    ]
    return statistics.median(slopes) if slopes else 0.0
