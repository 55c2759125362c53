"""Detectors over footage, once for all settings that are tried, and what each would have caught.

The threshold is compared with the score at the very end and teaches the detector nothing, and the
trigger sees only times and verdicts. So one detector serves all settings that differ in these
alone; only others (noise level, masks, despeckling) need one of their own.
"""

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box
from chimera_storage.motion.detector import Detector, Motion
from chimera_storage.motion.keeping import Keeper
from chimera_storage.motion.trigger import Trigger
from chimera_storage.motion.tune.footage import Footage, OnProgress

_ANY = 1e-9  # a threshold that every score passes
_PAUSE_US = 2_000_000
_DEFAULT = MotionSettings()
_AFTER_DETECTOR = (
    "minimum_motion_frames", "pre_capture", "post_capture", "event_gap", "save_framerate",
    "picture_output", "snapshot_interval", "picture_quality",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Event:
    """Motion from `start_us` to `end_us`, most of it (`score`, `boxes`) at `best_us`."""

    start_us: int
    end_us: int
    score: float
    best_us: int
    boxes: tuple[Box, ...]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What settings catch: events, and the times of their moving pictures.

    `stretches`: the motion in the events, parted where nothing moved for two seconds.
    """

    settings: MotionSettings
    events: tuple[Event, ...]
    stretches: tuple[Event, ...]
    moving_us: tuple[int, ...]

    def catches(self, start_us: int, end_us: int) -> bool:
        """Whether something moves in an event within these times."""
        n = bisect_left(self.moving_us, start_us)
        return n < len(self.moving_us) and self.moving_us[n] <= end_us


class Replayed:
    """What the detectors found in each picture of some footage."""

    def __init__(
        self, footage: Footage, settings: Iterable[MotionSettings], on_progress: OnProgress
    ) -> None:
        """Replays at once, for all of the settings. Raises SourceError."""
        self.times_us: list[int] = []
        self._sizes: list[tuple[int, int]] = []
        self._start_us = 0
        self._found: dict[MotionSettings, list[Motion]] = {_key(s): [] for s in settings}
        rates = {key.framerate for key in self._found}
        detectors: dict[MotionSettings, Detector] = {}
        for look in footage.looks(max(rates) if 0 not in rates else 0, on_progress):
            began = footage.began
            timezone, self._start_us = (began.timezone, began.at_us) if began else (None, 0)
            self.times_us.append(look.time_us)
            self._sizes.append(footage.size)
            for key, found in self._found.items():
                if look.restart or key not in detectors:
                    detectors[key] = Detector(key, *footage.size, timezone=timezone)
                found.append(detectors[key].detect(look.luma, self._start_us + look.time_us))

    def outcome(self, settings: MotionSettings) -> Outcome:
        """What these settings would have caught."""
        found = self._found[_key(settings)]
        moving = [_moves(motion, settings) for motion in found]
        return _outcome(settings, self.times_us, found, moving)

    def saved(self, settings: MotionSettings) -> int:
        """How many images these settings would have saved."""
        keeper = Keeper(settings)
        count = 0
        looks = zip(self.times_us, self._found[_key(settings)], self._sizes, strict=True)
        for time_us, found, size in looks:
            judged = replace(found, moving=_moves(found, settings))
            count += sum(keeper.step(self._start_us + time_us, judged, size))
        return count + sum(keeper.finish())


def _key(settings: MotionSettings) -> MotionSettings:
    """The settings without what does not change what a detector sees."""
    same = {name: getattr(_DEFAULT, name) for name in _AFTER_DETECTOR}
    if not settings.zone:
        same |= {"threshold": _ANY, "threshold_maximum": 1.0}
    return settings.model_copy(update=same)


def _moves(motion: Motion, settings: MotionSettings) -> bool:
    if settings.zone:
        return motion.moving
    within = settings.threshold <= motion.score <= settings.threshold_maximum
    return motion.moving and within


def _outcome(
    settings: MotionSettings, times: Sequence[int], found: Sequence[Motion], moving: Sequence[bool]
) -> Outcome:
    """Runs the trigger without pre- and post-capture, which then gives the moving pictures."""
    gap = max(settings.event_gap, settings.post_capture)
    bare = {"pre_capture": 0.0, "post_capture": 0.0, "event_gap": gap}
    events = Trigger(settings.model_copy(update=bare))
    groups = list[list[int]]()
    for time_us, moves in zip(times, moving, strict=True):
        step = events.step(time_us, moves)
        if step.opened:
            groups.append([])
        if step.save:
            groups[-1] += [i for i in step.save if moving[i]]
    return Outcome(
        settings=settings,
        events=tuple(_event(group, times, found) for group in groups if group),
        stretches=tuple(_event(part, times, found) for part in _parted(groups, times)),
        moving_us=tuple(times[i] for group in groups for i in group),
    )


def _parted(groups: Iterable[Sequence[int]], times: Sequence[int]) -> list[list[int]]:
    parts: list[list[int]] = []
    for group in groups:
        last_us = -_PAUSE_US
        for i in group:
            if i == group[0] or times[i] - last_us > _PAUSE_US:
                parts.append([])
            parts[-1].append(i)
            last_us = times[i]
    return parts


def _event(group: Sequence[int], times: Sequence[int], found: Sequence[Motion]) -> Event:
    best = max(group, key=lambda i: found[i].score)
    motion = found[best]
    return Event(times[group[0]], times[group[-1]], motion.score, times[best], motion.boxes)
