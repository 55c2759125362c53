"""What the modules of the index's tables share."""

import threading
from collections.abc import Callable, Hashable, Iterable, Iterator
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from chimera_storage.archive.index.database import Database

BATCH = 500  # rows of one transaction or one question; a writer never waits long for another
MOST_REMEMBERED = 1000
_T = TypeVar("_T")


class Rows:
    """A family of tables in one database; `Index` is all of them."""

    _database: Database
    _answers: "Answers"

    def _remembered(self, key: Hashable, question: Callable[[Connection], _T]) -> _T:
        """The answer to a short question, from memory while nothing was committed since it was put.

        `key` says which question; the answer is shared, so it must not be changed.
        """
        answers = self._answers.at(self._database.version())
        if key not in answers:
            with self._database.read() as connection:
                answers[key] = question(connection)
        found: _T = answers[key]
        return found


class Answers:
    """What was answered at one state of the index, and no other; thread-safe."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._version: object = None
        self._answers: dict[Hashable, Any] = {}

    def at(self, version: object) -> dict[Hashable, Any]:
        """Those of this state, to read and to add to."""
        with self._lock:
            if version != self._version or len(self._answers) >= MOST_REMEMBERED:
                self._version, self._answers = version, {}
            return self._answers


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
