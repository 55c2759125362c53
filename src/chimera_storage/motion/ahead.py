"""Items made in another thread, ahead of those who want them."""

import threading
from collections.abc import Iterator
from queue import Empty, Full, Queue
from typing import Generic, TypeVar

_T = TypeVar("_T")


def ahead(items: Iterator[_T], most: int) -> Iterator[_T]:
    """The same items, made in another thread that is at most `most` of them ahead.

    What `items` raises is raised here. Leaving early ends the thread before this returns.
    """
    maker = _Ahead(items, most)
    try:
        yield from maker
    finally:
        maker.close()


class _Ahead(Generic[_T]):
    def __init__(self, items: Iterator[_T], most: int) -> None:
        self._items = items
        self._queue: Queue[_T | _End] = Queue(most)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._make, name="decode", daemon=True)
        self._thread.start()

    def __iter__(self) -> Iterator[_T]:
        while not isinstance(item := self._queue.get(), _End):
            yield item
        if item.error is not None:
            raise item.error

    def close(self) -> None:
        self._stop.set()
        try:
            while True:
                self._queue.get_nowait()
        except Empty:
            self._thread.join()

    def _make(self) -> None:
        end = _End(None)
        try:
            for item in self._items:
                if not self._put(item):
                    return
        except Exception as error:
            end = _End(error)
        self._put(end)

    def _put(self, item: "_T | _End") -> bool:
        while not self._stop.is_set():
            try:
                self._queue.put(item, timeout=0.1)
            except Full:
                continue
            return True
        return False


class _End:
    """No more items; or what ended them."""

    def __init__(self, error: Exception | None) -> None:
        self.error = error
