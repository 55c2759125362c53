"""The recorder process: each camera a thread; SIGTERM, a `stop` line or the parent's death ends it.

The first line on stdin is the work; later ones are orders that change what is recorded, without
holding up the cameras that they are not about. Reports go to stdout, a line each, the log to
stderr. A drain closes open events and makes everything saved durable; whatever then still hangs in
a read is left behind. A fault of ours in one camera's recording is logged and shown, and that
camera tried again (`recorder.py`); a thread that dies all the same ends the whole process with exit
code 1, so that it is seen and begun anew.
"""

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Collection, Sequence
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import tzinfo
from zoneinfo import ZoneInfo

import cv2

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import open_index
from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.errors import StorageError
from chimera_storage.log import configure_logging, get_logger
from chimera_storage.memory import GIVE_BACK_INTERVAL_S, give_back
from chimera_storage.model import CameraReport, LivePicture
from chimera_storage.motion.capture import MAX_SIGHTS, Capture
from chimera_storage.motion.live import Live
from chimera_storage.motion.messages import (
    STOP_LINE,
    Show,
    Watch,
    Work,
    decode_order,
    encode_picture,
    encode_report,
)
from chimera_storage.motion.recorder import Recorder
from chimera_storage.motion.second_stream import SecondStream
from chimera_storage.motion.sources.connect import second_source_for, source_for

EXIT_FAULT = 1
EXIT_USAGE = 2
EXIT_SECOND_SIGNAL = 130
_THREADS_TIMEOUT_S = 4.0
_DRAIN_TIMEOUT_S = 15.0  # the parent kills after 10 s; this is for when it is no longer there


def main() -> int:
    """Read the work and do it; the exit code. SIGTERM has to be blocked in all threads."""
    signal.signal(
        signal.SIGINT, signal.SIG_IGN
    )  # Ctrl-C goes to the whole group; the parent decides
    configure_logging()
    reports_to = os.dup(1)
    os.dup2(2, 1)  # whatever prints by mistake does not spoil the reports
    stop = threading.Event()
    threading.Thread(target=_await_signals, args=(stop,), name="signals", daemon=True).start()
    try:
        work = decode_order(sys.stdin.buffer.readline())
        if not isinstance(work, Work):
            raise ValueError("no work")  # noqa: TRY004
    except (ValueError, TypeError, LookupError):
        get_logger().error("no_work", hint="one line of work on stdin is right")
        return EXIT_USAGE
    cv2.setNumThreads(1)  # cameras run beside each other already
    try:
        return record(work, stop, ReportPipe(reports_to, stop))
    except StorageError as error:
        get_logger().error("recorder_failed", problem=str(error))
        return EXIT_FAULT


def record(work: Work, stop: threading.Event, reports: "ReportPipe") -> int:
    """Record until `stop`, obeying the orders on stdin; 1 where a camera's thread died.

    Raises StorageError.
    """
    layout = Layout(work.data, ZoneInfo(work.timezone))
    with ExitStack() as open_things:
        index = open_things.enter_context(closing(open_index(layout)))
        writer = ImageWriter(layout, index, sync_interval_s=work.sync_interval_s)
        archive = Archive(layout, index, SystemClock())
        writer.start()
        open_things.callback(writer.close)
        reports.start()
        live = Live(reports.show)
        cameras = Cameras(
            lambda camera: _recorder(camera, writer, archive, reports, live, layout.timezone), stop
        )
        cameras.record(work.cameras)
        obeying = threading.Thread(
            target=_obey, args=(cameras, live, stop), name="stdin", daemon=True
        )
        obeying.start()
        while not stop.wait(GIVE_BACK_INTERVAL_S):
            give_back()
        _limit_drain()
        died = cameras.close()
    reports.close()
    return EXIT_FAULT if died else 0


class Cameras:
    """The threads of the cameras, one each. `stop` is set when one of them dies.

    A camera whose settings changed is stopped and begins anew once that is over, in a thread of
    its own: nothing here waits, and the others are not touched.
    """

    def __init__(
        self, make_recorder: Callable[[CameraSettings], Recorder], stop: threading.Event
    ) -> None:
        self._make_recorder = make_recorder
        self._stop = stop
        self._lock = threading.Lock()
        self._closing = False
        self._watched: frozenset[int] = frozenset()
        self._running: dict[int, tuple[CameraSettings, CameraThread]] = {}
        self._ending: list[CameraThread] = []

    def record(self, cameras: Sequence[CameraSettings]) -> None:
        """Record these from now on and no others; those whose settings are the same go on."""
        wanted = {camera.id: camera for camera in cameras}
        with self._lock:
            if self._closing:
                return
            self._ending = [thread for thread in self._ending if thread.is_alive() or thread.died]
            for number, (settings, thread) in list(self._running.items()):
                if wanted.get(number) != settings:
                    thread.stop.set()
                    self._ending.append(thread)
                    del self._running[number]
            for number, settings in wanted.items():
                if number not in self._running:
                    thread = self._thread(settings)
                    self._running[number] = settings, thread
                    thread.start()

    def watch(self, cameras: Collection[int]) -> None:
        """Somebody looks at these now, and at no others."""
        with self._lock:
            self._watched = frozenset(cameras)
            for number, (_, thread) in self._running.items():
                thread.watch(number in self._watched)

    def close(self) -> bool:
        """Stop all, for four seconds at most; whether one of them died."""
        with self._lock:
            self._closing = True
            threads = [*self._ending, *(thread for _, thread in self._running.values())]
        for thread in threads:
            thread.stop.set()
        deadline = time.monotonic() + _THREADS_TIMEOUT_S
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        return any(thread.died for thread in threads)

    def _thread(self, camera: CameraSettings) -> "CameraThread":
        before = [thread for thread in self._ending if thread.camera == camera.id]
        thread = CameraThread(
            camera.id, lambda: self._make_recorder(camera), died=self._stop, after=before
        )
        thread.watch(camera.id in self._watched)
        return thread


