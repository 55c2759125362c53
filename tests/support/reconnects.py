"""A camera that breaks every connection in another way, and what so many of them leave behind."""

import contextlib
import gc
import os
import socket
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.memory import give_back
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.backoff import Backoff
from chimera_storage.motion.capture import Capture
from chimera_storage.motion.recorder import Recorder
from chimera_storage.motion.sources.source import Source
from tests.support.waiting import wait_for

HEAD = (
    b"HTTP/1.1 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=b\r\n"
    b"Connection: close\r\n\r\n"
)
FATES = ("ends", "ends", "cut", "refuses", "hangs up", "random", "silent")


class BreakingCamera:
    """An MJPEG camera on 127.0.0.1; each connection meets the next of FATES."""

    def __init__(self, jpegs: Sequence[bytes]) -> None:
        self._jpegs = jpegs
        self._fates: Iterator[str] = cycle(FATES)
        self._over = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self.connections = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}/video"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self.connections += 1
                with client, contextlib.suppress(OSError):
                    client.recv(4096)
                    self._meet(next(self._fates), client)

    def _meet(self, fate: str, client: socket.socket) -> None:
        part = b"--b\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n"
        parts = [part % (len(jpeg), jpeg) for jpeg in self._jpegs]
        match fate:
            case "ends":
                client.sendall(HEAD + b"".join(parts))
            case "cut":
                client.sendall(HEAD + parts[0] + parts[1][: len(parts[1]) // 2])
            case "refuses":
                client.sendall(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")
            case "random":
                client.sendall(HEAD + os.urandom(20_000))
            case "silent":
                self._over.wait(0.3)


@dataclass(frozen=True)
class Left:
    """What this process holds: threads, open files and sockets, kB of memory in use."""

    threads: int
    descriptors: int
    memory_kb: int

    @staticmethod
    def now() -> "Left":
        gc.collect()
        give_back()
        status = Path("/proc/self/status").read_text()
        memory = next(line for line in status.splitlines() if line.startswith("VmRSS"))
        return Left(
            threads=threading.active_count(),
            descriptors=len(os.listdir("/proc/self/fd")),  # noqa: PTH208
            memory_kb=int(memory.split()[1]),
        )


class Reconnecting:
    """A recorder that tries again at once, and how often it lost its camera."""

    def __init__(self, root: Path, make_source: Callable[[], Source]) -> None:
        layout = Layout(root, ZoneInfo("UTC"))
        layout.captures.mkdir(parents=True)
        camera = CameraSettings.model_validate({"id": 1, "url": "x"})
        clock = SystemClock()
        self.index = Index(layout.index)
        self.writer = ImageWriter(layout, self.index, sync_interval_s=0.05)
        self.archive = Archive(layout, self.index, SystemClock())
        self.connections = 0
        self.connected = 0
        self._before = CameraState.STARTING
        self._make_source = make_source
        self._recorder = Recorder(
            1,
            self._next_source,
            Capture(camera, self.writer, self.archive, clock),
            clock,
            self._reported,
            backoff=Backoff(first_s=0.001, most_s=0.01, good_s=60),
        )
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._recorder.run, args=(self._stop,))

    def until(self, connections: int, timeout_s: float) -> None:
        """Wait until so many have been tried."""
        wait_for(
            lambda: self.connections >= connections,
            lambda: f"{connections} connections; {self.connections} were tried",
            timeout_s=timeout_s,
        )

    def _next_source(self) -> Source:
        self.connections += 1
        return self._make_source()

    def _reported(self, report: CameraReport) -> None:
        if report.state is CameraState.CONNECTED and self._before is not report.state:
            self.connected += 1
        self._before = report.state

    @contextmanager
    def running(self) -> Iterator[Self]:
        self.writer.start()
        with closing(self.index), closing(self.writer):
            self._thread.start()
            try:
                yield self
            finally:
                self._stop.set()
                self._thread.join(10)
                assert not self._thread.is_alive(), "it did not stop"
