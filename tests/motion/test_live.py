"""Live pictures: made while somebody looks, of what the recorder reads, and of nothing else."""

import asyncio
import os
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest
import simplejpeg

from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.model import Box, CameraState, LivePicture
from chimera_storage.motion.live import Live, Viewer
from chimera_storage.motion.messages import Show
from chimera_storage.motion.sources.connect import source_for
from chimera_storage.motion.sources.source import Item
from chimera_storage.motion.views import Views
from tests.motion.clips import HEIGHT, RATE, WIDTH, write_clip
from tests.motion.test_supervisor import settings_for, supervising
from tests.support.rtsp import RtspServer
from tests.support.waiting import until, wait_for

BOX = Box(1, 2, 3, 4)


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("clips")
    write_clip(folder / "clip.mp4", 2.5, [(0.8, 1.8)])
    return folder


@pytest.fixture(scope="module")
def items(folder: Path) -> list[Item]:
    """The clip's 25 packets, each tenth a key frame."""
    source = source_for(
        CameraSettings.model_validate({"id": 1, "url": str(folder / "clip.mp4")}), SystemClock()
    )
    return list(source.frames(threading.Event()))


class Shown:
    """What a viewer sends."""

    def __init__(self) -> None:
        self.pictures: list[LivePicture] = []
        self.live = Live(self.pictures.append)

    def viewer(self) -> Viewer:
        return self.live.of(1)


def viewing() -> list[threading.Thread]:
    """The threads of viewers; others of this process may be ending meanwhile."""
    return [thread for thread in threading.enumerate() if thread.name.startswith("live-")]


def test_nothing_is_decoded_while_nobody_looks(items: list[Item]) -> None:
    shown = Shown()
    viewer = shown.viewer()
    for item in items:
        viewer.offer(item, ())
    assert (viewer.pictures, shown.pictures) == (0, [])
    assert viewing() == []


def test_of_a_connection_that_is_over_nothing_is_kept_and_nothing_shown(items: list[Item]) -> None:
    shown = Shown()
    viewer = shown.viewer()
    references = [sys.getrefcount(item) for item in items]
    for item in items[:18]:
        viewer.offer(item, ())
    del item
    viewer.forget()
    assert [sys.getrefcount(item) for item in items] == references
    shown.live.show([1])
    for item in items[18:]:  # the next key frame is the third
        viewer.offer(item, ())
    wait_for(lambda: shown.pictures, "a picture of the next connection")
    shown.live.show([])
    wait_for(lambda: not viewing(), "the end of the thread")
    assert viewer.pictures <= 5


def test_who_begins_to_look_sees_the_newest_picture_at_once(items: list[Item]) -> None:
    shown = Shown()
    viewer = shown.viewer()
    for item in items[:18]:  # eight after the second key frame
        viewer.offer(item, ())
    shown.live.show([1])
    wait_for(lambda: shown.pictures, "a picture without waiting for the next key frame")
    picture = shown.pictures[0]
    assert viewer.pictures == 8
    assert picture.time_us == items[17].time_us
    assert (picture.width, picture.height) == (WIDTH, HEIGHT)
    assert simplejpeg.decode_jpeg(picture.jpeg).shape == (HEIGHT, WIDTH, 3)
    viewer.offer(items[18], [BOX])
    shown.live.show([])


def test_pictures_come_a_few_times_a_second_with_what_moves(items: list[Item]) -> None:
    shown = Shown()
    viewer = shown.viewer()
    shown.live.show([1])
    viewer.offer(items[5], ())  # no beginning: cannot be decoded
    for item in items[10:]:
        viewer.offer(item, [BOX])
    wait_for(lambda: shown.pictures, "a picture")
    wait_for(lambda: viewer.pictures == len(items[10:]), "all to be decoded")
    assert len(shown.pictures) < len(items[10:])
    assert shown.pictures[0].boxes == (BOX,)
    shown.live.show([])


def test_who_leaves_ends_the_decoding_and_may_come_again(items: list[Item]) -> None:
    shown = Shown()
    viewer = shown.viewer()
    for _ in range(3):
        shown.live.show([1])
        for item in items[:10]:
            viewer.offer(item, ())
        shown.live.show([2])
    wait_for(lambda: not viewing(), "the threads to end")
    decoded = viewer.pictures
    for item in items[10:]:
        viewer.offer(item, ())
    assert viewer.pictures == decoded
    for _ in range(20):
        shown.live.show([1])
        shown.live.show([])
    wait_for(lambda: not viewing(), "the threads to end")


def test_a_recorder_that_begins_anew_knows_that_somebody_looks(items: list[Item]) -> None:
    shown = Shown()
    shown.live.show([1])
    shown.viewer()
    second = shown.viewer()
    for item in items[:10]:
        second.offer(item, ())
    wait_for(lambda: shown.pictures, "a picture")
    shown.live.show([])


@pytest.mark.anyio
async def test_a_camera_is_shown_until_the_last_has_left_for_a_while() -> None:
    told: list[Show] = []
    views = Views(told.append, linger_s=0.05)
    with ExitStack() as lookers:
        first = lookers.enter_context(views.look(7))
        lookers.enter_context(views.look(7))
        assert told == [Show(cameras=(7,))]
        with views.look(3):
            assert told[-1] == Show(cameras=(3, 7))
        await until(lambda: told[-1] == Show(cameras=(7,)), "the end of camera 3")
        picture = LivePicture(camera=7, time_us=1, jpeg=b"x", width=1, height=1)
        asyncio.get_running_loop().call_soon(views.show, picture)
        assert await first.next(5) is picture
        assert await first.next(0.01) is None  # that one was given
    await until(lambda: told[-1] == Show(cameras=()), "the end of camera 7")
    with views.look(7) as again:
        assert await again.next(0.01) is None  # nothing old is shown
        waiting = asyncio.create_task(again.next(60))
        await asyncio.sleep(0)
        views.close()
        assert await waiting is None
        assert again.over


@pytest.mark.anyio
async def test_a_real_camera_is_decoded_for_who_looks_and_loses_nothing(
    folder: Path, tmp_path: Path
) -> None:
    with RtspServer(folder) as server:
        async with supervising(settings_for(tmp_path, server.url("clip.mp4"))) as supervisor:

            def state() -> CameraState:
                return supervisor.reports()[0].state

            def decoding() -> bool:
                """Whether a thread of it runs with the lower priority of live pictures."""
                return len(set(map(niceness, Path(f"/proc/{supervisor.pid}/task").iterdir()))) > 1

            await until(lambda: state() is CameraState.CONNECTED, "the camera")
            assert not decoding()
            with supervisor.look(1) as view:
                times = []
                for _ in range(4):
                    picture = await view.next(10)
                    assert picture is not None
                    times.append(picture.time_us)
                    assert simplejpeg.decode_jpeg_header(picture.jpeg)[:2] == (HEIGHT, WIDTH)
                assert decoding()
                report = supervisor.reports()[0]
                assert report.fps > 0.8 * RATE
                assert (report.reconnects, report.problem) == (0, None)
            assert times == sorted(set(times))
            await until(lambda: not decoding(), "the end of the decoding")


def niceness(task: Path) -> int:
    try:
        return int((task / "stat").read_text().rpartition(")")[2].split()[16])
    except OSError:  # it has just ended
        return os.getpriority(os.PRIO_PROCESS, 0)
