"""The server that is tried: a process of its own on a free port of 127.0.0.1."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from chimera_storage.doctor.processes import children, command_line
from chimera_storage.errors import ChimeraStorageError

DEADLINE_S = 60.0
_END_S = 30.0
_LOOK_EVERY_S = 0.05
_CONFIGURING = ("storage_", "command_", "alert_", "SECRETKEY", "cameras", "CHIMERA_")
_CONFIG = """
[storage]
min_free_gb = 0
"""


class TrialError(ChimeraStorageError):
    """What a trial waited for did not come."""


def wait_for(condition: Callable[[], object], what: str, timeout_s: float = DEADLINE_S) -> None:
    """Return as soon as it is true. Raises TrialError, naming `what`, after the time."""
    until_s = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > until_s:
            raise TrialError(f"waited {timeout_s:.0f} s in vain for {what}")
        time.sleep(_LOOK_EVERY_S)


class TriedServer:
    """`chimera-storage serve` on a data folder; to be used in a `with`, which ends it.

    `cameras`: TOML of them. Nothing that is configured in the environment reaches it. Raises
    TrialError where it does not answer.
    """

    def __init__(self, folder: Path, cameras: str) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.data = folder / "data"
        self.captures = self.data / "shared/captures"
        self._config = folder / "storage.toml"
        self._config.write_text(_CONFIG + cameras)
        self._log = folder / "server.log"
        self._port = _free_port()
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{self._port}", timeout=30)
        self._process: subprocess.Popen[bytes] | None = None
        self.environment: dict[str, str] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        if self._process is None:
            return
        below = children(self._process.pid)
        self._process.kill()
        self._process.wait()
        for pid in below:  # they would end by themselves, only later
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def start(self) -> None:
        """Start it and wait until it answers."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(_CONFIGURING)}
        given = ["--config", str(self._config), "--path", str(self.data)]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "chimera_storage",
                    "serve",
                    *given,
                    "--port",
                    str(self._port),
                ],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                env=kept | {"CHIMERA_LOG": "json"} | self.environment,
                start_new_session=True,
            )
        wait_for(self._answers, "the server to answer")

    def stop(self) -> None:
        """End it in order. Raises TrialError where it does not."""
        process = self._running()
        process.terminate()
        try:
            process.wait(_END_S)
        except subprocess.TimeoutExpired:
            raise TrialError(f"the server did not end within {_END_S:.0f} s") from None

    def kill(self) -> None:
        """kill -9, of it alone."""
        self._running().kill()
        self._running().wait()

    def kill_all(self) -> None:
        """kill -9 of it and of every process below it, as one."""
        below = children(self._running().pid)
        for pid in (self._running().pid, *below):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._running().wait()

    def processes(self, room: str = "") -> list[int]:
        """Below it: `motion` the recorder's, `convert` those of conversions; it is the first."""
        pid = self._running().pid
        if not room:
            return [pid, *children(pid)]
        wanted = f"-m chimera_storage.{room}"
        return [child for child in children(pid) if wanted in command_line(child)]

    def kill_each(self, room: str) -> int:
        """kill -9 of those; how many there were."""
        found = self.processes(room)
        for pid in found:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        return len(found)

    @property
    def log(self) -> str:
        """What it wrote so far, in all of its lives."""
        return self._log.read_text(errors="replace")

    def ask(self, route: str, **body: Any) -> Any:
        """The JSON answer. Raises TrialError where it is none, or an error."""
        try:
            answer = self.http.post(route, json=body)
        except httpx.HTTPError as error:
            raise TrialError(f"the server does not answer {route}: {error}") from None
        if answer.status_code != 200:
            raise TrialError(f"{route} was answered with {answer.status_code}: {answer.text[:200]}")
        return answer.json()

    def _answers(self) -> bool:
        if self._running().poll() is not None:
            lines = self.log.splitlines()
            raise TrialError(f"the server ended: {lines[-1][:300] if lines else 'it says nothing'}")
        try:
            return self.http.get("/storage/health").status_code == 200
        except httpx.HTTPError:
            return False

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise TrialError("the server was not started")
        return self._process


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
