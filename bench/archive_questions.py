"""How long questions take with a million and ten million images, and how large the index is.

    PYTHONPATH=. python bench/archive_questions.py FOLDER [--flat /tmp/million-flat] [--calls 1000]

FOLDER keeps the two indexes, which are made once (rows without files, an image a second; 1.3 GB).
Asked through `Index` in this process, and through HTTP of a real server on the same index. With
--flat FOLDER2 (bench/archive_footage.py FOLDER2 --flat --cameras 1) the 2021 server's way, listing
the folder and looking at each file, is measured with Node in the same run (`walk.js`).
"""

import argparse
import json
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from archive_footage import START
from tests.support.server import RunningServer

from chimera_storage.archive.index import Index
from chimera_storage.archive.index.image_rows import Row
from chimera_storage.archive.layout import MARK_NAME

CAMERA = 1
SIZES = (1_000_000, 10_000_000)
HTTP = {
    "size": ("/file/pathSize", {}),
    "count": ("/file/pathFileCount", {}),
    "list of 100": ("/convert/listFramesVideo", {"frames": 100}),
}


def build(folder: Path, images: int) -> Path:
    """A data folder whose index has so many rows.

    Its captures lack their mark, as when their disk is not mounted, so that the rows are kept.
    """
    data = folder / f"{images}" / "data"
    if not (data / "index.db").exists():
        data.mkdir(parents=True, exist_ok=True)
        index = Index(data / "part.db")
        for start in range(START, START + images, 100_000):
            index.fill(CAMERA, [_row(second) for second in range(start, start + 100_000)])
        (data / MARK_NAME).write_text(json.dumps({"format": 1, "id": index.data_folder_id}))
        index.close()
        (data / "part.db").rename(data / "index.db")
    return data


def _row(second: int) -> Row:
    event, boxes = (second - second % 30) * 1_000_000, b"\1\0\2\0\3\0\4\0"
    crc32 = second * 2654435761 % 2**32
    fraction_us = second * 7919 % 1_000_000
    own = boxes if second % 3 else None
    return CAMERA, second, 0, 0, fraction_us, 3800, crc32, 320, 180, fraction_us / 1e6, own, event


def times(ask: Callable[[], object], calls: int) -> list[float]:
    """Milliseconds of each call, ascending; some before them are not counted."""
    for _ in range(20):
        ask()
    found = []
    for _ in range(calls):
        start = time.perf_counter()
        ask()
        found.append((time.perf_counter() - start) * 1000)
    return sorted(found)


def shown(found: list[float]) -> str:
    """Median and 99th percentile."""
    return f"{found[len(found) // 2]:.2f} | {found[int(len(found) * 0.99) - 1]:.2f}"


def through_index(data: Path, images: int, calls: int) -> None:
    """The questions in this process."""
    index = Index(data / "index.db")
    last_us = (START + images) * 1_000_000
    million = (last_us - 1_000_000 * 1_000_000 + 1_800_000_000, last_us)  # begins within an hour
    for name, ask in {
        "size and count": lambda: index.totals(CAMERA),
        "list of 100 over a million": lambda: index.sample(CAMERA, *million, 100),
        "count of a range (createVideo)": lambda: index.count(CAMERA, *million),
        "latest image": lambda: index.latest(CAMERA),
    }.items():
        print(f"| {name} | Index | {images:,} | {shown(times(ask, calls))} |", flush=True)
    index.close()


def through_http(data: Path, images: int, calls: int) -> None:
    """The questions a client asks."""
    config = '[[camera]]\nid = 1\nname = "one"\nurl = "file:///nowhere.mp4"\n'
    last = (START + images) * 1000
    span = {"camera": str(CAMERA), "start": last - 999_000_000, "end": last}
    with RunningServer(data.parent, config) as server:
        for name, (route, extra) in HTTP.items():
            body = (span | extra) if extra else {"camera": str(CAMERA)}
            found = times(lambda r=route, b=body: server.post(r, **b), calls)  # type: ignore[misc]
            print(f"| {name} | HTTP | {images:,} | {shown(found)} |", flush=True)
        for route in ("/file/pathMetrics", "/file/pathStats", "/usage", "/storage/health"):
            if server.http.get(route).status_code == 200:
                found = times(lambda r=route: server.http.get(r), calls)  # type: ignore[misc]
            elif server.http.post(route, json={}).status_code == 200:
                found = times(lambda r=route: server.post(r), calls)  # type: ignore[misc]
            else:
                continue
            print(f"| {route} | HTTP | {images:,} | {shown(found)} |", flush=True)


def walking(flat: Path) -> None:
    """The 2021 server's way."""
    folder = flat / "shared/captures/1"
    for question in ("count", "size", "list"):
        command = ["node", str(Path(__file__).parent / "walk.js"), str(folder), question, "3"]
        lines = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        found = sorted(map(float, lines))
        print(f"| {question} | walking (Node) | 1,000,000 | {found[1]:.0f} | {found[-1]:.0f} |")


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description="Measure what questions cost.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--flat", type=Path)
    parser.add_argument("--calls", type=int, default=1000)
    given = parser.parse_args()
    print("| question | through | images | median ms | p99 ms |\n| --- | --- | --- | --- | --- |")
    for images in SIZES:
        data = build(given.folder, images)
        through_index(data, images, given.calls)
        through_http(data, images, given.calls)
        bytes_each = (data / "index.db").stat().st_size / images
        print(f"| size of the index | | {images:,} | {bytes_each:.1f} bytes an image | |")
    if given.flat is not None:
        walking(given.flat)


if __name__ == "__main__":
    main()
