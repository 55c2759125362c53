"""The tables, in Markdown."""

import math
from collections.abc import Sequence

from .clips import Clip
from .measure import SIZES, Score

HEAD = (
    "detector", "recall", "empty frames flagged", "event recall", "false events/h",
    "joined by 60 s", "CPU s/s",
)  # fmt: skip


def summary(title: str, scores: dict[str, Score]) -> str:
    """One line a detector."""
    rows = [
        [
            name,
            share(score.recall),
            share(score.false_share),
            f"{share(score.event_recall)} of {score.events}",
            number(score.false_per_hour),
            number(score.false_gap_per_hour),
            f"{score.cpu_s / score.video_s:.3f}" if score.cpu_s and score.video_s else "-",
        ]
        for name, score in scores.items()
    ]
    return f"### {title}\n\n" + grid(HEAD, rows)


def groups(scores: dict[str, Score]) -> str:
    """Event recall by size, kind and contrast."""
    order = [label for _, label in SIZES] + ["person", "car", "cutout", "high", "low"]
    there = [g for g in order if any(g in score.by_group for score in scores.values())]
    rows = []
    for name, score in scores.items():
        cells = [score.by_group.get(group, (0, 0)) for group in there]
        rows.append([name, *(f"{found}/{count}" for found, count in cells)])
    return "### Events found, by size, kind and contrast\n\n" + grid(["detector", *there], rows)


def by_effect(clips: Sequence[Clip], scores: dict[str, dict[str, Score]]) -> str:
    """Nuisance and still clips: false events an hour and share of frames flagged."""
    effects = list(dict.fromkeys(clip.effect for clip in clips if not clip.events))
    rows = []
    for effect in effects:
        row = [effect]
        for by_clip in scores.values():
            total = Score()
            for clip in clips:
                if clip.effect == effect and not clip.events:
                    total.add(by_clip[clip.name])
            row.append(f"{number(total.false_per_hour)} / {share(total.false_share)}")
        rows.append(row)
    title = "### Without an object: false events/h / empty frames flagged\n\n"
    return title + grid(["effect", *scores], rows) if rows else ""


def by_clip(clips: Sequence[Clip], name: str, scores: dict[str, Score]) -> str:
    """One line a clip, and what was missed."""
    rows = []
    for clip in clips:
        score = scores[clip.name]
        rows.append(
            [
                clip.name,
                share(score.recall),
                share(score.false_share),
                f"{score.events_found}/{score.events}",
                str(score.false_events),
                "; ".join(score.missed),
            ]
        )
    head = ["clip", "recall", "empty flagged", "events", "false events", "missed"]
    return f"### {name}, by clip\n\n" + grid(head, rows)


def grid(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table with aligned columns."""
    widths = [max(len(row[i]) for row in [head, *rows]) for i in range(len(head))]

    def line(cells: Sequence[str]) -> str:
        return "| " + " | ".join(c.ljust(w) for c, w in zip(cells, widths, strict=True)) + " |"

    return "\n".join([line(head), line(["-" * w for w in widths]), *(line(r) for r in rows)]) + "\n"


def share(value: float) -> str:
    return "-" if math.isnan(value) else f"{100 * value:.1f} %"


def number(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.0f}" if value >= 10 else f"{value:.1f}"
