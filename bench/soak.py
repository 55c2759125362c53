"""Eight cameras that drop, stall, change resolution and come back; is everything accounted for?

    python bench/soak.py [--minutes 60] [--footage FOLDER] [--work FOLDER] [--seed 1]
                         [--plant leak|descriptors|picture|file]

The real server as a process of its own records eight RTSP cameras on 127.0.0.1 (H.264, small
pictures, 8 a second; of the videos in FOLDER, else of the demonstration scene). What they do is
chance with a seed: connections end, are cut within a picture, fall silent, pause for up to 14 s, go
on in another size, or are refused. Meanwhile clients ask for pages, lists, images, metrics, videos
and archives (some cancelled or deleted), delete times by hand, and a quota cleans all the time.

Afterwards, for every camera: pictures sent = read = images saved + let go, connection by
connection, by the recorder's own log; images saved = files on disk + deleted ones, by the index's
record of deletions; `chimera-storage check` finds nothing; no request was answered with 5xx;
memory, descriptors and threads of server and recorder have not grown (from ten minutes on). Of a
connection that was cut a part of a picture arrives, which is damaged. What does not fit is listed;
the exit code is then 1.

`--plant` spoils one of these, to see that it is found: memory or descriptors that leak in every
process, a picture that was never sent, an image that somebody deletes.
"""

import argparse
import json
import os
import shutil
import sys
import time
from collections import Counter, defaultdict
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from bench.soak_load import Clients, Fates, LyingCamera, clips
from bench.soak_measure import Sampler, growths
from prometheus_client.parser import text_string_to_metric_families
from tests.support.rtsp_camera import Camera, Cameras
from tests.support.server import RunningServer, command
from tests.support.waiting import wait_for

from chimera_storage.archive.index import Index

COUNT = 8
SAMPLE_S = 5.0
CONFIG = """
[storage]
max_gb = 0.04
min_free_gb = 0
[convert]
at_once = 2
"""
CAMERA = """
[[camera]]
id = {id}
url = "{url}"
[camera.motion]
event_gap = 5
"""
LEAK = """
import threading, time
held = []
def leak():
    while True:
        time.sleep(1)
        held.append({leaked})
threading.Thread(target=leak, daemon=True).start()
"""
LEAKS = {"leak": "bytearray(b'x') * 200_000", "descriptors": "open('/dev/null')"}
METRIC = "chimera_storage_camera_"


@dataclass(slots=True)
class Account:
    """What became of one camera's pictures."""

    camera: int
    sent: int
    cut: int
    read: int
    saved: int
    let_go: int
    damaged: int
    dropped: int
    unsaved: int
    deleted: int
    on_disk: int

    def wrong(self) -> list[str]:
        """What does not add up."""
        sums = (
            ("sent and parts of pictures", self.sent + self.cut, "read", self.read),
            (
                "read",
                self.read,
                "saved, let go, damaged, dropped, unsaved",
                self.saved + self.let_go + self.damaged + self.dropped + self.unsaved,
            ),
            ("parts of pictures", self.cut, "damaged", self.damaged),
            ("saved", self.saved, "on disk and deleted", self.on_disk + self.deleted),
            ("dropped and unsaved", self.dropped + self.unsaved, "none", 0),
        )
        return [
            f"camera {self.camera}: {a} {one}, but {b} {other}"
            for one, a, other, b in sums
            if a != b
        ]


class Deletions:
    """What the server says it deleted: asked for often, as it keeps the newest thousand."""

    def __init__(self, server: RunningServer) -> None:
        self._server = server
        self._found: dict[tuple[Any, ...], int] = {}

    def look(self) -> None:
        listed = self._server.http.get("/file/listDeletions?limit=1000").json()["list"]
        for entry in listed:
            key = entry["at"], entry["who"], entry["rule"], entry["camera"]
            self._found[key] = entry["count"]

    def look_into(self, index_path: Path) -> None:
        """What a server that is over deleted at last."""
        with closing(Index(index_path)) as index:
            for entry in index.deletions():
                key = entry.at_us // 1000, entry.who, entry.rule, entry.camera
                self._found[key] = entry.images

    def of(self, camera: int) -> int:
        return sum(count for key, count in self._found.items() if key[3] == camera)


def tallies(server: RunningServer) -> dict[int, Counter[str]]:
    """The recorder's counters by camera, as /metrics tells them."""
    found: dict[int, Counter[str]] = defaultdict(Counter)
    text = server.http.get("/metrics").text
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            if sample.name.startswith(METRIC) and sample.name.endswith("_total"):
                name = sample.name.removeprefix(METRIC).removesuffix("_total")
                found[int(sample.labels["camera"])][name] += int(sample.value)
    return found


