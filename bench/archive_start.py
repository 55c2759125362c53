"""Starting with a million files: with no index, and with one that is intact.

    PYTHONPATH=. python bench/archive_start.py DATA [--config FILE] [--runs 3]

DATA is a data folder of bench/archive_footage.py. Its index is deleted and the real server started:
measured is how long until every file is in the index again (`confidence` 100), how long its answers
take meanwhile, and beside it `find -printf '%s %p'` over the same files. Then the server is started
with that index. Runs take turns; medians. Modules are compiled before, as those of an installed
package are.
"""

import argparse
import subprocess
import tempfile
import time
from pathlib import Path
from statistics import median

from tests.support.server import RunningServer

# Bytecode is written at the first start, which is not measured, whatever the environment says.
COMPILED = {"PYTHONDONTWRITEBYTECODE": "", "PYTHONPYCACHEPREFIX": tempfile.mkdtemp()}


def find(data: Path) -> float:
    """Seconds that `find` takes."""
    command = ["find", str(data / "shared/captures"), "-printf", "%s %p\\n"]
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


def start(data: Path) -> tuple[float, float, list[float], int]:
    """Seconds to ready and to a confidence of 100, answers' milliseconds meanwhile, images."""
    with tempfile.TemporaryDirectory() as folder:
        server = RunningServer(Path(folder), env=COMPILED)
        server.data = data
        started = time.perf_counter()
        with server:
            ready, answers = time.perf_counter() - started, []
            while True:
                asked = time.perf_counter()
                answer = server.post("/file/pathFileCount", camera="4")
                answers.append((time.perf_counter() - asked) * 1000)
                if answer["confidence"] == 100:
                    break
                time.sleep(0.005)
            complete = time.perf_counter() - started
            cameras = range(1, 5)
            images = sum(
                server.post("/file/pathFileCount", camera=str(c))["count"] for c in cameras
            )
    return ready, complete, sorted(answers), images


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Measure starting with a million files.")
    parser.add_argument("data", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    given = parser.parse_args()
    finds, rebuilds, starts = [], [], []
    start(given.data)
    find(given.data)  # whatever comes first would fill the kernel's caches for the other
    for _ in range(given.runs):
        finds.append(find(given.data))
        for path in given.data.glob("index.db*"):
            path.unlink()
        rebuilds.append(start(given.data))
        starts.append(start(given.data))
        ready, complete, answers, images = rebuilds[-1]
        print(
            f"{images:,} images: find {finds[-1]:.2f} s; ready {ready:.2f} s, index made anew"
            f" {complete:.2f} s, answers meanwhile median {median(answers):.1f}, p99"
            f" {answers[int(len(answers) * 0.99) - 1]:.1f} ms; started again: ready"
            f" {starts[-1][0]:.2f} s, compared {starts[-1][1]:.2f} s",
            flush=True,
        )
    seconds, rebuilt = median(finds), median(complete for _, complete, _, _ in rebuilds)
    print(f"find {seconds:.2f} s, made anew {rebuilt:.2f} s: {rebuilt / seconds:.2f} times")
    ready = [ready for ready, _, _, _ in starts]
    print(
        f"ready with an intact index {median(ready):.2f} s ({min(ready):.2f} to {max(ready):.2f})"
    )


if __name__ == "__main__":
    main()
