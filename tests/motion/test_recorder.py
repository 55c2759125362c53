import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.config import CameraSettings
from chimera_storage.model import CameraReport, CameraState, Health
from chimera_storage.motion.capture import Capture
from chimera_storage.motion.recorder import Recorder
from chimera_storage.motion.second_stream import SecondStream
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.connect import second_source_for, source_for
from chimera_storage.motion.sources.ffmpeg import Opened
from chimera_storage.motion.sources.source import Item, Source
from tests.motion.clips import jpegs, write_clip
from tests.support.http_camera import HttpCamera
from tests.support.rtsp import RtspServer
from tests.support.waiting import wait_for

CLOCK = SystemClock()


class Running:
    """A recorder in its thread, and what it reported."""

    def __init__(
        self,
        root: Path,
        url: str,
        detect_url: str | None,
        settings: dict[str, Any] | None = None,
        source: Callable[[], Source] | None = None,
    ) -> None:
        given = settings or {"id": 1, "url": url, "detect_url": detect_url}
        camera = CameraSettings.model_validate(given)
        layout = Layout(root, ZoneInfo("UTC"))
        layout.captures.mkdir(parents=True)
        self.index = Index(layout.index)
        self.writer = ImageWriter(layout, self.index, sync_interval_s=0.05)
        self.archive = Archive(layout, self.index, SystemClock())
        self.writer.start()
        self.reports: list[CameraReport] = []
        self.stop = threading.Event()
        self._recorder = Recorder(
            1,
            source or (lambda: source_for(camera, CLOCK)),
            Capture(camera, self.writer, self.archive, CLOCK),
            CLOCK,
            self.reports.append,
            second=SecondStream(1, lambda: second_source_for(camera, CLOCK), CLOCK)
            if detect_url
            else None,
        )
        self.thread = threading.Thread(target=self._recorder.run, args=(self.stop,))

    def wait(self, condition: Callable[[CameraReport], object]) -> None:
        wait_for(
            lambda: self.reports and condition(self.reports[-1]),
            lambda: f"a report; the last are {self.reports[-3:]}",
        )


@contextmanager
def recording(
    root: Path,
    url: str,
    detect_url: str | None = None,
    *,
    settings: dict[str, Any] | None = None,
    source: Callable[[], Source] | None = None,
) -> Iterator[Running]:
    running = Running(root, url, detect_url, settings, source)
    running.thread.start()
    try:
        with closing(running.index), closing(running.writer):
            yield running
            running.stop.set()
            running.thread.join(3)
            assert not running.thread.is_alive(), "it did not stop"
    finally:
        running.stop.set()


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 2.5, [(0.8, 1.8)])
    return path


def test_a_file_is_recorded_and_then_ended(tmp_path: Path, clip: Path) -> None:
    with recording(tmp_path / "data", str(clip)) as running:
        running.wait(lambda report: report.state is CameraState.ENDED)
        last = running.reports[-1]
        assert last.images_saved > 10
        assert not last.recording
        assert last.frames_read == 25
        assert 10 < last.frames_decoded <= last.frames_read
        assert 0.5 * clip.stat().st_size < last.bytes_read <= clip.stat().st_size
        running.writer.flush()
        assert running.index.totals(1).count == last.images_saved
    states = [report.state for report in running.reports]
    assert states[0] is CameraState.STARTING
    assert CameraState.CONNECTED in states
    assert any(report.recording and report.event_since_us for report in running.reports)
    connected = [r for r in running.reports if r.state is CameraState.CONNECTED]
    assert 8 < connected[-1].fps < 12
    assert (last.width, last.height) == (320, 240)


def test_recording_goes_on_when_the_camera_comes_back(tmp_path: Path, clip: Path) -> None:
    with (
        RtspServer(clip.parent) as server,
        recording(tmp_path / "data", server.url("clip.mp4")) as running,
    ):
        running.wait(lambda report: report.images_saved > 0)
        server.stop()
        running.wait(lambda report: report.state is CameraState.FAILED)
        failed = running.reports[-1]
        assert failed.problem
        assert not failed.recording
        server.start()
        running.wait(lambda report: report.state is CameraState.CONNECTED)
        running.wait(lambda report: report.images_saved > failed.images_saved)
        assert running.reports[-1].reconnects == 1
        assert running.reports[-1].problem is None


