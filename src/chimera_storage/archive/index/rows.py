"""What the modules of the index's tables share."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from chimera_storage.archive.index.database import Database

BATCH = 500  # rows of one transaction or one question; a writer never waits long for another
HOUR_S = 3600
SECOND_US = 1_000_000
_T = TypeVar("_T")


class Rows:
    """A family of tables in one database; `Index` is all of them."""

    _database: Database


def batches(items: Iterable[_T], size: int = BATCH) -> Iterator[list[_T]]:
    """The items in portions of `size`."""
    batch: list[_T] = []
    for item in items:
        batch.append(item)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


def is_text(value: str) -> bool:
    """Whether UTF-8 can say it; half a surrogate pair in a client's JSON can be no id."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
