"""A camera, file or snapshot address → pictures with the time they were taken.

A source is a plain iterator that may block for as long as its time-outs allow. `FrameReader` runs
it in a thread of its own, so that the recorder can stop at any moment, and so that encoding and
saving do not hold up the reading.
"""

import queue
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av

from chimera_storage.errors import SourceError

TIMEOUT_S = 10.0  # of opening and of every read
_QUEUE_LENGTH = 4  # pictures; 4K ones take 12 MB each
_POLL_S = 0.2
_BURST_S = 3.0  # so long may a live source be held up at once,
_BURST_SHARE = 0.1  # and this share of the time for good


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFrame:
    """One picture.

    `picture`: decoded. `time_us`: microseconds since 1970 by this machine's clock. `jpeg`: the
    camera's own JPEG file where it sent one, so that saving need not encode it again.
    """

    picture: av.VideoFrame
    time_us: int
    jpeg: bytes | None = None


class Source(Protocol):
    """Where pictures come from. `live`: they go on coming whether they are read or not.

    `patience_s`: how long a reader waits for the next picture before the source counts as dead.
    """

    @property
    def live(self) -> bool: ...
    @property
    def patience_s(self) -> float: ...
    def frames(self, stop: threading.Event) -> Iterator[SourceFrame]:
        """Pictures until the end (of a file) or until `stop`. Raises SourceError."""


class FrameReader:
    """Reads a source in a daemon thread; at most four pictures wait.

    A file waits until they are fetched, a camera does not: bursts, such as what was read while the
    stream was being opened, are waited for, but where pictures come faster than they are fetched
    for long, some are left out (counted in `dropped`). `close` returns at once: a thread that hangs
    in a read ends with that read's time-out, and does not keep the process from ending.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._stop = threading.Event()
        self._waiting: queue.Queue[SourceFrame | Exception | None] = queue.Queue(_QUEUE_LENGTH)
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._may_wait_s = _BURST_S
        self._waited_at_s = time.monotonic()
        self.dropped = 0

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def get(self, timeout_s: float) -> SourceFrame | None:
        """The next picture; None where none came in time (0 s: where none waits).

        Raises EOFError after the last picture of a file, SourceError where the source failed.
        """
        try:
            item = self._waiting.get(timeout_s > 0, timeout_s)
        except queue.Empty:
            return None
        if item is None:
            raise EOFError
        if isinstance(item, Exception):
            raise item
        return item

    def close(self) -> None:
        """Stop reading; does not wait for a read in progress."""
        self._stop.set()

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread is over; False where it still hangs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for frame in self._source.frames(self._stop):
                if self._stop.is_set():
                    return
                if self._source.live:
                    self._put_or_drop(frame)
                else:
                    self._put(frame)
            if not self._stop.is_set():
                self._put(
                    SourceError("The camera ended the stream.") if self._source.live else None
                )
        except Exception as error:
            self._put(error)  # raised again in the recorder's thread

    def _put_or_drop(self, frame: SourceFrame) -> None:
        began_s = time.monotonic()
        self._may_wait_s += _BURST_SHARE * (began_s - self._waited_at_s)
        self._may_wait_s = min(self._may_wait_s, _BURST_S)
        try:
            self._waiting.put(frame, timeout=max(0.0, self._may_wait_s))
        except queue.Full:
            self.dropped += 1
        self._waited_at_s = time.monotonic()
        self._may_wait_s -= self._waited_at_s - began_s

    def _put(self, item: SourceFrame | Exception | None) -> None:
        while not self._stop.is_set():
            try:
                self._waiting.put(item, timeout=_POLL_S)
            except queue.Full:
                continue
            return
