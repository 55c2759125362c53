"""Who asks, for as long as one request is answered; set by auth.py alone.

A context variable, so that nothing on the way from the route to the data has to hand it on, and
what forgets to sees nothing: where nobody was let in, no camera can be seen. Threads and tasks that
a request starts take it along.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from chimera_storage.access import NOBODY, Who

_asking: ContextVar[Who] = ContextVar("asking", default=NOBODY)


def who() -> Who:
    """Who asks."""
    return _asking.get()


def sees(camera: int) -> bool:
    """Whether who asks may see that camera."""
    return _asking.get().sees(camera)


def sees_all() -> bool:
    """Whether who asks may see every camera."""
    return _asking.get().cameras is None


@contextmanager
def asked_by(someone: Who) -> Iterator[None]:
    """Inside it is that one who asks."""
    before = _asking.set(someone)
    try:
        yield
    finally:
        _asking.reset(before)
