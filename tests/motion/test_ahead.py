"""Items made in another thread."""

import threading
from collections.abc import Iterator

import pytest

from chimera_storage.errors import SourceError
from chimera_storage.motion.ahead import ahead


def test_items_made_ahead_come_in_order() -> None:
    assert list(ahead(iter(range(1000)), 3)) == list(range(1000))


def test_what_fails_in_the_other_thread_is_raised_here() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise SourceError("torn")

    made = ahead(items(), 2)
    assert next(made) == 1
    with pytest.raises(SourceError, match="torn"):
        next(made)


def test_leaving_early_ends_the_other_thread() -> None:
    before = threading.active_count()
    made = ahead(iter(range(10**9)), 2)
    assert next(made) == 0
    assert threading.active_count() == before + 1
    made.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
