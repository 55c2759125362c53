"""Boxes drawn into a JPEG: where something moved."""

from collections.abc import Sequence

import numpy as np
import simplejpeg

from chimera_storage.model import Box

COLOUR = (255, 196, 0)
QUALITY = 80
MAX_PIXELS = 100_000_000  # a header that says more is more likely to be hostile
LINE_SHARE = 400  # a line is a 400th of the picture's width


def with_boxes(jpeg: bytes, boxes: Sequence[Box], width: int, height: int) -> bytes:
    """The JPEG with the boxes, which are in pixels of a picture of `width` and `height`.

    The JPEG itself where there are none, and where it cannot be decoded.
    """
    if not boxes or width <= 0 or height <= 0:
        return jpeg
    try:
        rows, columns, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
        if rows * columns > MAX_PIXELS:
            return jpeg
        pixels = np.array(simplejpeg.decode_jpeg(jpeg, "RGB", strict=False), np.uint8)
    except (ValueError, KeyError):  # KeyError: a header without colours
        return jpeg
    line = max(2, columns // LINE_SHARE)
    for box in boxes:
        left, right = box.x * columns // width, -(-(box.x + box.w) * columns // width)
        top, bottom = box.y * rows // height, -(-(box.y + box.h) * rows // height)
        left, top = max(0, left), max(0, top)
        for y in (top, max(top, bottom - line)):
            pixels[y : y + line, left:right] = COLOUR
        for x in (left, max(left, right - line)):
            pixels[top:bottom, x : x + line] = COLOUR
    drawn: bytes = simplejpeg.encode_jpeg(np.ascontiguousarray(pixels), QUALITY, "RGB", "420")
    return drawn
