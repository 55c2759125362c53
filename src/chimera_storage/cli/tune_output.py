"""What `tune` prints: for people or as JSON."""

import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import tzinfo
from pathlib import Path
from typing import Any

from chimera_storage.archive.layout import Layout
from chimera_storage.cli.scan_output import clock
from chimera_storage.config import MotionSettings
from chimera_storage.motion.tune import Comparison, Event, Tally
from chimera_storage.motion.tune.marks import seconds_us
from chimera_storage.motion.tune.search import SEARCHED

_MOST = 20  # events that are listed
Say = Callable[[int], str]


class Times:
    """How times are said and read: of a file since its start, of a camera as its images do."""

    def __init__(self, timezone: tzinfo | None) -> None:
        self._layout = None if timezone is None else Layout(Path(), timezone)

    def parse(self, text: str) -> int:
        """Microseconds. Raises InvalidInputError."""
        if self._layout is None:
            return seconds_us(text)
        # The name of an image in a flat folder or as answered by the API begins with its time.
        return self._layout.parse_stamp(Path(text).name[:15])

    def parse_or(self, text: str | None, default: int | None) -> int | None:
        """The same of a text that may not be there."""
        return default if text is None else self.parse(text)

    def say(self, time_us: int) -> str:
        """In words."""
        return clock(time_us / 1e6) if self._layout is None else self._layout.stamp(time_us)


def print_json(comparison: Comparison, picture: Path) -> None:
    """One object; times in seconds (of a camera: since 1970)."""
    found = comparison.search
    values: dict[str, Any] = {
        "source": comparison.name,
        "start": comparison.span_us[0] / 1e6,
        "end": comparison.span_us[1] / 1e6,
        "pictures": comparison.pictures,
        "present": _side(comparison.present.settings, comparison.before, comparison.present.events),
        "other": _side(comparison.other.settings, comparison.after, comparison.other.events),
        "newly_caught": [_event(event) for event in comparison.newly],
        "no_longer_caught": [_event(event) for event in comparison.no_longer],
        "wanted": sum(mark.wanted for mark in comparison.marks),
        "not_wanted": sum(not mark.wanted for mark in comparison.marks),
        "tried": found.tried if found else None,
        "limits": comparison.limits,
        "picture": str(picture),
    }
    sys.stdout.write(json.dumps(values, indent=2) + "\n")


def _side(settings: MotionSettings, tally: Tally, events: tuple[Event, ...]) -> dict[str, Any]:
    listed = [_event(event) for event in events]
    return {
        "settings": settings.model_dump(mode="json"),
        "tally": asdict(tally),
        "events": listed,
    }


def _event(event: Event) -> dict[str, Any]:
    return {
        "start": event.start_us / 1e6,
        "end": event.end_us / 1e6,
        "best": event.best_us / 1e6,
        "score": round(event.score, 5),
        "boxes": event.boxes,
    }


def print_text(comparison: Comparison, picture: Path, say: Say) -> None:
    """Lines for people, the settings to paste last."""
    for line in _lines(comparison, picture, say):
        sys.stdout.write(line + "\n")


def _lines(comparison: Comparison, picture: Path, say: Say) -> Iterator[str]:
    before, after = comparison.before, comparison.after
    start_us, end_us = comparison.span_us
    yield (
        f"{comparison.name}: {say(start_us)} to {say(end_us)}, {comparison.pictures} pictures"
        " looked at."
    )
    yield ""
    yield f"{'':24}{'present':>12}{'other':>12}"
    rows: list[tuple[str, str, str]] = [
        ("events", str(before.events), str(after.events)),
        ("events a day", _rate(before.events_per_day), _rate(after.events_per_day)),
        ("time in events", clock(before.in_events_s), clock(after.in_events_s)),
        ("time with motion", clock(before.moving_s), clock(after.moving_s)),
        ("images saved", str(before.saved), str(after.saved)),
    ]
    for name, good in (("wanted", True), ("not wanted", False)):
        of = sum(mark.wanted is good for mark in comparison.marks)
        if of:
            counts = [t.wanted_caught if good else t.unwanted_caught for t in (before, after)]
            rows.append((f"{name}, of {of} caught", str(counts[0]), str(counts[1])))
    yield from (f"{name:24}{now:>12}{then:>12}" for name, now, then in rows)
    for title, events in (
        ("Newly caught", comparison.newly),
        ("No longer caught", comparison.no_longer),
    ):
        yield ""
        yield f"{title}: {len(events) or 'nothing'}"
        for event in events[:_MOST]:
            yield f"  {say(event.start_us)} to {say(event.end_us)}, score {event.score:.2%}"
        if len(events) > _MOST:
            yield f"  and {len(events) - _MOST} more"
    yield ""
    if comparison.other.settings == comparison.present.settings:
        yield "Both settings are the same; give others as flags, or marks and --search."
    yield from comparison.limits
    yield f"Picture: {picture}"
    yield from _to_paste(comparison)


def _rate(per_day: float) -> str:
    return f"{per_day:.1f}" if per_day < 10 else f"{per_day:.0f}"


def _to_paste(comparison: Comparison) -> Iterator[str]:
    """Lines for storage.toml: what was searched, else what differs from the present settings."""
    found, chosen = comparison.search, comparison.other.settings
    if found is not None:
        yield ""
        yield f"Of {found.tried} settings tried these do best" + (
            "." if not found.wanted_missed and not found.unwanted_caught
            else f"; they miss {found.wanted_missed} wanted and catch {found.unwanted_caught}"
            " not wanted, and none tells all of them apart."
        )  # fmt: skip
    present = comparison.present.settings
    names = [n for n in MotionSettings.model_fields if getattr(chosen, n) != getattr(present, n)]
    if found is not None:
        names = list(dict.fromkeys([*names, *SEARCHED]))
    if names:
        yield ""
        yield "[camera.motion]"
        yield from (f"{name} = {json.dumps(getattr(chosen, name))}" for name in names)
