"""An RTSP server (TCP) that serves the video files of a folder, as a process of its own.

It needs nothing but packages from PyPI, ends when left or when the test process is gone, and can be
stopped and started again on the same port, as a camera that loses its power.
"""

import asyncio
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Self

from tests.support.waiting import wait_for


class RtspServer:
    """Serves `folder/*.mp4` on 127.0.0.1; running between enter and exit."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self._process: subprocess.Popen[bytes] | None = None

    def url(self, name: str, *, user: str = "", plays: int = 0) -> str:
        """The address of a file, played `plays` times (0: for ever); `user` as `name:password`."""
        return f"rtsp://{user}{'@' if user else ''}127.0.0.1:{self.port}/{name}?play_count={plays}"

    def start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.rtsp", str(self._folder), str(self.port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        wait_for(self._answers, "the RTSP server")

    def stop(self) -> None:
        """End it with all its connections, at once."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the RTSP server ended"
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        if self._process is not None:
            self.stop()


def _end_with_parent() -> None:
    sys.stdin.buffer.read()
    os._exit(0)


def _main() -> None:
    from aio_rtsp_toolkit.server import serve  # type: ignore[import-untyped]

    threading.Thread(target=_end_with_parent, daemon=True).start()
    asyncio.run(serve(sys.argv[1], "127.0.0.1", int(sys.argv[2])))


if __name__ == "__main__":
    _main()
