"""A camera, file or snapshot address → pictures with the time they were taken, mostly compressed.

A source is a plain iterator that may block for as long as its time-outs allow. `FrameReader` runs
it in a thread of its own, so that the recorder can stop at any moment, and so that decoding and
saving do not hold up the reading.
"""

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Protocol

import av

from chimera_storage.errors import SourceError
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.codec import Codec, VideoPacket

TIMEOUT_S = 10.0  # of opening and of every read
_QUEUE_LENGTH = 4  # decoded pictures; 4K ones take 12 MB each
_QUEUE_US = 10_000_000  # and of compressed ones: of these as many as take
_QUEUE_BYTES = 8 * 1024 * 1024  # so little,
_MOST_QUEUE_US = 60_000_000  # and no more
_POLL_S = 0.2
_BURST_S = 3.0  # so long may a live source be held up at once,
_BURST_SHARE = 0.1  # and this share of the time for good


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceFrame:
    """One picture, decoded. `time_us`: microseconds since 1970 by this machine's clock."""

    picture: av.VideoFrame
    time_us: int

    @property
    def size(self) -> int:
        """Bytes that came from a camera; none did."""
        return 0


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceJpeg:
    """One picture as the JPEG file that the camera sent, which is saved as it is.

    `seen`: what is looked at of it. `time_us`: as above.
    """

    jpeg: bytes
    seen: Seen
    time_us: int

    @property
    def size(self) -> int:
        """Bytes of the file."""
        return len(self.jpeg)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourcePacket:
    """One picture, still compressed; they come in the order in which they are decoded.

    `time_us`: as above, and the `pts` of `packet` and of the picture that comes of it. `key`: it
    can be decoded without those before it. `size` in bytes. `broken`: one before it is missing.
    """

    packet: VideoPacket
    time_us: int
    key: bool
    size: int
    codec: Codec
    broken: bool = False


Item = SourceFrame | SourceJpeg | SourcePacket


class Source(Protocol):
    """Where pictures come from. `live`: they go on coming whether they are read or not.

    `patience_s`: how long a reader waits for the next picture before the source counts as dead.
    `damaged`: what it left out so far because it was damaged.
    """

    @property
    def live(self) -> bool: ...
    @property
    def patience_s(self) -> float: ...
    @property
    def damaged(self) -> int: ...
    def frames(self, stop: threading.Event) -> Iterator[Item]:
        """Pictures until the end (of a file) or until `stop`. Raises SourceError."""


class FrameReader:
    """Reads a source in a daemon thread; at most four decoded pictures wait, or ten seconds of
    compressed ones, and up to a minute of them where that is no more than 8 MiB.

    A file waits until they are fetched, a camera does not: bursts of decoded pictures, such as
    what was read while the stream was being opened, are waited for, but where pictures come faster
    than they are fetched for long, some are left out (counted in `dropped`); of compressed ones all
    up to the next key frame. `close` returns at once: a thread that hangs in a read ends with that
    read's time-out, and does not keep the process from ending.
    """

    def __init__(self, source: Source, name: str) -> None:
        self._source = source
        self._stop = threading.Event()
        self._changed = threading.Condition()
        self._waiting: deque[Item] = deque()
        self._waiting_bytes = 0  # of packets
        self._over = False
        self._error: Exception | None = None
        self._thread = threading.Thread(target=self._run, name=name, daemon=True)
        self._may_wait_s = _BURST_S
        self._waited_at_s = time.monotonic()
        self._skipping = False
        self.dropped = 0

    def start(self) -> None:
        """Begin to read."""
        self._thread.start()

    def get_all(self, timeout_s: float) -> list[Item]:
        """What waits; where that is nothing, what came after at most `timeout_s`.

        Nobody is woken up for a compressed picture: they are fetched several at a time, which
        costs half as much as one by one. Once all are fetched, raises EOFError after the last
        picture of a file, SourceError where the source failed.
        """
        with self._changed:
            if not (self._waiting or self._over):
                self._changed.wait(timeout_s)
            if not self._waiting and self._over:
                raise EOFError if self._error is None else self._error
            items = self.rest()
            self._changed.notify_all()
        return items

    def rest(self) -> list[Item]:
        """What waits, which may be nothing; raises nothing."""
        with self._changed:
            items = list(self._waiting)
            self._waiting.clear()
            self._waiting_bytes = 0
        return items

    def close(self) -> None:
        """Stop reading, and drop what waits; does not wait for a read in progress.

        The error that was raised leads back here by its traceback: kept any longer it would hold
        all of this connection until garbage is next collected, which may be hours.
        """
        self._stop.set()
        with self._changed:
            self.dropped += len(self.rest())
            self._error = None
            self._changed.notify_all()

    def join(self, timeout_s: float) -> bool:
        """Wait until the thread is over; False where it still hangs."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def _run(self) -> None:
        try:
            for item in self._source.frames(self._stop):
                if self._stop.is_set():
                    break
                self._put(item)
            else:
                if self._source.live:
                    self._end(SourceError("The camera ended the stream."))
        except Exception as raised:  # raised again in the recorder's thread
            self._end(raised)
        self._end(None)

    def _end(self, error: Exception | None) -> None:
        """Nothing more comes; of several reasons the first one counts."""
        with self._changed:
            if not (self._over or self._stop.is_set()):
                self._error = error
            self._over = True
            self._changed.notify_all()

    def _put(self, item: Item) -> None:
        with self._changed:
            if isinstance(item, SourcePacket):
                self._put_packet(item)
            else:
                self._put_frame(item)

    def _put_frame(self, frame: SourceFrame | SourceJpeg) -> None:
        if not self._source.live:
            self._changed.wait_for(self._is_room)
        elif not self._wait_a_little():
            self.dropped += 1
            return
        self._waiting.append(frame)
        self._waiting_bytes += frame.size
        self._changed.notify_all()

    def _is_room(self) -> bool:
        return len(self._waiting) < _QUEUE_LENGTH or self._stop.is_set()

    def _wait_a_little(self) -> bool:
        began_s = time.monotonic()
        self._may_wait_s += _BURST_SHARE * (began_s - self._waited_at_s)
        self._may_wait_s = min(self._may_wait_s, _BURST_S)
        is_room = self._changed.wait_for(self._is_room, max(0.0, self._may_wait_s))
        self._waited_at_s = time.monotonic()
        self._may_wait_s -= self._waited_at_s - began_s
        return is_room

    def _put_packet(self, packet: SourcePacket) -> None:
        if self._source.live:
            self._skipping = self._is_behind(packet) or (self._skipping and not packet.key)
            if self._skipping:
                self.dropped += 1
                return
        else:
            self._changed.wait_for(lambda: not self._is_behind(packet) or self._stop.is_set())
        self._waiting.append(packet)
        self._waiting_bytes += packet.size

    def _is_behind(self, packet: SourcePacket) -> bool:
        if not self._waiting:
            return False
        span_us = abs(packet.time_us - self._waiting[0].time_us)
        return span_us > (_QUEUE_US if self._waiting_bytes > _QUEUE_BYTES else _MOST_QUEUE_US)
