"""What may wait for a disk runs in a thread, so that the event loop never does.

A disk that sleeps or hangs holds up those who ask for what is on it and nobody else. The threads
are daemons: one that a dead disk keeps does not keep the server from ending. A hop costs a third
of that of anyio's threads, which know cancelling and limits that nothing here needs.
"""

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from queue import SimpleQueue
from typing import Any, ParamSpec, TypeVar

MOST = 40

P = ParamSpec("P")
T = TypeVar("T")
Job = tuple[Callable[[], Any], "asyncio.Future[Any]"]


class Threads:
    """Up to `most` threads, begun as they are needed."""

    def __init__(self, most: int) -> None:
        self._jobs: SimpleQueue[Job] = SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._more = threading.Semaphore(most)

    async def run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """What `work` gives back or raises; it sees the context variables of who asks."""
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        job = partial(copy_context().run, work, *args, **kwargs)
        if not self._idle.acquire(blocking=False) and self._more.acquire(blocking=False):
            threading.Thread(target=self._work, name="web", daemon=True).start()
        self._jobs.put((job, future))
        return await future

    def _work(self) -> None:
        while True:
            job, future = self._jobs.get()
            try:
                settle = partial(_give, future, job())
            except BaseException as error:
                settle = partial(_fail, future, error)
            with suppress(RuntimeError):  # the loop was closed meanwhile
                future.get_loop().call_soon_threadsafe(settle)
            del job, future, settle
            self._idle.release()


def _give(future: "asyncio.Future[Any]", found: object) -> None:
    if not future.done():
        future.set_result(found)


def _fail(future: "asyncio.Future[Any]", error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


in_thread = Threads(MOST).run
