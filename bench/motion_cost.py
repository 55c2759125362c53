"""What recording costs beside the Motion daemon: CPU seconds per second of video, in real time.

    python bench/motion_cost.py FOLDER [--runs 3] [--only still,mostly_still,always,second,ten]

FOLDER keeps the clips, which are made once. Both recorders play the same file in real time, one
after the other in turns, save JPEGs of the same quality and the same moments before and after, and
are measured from the outside. Medians of the runs.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from statistics import median

from cost.footage import ALWAYS, FPS, MOSTLY_STILL, SECONDS, STILL, clip
from cost.offline import run
from cost.processes import Cost, motion, ours

from chimera_storage.config import MotionSettings

FULL = (1920, 1080)
TARGETS = {"still": 0.08, "mostly_still": 0.25, "always": 0.80, "second": 0.20}
MEASURED_S = SECONDS - 10.0  # neither of both meets the end of the file meanwhile


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure what recording costs.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default="still,mostly_still,always,second,ten")
    given = parser.parse_args()
    given.folder.mkdir(parents=True, exist_ok=True)
    only = given.only.split(",")
    print("| clip | ours | Motion | ratio | target | images ours | Motion | decoded |")
    print("| --- | --- | --- | --- | --- | --- | --- | --- |", flush=True)
    for kind in (STILL, MOSTLY_STILL, ALWAYS):
        if kind.name in only:
            video = clip(given.folder, kind, *FULL)
            _row(kind.name, lambda v=video: ours([{"url": str(v)}], MEASURED_S),  # type: ignore[misc]
                 video, given.runs, _share_decoded(video))  # fmt: skip
    if "second" in only:
        video = clip(given.folder, MOSTLY_STILL, *FULL)
        small = clip(given.folder, MOSTLY_STILL, 640, 360)
        camera: dict[str, object] = {"url": str(video), "detect_url": str(small)}
        _row("second", lambda: ours([camera], MEASURED_S), video, given.runs, "")
    if "ten" in only:
        _ten(given.folder, given.runs)


def _row(name: str, measure: Callable[[], Cost], video: Path, runs: int, decoded: str) -> None:
    own, peer = [], []
    for _ in range(runs):
        own.append(measure())
        peer.append(motion(video, *FULL, FPS, MEASURED_S))
    mine, theirs = median(c.cpu for c in own), median(c.cpu for c in peer)
    images = [str(median(c.images for c in costs)) for costs in (own, peer)]
    print(
        f"| {name} | {mine:.4f} | {theirs:.4f} | {mine / theirs:.3f} | {TARGETS[name]:.2f} |"
        f" {images[0]} | {images[1]} | {decoded} |",
        flush=True,
    )


def _share_decoded(video: Path) -> str:
    outcome = run(video, MotionSettings(), gate=True)
    return f"{outcome.decoded / outcome.packets:.1%}"


def _ten(folder: Path, runs: int) -> None:
    """Ten 720p cameras in one process, and one, for the memory of each further one."""
    urls = [clip(folder, MOSTLY_STILL, 1280, 720, seed=n) for n in range(1, 11)]
    one, ten = [], []
    for _ in range(runs):
        ten.append(ours([{"url": str(url)} for url in urls], MEASURED_S))
        one.append(ours([{"url": str(urls[0])}], MEASURED_S))
    memory = median(t.memory_mb - o.memory_mb for t, o in zip(ten, one, strict=True)) / 9
    print(
        f"\nTen 720p cameras: {median(c.cpu for c in ten):.1%} of one core (target 50 %), one"
        f" {median(c.cpu for c in one):.1%}; {memory:.1f} MB for each further one (target 45);"
        f" images {median(c.images for c in ten)}, left out {max(c.frames_left_out for c in ten)}."
    )


if __name__ == "__main__":
    main()
