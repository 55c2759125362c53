"""Archives of very many images against cat and archiver (zlib 9), over one loopback connection.

    PYTHONPATH=. python bench/convert_zip.py FOLDER [--images 100000] [--archiver node_modules]

FOLDER keeps the data folder, which is made once: --images names of 1,000 different JPEGs of some
200 kB (hard links, so that they fit into memory and the disk's speed is out of it). The client is
the same for all: one socket, read into one buffer, nothing kept. `cat` is what the kernel can do:
xargs cat of the same files straight into an accepted socket. --archiver is a node_modules folder
with npm's archiver (npm install archiver@5), which the 2021 server uses with level 9; without it
Python's zlib at level 9 stands in for it. Both peers that compress get only --compressed images.
"""

import argparse
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import numpy as np
import simplejpeg
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout

START = 1_767_225_600
A_SECOND = 10
DIFFERENT = 1000
LOOKS = (480, 270, 0.1, None, None)  # width, height, score, boxes, event
NODE = """
const http = require('http'), fs = require('fs');
const archiver = require(process.argv[2] + '/archiver');
const files = fs.readFileSync(process.argv[3], 'utf8').split('\\n').filter(Boolean);
const server = http.createServer((_, response) => {
  const archive = archiver('zip', {zlib: {level: 9}});
  archive.pipe(response);
  for (const file of files) archive.file(file, {name: file.split('/').pop()});
  archive.finalize();
}).listen(0, '127.0.0.1', () => console.log(server.address().port));
"""


