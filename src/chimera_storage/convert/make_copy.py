"""Images of the archive → an mp4 that holds them as they are."""

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import simplejpeg

from chimera_storage.archive.images import Archive
from chimera_storage.archive.jpeg import Wholeness, wholeness
from chimera_storage.convert.copied_mp4 import CopiedMp4
from chimera_storage.convert.encoders import Format
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.pace import Shown
from chimera_storage.convert.pictures import BrokenImageError, Fitter, JpegDecoder, rows_of, size_of
from chimera_storage.convert.selection import MAX_IMAGE_BYTES, read
from chimera_storage.errors import NotFoundError, StorageError
from chimera_storage.model import Image

_FITTED_QUALITY = 90  # of images that have to be brought to another size
_BEGIN, _END = b"\xff\xd8", b"\xff\xd9"


def make_copy(
    archive: Archive,
    shown: Shown,
    target: Path,
    form: Format,
    *,
    most: int,
    on_image: Callable[[int], None],
) -> Made:
    """Copy `most` images at most; those of another size are fitted, which takes encoding them.

    One that is not whole, by its marks and header, is left out. Raises NoImagesError, OSError.
    """
    fit = ImageFitter(form.width, form.height)
    through = 0
    with CopiedMp4(target, form, most_frames=most) as video:
        for image, ticks in shown:
            moved = _move(archive, image, ticks, video, form)
            if not moved and not _copy(archive, image, ticks, video, fit):
                video.extend_last(0 if form.is_even else ticks)
            through += 1
            on_image(through)
        if not video.frames:
            raise NoImagesError("none of the images can be read")
        video.finish()
    return Made(images=video.frames, missing=through - video.frames)


def _move(archive: Archive, image: Image, ticks: int, video: CopiedMp4, form: Format) -> bool:
    """Let the kernel copy it. False where more of it has to be looked at first."""
    if not form.takes(image.width, image.height):
        return False
    try:
        with archive.open(image.key) as file:
            number = file.fileno()
            size = os.fstat(number).st_size
            is_as_known = size == image.size and size <= MAX_IMAGE_BYTES
            if not is_as_known or os.pread(number, 2, 0) != _BEGIN:
                return False
            if os.pread(number, 2, size - 2) != _END:
                return False
            return video.add(number, size, ticks)
    except (NotFoundError, StorageError):
        return False


def _copy(archive: Archive, image: Image, ticks: int, video: CopiedMp4, fit: "ImageFitter") -> bool:
    """Read it, look at it, and write it. False: it cannot be read."""
    try:
        video.add_bytes(fit(read(archive, image.key) or b""), ticks)
    except BrokenImageError:
        return False
    return True


class ImageFitter:
    """Images of one size as they are, others brought to it. Not thread-safe."""

    def __init__(self, width: int, height: int) -> None:
        self._size = width, height
        self._decoder = JpegDecoder()
        self._fitter = Fitter(width, height, full_range=True)

    def __call__(self, jpeg: bytes) -> bytes:
        """Raises BrokenImageError where the image is not whole, by its marks and header."""
        width, height = size_of(jpeg)
        if min(width, height) < 1 or wholeness(jpeg) is not Wholeness.WHOLE:
            raise BrokenImageError("the JPEG is broken")
        # Rounding to even is no other size: players show what stands in the image.
        if abs(width - self._size[0]) <= 1 and abs(height - self._size[1]) <= 1:
            return jpeg
        frame = self._fitter.fit(self._decoder.decode(jpeg))
        planes = [np.ascontiguousarray(rows_of(plane)) for plane in frame.planes]
        fitted: bytes = simplejpeg.encode_jpeg_yuv_planes(*planes, quality=_FITTED_QUALITY)
        return fitted
