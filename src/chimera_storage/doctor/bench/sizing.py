"""From what one camera takes and what the machine has to how many cameras it carries. Pure."""

from dataclasses import dataclass
from typing import Literal

from chimera_storage.doctor.bench.clips import Kind
from chimera_storage.doctor.bench.recording import Use

PROCESSOR_SHARE = 0.75  # of the cores; the rest is for the server, its pages and the system
MEMORY_SHARE = 0.75  # of what is free
DISK_SHARE = 0.5  # of what was written and saved a second: reading, deleting and syncs want some
MOVING_SHARE = 0.1  # of the time, of cameras that are still most of the time
OTHERS_BYTES = 400_000_000  # a server, and a video that is being made

Limit = Literal["processor", "memory", "disk"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Machine:
    """`memory`: bytes that are free, but those of the recorder; `writes`: bytes a second; `saves`:
    images a second. `cores`: those that cameras can really be spread over (`tried`)."""

    cores: float
    memory: int
    writes: float
    saves: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What a camera of a kind takes while nothing moves and while something always does.

    `memory`: bytes that it adds to the recorder's process.
    """

    kind: Kind
    still: Use
    moving: Use
    memory: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """How many cameras, and what would be too little for more."""

    cameras: int
    limit: Limit


def carried(cost: Cost, machine: Machine, moving_share: float) -> Carried:
    """How many cameras that all move for this share of the time (0 to 1), not in step.

    Disk and memory are taken as if there were always so much to do.
    """
    processor = (1 - moving_share) * cost.still.processor + moving_share * cost.moving.processor
    saves = max(moving_share * cost.moving.images_per_s, 1e-9)
    by_writes = machine.writes / (saves * max(cost.moving.image_bytes, 1))
    found: dict[Limit, float] = {
        "processor": PROCESSOR_SHARE * machine.cores / max(processor, 1e-6),
        "memory": (MEMORY_SHARE * machine.memory - OTHERS_BYTES) / max(cost.memory, 1),
        "disk": DISK_SHARE * min(by_writes, machine.saves / saves),
    }
    limit = min(found, key=lambda name: found[name])
    return Carried(cameras=max(0, int(found[limit] + 1e-6)), limit=limit)
