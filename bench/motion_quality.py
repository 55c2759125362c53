"""How well detectors tell things that move from everything else.

    python bench/prepare_footage.py FOLDER --footage DIR --sbi DIR      (once, see there)
    python bench/motion_quality.py FOLDER --detectors ours,mog2,knn --set develop

Sets: `develop`, `held_out` and `blind` (synthetic objects and nuisances on real backgrounds, no
scene in two of them), `real` (labelled footage), `hours` (nearly five hours in which nothing
happens, made on the way). Tune on `develop`, `held_out` and `real`, judge on `blind`. What is
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
from contextlib import nullcontext
from dataclasses import asdict
from multiprocessing import get_context
from pathlib import Path

from quality import hours
from quality.clips import SETS, Clip, load_clips
from quality.detectors import DETECTORS, detector
from quality.measure import Score, measure
from quality.result import Result
from quality.sheets import write_sheet
from quality.table import by_clip, by_effect, groups, summary

HOURS = "hours"
KINDS = (("object", "Object clips"), ("nuisance", "Nuisance"), ("still", "Still, mild noise"))


def main() -> None:
    given = _arguments()
    if given.set == HOURS:
        clips = hours.pieces(given.folder, given.only)
    else:
        clips = load_clips(given.folder / given.set, given.only)
    if not clips:
        sys.exit(f"There are no clips in {given.folder / given.set}; bench/prepare_footage.py.")
    names = given.detectors.split(",")
    for name in names:
        if name not in DETECTORS:
            sys.exit(f"There is no detector {name}; there are {', '.join(DETECTORS)}.")
    scores: dict[str, dict[str, Score]] = {name: {} for name in names}
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        made = pool.map(run, [names] * len(clips), clips, [given] * len(clips))
        for clip, results in zip(clips, made, strict=True):
            print(f"{clip.name} is done", file=sys.stderr, flush=True)
            for name, result in results.items():
                scores[name][clip.name] = measure(clip, result.flags, result.cpu_s)
    print(f"## Set {given.set}: {len(clips)} clips, {sum(c.seconds for c in clips) / 60:.0f} min\n")
    _print_tables(clips, scores, by_each_clip=given.clips)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Measure detectors on labelled clips.")
    parser.add_argument("folder", type=Path, help="what bench/prepare_footage.py wrote")
    parser.add_argument("--detectors", default="ours,mog2,knn", help=", ".join(DETECTORS))
    parser.add_argument("--set", choices=(*SETS, HOURS), default="develop")
    parser.add_argument("--only", default="", help="clips whose name contains this")
    parser.add_argument("--clips", action="store_true", help="also one line for each clip")
    parser.add_argument("--sheets", type=Path, help="folder for pictures of what went wrong")
    parser.add_argument("--again", action="store_true", help="run peers anew")
    parser.add_argument("--workers", type=int, default=1, help="clips at once")
    return parser.parse_args()


def run(names: Sequence[str], clip: Clip, given: argparse.Namespace) -> dict[str, Result]:
    """What each of the detectors finds in the clip."""
    results = {}
    with hours.made(clip) if given.set == HOURS else nullcontext():
        for name in names:
            kept = given.folder / "results" / name / given.set / f"{clip.name}.json"
            fresh = given.again or name.startswith("ours")
            results[name] = _result(name, clip, kept, fresh)
            if given.sheets:
                write_sheet(clip, results[name], given.sheets / name / given.set)
    return results


def _result(name: str, clip: Clip, kept: Path, fresh: bool) -> Result:
    if not fresh and kept.exists():
        return Result(**json.loads(kept.read_text()))
    result = detector(name).run(clip.path)
    kept.parent.mkdir(parents=True, exist_ok=True)
    partial = kept.with_suffix(f".{os.getpid()}")
    partial.write_text(json.dumps(asdict(result)))
    partial.rename(kept)
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
