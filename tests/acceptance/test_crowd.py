"""Many connections at a time, to the real server."""

import json
import signal
import socket
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path

import pytest

from tests.support.server import RunningServer

pytestmark = pytest.mark.acceptance
STREAM = b"GET /convert/events HTTP/1.1\r\nHost: localhost\r\n\r\n"


def test_bug_as_many_listeners_as_the_http_server_had_places_kept_all_others_out(
    tmp_path: Path,
) -> None:
    with RunningServer(tmp_path) as server, ExitStack() as listening:
        for _ in range(300):
            connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
            listening.enter_context(connection)
            connection.sendall(STREAM)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 OK")
        assert server.http.get("/storage/health").status_code == 200


def test_bug_downloads_that_nobody_read_held_up_the_stop(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server, ExitStack() as loading:
        with (server.data / "shared/captures/large.zip").open("wb") as file:
            file.truncate(100_000_000)
        for path in (b"/shared/captures/large.zip", b"/convert/events"):
            for _ in range(20):
                connection = socket.create_connection(("127.0.0.1", server.port), timeout=30)
                loading.enter_context(connection)
                connection.sendall(b"GET " + path + b" HTTP/1.1\r\nHost: localhost\r\n\r\n")
                assert connection.recv(100).startswith(b"HTTP/1.1 200 OK")
        assert server.stop(signal.SIGTERM) == 0
        lines = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
        at = {line["event"]: datetime.fromisoformat(line["timestamp"]) for line in lines}
        assert (at["server_stopped"] - at["server_stopping"]).total_seconds() < 4.5
