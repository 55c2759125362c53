"""Many connections at a time, to the real server."""

import socket
from contextlib import ExitStack
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
