"""Images made smaller on the way out (`?width=`), and the last of them remembered.

A JPEG is decoded at an eighth, two eighths, … of its size: the inverse DCT (libjpeg-turbo) then
gives fewer pixels for less work, and nothing has to be resized. What is sent is the smallest of
these that is at least as wide as was asked for.

They are remembered in memory and not on disk: one takes a few milliseconds to make and browsers
keep it, while files would have to be counted, cleaned and kept in step with the images. Each is
found by the open descriptor of its image, so it is gone when the image is, and nobody gets one who
could not open the image.
"""

import asyncio
import os
from collections import OrderedDict

import simplejpeg
from anyio import CapacityLimiter
from fastapi import Request

from chimera_storage.web.errors import BrokenOffError
from chimera_storage.web.parsing import fields, whole
from chimera_storage.web.serving import HeldFile, StoredFile, disconnected, suffix_of
from chimera_storage.web.threads import in_thread

WIDTHS = (160, 320, 640, 1280)
JPEG_SUFFIXES = frozenset({".jpg", ".jpeg"})
AT_ONCE = max(1, (os.cpu_count() or 1) // 2)  # each keeps a core busy
CACHE_BYTES = 16 * 1024 * 1024  # some 2,000 of 320 pixels
MAX_IMAGE_BYTES = 64 * 1024 * 1024
MAX_PIXELS = 100_000_000  # a header that says more is more likely to be hostile
QUALITIES = {160: 50, 320: 65, 640: 75, 1280: 75}  # what is shown small is not looked at closely
WIDTH_PARAMETER = (
    "width",
    "of a JPEG: a smaller one, at least so wide (in steps of 160, 320, 640, 1280 pixels)",
    {"type": "integer", "minimum": 1, "maximum": WIDTHS[-1]},
    False,
)

Key = tuple[int, str, int]  # device, entity tag of the image, width


class Thumbnails:
    """Makes them, AT_ONCE at a time, and remembers up to `most_bytes` of them.

    For one event loop. `made` and `bytes`: how many were made, and what is remembered now.
    """

    def __init__(self, most_bytes: int = CACHE_BYTES) -> None:
        self._most_bytes = most_bytes
        self._turns = CapacityLimiter(AT_ONCE)
        self._jpegs: OrderedDict[Key, bytes] = OrderedDict()
        self.bytes = 0
        self.made = 0

    async def sized(self, request: Request, stored: StoredFile) -> StoredFile | HeldFile:
        """What to send for an image that is asked for with or without a width; takes it over.

        The image itself where no width is given, where it is no wider, and where it cannot be
        decoded. Raises InvalidInputError, and BrokenOffError where the client has gone away.
        """
        if not is_smaller_asked(request) or suffix_of(stored.name) not in JPEG_SUFFIXES:
            return stored
        try:
            width = _width(request)
            jpeg = b"" if width is None else await self._jpeg(request, stored, width)
        except BaseException:
            stored.close()
            raise
        if width is None or not jpeg:
            return stored
        stored.close()
        etag = f'{stored.etag[:-1]}-{width}q{QUALITIES[width]}"'
        return HeldFile(jpeg, name=stored.name, modified_s=stored.modified_s, etag=etag)

    async def _jpeg(self, request: Request, stored: StoredFile, width: int) -> bytes:
        """Empty where the image itself is to be sent."""
        key = os.fstat(stored.file.fileno()).st_dev, stored.etag, width
        if (known := self._known(key)) is not None:
            return known
        gone = asyncio.create_task(disconnected(request.receive))
        try:
            async with self._turns:
                # Somebody else may have had it made meanwhile, and who scrolls on has gone away.
                if (known := self._known(key)) is not None:
                    return known
                if gone.done():
                    raise BrokenOffError
                jpeg = await in_thread(_smaller, stored, width)
        finally:
            gone.cancel()
        self.made += 1
        self._remember(key, jpeg)
        return jpeg

    def _known(self, key: Key) -> bytes | None:
        jpeg = self._jpegs.get(key)
        if jpeg is not None:
            self._jpegs.move_to_end(key)
        return jpeg

    def _remember(self, key: Key, jpeg: bytes) -> None:
        self.bytes += _cost(jpeg) - _cost(self._jpegs.get(key))
        self._jpegs[key] = jpeg
        while self.bytes > self._most_bytes:
            self.bytes -= _cost(self._jpegs.popitem(last=False)[1])


def is_smaller_asked(request: Request) -> bool:
    """Whether the query names a width."""
    return "width" in request.query_params


def _width(request: Request) -> int | None:
    """The step that is asked for; None: the image as it is."""
    query = fields(request.query_params.multi_items())
    wanted = whole(query, "width", default=0, least=1, most=WIDTHS[-1])
    return next(step for step in WIDTHS if step >= wanted) if wanted else None


def _smaller(stored: StoredFile, width: int) -> bytes:
    """The image as a JPEG at least `width` pixels wide, empty where it itself is to be sent."""
    if stored.size > MAX_IMAGE_BYTES:
        return b""
    data = os.pread(stored.file.fileno(), stored.size, 0)
    try:
        full_h, full_w, colours, _ = simplejpeg.decode_jpeg_header(data, strict=False)
        if full_w <= width or full_h * full_w > MAX_PIXELS:
            return b""
        space = "GRAY" if colours == "Gray" else "RGB"
        pixels = simplejpeg.decode_jpeg(data, space, min_width=width, fastdct=True, strict=False)
        if pixels.shape[1] >= full_w:
            return b""
        small: bytes = simplejpeg.encode_jpeg(pixels, QUALITIES[width], space, "420")
        return small
    except (ValueError, KeyError):  # KeyError: a header without colours
        return b""


def _cost(jpeg: bytes | None) -> int:
    return 0 if jpeg is None else len(jpeg) + 256  # and what it is found by
