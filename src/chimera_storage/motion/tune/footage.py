"""What can be replayed: a recorded video, or the saved images of a camera.

Both give pictures shrunken as the detector does it itself, so that several detectors can look at
what was decoded and shrunken once.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, tzinfo
from itertools import groupby, pairwise
from pathlib import Path
from statistics import median
from typing import Protocol

import cv2
import numpy as np
import simplejpeg
from numpy.typing import NDArray

from chimera_storage.archive.images import Archive
from chimera_storage.errors import NotFoundError, SourceError, StorageError
from chimera_storage.model import Image
from chimera_storage.motion.ahead import ahead
from chimera_storage.motion.detector.detector import MAX_PIXELS
from chimera_storage.motion.picture import Plane, luma
from chimera_storage.motion.recording import Began, Recording
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.trigger import Pacer

Colour = NDArray[np.uint8]
OnProgress = Callable[[float], None]  # told the share that is through, 0 to 1

_SECOND_US = 1_000_000
_GAP_US = 3 * _SECOND_US  # no image for so long, and four times the usual time: a gap
_GAP_INTERVALS = 4
_AHEAD, _PORTION = 4, 16


@dataclass(frozen=True, slots=True)
class Look:
    """A picture of `time_us`. `restart`: what was seen before says nothing about it."""

    time_us: int
    luma: Plane
    restart: bool


class Footage(Protocol):
    """What can be replayed.

    Known once it is read are `size`, width and height of the pictures, and `began`, when time 0 of
    its pictures was (None: nobody knows).
    """

    name: str
    size: tuple[int, int]
    damaged: int
    began: Began | None

    def looks(self, framerate: float, on_progress: OnProgress) -> Iterator[Look]:
        """The pictures in order, at most `framerate` a second (0: all). Raises SourceError."""

    def span_us(self) -> tuple[int, int]:
        """Begin and end of what was looked at, once it has been."""

    def picture(self, time_us: int) -> Colour | None:
        """The picture of that time, uint8 of shape (h, w, 3), blue first; None: there is none."""


class VideoFootage:
    """A recorded video; times count from its first frame, taken at `start_us` since 1970.

    Where that is None the file may say it; `timezone` is that of hours and of its name.
    """

    def __init__(self, path: Path, *, timezone: tzinfo = UTC, start_us: int | None = None) -> None:
        self._path = path
        self._timezone = timezone
        self._start_us = start_us
        self.began: Began | None = None
        self.name = path.name
        self.size = (0, 0)
        self.damaged = 0
        self._end_us = 0
        self._offset_us: int | None = None

    def looks(self, framerate: float, on_progress: OnProgress) -> Iterator[Look]:
        """The frames that are not damaged. Raises SourceError."""
        total = max(1, self._path.stat().st_size if self._path.is_file() else 1)
        with Recording(self._path) as recording:
            self.began = recording.began(self._timezone, self._start_us)
            portions = ahead(_portions(self._shrunken(recording, framerate)), _AHEAD)
            try:
                for portion in portions:
                    on_progress(min(1.0, recording.position / total))
                    yield from portion
            finally:
                portions.close()  # type: ignore[attr-defined]
            if not recording.frames_read:
                raise SourceError(recording.problem())
            self._end_us, self.damaged = round(recording.read_s * 1e6), recording.damaged
            self._offset_us = recording.offset_us

    def span_us(self) -> tuple[int, int]:
        """From the first frame to the end."""
        return 0, self._end_us

    def picture(self, time_us: int) -> Colour | None:
        """Decoded anew from the key frame before."""
        try:
            with Recording(self._path) as recording:
                for frame in recording.frames(near_us=max(0, time_us), offset_us=self._offset_us):
                    if frame.time_us >= time_us:
                        pixels = frame.picture.to_ndarray(format="bgr24")
                        return np.ascontiguousarray(pixels, np.uint8)
        except SourceError:
            pass
        return None

    def _shrunken(self, recording: Recording, framerate: float) -> Iterator[Look]:
        pacer = Pacer(framerate)
        for frame in recording.frames():
            if not pacer.due(frame.time_us) or not recording.is_whole(frame):
                continue
            size = (frame.picture.width, frame.picture.height)
            restart, self.size = size != self.size, size
            yield Look(frame.time_us, shrunken(luma(frame.picture)), restart)


class SavedFootage:
    """The saved images of a camera from `start_us` to `end_us`, both included.

    `timezone`: of the hours at which masks and zones hold. Images are there only of what was saved:
    after a gap the detector begins anew.
    """

    def __init__(
        self,
        archive: Archive,
        camera: int,
        start_us: int,
        end_us: int,
        *,
        timezone: tzinfo = UTC,
    ) -> None:
        self.name = f"camera {camera}"
        self.size = (0, 0)
        self.damaged = 0
        self.gaps = 0
        self.began: Began | None = Began(0, timezone)
        self._archive = archive
        self._range = start_us, end_us
        self.images = archive.index.images(camera, start_us, end_us)
        self._times = _times(self.images)
        self.recorded_events = len({i.event for i in self.images if i.event is not None})

    def looks(self, framerate: float, on_progress: OnProgress) -> Iterator[Look]:
        """The images that can be read. Raises SourceError where there is none."""
        pacer = Pacer(framerate)
        gap_us = _gap_us(self._times)
        last_us: int | None = None
        self.gaps = 0
        for n, (time_us, image) in enumerate(zip(self._times, self.images, strict=True)):
            if not pacer.due(time_us):
                continue
            decoded = self._gray(image)
            if decoded is None:
                self.damaged += 1
                continue
            plane, size = decoded
            after_gap = last_us is not None and time_us - last_us > gap_us
            self.gaps += after_gap
            yield Look(time_us, plane, after_gap or size != self.size)
            self.size, last_us = size, time_us
            on_progress((n + 1) / len(self.images))
        if last_us is None:
            raise SourceError(f"There is no saved image of {self.name} in this range to replay.")

    def span_us(self) -> tuple[int, int]:
        """The range that was asked for, or of the images where they begin later or end earlier."""
        first, last = self._times[0], self._times[-1]
        return max(self._range[0], first), min(self._range[1], max(last, first + 1))

    def picture(self, time_us: int) -> Colour | None:
        """The image nearest to that time."""
        n = min(range(len(self._times)), key=lambda i: abs(self._times[i] - time_us))
        data = self._read(self.images[n])
        if data is None:
            return None
        try:
            return np.asarray(simplejpeg.decode_jpeg(data, colorspace="BGR"), np.uint8)
        except ValueError:
            return None

    def _gray(self, image: Image) -> tuple[Plane, tuple[int, int]] | None:
        data = self._read(image)
        if data is None:
            return None
        try:
            seen = Seen.of_jpeg(data)
        except ValueError:
            return None
        return shrunken(seen.luma), seen.size

    def _read(self, image: Image) -> bytes | None:
        try:
            with self._archive.open(image.key) as file:
                return file.read()
        except (NotFoundError, StorageError, OSError):
            return None


def shrunken(plane: Plane) -> Plane:
    """Halved as the detector would, which then has nothing left to halve; never a view."""
    small = plane
    while small.size > MAX_PIXELS and min(small.shape) > 1:
        rows, columns = small.shape
        half = (max(1, columns // 2), max(1, rows // 2))
        small = np.asarray(cv2.resize(small, half, interpolation=cv2.INTER_AREA), np.uint8)
    return small.copy() if small is plane else small


def _portions(looks: Iterator[Look]) -> Iterator[list[Look]]:
    portion: list[Look] = []
    for look in looks:
        portion.append(look)
        if len(portion) == _PORTION:
            yield portion
            portion = []
    yield portion


def _times(images: list[Image]) -> list[int]:
    """When each was taken; where only the second is known, its images are spread over it."""
    times: list[int] = []
    for _, of_second in groupby(images, key=lambda image: image.key.second):
        group = list(of_second)
        own = [image.taken_at_us for image in group]
        if len(set(own)) < len(own):
            own = [own[0] + n * _SECOND_US // len(own) for n in range(len(own))]
        times += own
    return times


def _gap_us(times: list[int]) -> int:
    intervals = [b - a for a, b in pairwise(times)]
    usual = round(median(intervals)) if intervals else 0
    return max(_GAP_US, min(_GAP_INTERVALS * usual, 60 * _SECOND_US))
