"""What is measured of one picture to tell whether its camera still sees: pure.

About 0.4 ms for a picture of 1080p, which is looked at once a second. Points are picked out of the
plane, not averaged over it: that costs a tenth, and keeps the fine edges that tell the focus.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.uint8]
Field = NDArray[np.float32]

MAP_SIZE = (64, 36)  # columns, rows of the structure
_POINTS = (320, 180)
_LINES = 60  # that the edges are measured on
_REACH_SHARE = 1 / 160  # of the width: how far an edge may stretch
_LEAST_REACH = 8  # pixels
_STRONG_SHARE = 0.02  # of the places along the lines: the strongest edges
_FAINT = 10  # contrast (of 255) below which nothing is an edge
_MOST_EDGES = 1000
_LEAST_EDGES = 60
_NEIGHBOURHOOD = (9, 9)  # of the map, within which the structure is levelled


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """One picture in a few numbers, brightness from 0 to 255.

    `darkest`, `brightest`: the 1st and the 99th of a hundred points. `contrast`: of the stronger
    edges. `sharpness`: 1 for edges that are one pixel wide, 0.1 for ten; None where there are too
    few to tell. `structure`: float32 of shape (36, 64), the brightness against its neighbourhood,
    as multiples of its deviation there. `points`: uint8 of shape (180, 320) or less, to be compared
    with those of the next picture.
    """

    darkest: float
    mean: float
    brightest: float
    contrast: float
    sharpness: float | None
    structure: Field
    points: Plane


def measure(luma: Plane) -> Measures:
    """The measures of a luma plane: uint8 of shape (height, width), neither of them 0."""
    points = _picked(luma)
    small = cv2.resize(points, MAP_SIZE, interpolation=cv2.INTER_AREA)
    tail = small.size // 100
    ordered = np.partition(small, (tail, small.size - 1 - tail), axis=None)
    contrast, sharpness = _edges(luma)
    return Measures(
        darkest=float(ordered[tail]),
        mean=float(ordered.mean()),
        brightest=float(ordered[-1 - tail]),
        contrast=contrast,
        sharpness=sharpness,
        structure=_structure(np.asarray(small, np.float32)),
        points=points,
    )


def likeness(one: Field, other: Field) -> float:
    """How far two structures are the same: 1 fully, about 0 where they have nothing in common.

    A picture that moved by one point of the map (a pole in the wind, a lens that settles) is the
    same.
    """
    inner = np.ascontiguousarray(one[1:-1, 1:-1])
    return float(cv2.matchTemplate(other, inner, cv2.TM_CCOEFF_NORMED).max())


def _picked(luma: Plane) -> Plane:
    rows, columns = luma.shape
    down, across = max(1, rows // _POINTS[1]), max(1, columns // _POINTS[0])
    return np.ascontiguousarray(luma[::down, ::across])


def _structure(small: Field) -> Field:
    """The map without its slow changes of brightness and contrast, which the light makes.

    Where a neighbourhood is flat but for noise, the structure is weak and not magnified.
    """
    level = cv2.boxFilter(small, -1, _NEIGHBOURHOOD, borderType=cv2.BORDER_REFLECT)
    detail = small - level
    variance = cv2.boxFilter(detail * detail, -1, _NEIGHBOURHOOD, borderType=cv2.BORDER_REFLECT)
    return np.asarray(detail / np.sqrt(variance + 4.0), np.float32)


def _edges(luma: Plane) -> tuple[float, float | None]:
    """Contrast and sharpness of the strongest edges along some of the lines.

    Over an edge of contrast C the squared steps from pixel to pixel add up to C² where it is sharp,
    and to C²/n where it is spread over n pixels, whatever the light.
    """
    rows, columns = luma.shape
    reach = max(_LEAST_REACH, round(columns * _REACH_SHARE))
    if columns <= 4 * reach:
        return 0.0, None
    lines = np.ascontiguousarray(luma[:: max(1, rows // _LINES)])
    rise = np.asarray(cv2.absdiff(lines[:, reach:], lines[:, :-reach]), np.uint8)
    counts = cv2.calcHist([rise], [0], None, [256], [0, 256]).ravel()[::-1].cumsum()
    contrast = 255.0 - float(np.searchsorted(counts, counts[-1] * _STRONG_SHARE))
    if contrast < _FAINT:
        return contrast, None
    found = cv2.findNonZero((rise >= 0.8 * contrast).view(np.uint8))
    if found is None or len(found) < _LEAST_EDGES:
        return contrast, None
    chosen = found.reshape(-1, 2)[:: max(1, len(found) // _MOST_EDGES)]
    window = chosen[:, :1] + np.arange(reach + 1)
    values = lines[chosen[:, 1:], window].astype(np.float32)
    steps = values[:, 1:] - values[:, :-1]
    whole = values[:, -1] - values[:, 0]
    return contrast, float(np.median(np.einsum("ij,ij->i", steps, steps) / (whole * whole)))
