"""The best picture of each event as a JPEG, with what moves in a frame or as it is."""

from collections.abc import Iterable
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from chimera_storage.errors import StorageError
from chimera_storage.model import Box
from chimera_storage.motion.picture import encode_jpeg
from chimera_storage.motion.scan.events import FoundEvent
from chimera_storage.motion.scan.files import Names, make_folder

QUALITY = 85
COLOUR = (60, 220, 255)  # amber, in the order blue, green, red
_LINE_SHARE = 640  # a line is two pixels thick and one more for every so many of the width


class ThumbnailWriter:
    """Writes into one folder; `boxes`: draw them. Raises StorageError."""

    def __init__(self, folder: Path, *, boxes: bool) -> None:
        make_folder(folder)
        self._folder = folder
        self._boxes = boxes
        self._names = Names()

    def write(self, path: Path, number: int, event: FoundEvent) -> Path:
        """The file written for event `number` of the recording at `path`."""
        target = self._folder / self._names.name(path, number, ".jpg")
        boxes = event.boxes if self._boxes else ()
        jpeg = jpeg_with_boxes(event.best, boxes) if boxes else encode_jpeg(event.best, QUALITY)
        try:
            target.write_bytes(jpeg)
        except OSError as error:
            raise StorageError(f"{target} cannot be written: {error.strerror}") from None
        return target


def jpeg_with_boxes(frame: av.VideoFrame, boxes: Iterable[Box]) -> bytes:
    """The frame with a line around each box, as a JPEG."""
    picture = np.ascontiguousarray(frame.to_ndarray(format="bgr24"), np.uint8)
    draw_boxes(picture, boxes)
    _, encoded = cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, QUALITY])
    return encoded.tobytes()


def draw_boxes(
    picture: NDArray[np.uint8], boxes: Iterable[Box], colour: tuple[int, int, int] = COLOUR
) -> None:
    """Draw into a picture of shape (h, w, 3), blue first."""
    line = 2 + picture.shape[1] // _LINE_SHARE
    for box in boxes:
        corner = (box.x + box.w - 1, box.y + box.h - 1)
        cv2.rectangle(picture, (box.x, box.y), corner, colour, line)
