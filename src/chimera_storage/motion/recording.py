"""A recorded video as frames with times, as fast as it can be read; damage is only counted."""

import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Empty, Full, Queue
from types import TracebackType
from typing import Generic, Self, TypeVar

import av
from av.container import InputContainer
from av.error import FFmpegError

from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger, redact

DEFAULT_RATE = 25.0  # of files that say no frame rate
OPEN_TIMEOUT_S = 10.0
SHORT_S, SHORT_SHARE = 2.0, 0.95  # a file that ends earlier than it says is one cut off
SEEK_BACK_US = 2_000_000
_log = get_logger()
_T = TypeVar("_T")


class Recording:
    """An open video file and its first video stream; use it in a `with`. Raises SourceError.

    `duration_s` is what the file says (None: nothing). While it is read, `position` is the byte
    reached, `frames_read` and `last_us` tell how far decoding is and `damaged` counts the packets
    that could not be decoded and the frames that the decoder calls corrupt. `offset_us` is the
    file's own time of the first frame, None where frames have no times.
    """

    def __init__(self, path: Path | str) -> None:
        self._container = _opened(path)
        stream = self._container.streams.video[0]
        self.width, self.height = stream.codec_context.width, stream.codec_context.height
        self.fps = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
        self.duration_s = _duration_s(self._container)
        self.position = 0
        self.frames_read = 0
        self.damaged = 0
        self.last_us = 0
        self.offset_us: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._container.close()

    def frames(
        self, *, near_us: int = 0, offset_us: int | None = None
    ) -> Iterator[tuple[int, av.VideoFrame]]:
        """Every frame with its time in microseconds since the first, corrupt ones included.

        Frames without a time follow the one before at the file's frame rate. With the `offset_us`
        of an earlier reading they may begin with the key frame before `near_us`.
        """
        interval_us = round(1e6 / self.fps)
        first_us = offset_us
        if offset_us is not None and near_us > 0:
            self._seek(near_us + offset_us)
        self.last_us = -interval_us
        for frame in self._decoded():
            if frame.pts is None or frame.time_base is None:
                time_us = self.last_us + interval_us
            else:
                own_us = round(frame.pts * frame.time_base * 1_000_000)
                if first_us is None:
                    first_us = own_us - (self.last_us + interval_us)
                    self.offset_us = first_us
                time_us = own_us - first_us
            self.last_us = time_us
            self.frames_read += 1
            self.damaged += frame.is_corrupt
            yield time_us, frame

    @property
    def read_s(self) -> float:
        """Seconds of video that were read."""
        return self.last_us / 1e6 + 1 / self.fps if self.frames_read else 0.0

    def problem(self) -> str | None:
        """After reading: one sentence on what is wrong with the file; None if nothing is."""
        if not self.frames_read:
            return "No picture of this file could be read; it may be damaged."
        reached_s = self.read_s
        said_s = self.duration_s or 0
        if reached_s < min(said_s - SHORT_S, said_s * SHORT_SHARE):
            return f"The pictures end after {reached_s:.1f} s; the file says {said_s:.1f} s."
        if self.damaged:
            pictures = "picture is" if self.damaged == 1 else "pictures are"
            return f"{self.damaged} {pictures} damaged; motion in damaged pictures is not seen."
        return None

    def _seek(self, own_us: int) -> None:
        # A little before: in transport streams a seek may land behind what was asked for.
        before_us = max(0, own_us - SEEK_BACK_US)
        try:
            self._container.seek(before_us * av.time_base // 1_000_000, backward=True)
        except FFmpegError:
            _log.debug("seek_failed")

    def _decoded(self) -> Iterator[av.VideoFrame]:
        """The frames that can be decoded; damaged packets are passed over."""
        stream = self._container.streams.video[0]
        # By frames, never by slices: with slice threads FFmpeg's H.264 decoder marks no damage.
        stream.thread_type = "FRAME"
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                _log.warning("video_ends_early", problem=redact(str(error)))
                return
            if packet is None:
                return
            self.position = packet.pos or self.position
            try:
                yield from packet.decode()
            except FFmpegError:
                self.damaged += 1


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


def _duration_s(container: InputContainer) -> float | None:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    length = container.duration
    return length / av.time_base if length and length > 0 else None


def _opened(path: Path | str) -> InputContainer:
    address = str(path).removeprefix("file://")
    shown = redact(address)
    if "://" not in address and not Path(address).is_file():
        raise SourceError(f"There is no file {shown}; the path of a video file is right.")
    try:
        container = av.open(address, timeout=OPEN_TIMEOUT_S)
    except (FFmpegError, OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else "no video"
        raise SourceError(f"{shown} cannot be read as a video: {cause}.") from None
    if not container.streams.video:
        container.close()
        raise SourceError(f"{shown} holds no video.")
    return container
