"""The supervisor with real recorder processes."""

import asyncio
import os
import signal
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing
from itertools import pairwise
from pathlib import Path

import pytest

from chimera_storage.archive.index import Index
from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings, Settings
from chimera_storage.model import CameraState
from chimera_storage.motion.supervisor import RecorderSupervisor
from tests.motion.clips import write_clip
from tests.support.http_camera import HttpCamera
from tests.support.waiting import until

pytestmark = pytest.mark.anyio
CLOCK = SystemClock()


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 2.5, [(0.8, 1.8)])
    return path


def settings_for(root: Path, *urls: str) -> Settings:
    (root / "shared/captures").mkdir(parents=True, exist_ok=True)
    return Settings.model_validate(
        {
            "storage": {"path": str(root), "sync_interval": 0.05},
            "camera": [
                {"id": number, "url": url, "loop": True} for number, url in enumerate(urls, 1)
            ],
        }
    )


@asynccontextmanager
async def supervising(
    settings: Settings, *, hang_timeout_s: float = 30
) -> AsyncIterator[RecorderSupervisor]:
    supervisor = RecorderSupervisor(settings, CLOCK, hang_timeout_s=hang_timeout_s)
    await supervisor.start()
    try:
        yield supervisor
    finally:
        await supervisor.close()


def images(root: Path) -> int:
    return len(list((root / "shared/captures/1").rglob("[!.]*.jpg")))


def rows(root: Path) -> int:
    with closing(Index(root / "index.db")) as index:
        return index.totals(1).count


def is_running(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def test_without_cameras_no_process_runs(tmp_path: Path) -> None:
    async with supervising(settings_for(tmp_path)) as supervisor:
        assert (supervisor.status(), supervisor.reports(), supervisor.pid) == ("stopped", [], None)


async def test_a_killed_recorder_is_started_again_and_images_go_on(
    tmp_path: Path, clip: Path
) -> None:
    async with supervising(settings_for(tmp_path, str(clip))) as supervisor:
        assert supervisor.reports()[0].state is CameraState.STARTING
        await until(lambda: images(tmp_path) > 3, "the first images")
        assert supervisor.status() == "online"
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.restarts() == 1, "the restart")
        before = images(tmp_path)
        await until(lambda: images(tmp_path) > before + 3, "images after the restart")
        assert supervisor.pid not in (None, first)
        assert supervisor.reports()[0].state is CameraState.CONNECTED
    assert supervisor.status() == "stopped"


async def test_closing_drains_so_that_every_saved_image_is_indexed(
    tmp_path: Path, clip: Path
) -> None:
    async with supervising(settings_for(tmp_path, str(clip))) as supervisor:
        await until(lambda: supervisor.reports()[0].images_saved > 3, "the first images")
        pid = supervisor.pid
        assert pid is not None
        began = CLOCK.monotonic()
        await supervisor.close()
        assert CLOCK.monotonic() - began < 4
    assert not is_running(pid)
    assert rows(tmp_path) == images(tmp_path) > 3


async def test_a_recorder_that_hangs_is_killed_and_started_again(
    tmp_path: Path, clip: Path
) -> None:
    async with supervising(settings_for(tmp_path, str(clip)), hang_timeout_s=2) as supervisor:
        await until(
            lambda: supervisor.reports()[0].state is CameraState.CONNECTED, "the connection"
        )
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        await until(lambda: supervisor.restarts() == 1, "the restart")
        await until(lambda: supervisor.pid not in (None, first), "the new process")
        await until(
            lambda: supervisor.reports()[0].state is CameraState.CONNECTED, "the connection"
        )
        assert not is_running(first)


async def test_a_recorder_that_takes_long_to_start_is_waited_for(
    tmp_path: Path, clip: Path
) -> None:
    async with supervising(settings_for(tmp_path, str(clip)), hang_timeout_s=1.5) as supervisor:
        await until(lambda: supervisor.pid is not None, "the process")
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGSTOP)
        await asyncio.sleep(2.5)
        os.kill(first, signal.SIGCONT)
        await until(
            lambda: supervisor.reports()[0].state is CameraState.CONNECTED, "the connection"
        )
        assert (supervisor.pid, supervisor.restarts()) == (first, 0)


async def test_a_process_that_keeps_dying_is_called_errored(tmp_path: Path) -> None:
    settings = settings_for(tmp_path, "demo:")
    (tmp_path / "index.db").mkdir()  # no index can be opened
    async with supervising(settings) as supervisor:
        await until(lambda: supervisor.status() == "errored", "the status")
        assert supervisor.restarts() >= 3
        report = supervisor.reports()[0]
        assert report.state is CameraState.FAILED
        assert report.problem


