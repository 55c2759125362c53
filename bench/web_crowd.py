"""Many who listen and many who load slowly at once: how long an API call takes, and what memory.

    .venv/bin/python bench/web_crowd.py [--streams 500] [--downloads 200] [--calls 2000]

Opens event streams (GET /convert/events), all idle, and downloads of a 200 MB file that read 64 KB
four times a second each, from a process of its own; then asks POST /file/pathSize one call after
the other, with log-in switched on. Memory is the server's own process (proportional set size) while
all are open, above what it was after the calls before. Raise `ulimit -n` below 2,000.
"""

import argparse
import resource
import socket
import sys
import tempfile
import time
from multiprocessing import Pipe, Process
from multiprocessing.connection import Connection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.web_speed import fill, token
from tests.support.server import RunningServer

READ_BYTES = 65536
READ_EVERY_S = 0.25
TURNS = 25


def memory_mb(pid: int) -> float:
    """Proportional set size of a process."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.partition("\nPss:")[2].split()[0]) / 1000


def opened(port: int, path: str, secret: str) -> socket.socket:
    """A connection on which this was asked for."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, READ_BYTES)
    connection.connect(("127.0.0.1", port))
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {secret}\r\n\r\n"
    connection.sendall(head.encode())
    return connection


def crowd(port: int, secret: str, streams: int, downloads: int, said: Connection) -> None:
    """Opens all and reads them slowly, in a process of its own; says when all began, and losses."""
    large = "/shared/captures/large.zip"
    connections = [opened(port, "/convert/events", secret) for _ in range(streams)]
    connections += [opened(port, large, secret) for _ in range(downloads)]
    for connection in connections:
        connection.setblocking(False)
    waiting = set(connections)
    while True:
        for turn in range(TURNS):  # nobody reads in step with all others
            began = time.monotonic()
            for connection in connections[turn::TURNS]:
                try:
                    part = connection.recv(READ_BYTES)
                except BlockingIOError:
                    continue
                if not part:
                    said.send("lost")
                    connections.remove(connection)
                elif connection in waiting:
                    waiting.remove(connection)
                    if not waiting:
                        said.send("begun")
            time.sleep(max(0.0, began + READ_EVERY_S / TURNS - time.monotonic()))


def calls_ms(server: RunningServer, count: int) -> list[float]:
    """Milliseconds that each of so many calls took, sorted."""
    times = []
    for _ in range(count):
        began = time.perf_counter()
        server.post("/file/pathSize", camera=1)
        times.append(1000 * (time.perf_counter() - began))
    return sorted(times)


def say(what: str, times: list[float]) -> None:
    half, most = times[len(times) // 2], times[len(times) * 99 // 100]
    print(f"{what:44} p50 {half:8.2f} ms   p99 {most:8.2f} ms   max {times[-1]:8.2f} ms")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--downloads", type=int, default=200)
    parser.add_argument("--calls", type=int, default=2000)
    how = parser.parse_args()
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        fill(folder / "data")
        secret = token(folder / "data")
        with RunningServer(folder) as server:
            server.http.headers["authorization"] = f"Bearer {secret}"
            say("alone", calls_ms(server, how.calls))
            idle_mb = memory_mb(server.pid)
            ours, theirs = Pipe()
            work = server.port, secret, how.streams, how.downloads, theirs
            process = Process(target=crowd, args=work, daemon=True)
            process.start()
            assert ours.poll(60), "not all began"
            assert ours.recv() == "begun", "one was lost at the beginning"
            say(f"{how.streams} streams, {how.downloads} downloads", calls_ms(server, how.calls))
            print(f"{'memory':44} {idle_mb:.1f} MB, + {memory_mb(server.pid) - idle_mb:.1f} MB")
            lost = 0
            while ours.poll(0):
                lost += ours.recv() == "lost"
            print(f"{'connections lost':44} {lost}")
            process.kill()
            server.stop(timeout_s=120)
    return 0


if __name__ == "__main__":
    sys.exit(main())