def lines(log: str, event: str) -> list[dict[str, Any]]:
    """The log's lines of one event."""
    found = []
    for line in log.splitlines():
        if f'"{event}"' in line:
            entry = json.loads(line)
            if entry["event"] == event:
                found.append(entry)
    return found


def by_connection(log: str, cameras: dict[int, Camera]) -> list[str]:
    """Where a connection's pictures are not those that its camera sent in it."""
    read = defaultdict(list)
    for line in lines(log, "camera_connection_over"):
        read[line["camera"]].append((line["frames_read"], line["frames_damaged"]))
    wrong = []
    for id_, camera in cameras.items():
        sent = [(c.sent + c.cut, int(c.cut)) for c in camera.connections if c.sent or c.cut]
        if len(sent) != len(read[id_]):
            wrong.append(f"camera {id_}: {len(sent)} connections, {len(read[id_])} were read")
        for n, (one, other) in enumerate(zip(sent, read[id_], strict=False)):
            if one != other:
                wrong.append(
                    f"camera {id_}, connection {n}: (sent, damaged) {one}, (read, damaged) {other}"
                )
    return wrong


def plant(kind: str | None, work: Path) -> dict[str, str]:
    """The environment of a server that is to be spoilt."""
    if kind not in LEAKS:
        return {}
    (work / "spoilt").mkdir()
    (work / "spoilt/sitecustomize.py").write_text(LEAK.format(leaked=LEAKS[kind]))
    return {"PYTHONPATH": f"{work / 'spoilt'}:{os.environ.get('PYTHONPATH', '')}"}


def delete_one(server: RunningServer) -> None:
    """Somebody deletes an image, once."""
    path = next(p for camera in range(1, COUNT + 1) for p in server.images(camera)[-1:])
    path.unlink()
    print(f"deleted {path.name}", flush=True)


def soak(given: argparse.Namespace, cameras: dict[int, Camera]) -> list[str]:
    """Run, print, and say what is wrong."""
    config = CONFIG + "".join(CAMERA.format(id=i, url=c.url) for i, c in cameras.items())
    run = given.work / "run"
    with RunningServer(run, config, env=plant(given.plant, run)) as server:
        sampler = Sampler(server.pid, server.data / "index.db", run / "samples.jsonl", SAMPLE_S)
        clients = Clients(server.url, list(cameras), given.seed)
        deletions = Deletions(server)
        sampler.start()
        clients.start()
        began_s = time.monotonic()
        told_s = 0.0
        while (passed_s := time.monotonic() - began_s) < given.minutes * 60:
            deletions.look()
            if passed_s - told_s >= 60:
                told_s = passed_s
                print(progress(passed_s, cameras, clients, sampler), flush=True)
            if given.plant == "file" and passed_s > given.minutes * 30:
                given.plant = delete_one(server)
            time.sleep(SAMPLE_S)
        sampler.close()
        for camera in cameras.values():
            camera.leave()
        wait_for(lambda: not any(c.playing for c in cameras.values()), "cameras that end")
        clients.close()
        wait_for(lambda: settled(server), "the end of all conversions", timeout_s=600)
        deletions.look()
        counted = tallies(server)
        wait_for(lambda: server.stop() == 0, "the end of the server")
        log = server.log
    deletions.look_into(server.data / "index.db")
    accounts = [
        Account(
            camera=id_,
            sent=camera.sent,
            cut=sum(c.cut for c in camera.connections),
            read=counted[id_]["frames_read"],
            saved=counted[id_]["images_saved"],
            let_go=counted[id_]["frames_let_go"],
            damaged=counted[id_]["frames_damaged"],
            dropped=counted[id_]["frames_dropped"],
            unsaved=counted[id_]["frames_unsaved"],
            deleted=deletions.of(id_),
            on_disk=len(server.images(id_)),
        )
        for id_, camera in cameras.items()
    ]
    wrong = [text for account in accounts for text in account.wrong()]
    wrong += by_connection(log, cameras)
    wrong += [f"a client was answered: {text}" for text in clients.wrong]
    wrong += told_in(log)
    wrong += checked(server.data)
    show(accounts, cameras, clients, sampler)
    grown = growths(sampler.samples)
    print("\nkind     what            first     last     most   an hour")
    print(*grown, sep="\n")
    wrong += [
        f"{g.kind}: {g.what} grew from {g.first:.1f} to {g.last:.1f}" for g in grown if g.grows
    ]
    return wrong


