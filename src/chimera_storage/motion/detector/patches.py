"""Connected patches of what differs, and what each looks like: a thing, a hole, a light, a leaf."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.motion.detector.background import Background, Mask, Picture

Labels = NDArray[np.uint16]

PATCH_SHARE = 0.0003  # of the picture: smaller patches are specks
ACTIVE_SHARE = 0.04  # of a patch that changed lately, or it stands still
EDGE_SHARE = 0.3  # of a patch's outline that is sharp, or it is a shadow or a light
SWAY_SHARE, SWAY = 0.8, 9  # of a patch that is expected within a square of so many pixels
MAX_PATCHES = 40
_NEIGHBOURS = np.ones((3, 3), np.uint8)
_SQUARE = np.ones((SWAY, SWAY), np.uint8)


@dataclass(frozen=True, slots=True)
class Patch:
    """A connected patch of pixels that differ: its box in detector pixels, its area and number.

    `live`: it has a sharp outline, and a part of it changed just now. `stands`: it has a sharp
    outline that is in the picture and not in the background, but nothing changed. `sways`: nearly
    all of it is expected close by, as with a twig that is blown to and fro.
    """

    x: int
    y: int
    w: int
    h: int
    area: int
    label: int
    live: bool = True
    stands: bool = False
    sways: bool = False

    @property
    def centre(self) -> tuple[float, float]:
        """Its middle."""
        return self.x + self.w / 2, self.y + self.h / 2

    @property
    def part(self) -> tuple[slice, slice]:
        """Rows and columns of its box."""
        return slice(self.y, self.y + self.h), slice(self.x, self.x + self.w)


def find_patches(
    mask: Mask, picture: Picture, active: Mask, background: Background
) -> tuple[list[Patch], Labels]:
    """The patches in a mask without specks, the largest first, and the picture of their numbers.

    What neither changes nor stands there sharply, such as a shadow's soft border, is left out.
    """
    labels = np.zeros(mask.shape, np.uint16)
    least = max(4, PATCH_SHARE * mask.size)
    if cv2.countNonZero(mask) < least:
        return [], labels
    x, y, w, h = cv2.boundingRect(mask)
    whole = slice(y, y + h), slice(x, x + w)
    _, numbers, stats, _ = cv2.connectedComponentsWithStats(
        mask[whole], connectivity=8, ltype=cv2.CV_16U
    )
    labels[whole] = numbers
    areas = stats[1:, cv2.CC_STAT_AREA]
    order = [int(i) + 1 for i in np.argsort(-areas)[:MAX_PATCHES] if areas[i] >= least]
    if not order:
        return [], labels
    edges = np.zeros(mask.shape, np.uint8)
    wider = slice(max(0, y - 1), y + h + 1), slice(max(0, x - 1), x + w + 1)
    edges[wider] = background.edges(picture, wider)
    judge = _Judge(labels, picture, active, edges, background)
    found = (judge.patch(i, *(int(n) for n in stats[i] + (x, y, 0, 0, 0))) for i in order)
    return [patch for patch in found if patch.live or patch.stands], labels


def mask_of(patches: list[Patch], labels: Labels) -> Mask:
    """Where the patches are, 255: yes."""
    mask = np.zeros(labels.shape, np.uint8)
    for patch in patches:
        mask[patch.part][labels[patch.part] == patch.label] = 255
    return mask


class _Judge:
    """What the patches of one picture look like."""

    def __init__(
        self, labels: Labels, picture: Picture, active: Mask, edges: Mask, background: Background
    ) -> None:
        self._labels, self._picture = labels, picture
        self._active, self._edges = active, edges
        self._expected = background.mean
        self._slack = background.floor // 2

    def patch(self, label: int, x: int, y: int, w: int, h: int, area: int) -> Patch:  # noqa: PLR0917
        part = slice(y, y + h), slice(x, x + w)
        own = (self._labels[part] == label).view(np.uint8)
        live = stands = sways = False
        if _count(self._edges[part], own) >= EDGE_SHARE * 2 * (w + h):
            live = _count(self._active[part], own) >= ACTIVE_SHARE * area
            stands = not live and self._is_no_hole(part, own)
            sways = live and self._sways(x, y, w, h, own, area)
        return Patch(x, y, w, h, area, label, live, stands, sways)

    def _is_no_hole(self, part: tuple[slice, slice], own: Mask) -> bool:
        """Whether the outline is one of the picture: that of a hole is one of the background."""
        inner = cv2.erode(own, _NEIGHBOURS, borderType=cv2.BORDER_CONSTANT, borderValue=0)
        outline = cv2.dilate(cv2.subtract(own, inner), _NEIGHBOURS)
        here, before = (
            cv2.mean(cv2.morphologyEx(p[part], cv2.MORPH_GRADIENT, _NEIGHBOURS), outline)[0]
            for p in (self._picture, self._expected)
        )
        return here > before

    def _sways(self, x: int, y: int, w: int, h: int, own: Mask, area: int) -> bool:  # noqa: PLR0917
        """Whether the patch holds what is expected a few pixels farther."""
        left, top = max(0, x - SWAY), max(0, y - SWAY)
        around = self._expected[top : y + h + SWAY, left : x + w + SWAY]
        part = slice(y - top, y - top + h), slice(x - left, x - left + w)
        slack = np.full_like(around, self._slack)
        lower = cv2.subtract(cv2.erode(around, _SQUARE), slack)[part]
        upper = cv2.add(cv2.dilate(around, _SQUARE), slack)[part]
        near = cv2.inRange(self._picture[y : y + h, x : x + w], lower, upper)
        return _count(np.asarray(near), own) > SWAY_SHARE * area


def _count(mask: Mask, own: Mask) -> int:
    """How many pixels are in both."""
    return cv2.countNonZero(cv2.bitwise_and(mask, mask, mask=own))