async def test_a_wrong_password_is_reported_and_stands_in_no_log_line(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with HttpCamera([b""], auth="digest", user="cam", password="right-secret") as camera:
        url = camera.url("/mjpeg?pwd=query-secret", "cam:wrong-secret")
        async with supervising(settings_for(tmp_path, url)) as supervisor:
            await until(
                lambda: supervisor.reports()[0].state is CameraState.FAILED, "the failed camera"
            )
            report = supervisor.reports()[0]
            pid = supervisor.pid
            title = Path(f"/proc/{pid}/cmdline").read_bytes()
    said = capfd.readouterr()
    everything = said.out + said.err + repr(report) + title.decode()
    assert report.problem
    assert "refuses the user or the password" in report.problem
    assert "camera_failed" in said.err
    assert "secret" not in everything


def camera(number: int, url: str, **more: object) -> CameraSettings:
    return CameraSettings.model_validate({"id": number, "url": url, "loop": True, **more})


async def until_connected(supervisor: RecorderSupervisor, *cameras: int) -> None:
    def connected() -> bool:
        states = {report.camera: report.state for report in supervisor.reports()}
        return all(states.get(number) is CameraState.CONNECTED for number in cameras)

    await until(connected, f"the connections of {cameras}")


async def test_cameras_come_change_pause_and_go_while_another_goes_on_untouched(
    tmp_path: Path,
) -> None:
    """Of the other one no picture is missing, and process and thread are the same all along."""
    still = camera(1, "demo:")
    settings = settings_for(tmp_path).model_copy(update={"camera": (still,)})

    async with supervising(settings) as supervisor:
        await until_connected(supervisor, 1)
        pid = supervisor.pid
        first = supervisor.reports()[0]
        supervisor.record([still, camera(2, "demo:2")])
        assert [report.camera for report in supervisor.reports()] == [1, 2]
        await until_connected(supervisor, 1, 2)
        supervisor.record([still.model_copy(update={"name": "Yard"}), camera(2, "demo:3")])
        assert supervisor.reports()[0].state is CameraState.CONNECTED
        assert supervisor.reports()[1].state is CameraState.STARTING
        await until_connected(supervisor, 1, 2)
        supervisor.record([still, camera(2, "demo:3", paused=True)])
        paused = supervisor.reports()[1]
        assert paused.state is CameraState.PAUSED
        frames = supervisor.reports()[0].frames_read
        await until(lambda: supervisor.reports()[0].frames_read > frames, "more of the first")
        assert supervisor.reports()[1] == paused
        supervisor.record([still])
        frames = supervisor.reports()[0].frames_read
        await until(lambda: supervisor.reports()[0].frames_read > frames, "more of the first")
        (last,) = supervisor.reports()
        assert supervisor.pid == pid
        assert supervisor.restarts() == 0
    assert (last.since_us, last.reconnects) == (first.since_us, 0)
    assert first.last_frame_us is not None
    assert last.last_frame_us is not None
    passed_s = (last.last_frame_us - first.last_frame_us) / 1e6
    assert last.frames_read - first.frames_read == pytest.approx(passed_s * last.fps, abs=2)


async def test_the_process_ends_with_the_last_camera_and_begins_with_the_next(
    tmp_path: Path,
) -> None:
    async with supervising(settings_for(tmp_path, "demo:")) as supervisor:
        await until_connected(supervisor, 1)
        first = supervisor.pid
        assert first is not None
        supervisor.record([])
        assert supervisor.status() == "stopped"
        await until(lambda: supervisor.pid is None, "the end of the process")
        assert not is_running(first)
        supervisor.record([camera(7, "demo:")])
        await until_connected(supervisor, 7)
        assert (supervisor.status(), supervisor.restarts()) == ("online", 0)


async def test_of_a_camera_that_somebody_looks_at_each_picture_tells_its_score(
    tmp_path: Path, clip: Path
) -> None:
    async with supervising(settings_for(tmp_path, str(clip), "demo:")) as supervisor:
        await until_connected(supervisor, 1, 2)

        def moved() -> bool:
            supervisor.watch(1)
            return any(score > 0 for _, score in supervisor.sights(1, 0))

        await until(moved, "a picture in which something moves")
        times = [time_us for time_us, _ in supervisor.sights(1, 0)]
        assert supervisor.sights(1, times[-2]) == supervisor.sights(1, 0)[-1:]
        assert min(b - a for a, b in pairwise(times)) > 0
        assert supervisor.sights(2, 0) == []
        floor = supervisor.reports()[0].floor
        assert floor is not None
        assert floor >= 5
        noise = supervisor.reports()[0].noise
        assert noise is not None
        assert len(b64decode(noise.levels)) == noise.columns * noise.rows > 0
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)

        def more() -> bool:  # a process begun anew is told again
            supervisor.watch(1)
            return supervisor.pid != first and bool(supervisor.sights(1, times[-1] + 1_000_000))

        await until(more, "pictures of the new process")


async def test_a_process_begun_anew_knows_what_was_changed(tmp_path: Path) -> None:
    async with supervising(settings_for(tmp_path, "demo:")) as supervisor:
        await until_connected(supervisor, 1)
        supervisor.record([camera(2, "demo:2")])
        await until_connected(supervisor, 2)
        first = supervisor.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await until(lambda: supervisor.pid not in (None, first), "the new process")
        await until_connected(supervisor, 2)
        assert [report.camera for report in supervisor.reports()] == [2]
