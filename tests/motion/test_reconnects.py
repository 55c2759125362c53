"""Connections that break again and again leave nothing behind; the same 1,000 times: bench/."""

import gc
from pathlib import Path

from av.video.codeccontext import VideoCodecContext

from chimera_storage.clock import SystemClock
from chimera_storage.motion.looking import Looker
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.http_camera import HttpSource
from chimera_storage.motion.sources.source import FrameReader
from chimera_storage.motion.sources.stream import StreamSource
from tests.motion.clips import jpegs, write_clip
from tests.support.reconnects import FATES, BreakingCamera, Left, Reconnecting
from tests.support.rtsp import RtspServer
from tests.support.waiting import wait_for

CLOCK = SystemClock()


def leaves_nothing(camera: Reconnecting, first: int, then: int, timeout_s: float) -> None:
    """Threads and descriptors after `then` connections are those after the `first` ones."""
    with camera.running():
        camera.until(first, timeout_s)
        before = Left.now()
        camera.until(then, timeout_s)
        wait_for(lambda: Left.now().threads <= before.threads + 1, "threads that end")
        after = Left.now()
        assert camera.connected > (then - first) // 4
    assert after.descriptors <= before.descriptors + 4
    assert after.memory_kb < before.memory_kb + 12_000


def test_fifty_broken_connections_leave_no_thread_descriptor_or_memory(tmp_path: Path) -> None:
    with BreakingCamera(jpegs(0.3, [])) as broken:
        address = parse_address(broken.url)
        camera = Reconnecting(
            tmp_path / "data",
            lambda: HttpSource(address, "tcp", CLOCK, interval_s=1, timeout_s=0.2),
        )
        leaves_nothing(camera, len(FATES), 8 * len(FATES), 30)


def test_rtsp_streams_that_end_leave_nothing(tmp_path: Path) -> None:
    (tmp_path / "videos").mkdir()
    write_clip(tmp_path / "videos/clip.mp4", 0.3, [])
    with RtspServer(tmp_path / "videos") as server:
        address = parse_address(server.url("clip.mp4", plays=1))
        camera = Reconnecting(
            tmp_path / "data", lambda: StreamSource(address, "tcp", CLOCK, timeout_s=5)
        )
        leaves_nothing(camera, 2, 10, 30)


def test_what_a_broken_connection_held_does_not_wait_for_the_collector_of_cycles(
    tmp_path: Path,
) -> None:
    (tmp_path / "videos").mkdir()
    write_clip(tmp_path / "videos/clip.mp4", 0.3, [])
    with RtspServer(tmp_path / "videos") as server:
        address = parse_address(server.url("clip.mp4", plays=1))
        camera = Reconnecting(
            tmp_path / "data", lambda: StreamSource(address, "tcp", CLOCK, timeout_s=5)
        )
        with camera.running():
            camera.until(2, 30)
            gc.collect()
            gc.disable()
            try:
                before = _held_by_connections()
                camera.until(7, 30)
                assert _held_by_connections() <= before + 2
            finally:
                gc.enable()


def _held_by_connections() -> int:
    kinds = (FrameReader, Looker, VideoCodecContext)
    return sum(isinstance(held, kinds) for held in gc.get_objects())
