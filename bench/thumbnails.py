"""What `?width=` costs: milliseconds to make one, how fast a remembered one is sent, and memory.

    .venv/bin/python bench/thumbnails.py [--images 3000] [--seconds 4]

Images are 1080p JPEGs of the demonstration scene, quality 85. Milliseconds are of one thread, file
read from the page cache included, the median of 100 images. Requests go to the server as `serve`
starts it, with an API token; then each of `--images` images is asked for once by six connections,
as a browser that scrolls through a grid does. Needs wrk.
"""

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import httpx
import simplejpeg
from tests.support.server import RunningServer

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Role
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.model import ImageKey
from chimera_storage.motion.demo import DemoScene
from chimera_storage.web.serving import StoredFile
from chimera_storage.web.thumbnails import CACHE_BYTES, WIDTHS, _smaller

DRAWN = 100


def fill(data: Path, images: int) -> tuple[list[Path], list[str]]:
    """Paths and addresses of so many images, of which DRAWN differ."""
    scene = DemoScene(1920, 1080)
    jpegs = [
        simplejpeg.encode_jpeg(scene.frame(t / 5).to_ndarray(format="rgb24"), 85)
        for t in range(DRAWN)
    ]
    layout = Layout(data, ZoneInfo("UTC"))
    begin = int(datetime(2026, 1, 31, tzinfo=UTC).timestamp())
    keys = [ImageKey(camera=1, second=begin + i, number=0) for i in range(images)]
    for i, key in enumerate(keys):
        path = layout.image_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(jpegs[i % DRAWN])
    return [layout.image_path(key) for key in keys], [layout.image_url(key) for key in keys]


def made_alone(paths: list[Path]) -> None:
    whole = statistics.mean(path.stat().st_size for path in paths[:DRAWN])
    print(f"an image: {whole / 1000:.0f} kB")
    for width in WIDTHS:
        took, sizes, wide = [], [], 0
        for path in paths[:DRAWN]:
            stored = StoredFile(path.open("rb", buffering=0), name=path.name)
            began = time.perf_counter()
            jpeg = _smaller(stored, width)
            took.append(time.perf_counter() - began)
            stored.close()
            sizes.append(len(jpeg))
            wide = simplejpeg.decode_jpeg_header(jpeg)[1]
        print(
            f"?width={width:<5} {statistics.median(took) * 1000:6.2f} ms"
            f"  {statistics.mean(sizes) / 1000:6.1f} kB  {wide} wide"
        )


def remembered(url: str, path: str, secret: str, seconds: float) -> None:
    ran = subprocess.run(
        [
            "wrk",
            "-t1",
            "-c16",
            f"-d{seconds:g}s",
            "-H",
            f"Authorization: Bearer {secret}",
            url + path,
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert "Non-2xx" not in ran.stdout, ran.stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", ran.stdout)
    assert found is not None, ran.stdout
    print(f"{'remembered' if 'width' in path else 'the image itself'}: {float(found[1]):,.0f}/s")


def resident_mb(pid: int) -> float:
    found = re.search(r"VmRSS:\s+(\d+)", Path(f"/proc/{pid}/status").read_text())
    assert found is not None
    return int(found[1]) / 1024


def scrolled(server: RunningServer, urls: list[str], secret: str) -> None:
    before = resident_mb(server.pid)
    headers = {"authorization": f"Bearer {secret}"}
    with httpx.Client(base_url=server.url, headers=headers, timeout=60) as client:

        def small(path: str) -> None:
            assert client.get(f"{path}?width=320").headers["content-type"] == "image/jpeg"

        began = time.perf_counter()
        with ThreadPoolExecutor(6) as browser:
            list(browser.map(small, urls))
        took = time.perf_counter() - began
    print(
        f"{len(urls)} asked for once: {len(urls) / took:,.0f}/s,"
        f" memory {before:.0f} → {resident_mb(server.pid):.0f} MB"
        f" (remembered at most {CACHE_BYTES / 2**20:.0f} MiB)"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=3000)
    parser.add_argument("--seconds", type=float, default=4)
    how = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = folder / "data"
        paths, urls = fill(data, how.images)
        made_alone(paths)
        with closing(Accounts(data / ACCOUNTS_NAME, SystemClock())) as accounts:
            secret = accounts.add_token("bench", role=Role.ADMIN, cameras=None, lasts_s=None)
        with RunningServer(folder) as server:
            for path in (urls[0], f"{urls[0]}?width=320"):
                remembered(server.url, path, secret, how.seconds)
            scrolled(server, urls, secret)
    return 0


if __name__ == "__main__":
    sys.exit(main())
