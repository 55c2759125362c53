"""One camera's loop: connect, hand pictures to the capture, report, begin again when it breaks."""

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import asdict

from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import SourceError
from chimera_storage.log import get_logger
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.backoff import Backoff
from chimera_storage.motion.capture import Capture
from chimera_storage.motion.live import Viewer
from chimera_storage.motion.second_stream import SecondStream
from chimera_storage.motion.sources.source import FrameReader, Item, Source

REPORT_INTERVAL_S = 1.0
WATCHED_INTERVAL_S = 0.25  # while somebody looks
_POLL_S, _ASLEEP_POLL_S = 0.2, 0.5  # the fewer the cheaper: caches are cold each time
_FAULT = "A fault in this program interrupted this camera (see the log); it is tried again."
_RATE_PICTURES = 50  # the frame rate shown is that of so many pictures


class Recorder:
    """Records one camera until it is told to stop.

    `make_source` gives a new source for every connection; `report` is called in the camera's
    thread, at every change and about once a second, and must return at once. `second`: where motion
    is looked for instead, while it is there. `viewer`: for who looks at the camera.
    """

    def __init__(
        self,
        camera: int,
        make_source: Callable[[], Source],
        capture: Capture,
        clock: Clock,
        report: Callable[[CameraReport], None],
        *,
        second: SecondStream | None = None,
        viewer: Viewer | None = None,
        backoff: Backoff | None = None,
    ) -> None:
        self._backoff = backoff or Backoff(first_s=1, most_s=30, good_s=10)
        self._camera = camera
        self._make_source = make_source
        self._capture = capture
        self._clock = clock
        self._report_to = report
        self._second = second
        self._viewer = viewer
        self._log = get_logger(camera=camera)
        self._state = CameraState.STARTING
        self._since_us = to_us(clock.now())
        self._problem: str | None = None
        self._times_us: deque[int] = deque(maxlen=_RATE_PICTURES)
        self._received_at_s = 0.0
        self._connected_at_s: float | None = None
        self._last_frame_us: int | None = None
        self._reconnects = 0
        self._frames_decoded = self._bytes_read = 0
        self._left_out = (0, 0)  # of this connection: damaged, dropped
        self._counted: dict[str, int] = {}  # when the last connection was over
        self._reported: tuple[object, ...] = ()
        self._reported_at_s = 0.0
        self.watched = False  # by somebody who wants to see each picture's score

    def run(self, stop: threading.Event) -> None:
        """Record until `stop`; the open event is closed on the way out."""
        backoff = self._backoff
        self._report()
        try:
            while not stop.is_set():
                try:
                    self._connection(stop)
                except EOFError:
                    self._log.info("file_ended")
                    self._enter(CameraState.ENDED)
                    self._finish()
                    self._wait(stop, None)
                except SourceError as error:
                    self._lost(str(error))
                    self._finish()
                    self._wait(stop, backoff.failed(self._went_well_s()))
                except Exception:  # of ours, in this camera: the others go on
                    self._log.exception("camera_fault")
                    self._lost(_FAULT)
                    self._finish()
                    self._wait(stop, backoff.failed(self._went_well_s()))
        finally:
            self._finish()
            self._report()

    def _connection(self, stop: threading.Event) -> None:
        """One connection, until it breaks (SourceError), the file ends (EOFError) or `stop`."""
        self._times_us.clear()
        self._connected_at_s = None
        source = self._make_source()
        reader = FrameReader(source, f"camera-{self._camera}-reader")
        reader.start()
        last_at_s = self._clock.monotonic()
        self._left_out = (0, 0)
        try:
            while not stop.is_set():
                items = reader.get_all(self._poll_s())
                self._note_left_out(source, reader)
                pictures = self._capture.pictures
                self._take(items)
                # Fewer where a second stream was left.
                self._frames_decoded += max(0, self._capture.pictures - pictures)
                if self._capture.pictures != pictures:
                    last_at_s = self._clock.monotonic()
                elif self._clock.monotonic() - last_at_s > source.patience_s:
                    raise SourceError(
                        f"No picture came for {source.patience_s:.0f} s; is the camera on?"
                    )
                self._report_if_due()
            self._take(reader.rest())
        except EOFError:
            if not self._capture.pictures:
                raise SourceError("No picture of the file can be decoded; is it whole?") from None
            raise
        finally:
            reader.close()
            self._note_left_out(source, reader)
            if self._second is not None:
                self._second.close()
            if reader.dropped:
                self._log.warning("pictures_left_out", pictures=reader.dropped)

    def _poll_s(self) -> float:
        is_watched = self._viewer is not None and self._viewer.watched
        return _ASLEEP_POLL_S if self._capture.asleep and not is_watched else _POLL_S

    def _note_left_out(self, source: Source, reader: FrameReader) -> None:
        """Count what came and was not handed on."""
        damaged, dropped = source.damaged - self._left_out[0], reader.dropped - self._left_out[1]
        self._left_out = source.damaged, reader.dropped
        if damaged:
            self._capture.health.damaged(to_us(self._clock.now()))
        tally = self._capture.tally
        tally.read += damaged + dropped
        tally.damaged += damaged
        tally.dropped += dropped

    def _finish(self) -> None:
        """The connection is over; the log says what became of its pictures."""
        self._capture.finish()
        if self._viewer is not None:
            self._viewer.forget()
        counts = {f"frames_{name}": count for name, count in asdict(self._capture.tally).items()}
        counts["images_saved"] = self._capture.images_saved
        of_this = {name: count - self._counted.get(name, 0) for name, count in counts.items()}
        self._counted = counts
        if of_this["frames_read"]:
            self._log.info("camera_connection_over", **of_this)

    def _take(self, items: list[Item]) -> None:
        if not items:
            return
        second = self._second.poll() if self._second else None
        self._received_at_s = self._clock.monotonic()
        for item in items:
            self._bytes_read += item.size
            self._times_us.append(item.time_us)
            self._last_frame_us = item.time_us
            self._capture.take(item, second)
            if self._viewer is not None:
                self._viewer.offer(item, self._capture.boxes)
            second = None if second is None else []
            self._report_if_due()  # many at once take long where there is too much to do
        if self._connected_at_s is None and self._capture.pictures:
            self._connected_at_s = self._clock.monotonic()
            self._log.info(
                "camera_connected",
                width=self._capture.width,
                height=self._capture.height,
                decoder=self._capture.decoder,
            )
            self._enter(CameraState.CONNECTED)

    def _lost(self, problem: str) -> None:
        if self._connected_at_s is not None:
            self._reconnects += 1
        if problem != self._problem:
            self._log.warning("camera_failed", problem=problem)
        self._enter(CameraState.FAILED, problem)

    def _went_well_s(self) -> float:
        if self._connected_at_s is None:
            return 0.0
        return self._clock.monotonic() - self._connected_at_s

    def _enter(self, state: CameraState, problem: str | None = None) -> None:
        if state is not self._state:
            self._since_us = to_us(self._clock.now())
        self._state, self._problem = state, problem

    def _wait(self, stop: threading.Event, seconds: float | None) -> None:
        """Until `stop` or so many seconds (None: no end) are over, reporting all the while."""
        until_s = None if seconds is None else self._clock.monotonic() + seconds
        while not stop.is_set():
            self._report_if_due()
            left_s = REPORT_INTERVAL_S if until_s is None else until_s - self._clock.monotonic()
            if left_s <= 0:
                return
            stop.wait(min(REPORT_INTERVAL_S, left_s))

    def _report_if_due(self) -> None:
        told = self._to_be_told_at_once()
        if told != self._reported or self._clock.monotonic() - self._reported_at_s >= (
            WATCHED_INTERVAL_S if self.watched else REPORT_INTERVAL_S
        ):
            self._report()

    def _to_be_told_at_once(self) -> tuple[object, ...]:
        capture = self._capture
        return self._state, self._shown_problem(), capture.event_since_us, capture.health.health

    def _shown_problem(self) -> str | None:
        return self._problem or self._capture.problem

    def _report(self) -> None:
        capture = self._capture
        problem = self._shown_problem()
        self._reported = self._to_be_told_at_once()
        self._reported_at_s = self._clock.monotonic()
        # Pictures that come but cannot be saved are a failure to whoever relies on them.
        unsaved = self._state is CameraState.CONNECTED and problem is not None
        sights = tuple(capture.sights) if self.watched else ()
        capture.sights.clear()
        self._report_to(
            CameraReport(
                camera=self._camera,
                state=CameraState.FAILED if unsaved else self._state,
                since_us=self._since_us,
                problem=problem,
                fps=self._rate() if self._state is CameraState.CONNECTED else 0.0,
                width=capture.width,
                height=capture.height,
                last_frame_us=self._last_frame_us,
                recording=capture.event_since_us is not None,
                event_since_us=capture.event_since_us,
                images_saved=capture.images_saved,
                reconnects=self._reconnects,
                score=capture.score,
                boxes=capture.boxes,
                decoder=capture.decoder,
                health=capture.health.health,
                health_since_us=capture.health.since_us,
                disk_full_us=capture.disk_full_us,
                frames_read=capture.tally.read,
                frames_let_go=capture.tally.let_go,
                frames_damaged=capture.tally.damaged,
                frames_dropped=capture.tally.dropped,
                frames_unsaved=capture.tally.unsaved,
                frames_decoded=self._frames_decoded,
                bytes_read=self._bytes_read,
                sights=sights,
                floor=capture.floor,
                noise=capture.noise if self.watched else None,
            )
        )

    def _rate(self) -> float:
        """Pictures a second of late, by their own times; falls when they stay away."""
        if len(self._times_us) < 2:
            return 0.0
        passed_s = (self._times_us[-1] - self._times_us[0]) / 1e6
        silent_s = self._clock.monotonic() - self._received_at_s
        passed_s += max(0.0, silent_s - REPORT_INTERVAL_S)
        return round((len(self._times_us) - 1) / passed_s, 2) if passed_s > 0 else 0.0
