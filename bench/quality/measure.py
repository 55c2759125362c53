"""What a detector's flags are worth, given the truth. Pure.

By frame: a MOVING frame is found if a frame at most TOLERANCE away is flagged; an EMPTY frame is
falsely flagged if it is flagged and no frame with an object is within TOLERANCE.
By event: an event is found if a frame from its first to its last is flagged.
False events: flagged frames less than GAP_S apart are one stretch; a stretch is false if all its
flagged frames are falsely flagged. `false_gap_events` joins with a gap of 60 s, the Motion daemon's
default `event_gap`: what its user would be sent. Both per hour of EMPTY frames.
The first WARM_UP_S of a clip count for nothing: everybody has to learn the picture first.

None of these goes without the others: a detector that flags everything finds everything, and all
its false alarms are one event.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field

from .clips import EMPTY, MOVING, Clip

TOLERANCE = 3  # frames
GAP_S = 1.0
LONG_GAP_S = 60.0
WARM_UP_S = 1.0
SIZES = ((0.001, "0.1-0.2 %"), (0.002, "0.2-0.5 %"), (0.005, "0.5-2 %"), (0.02, "> 2 %"))


@dataclass(kw_only=True)
class Score:
    """Counts, of one clip or summed over many."""

    frames: int = 0
    moving: int = 0
    moving_found: int = 0
    empty: int = 0
    empty_s: float = 0.0
    empty_flagged: int = 0
    events: int = 0
    events_found: int = 0
    false_events: int = 0
    false_gap_events: int = 0
    cpu_s: float = 0.0
    video_s: float = 0.0
    by_group: dict[str, tuple[int, int]] = field(default_factory=dict)  # found, all
    missed: list[str] = field(default_factory=list)

    def add(self, other: "Score") -> None:
        """Take in another clip's counts."""
        for name in [
            "frames",
            "moving",
            "moving_found",
            "empty",
            "empty_s",
            "empty_flagged",
            "events",
            "events_found",
            "false_events",
            "false_gap_events",
            "cpu_s",
            "video_s",
        ]:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for group, (found, count) in other.by_group.items():
            before = self.by_group.get(group, (0, 0))
            self.by_group[group] = before[0] + found, before[1] + count

    @property
    def recall(self) -> float:
        return _ratio(self.moving_found, self.moving)

    @property
    def event_recall(self) -> float:
        return _ratio(self.events_found, self.events)

    @property
    def false_share(self) -> float:
        return _ratio(self.empty_flagged, self.empty)

    @property
    def false_per_hour(self) -> float:
        return _ratio(self.false_events, self.empty_s / 3600)

    @property
    def false_gap_per_hour(self) -> float:
        return _ratio(self.false_gap_events, self.empty_s / 3600)


def measure(clip: Clip, flags: Sequence[bool], cpu_s: float) -> Score:
    """The counts of one clip; flags that are missing at the end count as not raised."""
    count = len(clip.states)
    given = [*flags[:count], *[False] * (count - len(flags))]
    flags = [flag and n >= WARM_UP_S * clip.fps for n, flag in enumerate(given)]
    near_flag = _widened(flags)
    near_thing = _widened([state != EMPTY for state in clip.states])
    judged = range(round(WARM_UP_S * clip.fps), count)
    moving = [n for n in judged if clip.states[n] == MOVING]
    empty = [n for n in judged if not near_thing[n]]
    false = [n for n in empty if flags[n]]
    score = Score(
        frames=count,
        moving=len(moving),
        moving_found=sum(near_flag[n] for n in moving),
        empty=len(empty),
        empty_s=len(empty) / clip.fps,
        empty_flagged=len(false),
        false_events=len(false_stretches(clip, flags, GAP_S)),
        false_gap_events=len(false_stretches(clip, flags, LONG_GAP_S)),
        cpu_s=cpu_s,
        video_s=clip.seconds,
    )
    for event in clip.events:
        if event.last < WARM_UP_S * clip.fps:
            continue
        found = any(flags[event.first : event.last + 1])
        score.events += 1
        score.events_found += found
        groups = [size_class(event.area), *event.note.split()]
        for group in groups:
            before = score.by_group.get(group, (0, 0))
            score.by_group[group] = before[0] + found, before[1] + 1
        if not found:
            text = f"frames {event.first}-{event.last}, {event.area:.2%} {event.note}"
            score.missed.append(text)
    return score


def false_stretches(clip: Clip, flags: Sequence[bool], gap_s: float) -> list[list[int]]:
    """The flagged frames that touch no object, by stretch."""
    near_thing = _widened([state != EMPTY for state in clip.states])
    stretches: list[list[int]] = []
    for n in (n for n, flag in enumerate(flags[: len(clip.states)]) if flag):
        if stretches and n - stretches[-1][-1] <= gap_s * clip.fps:
            stretches[-1].append(n)
        else:
            stretches.append([n])
    return [s for s in stretches if not any(near_thing[n] for n in s)]


def size_class(area: float) -> str:
    """The name of the class that an event's area falls into."""
    name = "< 0.1 %"
    for least, label in SIZES:
        if area >= least:
            name = label
    return name


def _widened(values: Sequence[bool]) -> list[bool]:
    """True where a value at most TOLERANCE places away is."""
    wide = [False] * len(values)
    for n, value in enumerate(values):
        if value:
            for m in range(max(0, n - TOLERANCE), min(len(values), n + TOLERANCE + 1)):
                wide[m] = True
    return wide


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else float("nan")
