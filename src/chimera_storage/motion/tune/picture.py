"""One picture of what present and other settings catch: time lines of both, and what differs."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from chimera_storage.errors import StorageError
from chimera_storage.motion.scan.thumbnails import draw_boxes
from chimera_storage.motion.tune.footage import Colour, Footage
from chimera_storage.motion.tune.replaying import Event, Outcome
from chimera_storage.motion.tune.tune import Comparison

WIDTH, MARGIN = 1200, 30
LANE, THUMB_W, THUMB_H, PER_ROW, MOST = 46, 273, 154, 4, 8
# Blue, green, red. Told apart by people who see no red or green, too.
INK, PAPER, LANE_PAPER, FAINT = (40, 36, 33), (255, 255, 255), (244, 240, 236), (150, 140, 130)
NOW, THEN, NEWLY, GONE = (150, 110, 60), (40, 120, 200), (60, 150, 40), (60, 60, 210)
Say = Callable[[int], str]


def write_picture(comparison: Comparison, footage: Footage, target: Path, say: Say) -> None:
    """Write the PNG; `say` puts a time into words. Raises StorageError."""
    parts = [_timelines(comparison, say)]
    groups = (("Newly caught", comparison.newly, NEWLY), ("No longer", comparison.no_longer, GONE))
    for title, events, colour in groups:
        parts.append(_heading(f"{title}: {len(events)}{_shown(events)}", colour))
        parts += _thumbnails(footage, events[:MOST], colour, say)
    parts.append(np.full((MARGIN, WIDTH, 3), PAPER, np.uint8))
    _, encoded = cv2.imencode(".png", np.vstack(parts))
    try:
        target.write_bytes(encoded.tobytes())
    except OSError as error:
        raise StorageError(f"{target} cannot be written: {error.strerror}") from None


def _shown(events: Sequence[Event]) -> str:
    return f" (the first {MOST} are shown)" if len(events) > MOST else ""


def _timelines(comparison: Comparison, say: Say) -> Colour:
    marks = comparison.marks
    canvas = np.full((142 + 2 * LANE + (34 if marks else 0), WIDTH, 3), PAPER, np.uint8)
    _write(canvas, f"What would have been caught: {comparison.name}", (MARGIN, 44), 0.8)
    start_us, end_us = comparison.span_us
    lanes = (("present settings", comparison.present, NOW), ("with others", comparison.other, THEN))
    y = 72
    for title, outcome, colour in lanes:
        events = len(outcome.events)
        _write(canvas, f"{title}: {events} event{'' if events == 1 else 's'}", (MARGIN, y), 0.5)
        _lane(canvas, y + 8, outcome, comparison.span_us, colour)
        y += LANE + 26
    if marks:
        _write(canvas, "marks: wanted (green), not wanted (red)", (MARGIN, y), 0.45, FAINT)
        for mark in marks:
            left, right = (_x(t, comparison.span_us) for t in (mark.start_us, mark.end_us))
            colour = NEWLY if mark.wanted else GONE
            cv2.rectangle(canvas, (left, y + 8), (max(left + 2, right), y + 16), colour, -1)
        y += 34
    for i in range(5):
        time_us = start_us + (end_us - start_us) * i // 4
        text = say(time_us)
        (width, _), _ = cv2.getTextSize(text, cv2.FONT_HERSHEY_SIMPLEX, 0.45, 1)
        x = min(max(MARGIN, _x(time_us, comparison.span_us) - width // 2), WIDTH - MARGIN - width)
        _write(canvas, text, (x, y), 0.45, FAINT)
    return canvas


def _lane(
    canvas: Colour, y: int, outcome: Outcome, span_us: tuple[int, int], colour: tuple[int, int, int]
) -> None:
    """Events as pale bars, and in them the moments in which something moves."""
    cv2.rectangle(canvas, (MARGIN, y), (WIDTH - MARGIN, y + LANE - 12), LANE_PAPER, -1)
    pale = tuple((c + 2 * 255) // 3 for c in colour)
    for event in outcome.events:
        left, right = (_x(t, span_us) for t in (event.start_us, event.end_us))
        cv2.rectangle(canvas, (left, y), (max(left + 1, right), y + LANE - 12), pale, -1)
    for x in {_x(time_us, span_us) for time_us in outcome.moving_us}:
        cv2.line(canvas, (x, y + 8), (x, y + LANE - 20), colour, 2)


def _x(time_us: int, span_us: tuple[int, int]) -> int:
    share = (time_us - span_us[0]) / max(1, span_us[1] - span_us[0])
    return MARGIN + round(min(1.0, max(0.0, share)) * (WIDTH - 2 * MARGIN))


def _heading(text: str, colour: tuple[int, int, int]) -> Colour:
    canvas = np.full((40, WIDTH, 3), PAPER, np.uint8)
    _write(canvas, text, (MARGIN, 28), 0.6, colour)
    return canvas


def _thumbnails(
    footage: Footage, events: Sequence[Event], colour: tuple[int, int, int], say: Say
) -> list[Colour]:
    rows = []
    for first in range(0, len(events), PER_ROW):
        row = np.full((THUMB_H + 34, WIDTH, 3), PAPER, np.uint8)
        for n, event in enumerate(events[first : first + PER_ROW]):
            x = MARGIN + n * (THUMB_W + 16)
            _thumbnail(row, x, footage, event, colour)
            text = f"{say(event.best_us)}   {event.score:.2%}"
            _write(row, text, (x, THUMB_H + 20), 0.45)
        rows.append(row)
    return rows


def _thumbnail(
    row: Colour, x: int, footage: Footage, event: Event, colour: tuple[int, int, int]
) -> None:
    """The picture of the event's best moment, whole, in its box of the row."""
    cv2.rectangle(row, (x, 0), (x + THUMB_W - 1, THUMB_H - 1), LANE_PAPER, -1)
    picture = footage.picture(event.best_us)
    if picture is None:
        _write(row, "no picture", (x + 90, THUMB_H // 2), 0.5, FAINT)
        return
    draw_boxes(picture, event.boxes)
    scale = min(THUMB_W / picture.shape[1], THUMB_H / picture.shape[0])
    width, height = (max(1, round(scale * s)) for s in (picture.shape[1], picture.shape[0]))
    small = cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA)
    left, top = x + (THUMB_W - width) // 2, (THUMB_H - height) // 2
    row[top : top + height, left : left + width] = small
    cv2.rectangle(row, (x, 0), (x + THUMB_W - 1, THUMB_H - 1), colour, 2)


def _write(
    canvas: Colour,
    text: str,
    at: tuple[int, int],
    size: float,
    colour: tuple[int, int, int] = INK,
) -> None:
    plain = text.encode("ascii", "replace").decode()  # the font has no more
    cv2.putText(canvas, plain, at, cv2.FONT_HERSHEY_SIMPLEX, size, colour, 1, cv2.LINE_AA)
