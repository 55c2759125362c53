"""Taking over a folder of flat images while the server answers.

    python bench/archive_footage.py FOLDER --flat
    python bench/archive_taking_over.py FOLDER

Starts the real server on FOLDER without an index, and asks `/file/pathSize` ten times a second
until every image is counted: how long that takes, and answers meanwhile, and the server's memory.
FOLDER's index and marks are deleted before.
"""

import argparse
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx

BETWEEN_S = 0.1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    for path in [*folder.glob("index.db*"), *folder.rglob(".chimera-storage")]:
        path.unlink()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    started = time.monotonic()
    server = subprocess.Popen(
        [sys.executable, "-m", "chimera_storage", "serve", "--path", folder, "--port", str(port)],
        env=os.environ | {"CHIMERA_LOG": "json"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        watch(httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=60), server.pid, started)
    finally:
        server.terminate()
        server.wait()


def watch(http: httpx.Client, pid: int, started: float) -> None:
    answers_s: list[float] = []
    first_s = None
    while True:
        asked = time.monotonic()
        try:
            answer = http.post("/file/pathSize", json={"camera": 1})
        except httpx.TransportError:
            time.sleep(0.02)
            continue
        first_s = first_s or time.monotonic() - started
        answers_s.append(time.monotonic() - asked)
        state = http.get("/storage/health").json()["storage"]
        if state["complete"]:
            break
        time.sleep(BETWEEN_S)
    answers_s.sort()
    print(f"first answer after {first_s:.1f} s, all {state['takenIn']:,} images counted after "
          f"{time.monotonic() - started:.1f} s")  # fmt: skip
    print(f"pathSize meanwhile, {len(answers_s)} times: median {at(answers_s, 0.5):.1f} ms, "
          f"p99 {at(answers_s, 0.99):.1f} ms, longest {answers_s[-1] * 1000:.1f} ms")  # fmt: skip
    status = Path(f"/proc/{pid}/status").read_text()
    peak_kb = int(status.split("VmHWM:")[1].split()[0])
    print(f"memory of the server at most {peak_kb / 1024:.0f} MB; {answer.json()}")


def at(ordered_s: list[float], share: float) -> float:
    return ordered_s[int(share * (len(ordered_s) - 1))] * 1000


if __name__ == "__main__":
    main()