def build(folder: Path, images: int) -> Layout:
    """A data folder of camera 1 with so many images."""
    layout = Layout(folder / "data", UTC)
    if layout.index.exists():
        return layout
    shutil.rmtree(layout.root, ignore_errors=True)
    originals = folder / "originals"
    originals.mkdir(parents=True, exist_ok=True)
    random = np.random.default_rng(1)
    known = []
    for number in range(DIFFERENT):
        pixels = random.integers(0, 256, (270, 480, 3), np.uint8)
        jpeg = simplejpeg.encode_jpeg(pixels, quality=85)
        (originals / f"{number}.jpg").write_bytes(jpeg)
        known.append((len(jpeg), zlib.crc32(jpeg)))
    rows = [
        (1, START + i // A_SECOND, i % A_SECOND, 0, 0, *known[i % DIFFERENT], *LOOKS)
        for i in range(images)
    ]
    paths = layout.image_paths(1, (row[1:4] + row[5:6] for row in rows))  # type: ignore[arg-type]
    made: set[str] = set()
    for i, path in enumerate(paths):
        parent = os.path.dirname(path)  # noqa: PTH120 - a million of them
        if parent not in made:
            os.makedirs(parent, exist_ok=True)  # noqa: PTH103
            made.add(parent)
        os.link(originals / f"{i % DIFFERENT}.jpg", path)
    with closing(Index(layout.index)) as index:
        index.fill(1, rows)  # type: ignore[arg-type]
    return layout


class Reader:
    """What the client saw."""

    def __init__(self, port: int, request: bytes) -> None:
        buffer = bytearray(1 << 20)
        started = time.perf_counter()
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(request)
            self.bytes = connection.recv_into(buffer)
            self.head = bytes(buffer[:4096]).partition(b"\r\n\r\n")[0].decode("latin-1")
            # A head that came alone is not yet the first byte of what was asked for.
            while self.bytes and self.bytes <= len(self.head) + 4 and self.head[:4] == "HTTP":
                self.bytes += connection.recv_into(buffer)
            self.first_s = time.perf_counter() - started
            while more := connection.recv_into(buffer):
                self.bytes += more
        self.seconds = time.perf_counter() - started

    @property
    def rate(self) -> float:
        """Megabytes a second."""
        return self.bytes / self.seconds / 1e6


def get(port: int, url: str) -> Reader:
    """The answer to one GET."""
    request = f"GET {url} HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    return Reader(port, request.encode())


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """The port of a process that serves one connection."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        child = os.fork()
        if not child:
            connection, _ = server.accept()
            serve(connection)
            os._exit(0)
        yield server.getsockname()[1]
    os.waitpid(child, 0)


def cat(listed: Path) -> Reader:
    """The files of a list, one after the other."""

    def serve(connection: socket.socket) -> None:
        with listed.open("rb") as names:
            subprocess.run(
                ["xargs", "-n", "2000", "cat"], stdin=names, stdout=connection, check=True
            )

    with listening(serve) as port:
        return Reader(port, b"")


def zlib_9(paths: list[str]) -> Reader:
    """A stand-in for archiver: each file deflated at level 9, nothing else."""

    def serve(connection: socket.socket) -> None:
        for path in paths:
            connection.sendall(zlib.compress(Path(path).read_bytes(), 9))

    with listening(serve) as port:
        return Reader(port, b"")


def archiver(modules: Path, listed: Path) -> Reader:
    """npm's archiver as the 2021 server calls it."""
    node = subprocess.Popen(
        ["node", "-", str(modules.absolute()), str(listed)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert node.stdin is not None
    assert node.stdout is not None
    node.stdin.write(NODE.encode())
    node.stdin.close()
    try:
        return get(int(node.stdout.readline()), "/")
    finally:
        node.kill()
        node.wait()


def resident_mb(pid: int, *, reset: bool = False) -> float:
    """The most memory that a process had since the last reset, in 10^6 bytes."""
    if reset:
        Path(f"/proc/{pid}/clear_refs").write_text("5")
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) * 1024 / 1e6


def saved(server: RunningServer, asked: dict[str, object]) -> tuple[float, int, float]:
    """(seconds, bytes, peak memory of the process) of a saved archive, which is deleted."""
    started = time.perf_counter()
    made = server.post("/convert/createZip", **asked)
    peak = 0.0

    def is_done() -> bool:
        nonlocal peak
        children = Path(f"/proc/{server.pid}/task/{server.pid}/children").read_text().split()
        for child in children:
            try:
                if "chimera_storage.convert" in Path(f"/proc/{child}/cmdline").read_text():
                    peak = max(peak, resident_mb(int(child)))
            except (OSError, IndexError):
                continue
        return bool(server.post("/convert/statusProcess", id=made["id"])["status"] == "done")

    wait_for(is_done, "the archive", timeout_s=200)
    seconds = time.perf_counter() - started
    size = int(server.post("/convert/statusProcess", id=made["id"])["size"])
    server.post("/convert/deleteProcess", id=made["id"])
    return seconds, size, peak


def copied(listed: Path, target: Path) -> float:
    """Seconds that cat of the files into a file takes, synced."""
    started = time.perf_counter()
    with target.open("wb") as file, listed.open("rb") as names:
        subprocess.run(["xargs", "-n", "2000", "cat"], stdin=names, stdout=file, check=True)
        os.fsync(file.fileno())
    seconds = time.perf_counter() - started
    target.unlink()
    return seconds


def main() -> None:
    """Print one line for each figure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--images", type=int, default=100_000)
    parser.add_argument("--sent", type=int, default=40_000, help="images of the throughput rows")
    parser.add_argument("--saved", type=int, default=10_000, help="images of the saved rows")
    parser.add_argument("--compressed", type=int, default=200)
    parser.add_argument("--archiver", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    folder: Path = given.folder.absolute()
    layout = build(folder, given.images)
    with closing(Index(layout.index)) as index:
        rows = index.span_rows(1, START, START + given.images, limit=given.images)
    paths = list(layout.image_paths(1, rows))
    some, few = folder / "sent.txt", folder / "compressed.txt"
    some.write_text("\n".join(paths[: given.sent]) + "\n")
    few.write_text("\n".join(paths[: given.compressed]) + "\n")
    range_of = {"camera": 1, "start": START * 1000}
    everything = range_of | {"end": (START + given.images) * 1000}
    part = range_of | {"end": (START + given.sent // A_SECOND) * 1000 - 1}

    config = f"[convert]\nzip_frame_limit = {10 * given.images}\n"
    with RunningServer(folder, config) as server:
        wait_for(
            lambda: server.post("/file/pathSize", camera=1)["confidence"] == 100,
            "all",
            timeout_s=300,
        )
        first_bytes(server, everything)
        before = resident_mb(server.pid, reset=True)
        link = server.post("/convert/createZip", link=True, **part)
        print(f"{link['frames']:,} images over one connection, median of {given.rounds}:")
        ours = throughput(server, link, some, given.rounds)
        packed = sum(Path(path).stat().st_size for path in paths[: given.compressed]) / 1e6
        if given.archiver:
            name, slow = "archiver, zlib 9", archiver(given.archiver, few)
        else:
            name, slow = "Python's zlib 9", zlib_9(paths[: given.compressed])
        print(f"{name:24} {packed / slow.seconds:8.1f} MB/s")
        print(f"ours / {name:17} {ours / (packed / slow.seconds):8.1f}")
        print(f"server's memory          {before:8.0f} MB, {resident_mb(server.pid):.0f} at most")
        get_tail(server, server.post("/convert/createZip", link=True, **everything))
        print(f"  and the directory of {given.images:,}: {resident_mb(server.pid):.0f} MB at most")

        asked = range_of | {"end": (START + given.saved // A_SECOND) * 1000 - 1}
        less = folder / "saved.txt"
        less.write_text("\n".join(paths[: given.saved]) + "\n")
        runs = [(copied(less, folder / "copy"), saved(server, asked)) for _ in range(given.rounds)]
        size, peak = runs[0][1][1], max(run[1][2] for run in runs)
        copying, making = zip(*((copy, made[0]) for copy, made in runs), strict=True)
        rates = [size / 1e6 / statistics.median(seconds) for seconds in (copying, making)]
        print(f"{given.saved:,} images into a file, synced, median of {given.rounds}:")
        print(f"cat                      {rates[0]:8.0f} MB/s")
        print(f"ours, as a process       {rates[1]:8.0f} MB/s, {peak:.0f} MB of memory at most")


def first_bytes(server: RunningServer, everything: dict[str, object]) -> None:
    """How long an archive of everything takes to begin."""
    firsts: dict[str, list[float]] = {"link": [], "get": [], "save:false": []}
    for _ in range(5):
        started = time.perf_counter()
        link = server.post("/convert/createZip", link=True, **everything)
        firsts["link"].append(time.perf_counter() - started)
        firsts["get"].append(first(server.port, link["url"]))
        firsts["save:false"].append(first(server.port, everything | {"save": False}))
    both = [a + b for a, b in zip(firsts["link"], firsts["get"], strict=True)]
    print(f"an archive of {link['frames']:,} images, {link['size'] / 1e9:.1f} GB, median of 5:")
    print(f"link                     {1000 * statistics.median(firsts['link']):8.1f} ms")
    print(f"link, first byte         {1000 * statistics.median(firsts['get']):8.1f} ms")
    print(f"both                     {1000 * statistics.median(both):8.1f} ms")
    print(f"save:false, first byte   {1000 * statistics.median(firsts['save:false']):8.1f} ms")


def throughput(server: RunningServer, link: dict[str, Any], listed: Path, rounds: int) -> float:
    """Megabytes a second of the archive, after cat's."""
    ours, theirs = [], []
    for _ in range(rounds):
        theirs.append(cat(listed).rate)
        read = get(server.port, link["url"])
        assert read.bytes > link["size"], (read.bytes, link["size"])
        ours.append(read.rate)
    print(f"cat                      {statistics.median(theirs):8.0f} MB/s")
    print(f"ours                     {statistics.median(ours):8.0f} MB/s")
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    print(f"ours / cat               {statistics.median(ratios):8.2f}")
    return statistics.median(ours)


def first(port: int, asked: str | dict[str, object]) -> float:
    """Seconds to the first byte of an archive, which is then not wanted."""
    if isinstance(asked, str):
        request = f"GET {asked} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    else:
        text = json.dumps(asked)
        request = (
            "POST /convert/createZip HTTP/1.1\r\nHost: 127.0.0.1\r\n"
            f"Content-Type: application/json\r\nContent-Length: {len(text)}\r\n\r\n{text}"
        )
    started = time.perf_counter()
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(request.encode())
        got = b""
        while b"\r\n\r\nPK" not in got:
            piece = connection.recv(65536)
            assert piece, got
            got += piece
        return time.perf_counter() - started


def get_tail(server: RunningServer, link: dict[str, object]) -> None:
    """The last part of an archive: all of its directory."""
    size = int(str(link["size"]))
    wanted = {"range": f"bytes={size - 81 * int(str(link['frames']))}-"}
    answer = server.http.get(str(link["url"]), headers=wanted)
    assert answer.status_code == 206, answer.text


if __name__ == "__main__":
    sys.exit(main())
