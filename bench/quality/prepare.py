"""Makes the footage folder that `motion_quality.py` measures on.

    python bench/prepare_footage.py FOLDER --footage DIR --sbi DIR

`--sbi`: folder SBI2015_dataset of the public repository lim-anggun/FgSegNet (SBI 2015 by Maddalena
and Petrosino, masks included): `git archive HEAD SBI2015_dataset | tar x --strip-components=1`.
`--footage`: a folder with car-detection.mp4 and one-by-one-person-detection.mp4 (repository
intel-iot-devkit/sample-videos, CC BY 4.0), traffic_camera.mp4 and issue53_brightness_change.avi
(test resources of Breakthrough/DVR-Scan, BSD-2), video.avi, video02.avi and video03.avi (dataset
of andrewssobral/bgslibrary, MIT), vtest.avi (Debian's opencv-doc, or samples/data of opencv/opencv)
and, as .gif from preview of intel-iot-devkit/sample-videos, classroom, people-detection,
person-bicycle-car-detection, store-aisle-detection and worker-zone-detection.

Everything is made with fixed seeds: who has the same sources and the same libx264 gets the same
clips. None of it belongs in this repository.
"""

import argparse
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path

import cv2
import numpy as np

from .backgrounds import SCENES, Scene, background, prepare_backgrounds
from .camera import Noise, shoot
from .clips import EMPTY, Clip, save_labels
from .encode import Planes, write_camera
from .nuisance import EFFECTS, Effect, Take
from .objects import ObjectScene, plan
from .real import prepare_real, prepare_room
from .sprites import cut_out

