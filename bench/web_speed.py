"""The HTTP server's speed, with log-in switched on, beside nginx with sendfile on the same files.

    .venv/bin/python bench/web_speed.py [--rounds 5] [--seconds 4] [--starts 5]

- a file of 200 MB, whole and its part from 50 MB on (Range), two connections: bytes a second;
- JPEGs of 130 KB, 200 of them in turns, 16 connections: requests a second;
- POST /file/pathSize and /convert/statusProcess, 16 connections: requests a second;
- seconds from the start of the process to the first answer, with 2,000 images stored.

One worker each: nginx (Debian's, `worker_processes 1`, sendfile, no log) and the server as `serve`
starts it. Ours asks for an API token with each request; nginx asks for nothing. Rounds take turns;
what is printed is the median of all rounds and, behind it, each round. Needs nginx and wrk.
"""

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import numpy as np
import simplejpeg
from tests.support.server import RunningServer, free_port
from tests.support.waiting import wait_for

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Role
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.model import ImageKey

LARGE_BYTES = 200_000_000
PART_FROM = 50_000_000
IMAGES, SHOWN = 2000, 200
JPEG_BYTES = 130_000
NGINX = """
user {user};
worker_processes 1;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/nginx.log;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile on;
    tcp_nopush on;
    keepalive_requests 100000000;
    types {{ image/jpeg jpg; }}
    client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fcgi; uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
    server {{ listen 127.0.0.1:{port}; root {data}; }}
}}
"""
WRK = """
local paths = {{{paths}}}
local number = 0
wrk.headers["Authorization"] = "Bearer {token}"
{more}
request = function()
  number = number % #paths + 1
  return wrk.format(nil, paths[number])
end
done = function(summary)
  local e = summary.errors
  io.write(string.format("RESULT %d %d %d %d\\n", summary.requests, summary.bytes,
    summary.duration, e.connect + e.read + e.write + e.status + e.timeout))
end
"""


def picture() -> bytes:
    """A JPEG of about 130 KB: noise of the right coarseness, 1280x720."""
    random = np.random.default_rng(6)
    noise = random.integers(0, 255, (720, 1280, 3), np.uint8)
    for quality in range(95, 1, -1):
        jpeg: bytes = simplejpeg.encode_jpeg(noise, quality=quality)
        if len(jpeg) <= JPEG_BYTES * 1.05:
            return jpeg
    return jpeg


def fill(data: Path) -> list[str]:
    """The files; the addresses of the images that are asked for."""
    layout = Layout(data, ZoneInfo("UTC"))
    jpeg = picture()
    begin = datetime(2026, 1, 31, 12, tzinfo=UTC)
    urls = []
    for number in range(IMAGES):
        second = int((begin + timedelta(seconds=number)).timestamp())
        key = ImageKey(camera=1, second=second, number=0)
        path = layout.image_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpeg)
        urls.append(layout.image_url(key))
    block = os.urandom(1_000_000)
    with (layout.captures / "large.zip").open("wb") as file:
        for _ in range(LARGE_BYTES // len(block)):
            file.write(block)
    return urls[:SHOWN]


def token(data: Path) -> str:
    """Of a new viewer; from now on everybody has to log in."""
    with closing(Accounts(data / ACCOUNTS_NAME, SystemClock())) as accounts:
        return accounts.add_token("bench", role=Role.ADMIN, cameras=None, lasts_s=None)


@contextmanager
def nginx(folder: Path, data: Path) -> Iterator[str]:
    """Its address, while it runs."""
    port = free_port()
    config = folder / "nginx.conf"
    user = "root" if os.geteuid() == 0 else "nobody"
    config.write_text(NGINX.format(user=user, folder=folder, port=port, data=data))
    process = subprocess.Popen(["nginx", "-c", str(config)], stderr=subprocess.DEVNULL)
    url = f"http://127.0.0.1:{port}"

    def answers() -> bool:
        try:
            return httpx.get(url).status_code > 0
        except httpx.TransportError:
            return False

    try:
        wait_for(answers, "nginx")
        yield url
    finally:
        process.terminate()
        process.wait()


def load(
    folder: Path,
    url: str,
    paths: list[str],
    secret: str,
    *,
    connections: int,
    seconds: float,
    more: str = "",
) -> tuple[float, float]:
    """(requests a second, bytes a second); raises AssertionError where one was not 2xx."""
    script = folder / "load.lua"
    quoted = ", ".join(f'"{path}"' for path in paths)
    script.write_text(WRK.format(paths=quoted, token=secret, more=more))
    ran = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds:g}s", "--timeout=60s", f"-s{script}", url],
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"RESULT (\d+) (\d+) (\d+) (\d+)", ran.stdout)
    assert found is not None, ran.stdout
    requests, size, duration_us, errors = map(int, found.groups())
    assert errors == 0, ran.stdout
    return requests / duration_us * 1e6, size / duration_us * 1e6


