"""The real server as a process of its own, on a free port, for acceptance tests."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx

from tests.support.waiting import wait_for

_BOUND = ("setpriv", "--bounding-set", "-dac_override,-dac_read_search,-net_bind_service")
COMMAND = (sys.executable, "-m", "chimera_storage")


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def command(
    *arguments: str | Path,
    env: dict[str, str] | None = None,
    timeout_s: float = 60,
    as_root: bool = True,
) -> "subprocess.CompletedProcess[str]":
    """Run `chimera-storage` with arguments to its end. Not `as_root`: the rights of files bind it,
    also where the tests run as root."""
    return subprocess.run(
        [*(() if as_root or os.geteuid() else _BOUND), *COMMAND, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
        env=clean_environment() | (env or {}),
    )


def clean_environment() -> dict[str, str]:
    """The environment without what configures a server, and with logs as JSON."""
    names = ("storage_", "command_", "alert_", "SECRETKEY", "cameras")
    kept = {k: v for k, v in os.environ.items() if not k.startswith(names)}
    return kept | {"CHIMERA_LOG": "json"}


class RunningServer:
    """`chimera-storage serve` on a data folder; entered when it answers, ended when left."""

    def __init__(
        self,
        folder: Path,
        config: str = "",
        *,
        env: dict[str, str] | None = None,
        args: tuple[str, ...] = (),
    ) -> None:
        self.port = free_port()
        self.data = folder / "data"
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = folder / "storage.toml"
        self._config.write_text(config)
        self._log = folder / "server.log"
        self._env = env or {}
        self._args = args
        self._process: subprocess.Popen[bytes] | None = None
        self.http = httpx.Client(base_url=self.url, timeout=30)

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:  # a machine that is too busy: nothing stays behind
            if self._process is not None and self._process.poll() is None:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
            raise
        return self

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [
                    *COMMAND,
                    "serve",
                    "--config",
                    str(self._config),
                    "--path",
                    str(self.data),
                    "--port",
                    str(self.port),
                    *self._args,
                ],
                stdout=log,
                stderr=log,
                env=clean_environment() | self._env,
                start_new_session=True,
            )
        wait_for(self._answers, lambda: f"the server to answer; its log:\n{self.log}")

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, f"the server ended:\n{self.log}"
        try:
            return self.http.get("/storage/health").status_code == 200
        except httpx.TransportError:
            return False

    @property
    def log(self) -> str:
        return self._log.read_text(errors="replace")

    def stop(self, number: int = signal.SIGTERM, *, timeout_s: float = 30) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        assert self._process is not None
        self._process.send_signal(number)
        return self._process.wait(timeout_s)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.http.close()
        assert self._process is not None
        if self._process.poll() is None:
            try:
                self.stop()
            except subprocess.TimeoutExpired:
                os.killpg(self._process.pid, signal.SIGKILL)
                self._process.wait()
                raise

    def post(self, route: str, **body: Any) -> Any:
        """The JSON answer of a POST that succeeds."""
        response = self.http.post(route, json=body)
        assert response.status_code == 200, (route, body, response.status_code, response.text)
        return response.json()

    def images(self, camera: int) -> list[Path]:
        """Every image file of a camera on disk, by name."""
        return sorted((self.data / "shared/captures" / str(camera)).rglob("[!.]*.jpg"))