class AllAtOnce:
    """A camera that hands over the packets of a file at once, as after a time without processor."""

    live = True
    patience_s = 60.0
    damaged = 0

    def __init__(self, path: Path) -> None:
        self._path = path

    def frames(self, stop: threading.Event) -> Iterator[Item]:
        began_us = to_us(CLOCK.now())
        with Opened(parse_address(str(self._path)), {}, 10) as opened:
            items = [
                opened.item(packet, began_us + n * 100_000)
                for n, packet in enumerate(opened.packets(stop))
            ]
        yield from (item for item in items if item is not None)
        stop.wait(10)


def test_a_recorder_that_has_much_to_catch_up_with_reports_meanwhile(tmp_path: Path) -> None:
    """Else it would be taken for one that hangs, and killed."""
    write_clip(tmp_path / "long.mp4", 30, [(5, 6), (20, 21)])
    settings = {"id": 1, "url": "x", "motion": {"event_gap": 1}}
    with recording(
        tmp_path / "data", "x", settings=settings, source=lambda: AllAtOnce(tmp_path / "long.mp4")
    ) as running:
        running.wait(lambda report: report.frames_read == 300)
    begun = {r.event_since_us for r in running.reports if r.frames_read < 300} - {None}
    assert len(begun) == 2


def test_a_camera_that_never_answers_is_reported_and_tried_again(tmp_path: Path) -> None:
    with recording(tmp_path / "data", "rtsp://cam:secret@127.0.0.1:1/x") as running:
        running.wait(lambda report: report.state is CameraState.FAILED)
        since_us = running.reports[-1].since_us
        known = len(running.reports)
        wait_for(lambda: len(running.reports) >= known + 1, "reports about once a second")
        assert running.reports[-1].since_us == since_us
        assert running.reports[-1].reconnects == 0
    assert not any("secret" in repr(report) for report in running.reports)


def test_motion_is_looked_for_in_the_second_stream_and_saved_from_the_first(
    tmp_path: Path, clip: Path
) -> None:
    quiet = tmp_path / "quiet.mp4"
    write_clip(quiet, 3, [])
    with recording(tmp_path / "data", str(quiet), str(clip)) as running:
        running.wait(lambda report: report.state is CameraState.ENDED)
        assert running.reports[-1].images_saved > 5


def test_without_its_second_stream_the_first_one_is_looked_at(tmp_path: Path, clip: Path) -> None:
    nowhere = "rtsp://cam:secret@127.0.0.1:1/x"
    with recording(tmp_path / "data", str(clip), nowhere) as running:
        running.wait(lambda report: report.state is CameraState.ENDED)
        assert running.reports[-1].images_saved > 5


def test_a_fault_of_ours_in_the_second_stream_does_not_reach_the_first() -> None:
    class Faulty:
        live, patience_s, damaged = True, 10.0, 0

        def frames(self, stop: threading.Event) -> Iterator[Item]:
            raise RuntimeError(f"a fault, {stop.is_set()}")

    made: list[Source] = []

    def make() -> Source:
        made.append(Faulty())
        return made[-1]

    second = SecondStream(1, make, CLOCK)
    wait_for(lambda: second.poll() is None and len(made) == 2, "another attempt")
    second.close()


def test_a_camera_of_which_jpegs_come_damaged_again_and_again_is_damaged(tmp_path: Path) -> None:
    whole = jpegs(0.2, [])[0]
    cut = whole[: len(whole) // 2]
    with (
        HttpCamera([whole, cut]) as camera,
        recording(tmp_path / "data", camera.url("/mjpeg-length")) as running,
    ):
        running.wait(lambda report: report.health is Health.DAMAGED)
        assert running.reports[-1].state is CameraState.CONNECTED
