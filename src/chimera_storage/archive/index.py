"""The index: everything that is asked often, answered without touching the footage. The only SQL."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from chimera_storage.model import Conversion, Image, ImageKey, Totals


class Index:
    """SQLite (WAL) through SQLAlchemy Core. Safe from several threads and several processes."""

    def __init__(self, path: Path) -> None:
        """Opens or creates. Raises StorageError."""

    def close(self) -> None: ...

    # images
    def add_images(self, images: Sequence[Image]) -> int:
        """Inserts rows and adds to the hourly totals in one transaction; rows already there are left alone. Returns how many were new."""
    def remove_images(self, keys: Iterable[ImageKey]) -> int: ...
    def images(self, camera: int, start_us: int, end_us: int, *, skip: int = 1) -> list[Image]:
        """Every skip-th image of the inclusive range in time order, from the first."""
    def count(self, camera: int, start_us: int, end_us: int) -> int: ...
    def sample(self, camera: int, start_us: int, end_us: int, frames: int) -> list[Image]:
        """At most `frames`, evenly spread, first and last included."""
    def latest(self, camera: int) -> Image | None: ...
    def get(self, key: ImageKey) -> Image | None: ...
    def totals(self, camera: int) -> Totals: ...
    def cameras(self) -> list[int]:
        """Ids of the cameras that have images, ascending."""
    def keys(self, camera: int) -> Iterator[ImageKey]: ...

    # events
    def open_event(self, camera: int, start_us: int) -> int: ...
    def close_event(self, event: int, end_us: int) -> None: ...

    # conversions
    def add_conversion(self, conversion: Conversion) -> None:
        """Raises ConflictError where the id is taken."""
    def update_conversion(self, conversion: Conversion) -> bool:
        """Replaces the row; False where it is no longer there."""
    def conversion(self, id: str) -> Conversion | None: ...
    def conversions(self) -> list[Conversion]:
        """Newest first."""
    def remove_conversion(self, id: str) -> bool: ...