class Figures:
    """What was measured, by name."""

    def __init__(self) -> None:
        self._found: dict[str, list[float]] = {}

    def add(self, name: str, value: float) -> None:
        self._found.setdefault(name, []).append(value)

    def median(self, name: str) -> float:
        return statistics.median(self._found[name])

    def say(self, name: str, unit: str) -> None:
        rounds = " ".join(f"{value:,.2f}" for value in self._found[name])
        print(f"{name:34} {self.median(name):12,.2f} {unit}   ({rounds})")

    def compare(self, name: str, wanted: float, unit: str) -> None:
        self.say(f"{name}, nginx", unit)
        self.say(f"{name}, ours", unit)
        share = self.median(f"{name}, ours") / self.median(f"{name}, nginx")
        print(f"{'':34} {share:12.2f} of nginx (wanted: {wanted})")


def rounds(  # noqa: PLR0917
    folder: Path,
    server: RunningServer,
    peer: str,
    urls: list[str],
    secret: str,
    how: argparse.Namespace,
) -> Figures:
    """All questions in turns."""
    figures = Figures()
    process = made(server)
    part = f'wrk.headers["Range"] = "bytes={PART_FROM}-"'
    post = 'wrk.method = "POST"\nwrk.headers["Content-Type"] = "application/json"\nwrk.body = '
    large = ["/shared/captures/large.zip"]

    def ask(url: str, paths: list[str], connections: int, more: str) -> tuple[float, float]:
        return load(
            folder, url, paths, secret, connections=connections, seconds=how.seconds, more=more
        )

    def megabytes(url: str, paths: list[str], more: str = "") -> float:
        return ask(url, paths, 2, more)[1] / 1e6

    def requests(url: str, paths: list[str], more: str = "") -> float:
        return ask(url, paths, 16, more)[0]

    questions: dict[str, Callable[[], float]] = {}
    for who, url in (("nginx", peer), ("ours", server.url)):
        questions[f"200 MB, {who}"] = partial(megabytes, url, large)
        questions[f"150 MB by Range, {who}"] = partial(megabytes, url, large, part)
        questions[f"JPEGs of 130 KB, {who}"] = partial(requests, url, urls)
    of_camera = post + """'{"camera": 1}'"""
    questions["pathSize"] = partial(requests, server.url, ["/file/pathSize"], of_camera)
    of_process = post + f"""'{{"id": "{process}"}}'"""
    status = ["/convert/statusProcess"]
    questions["statusProcess"] = partial(requests, server.url, status, of_process)
    for _ in range(how.rounds):
        for name, question in questions.items():
            if how.only in name:
                figures.add(name, question())
    return figures


def made(server: RunningServer) -> str:
    """The id of a finished archive of a few images."""
    wait_for(lambda: server.post("/file/pathFileCount", camera=1)["count"] == IMAGES, "the images")
    id_ = server.post("/convert/createZip", camera=1, end="2026-02-01", skip=100)["id"]
    wait_for(lambda: server.post("/convert/statusProcess", id=id_)["status"] == "done", "a zip")
    return str(id_)


def start_s(folder: Path) -> float:
    """Seconds from the start of the process to its first answer."""
    # Python keeps what it compiled, unless an environment such as that of a test forbids it.
    server = RunningServer(folder, env={"PYTHONDONTWRITEBYTECODE": ""})
    began = time.monotonic()
    with server:
        return time.monotonic() - began


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=4)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--only", default="", help="questions whose name holds this")
    how = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        urls = fill(data)
        secret = token(data)
        with RunningServer(folder) as server, nginx(folder, data) as peer:
            server.http.headers["authorization"] = f"Bearer {secret}"
            figures = rounds(folder, server, peer, urls, secret, how)
        for question, wanted, unit in (
            ("200 MB", 1.0, "MB/s"),
            ("150 MB by Range", 1.0, "MB/s"),
            ("JPEGs of 130 KB", 0.5, "1/s"),
        ):
            if how.only in question:
                figures.compare(question, wanted, unit)
        for question in ("pathSize", "statusProcess"):
            if how.only in question:
                figures.say(question, "1/s (wanted: 5,000)")
        for _ in range(how.starts):
            figures.add("start", start_s(folder))
        if how.starts:
            figures.say("start", "s (wanted: 1.0)")
    return 0


if __name__ == "__main__":
    sys.exit(main())
