"""Which parts of the picture count: ignored areas, a mask file, zones with their own threshold.

Polygons are shares of width and height, drawn once for each size of picture. What holds only at
certain hours goes by the server's local time; where no time of the day is known, as with a
recording, it holds always.

A thing that moves belongs to the zone in which at least half of it is, otherwise to the rest of the
picture. Each place has its own threshold, as a share of the whole picture like the general one.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import time, tzinfo
from pathlib import Path
from typing import Any, Protocol, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.clock import from_us
from chimera_storage.errors import ConfigurationError
from chimera_storage.log import get_logger
from chimera_storage.motion_settings import Area, MotionSettings, Polygon, parse_hours

Mask = NDArray[np.uint8]  # 1: yes, 0: no
Shape = tuple[int, ...]  # rows, columns

OWN_SHARE = 0.5  # of a thing that has to be in a zone to belong to it
MAX_MASK_BYTES = 100_000_000
MAX_MASK_PIXELS = 100_000_000
_FRACTION_BITS = 8


class Thing(Protocol):
    """A patch that moves: its box and area in pixels, and its number in the picture of labels."""

    @property
    def x(self) -> int: ...
    @property
    def y(self) -> int: ...
    @property
    def w(self) -> int: ...
    @property
    def h(self) -> int: ...
    @property
    def area(self) -> int: ...
    @property
    def label(self) -> int: ...


AnyThing = TypeVar("AnyThing", bound=Thing)


@dataclass(frozen=True, slots=True)
class View:
    """What holds at one moment, for pictures of one size.

    `ignored`: of the picture's shape; None where nothing is. `zones`: mask and threshold of each.
    """

    ignored: Mask | None
    zones: tuple[tuple[Mask, float], ...]

    def counting(
        self, things: Sequence[AnyThing], labels: NDArray[np.integer[Any]], threshold: float
    ) -> list[AnyThing]:
        """The things of those places in which enough moves, in the order given.

        `labels`: numbers, of the picture's shape. `threshold`: that of what belongs to no zone.
        """
        places = [self._place(thing, labels) for thing in things]
        thresholds = [threshold, *(own for _, own in self.zones)]
        areas = [0] * len(thresholds)
        for thing, place in zip(things, places, strict=True):
            areas[place] += thing.area
        enough = [
            area >= least * labels.size for area, least in zip(areas, thresholds, strict=True)
        ]
        return [thing for thing, place in zip(things, places, strict=True) if enough[place]]

    def _place(self, thing: Thing, labels: NDArray[np.integer[Any]]) -> int:
        """0: no zone, else the number of the zone, from 1, that holds the most of the thing."""
        if not self.zones:
            return 0
        part = slice(thing.y, thing.y + thing.h), slice(thing.x, thing.x + thing.w)
        own = labels[part] == thing.label
        inside = [int(np.count_nonzero(own & (mask[part] > 0))) for mask, _ in self.zones]
        most = max(inside)
        return 1 + inside.index(most) if most >= OWN_SHARE * np.count_nonzero(own) else 0


class Regions:
    """The regions of one camera. `timezone`: that of `hours`; None: no time of the day is known.

    The mask file is read once. Where that fails there is a warning in the log and no mask: rather
    too many images than none.
    """

    def __init__(self, settings: MotionSettings, timezone: tzinfo | None = None) -> None:
        self._settings = settings
        self._timezone = timezone
        self._areas: tuple[Area, ...] = (*settings.mask, *settings.zone)
        self._hours = [parse_hours(area.hours) if area.hours else None for area in self._areas]
        self._any_hours = timezone is not None and any(self._hours)
        self._holding = [True] * len(self._areas)
        self._shape: Shape = ()
        self._view = View(None, ())
        self._file = _mask_or_none(settings.mask_file)

    def __deepcopy__(self, memo: dict[int, object]) -> "Regions":
        """Itself: a copy of a detector looks at the same scene."""
        return self

    def view(self, shape: Shape, time_us: int) -> View:
        """What holds at `time_us` (microseconds since 1970), for pictures of that shape."""
        holding = self._holding_at(time_us) if self._any_hours else self._holding
        if shape != self._shape or holding != self._holding:
            self._shape, self._holding = shape, holding
            self._view = self._draw()
        return self._view

    def _holding_at(self, time_us: int) -> list[bool]:
        now = from_us(time_us).astimezone(self._timezone).time()
        return [hours is None or is_within(now, *hours) for hours in self._hours]

    def _draw(self) -> View:
        masks = self._holding[: len(self._settings.mask)]
        polygons = [
            area.polygon for area, holds in zip(self._settings.mask, masks, strict=True) if holds
        ]
        ignored = np.zeros(self._shape, np.uint8)
        if self._file is not None:
            ignored |= scaled(self._file, self._shape)
        for polygon in polygons:
            ignored |= drawn(polygon, self._shape)
        zones = self._holding[len(self._settings.mask) :]
        return View(
            ignored if ignored.any() else None,
            tuple(
                (drawn(zone.polygon, self._shape), zone.threshold)
                for zone, holds in zip(self._settings.zone, zones, strict=True)
                if holds
            ),
        )


def is_within(now: time, begin: time, end: time) -> bool:
    """Whether a time of the day lies from begin on and before end, which may be the next day."""
    if begin < end:
        return begin <= now < end
    return now >= begin or now < end


def drawn(polygon: Polygon, shape: Shape) -> Mask:
    """The pixels whose centre is in the polygon or that its outline touches: uint8 of `shape`."""
    rows, columns = shape
    # OpenCV counts from the middle of the first pixel.
    corners = np.array(polygon) * (columns, rows) - 0.5
    mask = np.zeros(shape, np.uint8)
    fixed = np.rint(corners * (1 << _FRACTION_BITS)).astype(np.int32)
    cv2.fillPoly(mask, [fixed], 1, shift=_FRACTION_BITS)
    return mask


def scaled(ignored: Mask, shape: Shape) -> Mask:
    """A mask brought to another size; a pixel is ignored where at least half of it was."""
    rows, columns = shape
    shares = cv2.resize(ignored.astype(np.float32), (columns, rows), interpolation=cv2.INTER_AREA)
    return (np.asarray(shares) >= 0.5).astype(np.uint8)


def read_mask(path: Path) -> Mask:
    """A mask as Motion has it, a PGM or PNG picture: 1 where it is black, which is ignored.

    What is darker than half of its lightest part counts as black. Raises ConfigurationError.
    """
    try:
        with path.open("rb") as file:
            data = file.read(MAX_MASK_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: with a NUL it is no path
        reason = getattr(error, "strerror", None) or "that is no path"
        raise ConfigurationError(f"mask_file {path} cannot be read: {reason}") from None
    if len(data) > MAX_MASK_BYTES:
        raise ConfigurationError(
            f"mask_file {path} is larger than 100 MB; a small picture is right"
        )
    try:
        picture = (
            cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_GRAYSCALE) if data else None
        )
    except cv2.error:
        picture = None
    if picture is None or not 0 < picture.size <= MAX_MASK_PIXELS:
        raise ConfigurationError(
            f"mask_file {path} is no picture that can be read; a PGM (grey) or PNG file is right"
        )
    lightest = int(picture.max())
    if lightest == 0:
        raise ConfigurationError(
            f"mask_file {path} is black throughout, so nothing would be motion; white is looked at"
        )
    return (np.asarray(picture) * 2.0 < lightest).astype(np.uint8)


def _mask_or_none(path: str) -> Mask | None:
    if not path:
        return None
    try:
        return read_mask(Path(path))
    except ConfigurationError as error:
        get_logger().warning("mask_not_read", problem=str(error))
        return None
