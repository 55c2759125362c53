"""Contact sheets of what a detector got wrong: false flags with boxes, missed events."""

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from .clips import Box, Clip
from .measure import GAP_S, WARM_UP_S, false_stretches
from .result import Result

TILE, COLUMNS, MOST = (480, 270), 4, 24
RED, YELLOW = (40, 40, 255), (0, 255, 255)


def write_sheet(clip: Clip, result: Result, out: Path) -> Path | None:
    """A PNG with frames of each false stretch (red boxes: the detector's) and of each missed event
    (yellow: the truth's); None if nothing went wrong."""
    flags = [flag and n >= WARM_UP_S * clip.fps for n, flag in enumerate(result.flags)]
    wanted: list[tuple[int, str]] = []
    for stretch in false_stretches(clip, flags, GAP_S):
        wanted += [(n, f"false {n}") for n in stretch[:: max(1, len(stretch) // 3)][:3]]
    for event in clip.events:
        if not any(flags[event.first : event.last + 1]):
            span = event.last - event.first
            wanted += [
                (event.first + span * i // 4, f"missed {event.area:.2%} {event.note}")
                for i in (1, 3)
            ]
    if not wanted:
        return None
    wanted = sorted(wanted)[:: max(1, -(-len(wanted) // MOST))]
    tiles = _tiles(clip, result, wanted)
    while len(tiles) % COLUMNS:
        tiles.append(np.zeros_like(tiles[0]))
    rows = [np.hstack(tiles[i : i + COLUMNS]) for i in range(0, len(tiles), COLUMNS)]
    out.mkdir(parents=True, exist_ok=True)
    path = out / f"{clip.name}.png"
    cv2.imwrite(str(path), np.vstack(rows))
    return path


def _tiles(
    clip: Clip, result: Result, wanted: Sequence[tuple[int, str]]
) -> list[NDArray[np.uint8]]:
    words: dict[int, str] = dict(wanted)
    capture = cv2.VideoCapture(str(clip.path))
    tiles: list[NDArray[np.uint8]] = []
    for number in range(max(words) + 1):
        ok, picture = capture.read()
        if not ok:
            break
        if number not in words:
            continue
        found = result.boxes[number] if number < len(result.boxes) else []
        _frame(picture, found, RED)
        _frame(picture, clip.boxes[number] if number < len(clip.boxes) else [], YELLOW)
        tile = np.asarray(cv2.resize(picture, TILE), np.uint8)
        cv2.putText(tile, words[number], (6, 18), cv2.FONT_HERSHEY_SIMPLEX, 0.5, YELLOW, 1)
        tiles.append(tile)
    return tiles


def _frame(picture: np.ndarray, boxes: Sequence[Box], colour: tuple[int, int, int]) -> None:
    thick = max(1, picture.shape[1] // 500)
    for x, y, w, h in boxes:
        cv2.rectangle(picture, (x - 2, y - 2), (x + w + 2, y + h + 2), colour, thick)
