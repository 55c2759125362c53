"""How well detectors tell things that move from everything else.

    python bench/prepare_footage.py FOLDER --footage DIR --sbi DIR      (once, see there)
    python bench/motion_quality.py FOLDER --detectors ours,mog2,knn --set develop

Sets: `develop` and `held_out` (synthetic objects and nuisances on real backgrounds, no scene in
both), `real` (labelled footage). Tune on `develop` and `real`, judge on `held_out`. What is
counted is told in `quality/measure.py`.

Peers' flags are kept in FOLDER/results, since some of them play in real time; `--again` makes them
anew. `ours` always runs anew.
"""

import argparse
import json
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from quality.clips import SETS, Clip, load_clips
from quality.detectors import DETECTORS, Result, detector
from quality.measure import Score, measure
from quality.sheets import write_sheet
from quality.table import by_clip, by_effect, groups, summary

KINDS = (("object", "Object clips"), ("nuisance", "Nuisance"), ("still", "Still, mild noise"))


def main() -> None:
    given = _arguments()
    clips = load_clips(given.folder / given.set, given.only)
    if not clips:
        sys.exit(f"There are no clips in {given.folder / given.set}; bench/prepare_footage.py.")
    scores: dict[str, dict[str, Score]] = {}
    for name in given.detectors.split(","):
        if name not in DETECTORS:
            sys.exit(f"There is no detector {name}; there are {', '.join(DETECTORS)}.")
        results = run(name, clips, given)
        scores[name] = {c.name: measure(c, r.flags, r.cpu_s) for c, r in results}
        if given.sheets:
            for clip, result in results:
                write_sheet(clip, result, given.sheets / name / given.set)
    print(f"## Set {given.set}: {len(clips)} clips, {sum(c.seconds for c in clips) / 60:.0f} min\n")
    _print_tables(clips, scores, by_each_clip=given.clips)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure detectors on labelled clips.")
    parser.add_argument("folder", type=Path, help="what bench/prepare_footage.py wrote")
    parser.add_argument("--detectors", default="ours,mog2,knn", help=", ".join(DETECTORS))
    parser.add_argument("--set", choices=SETS, default="develop")
    parser.add_argument("--only", default="", help="clips whose name contains this")
    parser.add_argument("--clips", action="store_true", help="also one line for each clip")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of what went wrong")
    parser.add_argument("--again", action="store_true", help="run peers anew")
    parser.add_argument("--workers", type=int, default=1, help="clips at once")
    return parser.parse_args()


def run(name: str, clips: Sequence[Clip], given: argparse.Namespace) -> list[tuple[Clip, Result]]:
    """The detector's result for each clip."""
    kept = given.folder / "results" / name / given.set
    fresh = given.again or name.startswith("ours")
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        made = pool.map(
            _run_one, [name] * len(clips), clips, [kept] * len(clips), [fresh] * len(clips)
        )
        return list(zip(clips, made, strict=True))


def _run_one(name: str, clip: Clip, kept: Path, fresh: bool) -> Result:
    file = kept / f"{clip.name}.json"
    if not fresh and file.exists():
        return Result(**json.loads(file.read_text()))
    result = detector(name).run(clip.path)
    kept.mkdir(parents=True, exist_ok=True)
    partial = file.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(asdict(result)))
    partial.rename(file)
    return result


def _print_tables(
    clips: Sequence[Clip], scores: dict[str, dict[str, Score]], by_each_clip: bool
) -> None:
    for kind, title in (*KINDS, ("real", "Real, labelled")):
        chosen = [clip for clip in clips if clip.kind == kind]
        if chosen:
            print(summary(f"{title} ({len(chosen)})", _totals(chosen, scores)))
    print(groups(_totals(clips, scores)))
    print(by_effect(clips, scores))
    if by_each_clip:
        for name, of_clips in scores.items():
            print(by_clip(clips, name, of_clips))


def _totals(clips: Sequence[Clip], scores: dict[str, dict[str, Score]]) -> dict[str, Score]:
    totals = {}
    for name, of_clips in scores.items():
        totals[name] = Score()
        for clip in clips:
            totals[name].add(of_clips[clip.name])
    return totals


if __name__ == "__main__":
    main()
