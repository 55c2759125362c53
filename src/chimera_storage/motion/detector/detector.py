"""From a luma picture to what moves in it: pure, no clock, no I/O but for a mask file."""

from base64 import b64encode
from dataclasses import dataclass
from datetime import tzinfo

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box, NoiseMap
from chimera_storage.motion.detector.background import Background, Mask, Picture
from chimera_storage.motion.detector.despeckle import despeckle
from chimera_storage.motion.detector.patches import Labels, Patch, find_patches, mask_of
from chimera_storage.motion.detector.steady import Shift, Steadied, Steadier
from chimera_storage.motion.detector.tracks import Tracker
from chimera_storage.motion.regions import Regions, View
from chimera_storage.motion.smart_mask import SmartMask

cv2.setNumThreads(1)  # pictures this small gain nothing, and every camera has its own thread

MAX_PIXELS = 135_000  # the picture is halved until it has no more: 480x270 of 1080p
LIGHT_NEW = 0.625  # of what differs when a light is switched; a share that is not gradual
LONGEST_S = 10.0  # that can have passed between two pictures, for all that is learnt
MAX_BOXES = 16
NOISE_COLUMNS = 64  # of the map of the noise, which is for the eye


@dataclass(frozen=True, slots=True, kw_only=True)
class Motion:
    """What moves in one picture.

    `moving`: it counts as motion. `score`: share of the picture that moves, 0 to 1. `boxes`: where,
    in pixels of the source picture, the largest first.
    """

    moving: bool
    score: float
    boxes: tuple[Box, ...]


STILL = Motion(moving=False, score=0.0, boxes=())


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
        self._tracker = Tracker(1, 1)
        self._steadier = Steadier()
        # In the newest picture: where motion is ignored (of its shrunken shape, 1: yes), and
        # whether there is anything elsewhere that may turn out to be motion.
        self.ignored: Mask | None = None
        self.follows = False
        self._last_us: int | None = None
        self._now_s = 0.0
        self._shares = [0.0, 0.0]  # of the last two pictures that differed

    @property
    def floor(self) -> int | None:
        """Difference in brightness (of 255) that counts at least; None before the first picture."""
        return None if self._background is None else self._background.floor

    @property
    def noise(self) -> NoiseMap | None:
        """Where the picture changes by itself or is ignored; None before the first picture."""
        if self._background is None:
            return None
        more = self._background.more()
        columns = min(NOISE_COLUMNS, more.shape[1])
        rows = max(1, round(columns * more.shape[0] / more.shape[1]))
        levels = cv2.resize(more, (columns, rows), interpolation=cv2.INTER_AREA)
        if self.ignored is not None:
            ignored = cv2.resize(255 * self.ignored, (columns, rows), interpolation=cv2.INTER_AREA)
            levels[ignored > 127] = 255
        return NoiseMap(columns=columns, rows=rows, levels=b64encode(levels.tobytes()).decode())

    def detect(self, luma: NDArray[np.uint8], time_us: int) -> Motion:
        """What moves in this picture: uint8 of shape (h, w), taken at `time_us` microseconds."""
        elapsed_s = self._advance(time_us)
        picture = _shrunken(luma)
        if self._background is None or luma.shape != self._shape:
            self._begin(luma.shape, picture)
            return STILL
        background = self._background
        background.follow_exposure(picture)
        steadied = self._steadier.steady(picture, background, elapsed_s)
        if steadied.turned:
            self._tracker.clear()
        if self._is_light(steadied.count / picture.size):
            background.relearn(picture)
            self._tracker.clear()
            return STILL
        return self._look(background, steadied, time_us, elapsed_s)

    def _begin(self, shape: tuple[int, ...], picture: Picture) -> None:
        self._shape = shape
        self._background = Background(picture, self._noise_level)
        self._tracker = Tracker(picture.shape[1], picture.shape[0])
        self._steadier = Steadier()
        self._smart_mask = self.ignored = None

    def _is_light(self, share: float) -> bool:
        """Whether so much differs all at once that a light was switched."""
        least = self._light_share
        sudden = share >= least and share - min(self._shares) >= LIGHT_NEW * least
        self._shares = [self._shares[1], 0.0 if sudden else share]
        return sudden

    def _look(
        self, background: Background, steadied: Steadied, time_us: int, elapsed_s: float
    ) -> Motion:
        """The things among what differs; the rest is learnt."""
        picture, different = steadied.picture, steadied.different
        view = self._regions.view(picture.shape, time_us)
        active = background.active(picture, different) if steadied.count else different
        ignored = self.ignored = self._ignored(view, active, elapsed_s)
        patches: list[Patch] = []
        labels: Labels | None = None
        if steadied.count:
            seen = different if ignored is None else cv2.bitwise_and(different, 255 * (1 - ignored))
            mask = despeckle(np.asarray(seen, np.uint8), self._settings.despeckle_filter)
            patches, labels = find_patches(mask, picture, active, background)
        self.follows = bool(patches)
        things = self._tracker.things(patches, self._now_s)
        objects = mask_of(things, labels) if things and labels is not None else None
        changed = different if steadied.count else None
        background.learn(picture, changed, active, objects, elapsed_s)
        if labels is None or not things:
            return STILL
        return self._motion(things, labels, view, steadied.shift)

    def _ignored(self, view: View, active: Mask, elapsed_s: float) -> Mask | None:
        """Where masks hold and what the smart mask has learned by now, 1: yes."""
        ignored = view.ignored
        speed = self._settings.smart_mask_speed
        if speed:
            if self._smart_mask is None:
                self._smart_mask = SmartMask(active.shape, speed)
            self._smart_mask.learn((active > 0).view(np.uint8), elapsed_s)
            learned = self._smart_mask.ignored
            if learned is not None:
                ignored = learned if ignored is None else ignored | learned
        return ignored

    def _advance(self, time_us: int) -> float:
        """Move the inner time on; seconds since the last picture, kept within reason."""
        elapsed_s = 0.04 if self._last_us is None else (time_us - self._last_us) / 1e6
        self._last_us = time_us
        elapsed_s = min(max(elapsed_s, 0.001), LONGEST_S)
        self._now_s += elapsed_s
        return elapsed_s

    def _motion(self, things: list[Patch], labels: Labels, view: View, shift: Shift) -> Motion:
        rows, columns = labels.shape
        score = min(1.0, sum(thing.area for thing in things) / labels.size)
        counting = view.counting(things, labels, self._settings.threshold)
        if not counting or score > self._settings.threshold_maximum:
            return Motion(moving=False, score=score, boxes=())
        width, height = self._size
        boxes = []
        for thing in counting[:MAX_BOXES]:
            left, top = max(0, thing.x + shift[0]), max(0, thing.y + shift[1])
            right = min(columns, max(left + 1, thing.x + thing.w + shift[0]))
            bottom = min(rows, max(top + 1, thing.y + thing.h + shift[1]))
            left, right = left * width // columns, -(-right * width // columns)
            top, bottom = top * height // rows, -(-bottom * height // rows)
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
