"""All of the bench in order: disk, clips, each kind of camera, then many at once."""

import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

from chimera_storage.archive.check import server_runs
from chimera_storage.config import Settings
from chimera_storage.doctor.bench.clips import KINDS, Kind, write_clip
from chimera_storage.doctor.bench.recording import RecorderProcess, Use, measure_clip
from chimera_storage.doctor.bench.saving import images_per_s, video_images_per_s
from chimera_storage.doctor.bench.sizing import MOVING_SHARE, Carried, Cost, Machine, carried
from chimera_storage.doctor.disk import Speed, write_speed
from chimera_storage.doctor.machine import free_memory
from chimera_storage.service.opening import layout_of

ROOM = 2 * 10**9
_CLIPS_S = 90.0  # that drawing all clips may take; a kind that is not drawn by then is left out
_MEASURED_S = 5.0
_AT_ONCE = 2  # cameras of a kind that always move
_TRIED = Kind(codec="h264", width=1920, height=1080, fps=15)
_MOST_TRIED = 40
_TRIES = 3
_HELD = 0.97  # of the pictures in their time: less is too much to do
_BUSY = 0.25  # load of each core, of others, from which the figures are not to be trusted


@dataclass(frozen=True, slots=True, kw_only=True)
class Sized:
    """A kind of camera, what it takes, and how many the machine carries."""

    cost: Cost
    still_mostly: Carried
    moving: Carried


@dataclass(slots=True, kw_only=True)
class Measured:
    """What came of it. `tried`: so many 1080p cameras that all move, at once; the last one held."""

    cores: int
    memory: int
    disk: Speed
    saves: float
    video: float | None = None
    kinds: list[Sized] = field(default_factory=list)
    tried: list[Use] = field(default_factory=list)
    remarks: list[str] = field(default_factory=list)
    seconds: float = 0.0


class Steps:
    """How far it is, in seconds of what is expected; `show(done, doing)` is told."""

    total = round(_CLIPS_S / 3 + 6 * (_MEASURED_S + 4) + 11)

    def __init__(self, show: Callable[[int, str], None]) -> None:
        self._show = show
        self._done = 0.0

    @contextmanager
    def step(self, doing: str, seconds: float) -> Iterator[None]:
        """What is being done, and how long it should take."""
        self._show(round(self._done), doing)
        yield
        self._done += seconds


def measure(settings: Settings, scratch: Path, show: Callable[[int, str], None]) -> Measured:
    """Takes about a minute; on a slow machine two or three. Raises ChimeraStorageError."""
    began_s, steps = time.monotonic(), Steps(show)
    remarks = list(disturbed(settings))
    with steps.step("trying the disk", 6):
        speed = write_speed(scratch)
        saves = images_per_s(scratch / "saving")
    found = Measured(
        cores=len(os.sched_getaffinity(0)),
        memory=free_memory(),
        disk=speed,
        saves=saves,
        remarks=remarks,
    )
    with steps.step("drawing clips", _CLIPS_S / 3):
        clips = _clips(scratch, found)
    with steps.step("recorders with nothing to do", _MEASURED_S + 5):
        stills, idle = _stills(scratch, clips)
    costs = []
    for kind in clips:
        with steps.step(f"{kind}, always moving", _MEASURED_S + 4):
            moving = _moving(scratch, clips, kind, _AT_ONCE)
        memory = max(0, moving.memory - idle) // moving.cameras
        costs.append(Cost(kind=kind, still=stills[kind], moving=moving, memory=memory))
    with steps.step("a video", 4):
        data = scratch / f"{_TRIED}-{_AT_ONCE}".replace("/", "-")
        found.video = video_images_per_s(data) if data.exists() else None
    size(found, costs, lambda many: _try(steps, scratch, clips, many))
    found.seconds = time.monotonic() - began_s
    return found


def disturbed(settings: Settings) -> Iterator[str]:
    """What falsifies the figures, in sentences."""
    if server_runs(layout_of(settings)):
        yield (
            "A server works on this data folder: what it and its cameras take is missing here, and"
            " so are the cameras that it records. Stop it for a better answer."
        )
    load = os.getloadavg()[0]
    if load > _BUSY * len(os.sched_getaffinity(0)):
        yield (
            f"Other programs kept the machine busy (load {load:.1f}): alone it carries more than"
            " this says."
        )


