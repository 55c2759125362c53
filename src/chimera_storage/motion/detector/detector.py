"""From a luma picture to what moves in it: pure, no clock, no I/O but for a mask file."""

from dataclasses import dataclass
from datetime import tzinfo

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box
from chimera_storage.motion.detector.background import Background, Change, Mask
from chimera_storage.motion.detector.despeckle import despeckle
from chimera_storage.motion.detector.tracks import Patch, Tracker
from chimera_storage.motion.regions import Regions, View
from chimera_storage.motion.smart_mask import SmartMask

cv2.setNumThreads(1)  # pictures this small gain nothing, and every camera has its own thread

MAX_PIXELS = 135_000  # the picture is halved until it has no more: 480x270 of 1080p
PATCH_SHARE = 0.0003  # of the picture: smaller patches are specks
LIGHT_NEW = 0.625  # of what differs when a light is switched; a share that is not gradual
ACTIVE_SHARE = 0.04  # of a patch that changed lately, or it is a ghost
EDGE_SHARE = 0.3  # of a patch's outline that is sharp, or it is a shadow or a light
MAX_PATCHES = 40
MAX_BOXES = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What moves in one picture.

    `moving`: it counts as motion. `score`: share of the picture that moves, 0 to 1. `boxes`: where,
    in pixels of the source picture, the largest first.
    """

    moving: bool
    score: float
    boxes: tuple[Box, ...]


_STILL = Motion(moving=False, score=0.0, boxes=())


class Detector:
    """Finds motion in the pictures of one camera, given one after the other.

    `width` and `height` are those of the picture that boxes refer to; the luma planes given may
    have another size (a second stream's). When their size changes learning starts anew.
    `timezone`: of the hours at which masks and zones hold; None: they hold at any time.
    """

    def __init__(
        self,
        settings: MotionSettings,
        width: int,
        height: int,
        *,
        timezone: tzinfo | None = None,
    ) -> None:
        self._settings = settings
        level = settings.noise_level
        self._noise_level = None if level == "auto" else level
        percent = settings.lightswitch_percent
        self._light_share = percent / 100 if percent else 2.0  # never
        self._regions = Regions(settings, timezone)
        self._smart_mask: SmartMask | None = None
        self._size = (width, height)
        self._shape: tuple[int, ...] = ()
        self._background: Background | None = None
        self._tracker = Tracker(1)
        self._last_us: int | None = None
        self._now_s = 0.0
        self._shares = [0.0, 0.0]  # of the last two pictures that differed

    def detect(self, luma: NDArray[np.uint8], time_us: int) -> Motion:
        """What moves in this picture: uint8 of shape (h, w), taken at `time_us` microseconds."""
        elapsed_s = self._advance(time_us)
        picture = _shrunken(luma)
        if self._background is None or luma.shape != self._shape:
            self._shape = luma.shape
            self._background = Background(picture, self._noise_level)
            self._tracker = Tracker(picture.shape[1])
            self._smart_mask = None
            return _STILL
        change = self._background.compare(picture)
        share = cv2.countNonZero(change.different) / picture.size
        light = self._light_share
        sudden = share >= light and share - min(self._shares) >= LIGHT_NEW * light
        self._shares = [self._shares[1], 0.0 if sudden else share]
        if sudden:
            self._background.relearn(picture)
            self._tracker.clear()
            return _STILL
        view = self._regions.view(picture.shape, time_us)
        seen = self._without_ignored(change, view, elapsed_s)
        patches, labels = _patches(seen, self._settings.despeckle_filter)
        things = self._tracker.things(patches, self._now_s)
        objects = _mask_of(things, labels)
        self._background.learn(picture, change, objects, elapsed_s)
        return self._motion(things, labels, view)

    def _without_ignored(self, change: Change, view: View, elapsed_s: float) -> Change:
        """The change outside masks and of what the smart mask has learned by now."""
        ignored = view.ignored
        speed = self._settings.smart_mask_speed
        if speed:
            if self._smart_mask is None:
                self._smart_mask = SmartMask(change.active.shape, speed)
            self._smart_mask.learn(change.active, elapsed_s)
            learned = self._smart_mask.ignored
            if learned is not None:
                ignored = learned if ignored is None else ignored | learned
        return change if ignored is None else change.outside(ignored)

    def _advance(self, time_us: int) -> float:
        """Move the inner time on; seconds since the last picture, kept within reason."""
        elapsed_s = 0.04 if self._last_us is None else (time_us - self._last_us) / 1e6
        self._last_us = time_us
        elapsed_s = min(max(elapsed_s, 0.001), 5.0)
        self._now_s += elapsed_s
        return elapsed_s

    def _motion(self, things: list[Patch], labels: NDArray[np.int32], view: View) -> Motion:
        rows, columns = labels.shape
        score = min(1.0, sum(thing.area for thing in things) / labels.size)
        counting = view.counting(things, labels, self._settings.threshold)
        if not counting or score > self._settings.threshold_maximum:
            return Motion(moving=False, score=score, boxes=())
        width, height = self._size
        boxes = []
        for t in counting[:MAX_BOXES]:
            left, right = t.x * width // columns, -(-(t.x + t.w) * width // columns)
            top, bottom = t.y * height // rows, -(-(t.y + t.h) * height // rows)
            boxes.append(Box(left, top, right - left, bottom - top))
        return Motion(moving=True, score=score, boxes=tuple(boxes))


def _shrunken(luma: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The picture halved until it has at most MAX_PIXELS, smoothed."""
    small = luma
    while small.size > MAX_PIXELS and min(small.shape) > 1:
        rows, columns = small.shape
        half = (max(1, columns // 2), max(1, rows // 2))
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
    return np.asarray(cv2.GaussianBlur(small, (3, 3), 0), np.uint8)


def _patches(change: Change, despeckling: str) -> tuple[list[Patch], NDArray[np.int32]]:
    """The connected patches that may be things, and the picture of their labels."""
    mask = despeckle(change.different, despeckling)
    least = max(4, PATCH_SHARE * mask.size)
    if cv2.countNonZero(mask) < least:
        return [], np.zeros(mask.shape, np.int32)
    count, found, stats, _ = cv2.connectedComponentsWithStats(mask, connectivity=8)
    labels = np.asarray(found, np.int32)
    large = [i for i in range(1, count) if stats[i, cv2.CC_STAT_AREA] >= least]
    active = np.bincount(labels[change.active > 0], minlength=count)
    edges = np.bincount(labels[change.edges > 0], minlength=count)
    patches = []
    for i in large:
        x, y, w, h, area = (int(v) for v in stats[i])
        if active[i] < ACTIVE_SHARE * area or edges[i] < EDGE_SHARE * 2 * (w + h):
            continue
        patches.append(Patch(x, y, w, h, area, i))
    patches.sort(key=lambda patch: -patch.area)
    return patches[:MAX_PATCHES], labels


def _mask_of(patches: list[Patch], labels: NDArray[np.int32]) -> Mask:
    mask = np.zeros(labels.shape, np.uint8)
    for p in patches:
        part = slice(p.y, p.y + p.h), slice(p.x, p.x + p.w)
        mask[part][labels[part] == p.label] = 1
    return mask
