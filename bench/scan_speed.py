"""How fast `chimera-storage scan` is beside DVR-Scan on the same recordings, as whole processes.

    python bench/scan_speed.py FILE... [--runs 5] [--repeat 1,8]

DVR-Scan with its defaults: `pip install 'dvr-scan[opencv-headless]'` in an environment of its own;
`DVR_SCAN` names the command. Both only list events. The two run in turn, after one run each that
does not count; shown are medians. Start-up weighs heavily on recordings of half a minute, so each
file is also played several times over as one longer recording (`--repeat`), its packets copied.
"""

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import av

OURS = [str(Path(sys.executable).with_name("chimera-storage")), "scan", "--format", "json"]
PEER = [os.environ.get("DVR_SCAN", "dvr-scan"), "--ignore-user-config", "-so", "-q", "-i"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--repeat", default="1,8", help="how often each file is played over")
    given = parser.parse_args()
    print("| recording | ours, s (CPU) | DVR-Scan, s (CPU) | times as fast | CPU | x real time |")
    print("| --- | --- | --- | --- | --- | --- |")
    with tempfile.TemporaryDirectory() as folder:
        for repeat in map(int, given.repeat.split(",")):
            for file in given.files:
                path = file if repeat == 1 else repeated(file, repeat, Path(folder))
                print(row(path, given.runs), flush=True)


def row(path: Path, runs: int) -> str:
    """One line of the table."""
    commands = {"ours": [*OURS, str(path)], "peer": [*PEER, str(path)]}
    walls: dict[str, list[float]] = {name: [] for name in commands}
    cpus: dict[str, list[float]] = {name: [] for name in commands}
    seconds = 0.0
    for number in range(runs + 1):
        for name, command in commands.items():
            wall, cpu, printed = timed(command)
            if name == "ours":
                seconds = json.loads(printed)["files"][0]["duration"]
            if number:
                walls[name].append(wall)
                cpus[name].append(cpu)
    ours, peer = (statistics.median(walls[name]) for name in commands)
    our_cpu, peer_cpu = (statistics.median(cpus[name]) for name in commands)
    return (
        f"| {path.stem}, {seconds:.0f} s | {ours:.2f} ({our_cpu:.2f}) | {peer:.2f} ({peer_cpu:.2f})"
        f" | {peer / ours:.1f} | {our_cpu / peer_cpu:.2f} | {seconds / ours:.0f} |"
    )


def timed(command: Sequence[str]) -> tuple[float, float, bytes]:
    """Wall and CPU seconds of a whole process, and what it printed."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    began = time.perf_counter()
    done = subprocess.run(command, capture_output=True, check=True)
    wall = time.perf_counter() - began
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return wall, cpu, done.stdout


def repeated(path: Path, times: int, folder: Path) -> Path:
    """The recording played over several times, its packets copied."""
    target = folder / f"{path.stem}-x{times}.mkv"
    with av.open(str(target), "w", format="matroska") as output:
        offset = 0
        added = None
        for _ in range(times):
            with av.open(str(path)) as source:
                stream = source.streams.video[0]
                if added is None:
                    added = output.add_stream_from_template(stream)
                end = offset
                for packet in source.demux(stream):
                    if packet.dts is None or packet.pts is None:
                        continue
                    packet.pts, packet.dts = packet.pts + offset, packet.dts + offset
                    end = max(end, packet.pts + (packet.duration or 0))
                    packet.stream = added
                    output.mux(packet)
                offset = end
    return target


if __name__ == "__main__":
    main()
