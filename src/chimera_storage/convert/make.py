"""What a conversion process does: images in, one file or stream out."""

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

import simplejpeg

from chimera_storage.archive.images import Archive
from chimera_storage.convert.archive_file import Sink
from chimera_storage.convert.selection import read
from chimera_storage.convert.video import (
    MAX_PIXELS,
    BrokenImageError,
    JpegDecoder,
    VideoWriter,
    even_size,
)
from chimera_storage.errors import ConversionError
from chimera_storage.model import Image

# Images whose size the index does not know and whose header is read for it.
_MAX_PROBED = 200


class NoImagesError(ConversionError):
    """Not one image could be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """How many images are in the file, and how many could not be read."""

    images: int
    missing: int


def make_video(
    archive: Archive,
    images: Callable[[], Iterable[Image]],
    target: Path | Sink,
    *,
    fps: int,
    on_image: Callable[[int], None],
) -> Made:
    """Encode the images into an mp4; `on_image` gets the number that is through after each.

    `images` gives the same images each time it is called. A broken or vanished image is left out.
    Raises NoImagesError, OSError or av.FFmpegError.
    """
    width, height = even_size(*_most_frequent_size(archive, images()))
    writer: VideoWriter | None = None
    decoder = JpegDecoder()
    made = missing = 0
    for image in images():
        jpeg = read(archive, image.key)
        try:
            frame = decoder.decode(jpeg or b"")
        except BrokenImageError:
            missing += 1
        else:
            # Opened late: nothing has been sent yet when no image can be read.
            writer = writer or VideoWriter(
                str(target) if isinstance(target, Path) else target,
                width=width,
                height=height,
                fps=fps,
            )
            writer.add(frame)
            made += 1
        on_image(made + missing)
    if writer is None:
        raise NoImagesError("none of the images can be read")
    writer.close()
    return Made(images=made, missing=missing)


def _most_frequent_size(archive: Archive, images: Iterable[Image]) -> tuple[int, int]:
    sizes: Counter[tuple[int, int]] = Counter()
    probed = 0
    for image in images:
        size = image.width, image.height
        if min(size) <= 0 and probed < _MAX_PROBED:
            probed += 1
            size = _probe(read(archive, image.key) or b"")
        if min(size) > 0:
            sizes[size] += 1
    if not sizes:
        raise NoImagesError("none of the images can be read")
    return sizes.most_common(1)[0][0]


def _probe(jpeg: bytes) -> tuple[int, int]:
    """Width and height from a JPEG's header; (0, 0) where it has none that is credible."""
    try:
        height, width, _, _ = simplejpeg.decode_jpeg_header(jpeg, strict=False)
    except (ValueError, KeyError):  # KeyError: a header without colours, its number is -1
        return 0, 0
    return (width, height) if width * height <= MAX_PIXELS else (0, 0)
