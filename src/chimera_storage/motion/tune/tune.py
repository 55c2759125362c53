"""Present and other settings side by side over the same footage."""

from collections.abc import Sequence
from dataclasses import dataclass

from chimera_storage.config import MotionSettings
from chimera_storage.motion.tune.footage import Footage, OnProgress, SavedFootage
from chimera_storage.motion.tune.marks import Mark
from chimera_storage.motion.tune.replaying import Event, Outcome, Replayed
from chimera_storage.motion.tune.search import SearchResult, count, detectors_needed, search

_DAY_US = 86_400 * 1_000_000
_NEAR_US = 1_000_000  # motion so close to other motion is the same


@dataclass(frozen=True, slots=True)
class Tally:
    """Of one outcome: how much, and how many of the marks are caught.

    `in_events_s`: from the first motion of each event to its last; `moving_s`: of that, while
    something moved.
    """

    events: int
    events_per_day: float
    in_events_s: float
    moving_s: float
    saved: int
    wanted_caught: int
    unwanted_caught: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """What the present and the other settings catch. `limits`: what cannot be concluded.

    `newly` and `no_longer`: stretches of motion during which only one of them catches anything.
    """

    name: str
    span_us: tuple[int, int]
    pictures: int
    present: Outcome
    other: Outcome
    before: Tally
    after: Tally
    newly: tuple[Event, ...]
    no_longer: tuple[Event, ...]
    marks: tuple[Mark, ...]
    search: SearchResult | None
    limits: tuple[str, ...]


def compare(
    footage: Footage,
    present: MotionSettings,
    other: MotionSettings,
    marks: Sequence[Mark],
    *,
    searching: bool,
    on_progress: OnProgress = lambda _: None,
) -> Comparison:
    """Replay the footage with both, or with the present ones and the best that is found.

    Raises SourceError where nothing can be replayed.
    """
    tried = [present, other, *(detectors_needed(other) if searching else [])]
    replayed = Replayed(footage, tried, on_progress)
    found = search(replayed, other, marks) if searching else None
    before, after = replayed.outcome(present), found.outcome if found else replayed.outcome(other)
    span_us = footage.span_us()
    return Comparison(
        name=footage.name,
        span_us=span_us,
        pictures=len(replayed.times_us),
        present=before,
        other=after,
        before=_tally(before, replayed.saved(before.settings), marks, span_us),
        after=_tally(after, replayed.saved(after.settings), marks, span_us),
        newly=_without(after, before),
        no_longer=_without(before, after),
        marks=tuple(marks),
        search=found,
        limits=tuple(_limits(footage, span_us, before)),
    )


def _tally(outcome: Outcome, saved: int, marks: Sequence[Mark], span_us: tuple[int, int]) -> Tally:
    missed, unwanted = count(outcome, marks)
    length_us = max(1, span_us[1] - span_us[0])
    return Tally(
        events=len(outcome.events),
        events_per_day=len(outcome.events) * _DAY_US / length_us,
        in_events_s=sum(event.end_us - event.start_us for event in outcome.events) / 1e6,
        moving_s=sum(part.end_us - part.start_us for part in outcome.stretches) / 1e6,
        saved=saved,
        wanted_caught=sum(mark.wanted for mark in marks) - missed,
        unwanted_caught=unwanted,
    )


def _without(outcome: Outcome, other: Outcome) -> tuple[Event, ...]:
    """The stretches of motion during which the other catches nothing."""
    return tuple(
        stretch
        for stretch in outcome.stretches
        if not other.catches(stretch.start_us - _NEAR_US, stretch.end_us + _NEAR_US)
    )


def _limits(footage: Footage, span_us: tuple[int, int], before: Outcome) -> list[str]:
    """What the footage cannot tell, a sentence each."""
    limits = []
    if isinstance(footage, SavedFootage):
        limits += [
            "Only saved images are there: what the settings of that time missed is not among them,"
            " so settings that catch more cannot show here what they would have added.",
            f"The detector began anew after {footage.gaps} gaps and knows each time only the"
            " moments before the motion; replayed events can differ from those recorded"
            f" ({footage.recorded_events} recorded, {len(before.events)} replayed with the present"
            " settings).",
        ]
    if span_us[1] - span_us[0] < _DAY_US // 24:
        limits.append(
            "Events a day are extrapolated from less than an hour; longer footage says more."
        )
    if footage.damaged:
        limits.append(
            f"{footage.damaged} pictures were left out: damaged, missing or drawn on top of such."
        )
    return limits