def _clips(scratch: Path, found: Measured) -> dict[Kind, dict[bool, Path]]:
    """Still and moving ones of every kind; a kind that takes too long to encode is left out."""
    until_s = time.monotonic() + _CLIPS_S
    made: dict[Kind, dict[bool, Future[Path]]] = {kind: {} for kind in KINDS}
    stop = [until_s]

    def write(kind: Kind, moving: bool) -> Path:
        path = scratch / f"{kind.codec}-{kind.height}-{moving}.mkv"
        write_clip(path, kind, moving=moving, until_s=lambda: stop[0])
        return path

    with ThreadPoolExecutor(found.cores, thread_name_prefix="bench-clips") as pool:
        try:
            for kind in KINDS:
                for moving in (True, False):
                    made[kind][moving] = pool.submit(write, kind, moving)
            return _whole(made, found)
        finally:
            stop[0] = 0.0  # Ctrl-C does not wait for the rest


def _whole(
    made: dict[Kind, dict[bool, Future[Path]]], found: Measured
) -> dict[Kind, dict[bool, Path]]:
    whole = {}
    for kind, clips in made.items():
        try:
            whole[kind] = {moving: clip.result() for moving, clip in clips.items()}
        except TimeoutError as error:
            found.remarks.append(f"{error}, so it was not measured.")
    return whole


def _stills(scratch: Path, clips: dict[Kind, dict[bool, Path]]) -> tuple[dict[Kind, Use], int]:
    """All kinds at the same time, as they take little; and the memory of one without cameras."""

    def still(kind: Kind) -> Use:
        data = scratch / f"still-{kind.codec}-{kind.height}"
        return measure_clip(
            data, clips[kind][False], kind.fps, cameras=1, moving=False, seconds=_MEASURED_S
        )

    with (
        RecorderProcess(scratch / "idle", Path(), 1, cameras=0) as idle,
        ThreadPoolExecutor(len(KINDS), thread_name_prefix="bench-still") as pool,
    ):
        uses = dict(zip(clips, pool.map(still, clips), strict=True))
        return uses, idle.memory()


def _moving(scratch: Path, clips: dict[Kind, dict[bool, Path]], kind: Kind, cameras: int) -> Use:
    data = scratch / f"{kind}-{cameras}".replace("/", "-")
    return measure_clip(
        data, clips[kind][True], kind.fps, cameras=cameras, moving=True, seconds=_MEASURED_S
    )


def _try(steps: Steps, scratch: Path, clips: dict[Kind, dict[bool, Path]], many: int) -> Use:
    with steps.step(f"{many} cameras at once", _MEASURED_S + 4):
        return _moving(scratch, clips, _TRIED, many)


def _scaled(machine: Machine, tried: list[Use]) -> Machine:
    """With fewer cores, where fewer cameras held than one camera's figures promised."""
    if not tried:
        return machine
    last = tried[-1]
    share = last.cameras / tried[0].cameras * (1 if last.kept_up >= _HELD else last.kept_up)
    return replace(machine, cores=machine.cores * share)


def size(found: Measured, costs: list[Cost], attempt: Callable[[int], Use]) -> None:
    """How many, first by what one takes; then so many 1080p cameras are tried at once.

    Where they are too many (cameras share locks, caches and the disk), fewer are tried, and all
    kinds scaled down by what came of it.
    """
    machine = Machine(
        cores=found.cores, memory=found.memory, writes=found.disk.bytes_per_s, saves=found.saves
    )
    tried = next((cost for cost in costs if cost.kind == _TRIED), None)
    if tried is not None:
        many = carried(tried, machine, 1.0).cameras
        for _ in range(_TRIES):
            trial = max(1, min(many, _MOST_TRIED))
            if trial <= _AT_ONCE:
                break
            use = attempt(trial)
            found.tried.append(use)
            if use.kept_up >= _HELD:
                break
            many = int(trial * min(0.75, use.kept_up))
        machine = _scaled(machine, found.tried)
    found.kinds = [
        Sized(
            cost=cost,
            still_mostly=carried(cost, machine, MOVING_SHARE),
            moving=carried(cost, machine, 1.0),
        )
        for cost in costs
    ]
