"""OpenCV's background subtractors as its tutorials and most home-made recorders use them.

The picture as it comes, detectShadows on and shadows (127) dropped by a threshold, a morphological
opening with a 3x3 ellipse, contours; a frame is motion if one contour has at least 500 pixels of a
picture of 1280x720, in other sizes as much in proportion: 0.054 % of the picture.
"""

import time
from pathlib import Path

import cv2
import numpy as np

from .clips import Box
from .result import Result

LEAST_SHARE = 500 / (1280 * 720)


class Subtractor:
    """`mog2` or `knn` with default history (500) and thresholds."""

    def __init__(self, name: str) -> None:
        self.name = name

    def run(self, path: Path) -> Result:
        cv2.setNumThreads(1)
        create = (
            cv2.createBackgroundSubtractorMOG2
            if self.name == "mog2"
            else cv2.createBackgroundSubtractorKNN
        )
        subtractor = create(detectShadows=True)
        kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (3, 3))
        capture = cv2.VideoCapture(str(path))
        started = time.process_time()
        result = Result()
        while True:
            ok, picture = capture.read()
            if not ok:
                break
            mask = subtractor.apply(picture)
            _, mask = cv2.threshold(mask, 200, 255, cv2.THRESH_BINARY)
            mask = cv2.morphologyEx(mask, cv2.MORPH_OPEN, kernel)
            boxes = _large(np.asarray(mask, np.uint8))
            result.flags.append(bool(boxes))
            result.boxes.append(boxes)
        result.cpu_s = time.process_time() - started
        return result


def _large(mask: np.ndarray) -> list[Box]:
    contours, _ = cv2.findContours(mask, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        if cv2.contourArea(contour) >= LEAST_SHARE * mask.size:
            x, y, w, h = cv2.boundingRect(contour)
            found.append((x, y, w, h))
    return found
