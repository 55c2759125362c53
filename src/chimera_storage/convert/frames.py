"""One image → what stands for it in a video: encoded anew, or copied as it is. Not thread-safe."""

from collections.abc import Callable
from typing import cast

import av
from av.video.frame import VideoFrame

from chimera_storage.convert.encoders import Format, Packet
from chimera_storage.convert.make_copy import ImageFitter
from chimera_storage.convert.pictures import Fitter, JpegDecoder

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
        self._fit = ImageFitter(form.width, form.height)

    def add(self, jpeg: bytes, _taken_at_us: int) -> list[Packet]:
        """The image. Raises BrokenImageError where it is not whole, by its marks and header."""
        packet = cast("Packet", av.Packet(self._fit(jpeg)))
        packet.is_keyframe = True
        return [packet]

    def finish(self) -> list[Packet]:
        """Nothing is held back."""
        return []
