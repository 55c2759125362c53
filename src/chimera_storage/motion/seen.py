"""What is looked at of a picture; JPEG files are decoded for it no finer than it takes.

libjpeg-turbo leaves out colour and, with the transform of every 8x8 block cut short to 4x4, 2x2 or
1x1, the pixels that would be averaged away anyhow. Its size is then 1/2, 1/4 or 1/8.
"""

from dataclasses import dataclass

import av
import numpy as np
import simplejpeg

from chimera_storage.motion.detector.detector import MAX_PIXELS
from chimera_storage.motion.picture import Plane, chroma, luma

# The detector halves once more: at its own size an unfocused lens could hardly be told.
_ENOUGH_PIXELS = 4 * MAX_PIXELS
_SMALLEST = 8
# How libjpeg's warnings of lost data begin; those of padding before the end are none.
_LOST = ("Corrupt JPEG data", "Premature end of JPEG file")
_PADDING = "extraneous bytes"


@dataclass(frozen=True, slots=True)
class Seen:
    """A picture as it is looked at.

    `luma`: uint8 of shape (rows, columns), the whole picture, perhaps reduced. `chroma`: a plane of
    its colours; None where there is none at hand. `width`, `height`: of the picture in full.
    """

    luma: Plane
    chroma: Plane | None
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the picture in full."""
        return self.width, self.height

    @classmethod
    def of(cls, picture: av.VideoFrame) -> "Seen":
        """All of a decoded picture, as views of its memory."""
        return cls(luma(picture), chroma(picture), picture.width, picture.height)

    @classmethod
    def of_jpeg(cls, jpeg: bytes) -> "Seen":
        """A JPEG file, reduced as far as detection allows.

        Raises ValueError where it is none, or something of it is missing or wrong.
        """
        try:
            height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
        except KeyError:  # that is how it says that there is no picture in it
            raise ValueError("no picture") from None
        try:
            plane = _reduced(jpeg, width, height, strict=True)
        except ValueError as error:
            if str(error).startswith(_LOST) and _PADDING not in str(error):
                raise
            plane = _reduced(jpeg, width, height, strict=False)
        return cls(plane, None, width, height)


def _reduced(jpeg: bytes, width: int, height: int, *, strict: bool) -> Plane:
    by = 1
    while by < _SMALLEST and (width // by) * (height // by) > _ENOUGH_PIXELS:
        by *= 2
    gray = simplejpeg.decode_jpeg(
        jpeg,
        colorspace="GRAY",
        min_width=-(-width // by),
        min_height=-(-height // by),
        strict=strict,
    )
    return np.asarray(gray, np.uint8)[:, :, 0]
