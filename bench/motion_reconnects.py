"""What a thousand broken connections leave behind: threads, descriptors, memory.

    python bench/motion_reconnects.py [--count 1000] [--kind http|rtsp]

A recorder with its real source reads a camera on 127.0.0.1 that breaks every connection: http in
turn by ending, in the middle of a picture, with 503, at once, with random bytes and by silence;
rtsp by ending after three pictures. Everything runs in this process, the http camera too. Prints a
line for each tenth of the way.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))

from tests.motion.clips import jpegs, write_clip
from tests.support.reconnects import BreakingCamera, Left, Reconnecting
from tests.support.rtsp import RtspServer

from chimera_storage.clock import SystemClock
from chimera_storage.log import configure_logging
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.http_camera import HttpSource
from chimera_storage.motion.sources.source import Source
from chimera_storage.motion.sources.stream import StreamSource

CLOCK = SystemClock()


@contextmanager
def breaking(kind: str, folder: Path) -> Iterator[Callable[[], Source]]:
    """Makes sources of a camera that breaks every connection."""
    if kind == "http":
        with BreakingCamera(jpegs(0.3, [])) as camera:
            address = parse_address(camera.url)
            yield lambda: HttpSource(address, "tcp", CLOCK, interval_s=1, timeout_s=0.2)
        return
    write_clip(folder / "clip.mp4", 0.3, [])
    with RtspServer(folder) as server:
        address = parse_address(server.url("clip.mp4", plays=1))
        yield lambda: StreamSource(address, "tcp", CLOCK, timeout_s=5)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--kind", choices=("http", "rtsp"), default="http")
    options = parser.parse_args()
    configure_logging(json=True)
    with tempfile.TemporaryDirectory() as name, breaking(options.kind, Path(name)) as make_source:
        camera = Reconnecting(Path(name) / "data", make_source)
        began_s = time.monotonic()
        print(f"{'tried':>6} {'seen':>6} {'threads':>8} {'descriptors':>12} {'kB':>10} {'s':>6}")
        with camera.running():
            for tenth in range(11):
                camera.until(max(10, options.count * tenth // 10), 3600)
                left = Left.now()
                print(
                    f"{camera.connections:6} {camera.connected:6} {left.threads:8}"
                    f" {left.descriptors:12} {left.memory_kb:10} {time.monotonic() - began_s:6.0f}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
