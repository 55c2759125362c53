"""One image → what stands for it in a video: encoded anew, or copied as it is. Not thread-safe."""

from collections.abc import Callable
from typing import cast

import av
import numpy as np
import simplejpeg
from av.video.frame import VideoFrame

from chimera_storage.archive.jpeg import Wholeness, wholeness
from chimera_storage.convert.encoders import Format, Packet
from chimera_storage.convert.pictures import BrokenImageError, Fitter, JpegDecoder, rows_of, size_of

_FITTED_QUALITY = 90  # of copied images that have to be fitted

Draw = Callable[[VideoFrame, int], None]


class Drawer:
    """Decodes, fits and encodes the images of one piece."""

    def __init__(self, form: Format, draw: Draw | None = None) -> None:
        """`draw(frame, taken_at_us)` draws into each picture."""
        self._decoder = JpegDecoder()
        self._fitter = Fitter(form.width, form.height)
        self._encoder = form.encoder()
        self._draw = draw

    def add(self, jpeg: bytes, taken_at_us: int) -> list[Packet]:
        """What comes out of the encoder. Raises BrokenImageError, FFmpegError."""
        frame = self._fitter.fit(self._decoder.decode(jpeg))
        if self._draw is not None:
            self._draw(frame, taken_at_us)
        return self._encoder.add(frame)

    def finish(self) -> list[Packet]:
        """What was still held back. Raises FFmpegError."""
        return self._encoder.finish()


class Copier:
    """Takes the images as they are; only one of another size is decoded, fitted and encoded."""

    def __init__(self, form: Format) -> None:
        self._size = form.width, form.height
        self._decoder = JpegDecoder()
        self._fitter = Fitter(form.width, form.height, full_range=True)

    def add(self, jpeg: bytes, _taken_at_us: int) -> list[Packet]:
        """The image. Raises BrokenImageError where it is not whole, by its marks and header."""
        width, height = size_of(jpeg)
        if min(width, height) < 1 or wholeness(jpeg) is not Wholeness.WHOLE:
            raise BrokenImageError("the JPEG is broken")
        # Rounding to even is no other size: players show what stands in the image.
        if abs(width - self._size[0]) > 1 or abs(height - self._size[1]) > 1:
            jpeg = self._fitted(jpeg)
        packet = cast("Packet", av.Packet(jpeg))
        packet.is_keyframe = True
        return [packet]

    def _fitted(self, jpeg: bytes) -> bytes:
        frame = self._fitter.fit(self._decoder.decode(jpeg))
        planes = [np.ascontiguousarray(rows_of(plane)) for plane in frame.planes]
        fitted: bytes = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=_FITTED_QUALITY)
        return fitted

    def finish(self) -> list[Packet]:
        """Nothing is held back."""
        return []
