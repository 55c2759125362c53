"""Removing specks from the mask of what differs, before it is divided into patches.

"auto" takes out single pixels by a median and closes small gaps. The letters are those of Motion's
despeckle_filter, carried out one after the other: e erodes by a diamond, E by a square, d and D
dilate by them. A trailing l (labelling) is allowed as in Motion; patches are labelled in any case.
They act on the shrunken picture, where a pixel is up to eight of a 4K one.
"""

import cv2
import numpy as np
from numpy.typing import NDArray

Mask = NDArray[np.uint8]  # 1: yes, 0: no

_DIAMOND = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], np.uint8)
_SQUARE = np.ones((3, 3), np.uint8)
_GAP = np.ones((5, 5), np.uint8)


def despeckle(mask: Mask, steps: str) -> Mask:
    """The mask after "auto", the steps of Motion, or none ("")."""
    if steps == "auto":
        return np.asarray(cv2.morphologyEx(cv2.medianBlur(mask, 3), cv2.MORPH_CLOSE, _GAP))
    for step in steps.removesuffix("l"):
        kernel = _DIAMOND if step.islower() else _SQUARE
        change = cv2.erode if step in "eE" else cv2.dilate
        mask = np.asarray(change(mask, kernel))
    return mask
