"""Images at rest: the write and delete protocol (durable file before row; file gone before row)."""

from collections.abc import Callable, Iterable
from typing import BinaryIO

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import Clock
from chimera_storage.model import Box, Image, ImageKey


class Archive:
    """Reading and deleting; one per process. Thread-safe."""

    def __init__(self, layout: Layout, index: Index, clock: Clock) -> None: ...

    layout: Layout
    index: Index

    def open(self, key: ImageKey) -> BinaryIO:
        """An open descriptor of the file (O_NOFOLLOW). Raises NotFoundError where it is gone."""
    def delete(self, keys: Iterable[ImageKey]) -> tuple[int, int]:
        """(asked for, gone). Files first, then rows and totals, in batches; emptied folders go too. A file that cannot be deleted keeps its row."""
    def delete_camera(self, camera: int) -> int:
        """Every image of a camera, known to the index or not; returns how many went."""


class ImageWriter:
    """Saves images of one recorder process: temporary file, rename into place, then in batches
    (every `sync_interval_s`) fsync of files and folders followed by one transaction of rows."""

    def __init__(self, layout: Layout, index: Index, *, sync_interval_s: float) -> None: ...
    def start(self) -> None: ...
    def save(self, camera: int, taken_at_us: int, jpeg: bytes, *, width: int, height: int,
             score: float | None = None, boxes: tuple[Box, ...] = (), event: int | None = None) -> Image:
        """Returns when the file stands under its name. Raises StorageError (full, read-only ...)."""
    def flush(self) -> None:
        """Returns when all saved so far are durable and indexed."""
    def close(self) -> None:
        """flush, then stop."""


Callable  # noqa: B018
