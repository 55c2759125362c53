"""The trials one after the other, and what came of each."""

import random
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC
from pathlib import Path
from typing import Any

from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.doctor.chaos.cameras import HttpCameras, write_file
from chimera_storage.doctor.chaos.room import Room, Trial, cameras_toml
from chimera_storage.doctor.chaos.server import TrialError, TriedServer
from chimera_storage.doctor.chaos.small_disk import SmallDisk, small_disk
from chimera_storage.doctor.chaos.trials import TRIALS, saved_meanwhile
from chimera_storage.doctor.chaos.witness import Witness
from chimera_storage.errors import StorageError

ROOM = 10**9
_MOST_S = 480.0  # no trial begins later
_SHOWN = 20  # of what is lost
_FULL_S = 4.0
_NO_TIME = "not tried: no time is left"


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """One trial: `done` in words; `images` that had their name by then, `lost` what is not as it
    was, in words. `tried`: False where it could not be, and `done` says why."""

    trial: str
    done: str
    images: int = 0
    lost: tuple[str, ...] = ()
    tried: bool = True
    seconds: float = 0.0

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return asdict(self)


def run(
    scratch: Path, seed: int, trials: Mapping[str, Trial] = TRIALS, *, on_small_disk: bool = True
) -> Iterator[Outcome]:
    """Outcomes as they come; a trial that goes wrong does not end the others."""
    until_s = time.monotonic() + _MOST_S
    with HttpCameras() as cameras:
        write_file(scratch / "camera.mp4")
        toml = cameras_toml(scratch / "camera.mp4", cameras)
        with _room(scratch / "server", toml, cameras, seed) as room:
            room.server.start()
            for name, trial in trials.items():
                if time.monotonic() < until_s:
                    yield _tried(name, trial, room)
                else:
                    yield Outcome(trial=name, done=_NO_TIME, tried=False)
            yield _checked(room)
        if on_small_disk:
            yield _on_small_disk(scratch, toml, cameras, seed, until_s)


@contextmanager
def _room(folder: Path, toml: str, cameras: HttpCameras, seed: int) -> Iterator[Room]:
    with TriedServer(folder, toml) as server:
        witness = Witness(server.captures)
        witness.start()
        try:
            yield Room(folder, server, cameras, witness, random.Random(seed))
        finally:
            witness.close()


def _tried(name: str, trial: Trial, room: Room) -> Outcome:
    began_s = time.monotonic()
    found: list[str] = []
    try:
        done = trial(room)
    except TrialError as error:
        done = "it did not go on afterwards"
        found.append(str(error))
    try:
        found += room.lost()
    except TrialError as error:
        found.append(str(error))
    return Outcome(
        trial=name,
        done=done,
        images=len(room.witness.named()),
        lost=tuple(found[:_SHOWN]),
        seconds=time.monotonic() - began_s,
    )


def _checked(room: Room) -> Outcome:
    """At last `chimera-storage check` of all that is there, the server ended."""
    began_s = time.monotonic()
    found: list[str] = []
    images = 0
    try:
        room.server.stop()
        silent = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)
        report = check(Layout(room.server.data, UTC), SystemClock(), silent)
        images = report.images
        if report.left:
            found = [f"{f.path}: {f.kind.value} {f.detail}" for f in report.named]
        room.witness.look()
        missing = len(room.witness.named().keys() - room.told) - images
        if missing > 0:
            found.append(f"{missing} images fewer than had a name")
    except (TrialError, StorageError) as error:
        found.append(str(error))
    return Outcome(
        trial="check",
        done="the server ended in order, every file read and held against the index",
        images=images,
        lost=tuple(found[:_SHOWN]),
        seconds=time.monotonic() - began_s,
    )


def _on_small_disk(
    scratch: Path, toml: str, cameras: HttpCameras, seed: int, until_s: float
) -> Outcome:
    name = "small disk"
    if time.monotonic() > until_s:
        return Outcome(trial=name, done=_NO_TIME, tried=False)
    with small_disk(scratch / "disk") as disk:
        if disk is None:
            return Outcome(trial=name, done="not tried: only root may mount one", tried=False)
        with _room(disk.folder, toml, cameras, seed) as room:
            return _tried(name, lambda room: _filled(room, disk), room)


def _filled(room: Room, disk: SmallDisk) -> str:
    room.server.start()
    fitted = 0
    for kill in (False, True):
        room.images(5)
        disk.fill()
        fitted += saved_meanwhile(room, _FULL_S)
        if kill:
            room.server.kill_all()
        disk.empty()
        if kill:
            room.server.start()
    room.images(5)
    return (
        f"a disk of its own filled to the last byte for {_FULL_S:.0f} s, twice, the second time"
        f" with kill -9; {fitted} images found room meanwhile"
    )
