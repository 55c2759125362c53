"""A camera's smaller second stream, in which motion is looked for while the first one is saved.

It never stands in the way of recording: what it does not deliver is looked for in the main stream.
Pictures of both streams are matched by when they came in, which is off by as much as the camera
sends one of them later; that is within `pre_capture` on any camera that is of use.
"""

from collections.abc import Callable

from chimera_storage.clock import Clock
from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.motion.backoff import Backoff
from chimera_storage.motion.sources.source import FrameReader, Item, Source

WORKING_S = 5.0  # so long after its last picture it counts as there


class SecondStream:
    """Keeps a second stream connected, with no thread of its own beside the reader's."""

    def __init__(self, camera: int, make_source: Callable[[], Source], clock: Clock) -> None:
        self._make_source = make_source
        self._clock = clock
        self._name = f"camera-{camera}-second-reader"
        self._log = get_logger(camera=camera)
        self._backoff = Backoff(first_s=1, most_s=30, good_s=60)
        self._reader: FrameReader | None = None
        self._patience_s = 0.0
        self._connect_at_s = clock.monotonic()
        self._began_at_s = 0.0
        self._last_at_s: float | None = None
        self._problem: str | None = None

    def poll(self) -> list[Item] | None:
        """The pictures since the last call, at once; None where the stream is not there."""
        items: list[Item] = []
        now_s = self._clock.monotonic()
        try:
            if self._reader is None and now_s >= self._connect_at_s:
                self._connect(now_s)
            if self._reader is not None:
                items = self._reader.get_all(0)
            self._note(bool(items), now_s)
        except EOFError:
            self._lost("The file of the second stream was played to its end.", now_s)
        except SourceError as error:
            self._lost(str(error), now_s)
        except Exception:  # of ours; recording goes on
            self._log.exception("second_stream_fault")
            self._lost("A fault in this program interrupted it.", now_s)
        is_there = self._last_at_s is not None and now_s - self._last_at_s <= WORKING_S
        return items if is_there else None

    def close(self) -> None:
        """Stop reading; does not wait."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None
        self._last_at_s = None
        self._connect_at_s = self._clock.monotonic()

    def _connect(self, now_s: float) -> None:
        self._began_at_s = now_s
        source = self._make_source()
        self._patience_s = source.patience_s
        self._reader = FrameReader(source, self._name)
        self._reader.start()

    def _note(self, came: bool, now_s: float) -> None:
        if came:
            if self._last_at_s is None:
                self._log.info("second_stream_connected")
            self._last_at_s, self._problem = now_s, None
        elif self._reader is not None:
            since_s = self._began_at_s if self._last_at_s is None else self._last_at_s
            if now_s - since_s > self._patience_s:
                raise SourceError(f"No picture came for {self._patience_s:.0f} s.")

    def _lost(self, problem: str, now_s: float) -> None:
        if problem != self._problem:
            self._log.warning("second_stream_failed", problem=problem)
        self._problem = problem
        lasted_s = 0.0 if self._last_at_s is None else now_s - self._began_at_s
        self.close()
        self._connect_at_s = now_s + self._backoff.failed(lasted_s)
