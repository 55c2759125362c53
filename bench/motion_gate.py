"""Whether the gate loses anything that decoding every picture would have caught.

    python bench/motion_gate.py FILES... [FOLDERS of labelled clips, see prepare_footage.py]

Each file is run twice: everything decoded, and with the gate. An event is a stretch of saved
pictures of the first run; it is found if the second saved one of its pictures, and late if the
first picture saved comes later than in the first run. Where there are labels (NAME.json), labelled
events are counted too.
"""

import argparse
import json
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

from cost.offline import Outcome, run

from chimera_storage.config import MotionSettings


@dataclass(kw_only=True)
class Row:
    """One clip: events without and with the gate."""

    name: str
    events: int = 0
    found: int = 0
    late: int = 0
    labelled: int = 0
    labelled_all: int = 0
    labelled_gate: int = 0
    false_all: int = 0
    false_gate: int = 0
    decoded: float = 0.0
    saved_all: int = 0
    saved_gate: int = 0
    latest_s: float = 0.0


def compare(path: Path) -> Row:
    """Run the file twice."""
    everything = run(path, MotionSettings(), gate=False)
    gated = run(path, MotionSettings(), gate=True)
    row = Row(
        name=path.stem,
        decoded=gated.decoded / max(1, gated.packets),
        saved_all=len(everything.saved),
        saved_gate=len(gated.saved),
        false_all=len(everything.stretches()),
        false_gate=len(gated.stretches()),
    )
    for first_us, last_us in everything.stretches():
        row.events += 1
        # A stretch that joined an earlier one of the other run is no later.
        near = [s for s in gated.stretches() if s[0] <= last_us and s[1] >= first_us]
        row.found += bool(near)
        if near and near[0][0] > first_us:
            row.late += 1
            row.latest_s = max(row.latest_s, (near[0][0] - first_us) / 1e6)
    labels = path.with_suffix(".json")
    if labels.exists():
        _count_labelled(row, json.loads(labels.read_text()), everything, gated)
    return row


def _count_labelled(row: Row, labels: dict, everything: Outcome, gated: Outcome) -> None:  # type: ignore[type-arg]
    fps = labels["fps"]
    for event in labels["events"]:
        first_us, last_us = event["first"] / fps * 1e6 - 1e4, event["last"] / fps * 1e6 + 1e4
        row.labelled += 1
        row.labelled_all += _hit(everything, first_us, last_us)
        row.labelled_gate += _hit(gated, first_us, last_us)


def _hit(outcome: Outcome, first_us: float, last_us: float) -> bool:
    saved = set(outcome.saved)
    return any(first_us <= t <= last_us and t in saved for t in outcome.moving)


def main() -> None:
    """Print a line for each clip, and the sums."""
    parser = argparse.ArgumentParser(description="Compare the gate with decoding everything.")
    parser.add_argument("paths", nargs="+", type=Path)
    files: list[Path] = []
    for path in parser.parse_args().paths:
        files += sorted(path.glob("*.mp4")) if path.is_dir() else [path]
    head = ("clip", "events", "found", "late", "by s", "labelled", "all", "gate", "saved all",
            "gate", "stretches", "gate", "decoded")  # fmt: skip
    print("| " + " | ".join(head) + " |\n|" + " --- |" * len(head))
    total = Row(name="all")
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        rows = list(pool.map(compare, files))
    for row in rows:
        _print(row)
        for key in ("events", "found", "late", "labelled", "labelled_all", "labelled_gate",
                    "saved_all", "saved_gate", "false_all", "false_gate", "decoded"):  # fmt: skip
            setattr(total, key, getattr(total, key) + getattr(row, key))
        total.latest_s = max(total.latest_s, row.latest_s)
    total.decoded /= max(1, len(files))
    _print(total)


def _print(row: Row) -> None:
    print(
        f"| {row.name} | {row.events} | {row.found} | {row.late} | {row.latest_s:.2f} |"
        f" {row.labelled} | {row.labelled_all} | {row.labelled_gate} | {row.saved_all} |"
        f" {row.saved_gate} | {row.false_all} | {row.false_gate} | {row.decoded:.0%} |",
        flush=True,
    )


if __name__ == "__main__":
    main()