OBJECT_S, NUISANCE_S = 60.0, 30.0
NUISANCE_SCENES = 2  # for each effect of a set
BITS_PER_PIXEL = 0.08  # 640x360 at 15 a second: 276 kb/s


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What the clips of a set have in common. `cutouts`: sequences of SBI that things come from."""

    cutouts: tuple[str, ...]
    object_clips: int = 12
    sizes: tuple[tuple[int, int], ...] = ((640, 360), (960, 540), (640, 360), (1280, 720))
    rates: tuple[float, ...] = (10.0, 12.5, 15.0)


PLANS = {
    "develop": Plan(cutouts=("HighwayII", "CAVIAR2", "HallAndMonitor")),
    "held_out": Plan(cutouts=("HighwayI", "CAVIAR1")),
    "blind": Plan(
        cutouts=("HumanBody2", "IBMtest2", "Candela_m1.10"),
        object_clips=18,
        sizes=((704, 576), (800, 448), (1024, 576), (1280, 720)),
        rates=(8.0, 12.0, 20.0),
    ),
}


@dataclass(frozen=True, kw_only=True)
class Sources:
    footage: Path
    sbi: Path
    out: Path


@dataclass(frozen=True, kw_only=True)
class Job:
    """One clip to make; its seed follows from its name. `effect`: empty for an object clip."""

    set: str
    number: int
    scene: Scene
    effect: str = ""

    @property
    def name(self) -> str:
        return f"{self.effect or 'object'}-{self.scene.name}-{self.number:02}"

    @property
    def size(self) -> tuple[int, int]:
        sizes = PLANS[self.set].sizes
        return sizes[self.number % len(sizes)]

    @property
    def fps(self) -> float:
        rates = PLANS[self.set].rates
        return rates[self.number % len(rates)]

    def rng(self) -> np.random.Generator:
        return np.random.default_rng(zlib.crc32(f"{self.set}/{self.name}".encode()))


def jobs() -> list[Job]:
    """All synthetic clips, in a fixed order."""
    found = []
    for name, plan_ in PLANS.items():
        scenes = [scene for scene in SCENES if scene.set == name]
        found += [
            Job(set=name, number=number, scene=scenes[number % len(scenes)])
            for number in range(plan_.object_clips)
        ]
        number = 0
        for effect in EFFECTS:
            for _ in range(NUISANCE_SCENES):
                scene = scenes[number % len(scenes)]
                found.append(Job(set=name, number=number, scene=scene, effect=effect))
                number += 1
    return found


def make(job: Job, sources: Sources) -> str:
    """Write one clip and its labels; its name."""
    folder = sources.out / job.set
    folder.mkdir(parents=True, exist_ok=True)
    video = folder / f"{job.name}.mp4"
    if video.with_suffix(".json").exists():
        return f"{job.set}/{job.name} is there"
    rng = job.rng()
    empty = background(sources.out / "backgrounds", job.scene.name, *job.size)
    build: Callable[..., Clip] = _nuisance if job.effect else _objects
    save_labels(build(job, rng, empty, video, sources), video)
    return f"{job.set}/{job.name}"


def _bit_rate(job: Job, bits_per_pixel: float) -> int:
    width, height = job.size
    return round(width * height * job.fps * bits_per_pixel)


def _objects(
    job: Job, rng: np.random.Generator, empty: np.ndarray, video: Path, sources: Sources
) -> Clip:
    cutouts = [s for name in PLANS[job.set].cutouts for s in cut_out(sources.sbi, name)]
    count = round(OBJECT_S * job.fps)
    passages = plan(rng, empty, cutouts, job.fps, OBJECT_S - 2)
    scene = ObjectScene(empty, passages, job.fps, count)
    noise = Noise(rng, *job.size, sigma=float(rng.uniform(1.5, 3.0)))
    pictures = scene.pictures(rng, noise)
    write_camera(video, pictures, job.fps, _bit_rate(job, BITS_PER_PIXEL))
    return Clip(
        name=job.name,
        kind="object",
        effect="object",
        background=job.scene.name,
        fps=job.fps,
        width=job.size[0],
        height=job.size[1],
        states=scene.states,
        boxes=scene.boxes,
        events=scene.events(),
    )


def _nuisance(
    job: Job, rng: np.random.Generator, empty: np.ndarray, video: Path, sources: Sources
) -> Clip:
    del sources  # all that is needed is the background
    effect = EFFECTS[job.effect]
    count = round(NUISANCE_S * job.fps)
    take = Take(background=empty.astype(np.float32), fps=job.fps, count=count, rng=rng)
    noise = Noise(rng, *job.size, sigma=effect.sigma, grain=effect.grain)
    rate = _bit_rate(job, effect.bits_per_pixel)
    write_camera(video, _filmed(effect, take, noise), job.fps, rate, pumping=effect.pumping)
    return Clip(
        name=job.name,
        kind="still" if job.effect == "still" else "nuisance",
        effect=job.effect,
        background=job.scene.name,
        fps=job.fps,
        width=job.size[0],
        height=job.size[1],
        states=[EMPTY] * count,
        boxes=[[] for _ in range(count)],
    )


def _filmed(effect: Effect, take: Take, noise: Noise) -> Iterator[Planes]:
    for picture in effect.pictures(take):
        yield shoot(picture, noise)


def _make_one_thread(job: Job, sources: Sources) -> str:
    cv2.setNumThreads(1)
    return make(job, sources)


def main() -> None:
    parser = argparse.ArgumentParser(description="Make the clips that detectors are measured on.")
    parser.add_argument("folder", type=Path, help="where to write them, outside the repository")
    parser.add_argument("--footage", type=Path, required=True)
    parser.add_argument("--sbi", type=Path, required=True)
    parser.add_argument("--only", default="", help="clips whose set/name contains this")
    parser.add_argument("--workers", type=int, default=2)
    given = parser.parse_args()
    sources = Sources(footage=given.footage, sbi=given.sbi, out=given.folder)
    prepare_backgrounds(sources.footage, sources.sbi, sources.out / "backgrounds")
    if given.only in "real":
        prepare_real(sources.sbi, sources.out / "real")
        prepare_room(sources.footage, sources.out / "real")
    wanted = [job for job in jobs() if given.only in f"{job.set}/{job.name}"]
    with ProcessPoolExecutor(given.workers, get_context("spawn")) as pool:
        for name in pool.map(_make_one_thread, wanted, [sources] * len(wanted)):
            print(name, flush=True)
