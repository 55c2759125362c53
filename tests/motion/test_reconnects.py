"""Connections that break again and again leave nothing behind; the same 1,000 times: bench/."""

from pathlib import Path

from chimera_storage.clock import SystemClock
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.http_camera import HttpSource
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
    assert after.memory_kb < before.memory_kb + 20_000


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