def _recorder(  # noqa: PLR0917
    camera: CameraSettings,
    writer: ImageWriter,
    archive: Archive,
    reports: "ReportPipe",
    live: Live,
    timezone: tzinfo,
) -> Recorder:
    clock = SystemClock()
    second = None
    if camera.detect_url is not None:
        second = SecondStream(camera.id, lambda: second_source_for(camera, clock), clock)
    return Recorder(
        camera.id,
        lambda: source_for(camera, clock),
        Capture(camera, writer, archive, clock, timezone=timezone),
        clock,
        reports.put,
        second=second,
        viewer=live.of(camera.id),
    )


class CameraThread(threading.Thread):
    """Runs one camera's recorder until `stop`; when it dies everything is told to (`died`).

    It begins when the threads `after`, which recorded the same camera, are over.
    """

    def __init__(
        self,
        camera: int,
        make_recorder: Callable[[], Recorder],
        *,
        died: threading.Event,
        after: Sequence["CameraThread"] = (),
    ) -> None:
        super().__init__(name=f"camera-{camera}", daemon=True)
        self.camera = camera
        self.stop = threading.Event()
        self._make_recorder = make_recorder
        self._stop_all = died
        self._after = after
        self._recorder: Recorder | None = None
        self._watched = False
        self.died = False

    def watch(self, watched: bool) -> None:
        """Whether somebody looks at the camera now."""
        self._watched = watched
        if self._recorder is not None:
            self._recorder.watched = watched

    def run(self) -> None:
        for thread in self._after:
            thread.join()
        self._after = ()
        if self.stop.is_set():
            return
        try:
            self._recorder = self._make_recorder()
            self._recorder.watched = self._watched
            self._recorder.run(self.stop)
        except Exception:
            self.died = True
            get_logger(camera=self.camera).exception("camera_thread_died")
            self._stop_all.set()


class ReportPipe:
    """Sends the newest report and live picture of each camera, in a thread of its own.

    A parent that does not read holds up this thread and no camera. A parent that is gone sets
    `stop`.
    """

    def __init__(self, descriptor: int, stop: threading.Event) -> None:
        self._descriptor = descriptor
        self._stop = stop
        self._newest: dict[int, CameraReport] = {}
        self._pictures: dict[int, LivePicture] = {}
        self._changed = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="reports", daemon=True)

    def start(self) -> None:
        """Begin to send."""
        self._thread.start()

    def put(self, report: CameraReport) -> None:
        """Send this soon; replaces an unsent one of the same camera."""
        with self._changed:
            unsent = self._newest.get(report.camera)
            if unsent is not None and unsent.sights:
                sights = (*unsent.sights, *report.sights)
                report = replace(report, sights=sights[-MAX_SIGHTS:])
            self._newest[report.camera] = report
            self._changed.notify()

    def show(self, picture: LivePicture) -> None:
        """The same of a picture."""
        with self._changed:
            self._pictures[picture.camera] = picture
            self._changed.notify()

    def close(self) -> None:
        """Send what is left, for a second at most."""
        with self._changed:
            self._closing = True
            self._changed.notify()
        self._thread.join(1.0)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._newest or self._pictures or self._closing)
                reports, self._newest = self._newest, {}
                pictures, self._pictures = self._pictures, {}
            if not reports and not pictures:
                return
            try:
                self._write(b"".join(map(encode_report, reports.values())))
                for picture in pictures.values():
                    self._write(encode_picture(picture))
            except OSError:
                self._stop.set()
                return

    def _write(self, data: bytes) -> None:
        while data:
            data = data[os.write(self._descriptor, data) :]


def _await_signals(stop: threading.Event) -> None:
    signal.sigwait({signal.SIGTERM})
    stop.set()
    signal.sigwait({signal.SIGTERM})
    os._exit(EXIT_SECOND_SIGNAL)


def _obey(cameras: Cameras, live: Live, stop: threading.Event) -> None:
    """Until `stop` comes over stdin, or its end, which means that the parent is gone.

    A fault ends the whole process: one that obeys no more would not even notice that.
    """
    try:
        while (line := sys.stdin.buffer.readline()) and line != STOP_LINE:
            try:
                order = decode_order(line)
            except (ValueError, TypeError, LookupError):
                get_logger().warning("no_order", bytes=len(line))
                continue
            match order:
                case Work():
                    cameras.record(order.cameras)
                case Watch():
                    cameras.watch(order.cameras)
                case Show():
                    live.show(order.cameras)
    finally:
        stop.set()


def _limit_drain() -> None:
    """A disk that hangs does not keep the process for ever."""
    timer = threading.Timer(_DRAIN_TIMEOUT_S, os._exit, args=(EXIT_FAULT,))
    timer.daemon = True
    timer.start()
