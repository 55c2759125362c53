"""The images of a conversion, read from the index page by page and from their files one by one."""

from collections.abc import Iterator
from dataclasses import dataclass

from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import SECOND_US
from chimera_storage.errors import NotFoundError, StorageError
from chimera_storage.model import Image, ImageKey

# A row is about 400 bytes as an Image; a page of this size is under a megabyte.
PAGE_IMAGES = 2000
# Cameras' pictures have up to some 10 MB; a larger file is not read into memory at all.
MAX_IMAGE_BYTES = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Selection:
    """Every skip-th image of a camera's inclusive range (microseconds), from the first."""

    camera: int
    start_us: int
    end_us: int
    skip: int = 1


def select(
    index: Index, camera: int, start_us: int, end_us: int, *, skip: int, page: int = PAGE_IMAGES
) -> Iterator[Image]:
    """Every skip-th image of the inclusive range in time order, counted from the first.

    A range of a million images costs no more memory than one page. Where images come or go
    meanwhile, neighbours of those may be taken.
    """
    passed = 0
    for start, end, count in _pages(index, camera, start_us, end_us, page):
        first = -passed % skip
        if first < count:
            yield from index.images(camera, start, end, first=first, skip=skip)
        passed += count


def _pages(
    index: Index, camera: int, start_us: int, end_us: int, page: int
) -> Iterator[tuple[int, int, int]]:
    """The range, cut in halves until each part has at most `page` images or is one second.

    First and last microsecond and number of images of each that has any.
    """
    parts = [(start_us, end_us)]
    while parts:
        start, end = parts.pop()
        count = index.count(camera, start, end)
        # The index finds images by whole seconds, so the second half begins with one.
        middle = ((start + end) // 2 // SECOND_US + 1) * SECOND_US
        if count > page and middle <= end:
            parts += [(middle, end), (start, middle - 1)]
        elif count:
            yield start, end, count


def read(archive: Archive, key: ImageKey) -> bytes | None:
    """The image's bytes; None where it is gone, unreadable or absurdly large."""
    try:
        with archive.open(key) as file:
            data = file.read(MAX_IMAGE_BYTES + 1)
    except (NotFoundError, StorageError, OSError):
        return None
    return data if len(data) <= MAX_IMAGE_BYTES else None
