"""News of conversions for those who listen: what changed since they last asked.

A listener that is slow, or asks rarely, gets the newest state of each conversion once, however
often it changed; nothing piles up. Used from one event loop.
"""

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress

from chimera_storage.model import Conversion

News = Conversion | str  # a str is the id of one that was deleted


class Listener:
    """One who listens; `Feed.listen` makes it."""

    def __init__(self) -> None:
        self._news: dict[str, News] = {}
        self._arrived = asyncio.Event()
        self._is_over = False

    async def news(self, timeout_s: float) -> Sequence[News] | None:
        """What changed, each conversion once, in the order of their first change.

        Waits for something; empty after `timeout_s` without any. None: there will be no more.
        """
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._arrived.wait()
        if self._is_over:
            return None
        self._arrived.clear()
        news, self._news = list(self._news.values()), {}
        return news

    def tell(self, id_: str, news: News) -> None:
        """Something changed."""
        self._news[id_] = news
        self._arrived.set()

    def end(self) -> None:
        """There will be no more."""
        self._is_over = True
        self._arrived.set()


class Feed:
    """Tells everybody."""

    def __init__(self) -> None:
        self._listeners: set[Listener] = set()
        self._is_over = False

    @contextmanager
    def listen(self) -> Iterator[Listener]:
        """Hears everything from now until it is left."""
        listener = Listener()
        if self._is_over:
            listener.end()
        self._listeners.add(listener)
        try:
            yield listener
        finally:
            self._listeners.discard(listener)

    def changed(self, conversion: Conversion) -> None:
        """A conversion is new, or other than before."""
        for listener in self._listeners:
            listener.tell(conversion.id, conversion)

    def deleted(self, id_: str) -> None:
        """A conversion is gone."""
        for listener in self._listeners:
            listener.tell(id_, id_)

    def close(self) -> None:
        """End all listening, so that no open answer holds up the stop of the server."""
        self._is_over = True
        for listener in self._listeners:
            listener.end()