def settled(server: RunningServer) -> bool:
    """Whether no conversion runs, no camera is connected, and what came is counted to its end."""
    if server.http.get("/convert/listProcess?running=true").json()["list"]:
        return False
    cameras = server.http.get("/motion/status").json()["cameras"]
    if any(camera["state"] == "connected" for camera in cameras):
        return False
    return all(c["frames_read"] == ended(c) for c in tallies(server).values())


def ended(counts: Counter[str]) -> int:
    """Pictures that were read and came to an end."""
    fates = ("let_go", "damaged", "dropped", "unsaved")
    return counts["images_saved"] + sum(counts[f"frames_{fate}"] for fate in fates)


def told_in(log: str) -> list[str]:
    """What the server's log says that it should not have to."""
    found = []
    for line in log.splitlines():
        try:
            entry = json.loads(line)
        except ValueError:
            if "Traceback" in line or "Error" in line:
                found.append(f"in the log: {line[:300]}")
            continue
        if entry.get("level") in ("error", "critical") or "exception" in entry:
            found.append(f"in the log: {line[:600]}")
    return found[:50]


def checked(data: Path) -> list[str]:
    """What `chimera-storage check` finds."""
    answer = command("check", "--path", data, "--json", timeout_s=600)
    said = json.loads(answer.stdout)
    print(f"\ncheck: exit code {answer.returncode}, {said['images']} images, found {said['found']}")
    wrong = [f"check: {finding}" for finding in said["findings"]]
    return wrong if wrong or not answer.returncode else [f"check: {answer.stdout}{answer.stderr}"]


def progress(
    passed_s: float, cameras: dict[int, Camera], clients: Clients, sampler: Sampler
) -> str:
    """A line for who waits."""
    last = {sample.kind: sample for sample in sampler.samples[-3:]}
    held = ", ".join(
        f"{kind} {s.rss_mb:.0f} MB {s.descriptors} fd {s.threads} threads {s.cpu_s:.0f} s"
        for kind, s in sorted(last.items())
    )
    connections = sum(len(c.connections) for c in cameras.values())
    sent = sum(c.sent for c in cameras.values())
    return (
        f"{passed_s / 60:5.1f} min: {sent} pictures in {connections} connections,"
        f" {sum(clients.answers.values())} answers, {len(clients.wrong)} wrong; {held}"
    )


def show(
    accounts: list[Account], cameras: dict[int, Camera], clients: Clients, sampler: Sampler
) -> None:
    """The figures."""
    names = ("sent", "cut", "read", "saved", "let_go", "damaged", "deleted", "on_disk")
    print("\ncamera connections " + "".join(f"{name:>9}" for name in names))
    for account in accounts:
        values = "".join(f"{getattr(account, name):9}" for name in names)
        print(f"{account.camera:6} {len(cameras[account.camera].connections):11} {values}")
    sums = "".join(f"{sum(getattr(a, name) for a in accounts):9}" for name in names)
    connections = sum(len(c.connections) for c in cameras.values())
    print(f"{'all':>6} {connections:11} {sums}")
    fates = Counter(c.fate for camera in cameras.values() for c in camera.connections)
    print(f"how connections were to end: {dict(fates)}")
    print(f"answers: {dict(sorted(clients.answers.items()))}")
    print(
        f"index: {sampler.index_mb[0]:.1f} MB at first, {max(sampler.index_mb):.1f} at most,"
        f" {sampler.index_mb[-1]:.1f} at last"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--footage", type=Path)
    parser.add_argument("--work", type=Path, default=Path("/tmp/chimera-soak"))  # noqa: S108
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plant", choices=("leak", "descriptors", "picture", "file"))
    given = parser.parse_args()
    made = clips(given.footage, given.work / "clips", COUNT)
    shutil.rmtree(given.work / "run", ignore_errors=True)
    (given.work / "run").mkdir(parents=True)
    cameras = {
        id_: (LyingCamera if given.plant == "picture" and id_ == 1 else Camera)(
            Fates(given.seed * 1000 + id_, made[id_ - 1])
        )
        for id_ in range(1, COUNT + 1)
    }
    with Cameras(list(cameras.values())):
        wrong = soak(given, cameras)
    print("\nall is accounted for" if not wrong else "\nunaccounted:")
    print(*wrong, sep="\n")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
