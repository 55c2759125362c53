"""A motion detector of the kind that gates object recognition in an NVR such as Frigate.

Written from what Frigate's documentation and source say of theirs, with its defaults: 5 pictures a
second, 100 lines high, contrast stretched between the running 4th and 96th percentiles, a light
blur, a running average (alpha 0.01) that waits ten pictures before it learns what moves, a
difference of 30, one dilation, contours of more than 10 pixels; nothing is reported while more than
5 % changes at the start or after more than 80 % changed at once. In an NVR its false alarms cost
only computing time, since a neural network looks at what it finds: it is here to show what it would
be by itself.
"""

import time
from collections import deque
from pathlib import Path

import cv2
import numpy as np

from .clips import Box
from .result import Result

RATE = 5.0
SETTLE_S = 60.0  # before the clip, on its first second
LINES, DIFFERENCE, LEAST_AREA, ALPHA, FAST_ALPHA = 100, 30, 10, 0.01, 0.2
FLOOD, CALM, CALM_BOXES, PATIENCE = 0.8, 0.05, 4, 10


class RunningAverage:
    name = "nvr"

    def run(self, path: Path) -> Result:
        cv2.setNumThreads(1)
        capture = cv2.VideoCapture(str(path))
        step = max(1, round(capture.get(cv2.CAP_PROP_FPS) / RATE))
        state = _State()
        _settle(state, path)
        result, boxes = Result(), list[Box]()
        started = time.process_time()
        while True:
            ok, picture = capture.read()
            if not ok:
                break
            if len(result.flags) % step == 0:
                boxes = state.look(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)))
            result.flags.append(bool(boxes))
            result.boxes.append(boxes)
        result.cpu_s = time.process_time() - started
        return result


def _settle(state: "_State", path: Path) -> None:
    """Show it the first second for as long as its running averages need: it never restarts."""
    capture = cv2.VideoCapture(str(path))
    first = []
    for _ in range(max(2, round(capture.get(cv2.CAP_PROP_FPS)))):
        ok, picture = capture.read()
        if ok:
            first.append(np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY)))
    for n in range(round(SETTLE_S * RATE)):
        state.look(first[n % len(first)])


class _State:
    def __init__(self) -> None:
        self._average: np.ndarray | None = None
        self._ranges: deque[tuple[float, float]] = deque([(0.0, 255.0)] * 50, maxlen=50)
        self._settling = True
        self._moving_for = 0

    def look(self, gray: np.ndarray) -> list[Box]:
        scale = gray.shape[0] / LINES
        size = (round(gray.shape[1] / scale), LINES)
        small = cv2.resize(gray, size, interpolation=cv2.INTER_NEAREST).astype(np.float32)
        low, high = (float(p) for p in np.percentile(small, (4, 96)))
        if low < high:
            self._ranges.append((low, high))
        low, high = np.mean(self._ranges, axis=0)
        small = (np.clip(small, low, high) - low) * (255 / (high - low))
        small = np.asarray(cv2.GaussianBlur(small, (3, 3), 1), np.float32)
        if self._average is None:
            self._average = np.zeros_like(small)
        changed = (cv2.absdiff(small, self._average) > DIFFERENCE).astype(np.uint8)
        changed = np.asarray(cv2.dilate(changed, np.ones((3, 3), np.uint8)), np.uint8)
        contours, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
        areas = [cv2.contourArea(contour) for contour in contours]
        large = [c for c, area in zip(contours, areas, strict=True) if area > LEAST_AREA]
        share = sum(areas) / changed.size
        if share < CALM and len(large) <= CALM_BOXES:
            self._settling = False
        if share > FLOOD:
            self._settling = True
        self._moving_for = self._moving_for + 1 if large else 0
        if not large or self._moving_for >= PATIENCE:
            cv2.accumulateWeighted(small, self._average, FAST_ALPHA if self._settling else ALPHA)
        if self._settling:
            return []
        rects = [cv2.boundingRect(c) for c in large]
        return [
            (round(x * scale), round(y * scale), round(w * scale), round(h * scale))
            for x, y, w, h in rects
        ]
