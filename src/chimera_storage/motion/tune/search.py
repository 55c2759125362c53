"""Settings that catch what is wanted and not what is not, from a small grid."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from typing import Any

from chimera_storage.config import MotionSettings
from chimera_storage.motion.tune.marks import Mark
from chimera_storage.motion.tune.replaying import Outcome, Replayed

NOISE_LEVELS: tuple[Any, ...] = ("auto", 8, 12, 18, 26, 38)
THRESHOLDS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064)
FRAMES = (2, 3, 5, 8, 12)
SEARCHED = ("noise_level", "threshold", "minimum_motion_frames")


@dataclass(frozen=True, slots=True)
class SearchResult:
    """The settings found and what they catch; `tried`: how many were."""

    outcome: Outcome
    wanted_missed: int
    unwanted_caught: int
    tried: int


def detectors_needed(present: MotionSettings) -> list[MotionSettings]:
    """Settings that `Replayed` has to be told of for `search` to work."""
    if present.zone:
        return list(_grid(present))
    levels = dict.fromkeys((present.noise_level, *NOISE_LEVELS))
    return [present.model_copy(update={"noise_level": level}) for level in levels]


def search(replayed: Replayed, present: MotionSettings, marks: Sequence[Mark]) -> SearchResult:
    """The settings that miss the fewest wanted marks, and of these catch the fewest unwanted.

    Of equals those that differ from the present ones in the fewest settings, and of these the one
    in the middle of the grid's values, which leaves room on either side.
    """
    scored: list[tuple[tuple[int, int, int], MotionSettings]] = []
    for settings in _grid(present):
        outcome = replayed.outcome(settings)
        missed, caught = count(outcome, marks)
        changes = sum(getattr(settings, n) != getattr(present, n) for n in SEARCHED)
        scored.append(((missed, caught, changes), settings))
    best = min(score for score, _ in scored)
    chosen = _middle([settings for score, settings in scored if score == best])
    return SearchResult(replayed.outcome(chosen), best[0], best[1], len(scored))


def count(outcome: Outcome, marks: Sequence[Mark]) -> tuple[int, int]:
    """(wanted marks that are missed, unwanted ones that are caught)."""
    missed = caught = 0
    for mark in marks:
        hit = outcome.catches(mark.start_us, mark.end_us)
        missed += mark.wanted and not hit
        caught += hit and not mark.wanted
    return missed, caught


def _grid(present: MotionSettings) -> Iterator[MotionSettings]:
    levels = dict.fromkeys((present.noise_level, *NOISE_LEVELS))
    thresholds = dict.fromkeys((present.threshold, *THRESHOLDS))
    frames = dict.fromkeys((present.minimum_motion_frames, *FRAMES))
    for values in product(levels, thresholds, frames):
        yield present.model_copy(update=dict(zip(SEARCHED, values, strict=True)))


def _middle(equals: Sequence[MotionSettings]) -> MotionSettings:
    """The one nearest to the middle of the values that each setting takes among equals."""

    def values(name: str) -> list[Any]:
        return sorted({getattr(s, name) for s in equals}, key=lambda v: (v != "auto", v))

    middles = {name: (values(name), (len(values(name)) - 1) / 2) for name in SEARCHED}
    return min(
        equals,
        key=lambda s: sum(abs(v.index(getattr(s, n)) - m) for n, (v, m) in middles.items()),
    )
