"""Empty pictures of real scenes, from which the synthetic clips are made.

A background is the median of frames of a real clip (chosen where nothing stands in the way for
half of them), cut or enlarged to the clip's size. No two sets share a scene.
"""

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]  # BGR (h, w, 3)

MOST_FRAMES = 41  # that a median is taken of


@dataclass(frozen=True, kw_only=True)
class Scene:
    """Where a background comes from.

    `source`: a file in the footage folder, or a sequence of SBI as `sbi:<name>`. `frames`: first
    and last one to take, None for all. `crop`: x, y, w, h as shares of the picture.
    """

    name: str
    set: str
    source: str
    frames: tuple[int, int] | None = None
    crop: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)


SCENES = (
    Scene(name="room", set="develop", source="one-by-one-person-detection.mp4", frames=(0, 12)),
    Scene(name="asphalt", set="develop", source="car-detection.mp4"),
    Scene(name="square", set="develop", source="vtest.avi"),
    Scene(name="hall", set="develop", source="sbi:HallAndMonitor"),
    Scene(name="motorway", set="develop", source="sbi:HighwayII"),
    Scene(name="lounge", set="develop", source="sbi:Candela_m1.10", frames=(0, 60)),
    Scene(name="shop", set="develop", source="sbi:CAVIAR2"),
    Scene(name="six_lanes", set="held_out", source="traffic_camera.mp4"),
    Scene(name="hedge", set="held_out", source="issue53_brightness_change.avi", frames=(0, 20)),
    Scene(name="bend", set="held_out", source="video02.avi"),
    Scene(name="corridor", set="held_out", source="sbi:CAVIAR1"),
    Scene(name="lane", set="held_out", source="sbi:HighwayI"),
    Scene(name="lobby", set="held_out", source="sbi:IBMtest2"),
    Scene(name="alley", set="held_out", source="sbi:Toscana", crop=(0.0, 0.0, 0.5, 0.75)),
    Scene(name="office", set="blind", source="sbi:HumanBody2"),
    Scene(name="arrows", set="blind", source="video.avi", crop=(0.02, 0.0, 0.96, 1.0)),
    Scene(name="avenue", set="blind", source="video03.avi"),
    Scene(name="floor", set="blind", source="people-detection.gif"),
    Scene(name="parking", set="blind", source="person-bicycle-car-detection.gif"),
    Scene(name="classroom", set="blind", source="classroom.gif"),
    Scene(
        name="warehouse",
        set="blind",
        source="worker-zone-detection.gif",
        crop=(0.45, 0.0, 0.55, 0.75),
    ),
    Scene(name="store", set="blind", source="store-aisle-detection.gif", crop=(0.0, 0.0, 0.5, 0.8)),
    Scene(name="lawn", set="blind", source="sbi:CaVignal", crop=(0.35, 0.0, 0.65, 1.0)),
)


def prepare_backgrounds(footage: Path, sbi: Path, out: Path) -> None:
    """Write `<out>/<scene>.png` for each scene; those that are there stay."""
    out.mkdir(parents=True, exist_ok=True)
    for scene in SCENES:
        path = out / f"{scene.name}.png"
        if not path.exists():
            cv2.imwrite(str(path), _median(scene, footage, sbi))


def background(folder: Path, scene: str, width: int, height: int) -> Picture:
    """The scene without anything in it, from `prepare_backgrounds`: BGR (height, width, 3)."""
    picture = np.asarray(cv2.imread(str(folder / f"{scene}.png")), np.uint8)
    rows, columns = picture.shape[:2]
    scale = max(width / columns, height / rows)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    size = (max(width, round(columns * scale)), max(height, round(rows * scale)))
    large = np.asarray(cv2.resize(picture, size, interpolation=method), np.uint8)
    top, left = (size[1] - height) // 2, (size[0] - width) // 2
    return np.ascontiguousarray(large[top : top + height, left : left + width])


def _median(scene: Scene, footage: Path, sbi: Path) -> Picture:
    if scene.source.startswith("sbi:"):
        frames = _read_folder(sbi / scene.source[4:] / "input", scene.frames)
    else:
        frames = _read_video(footage / scene.source, scene.frames)
    median = np.median(np.stack(frames), axis=0).astype(np.uint8)
    rows, columns = median.shape[:2]
    x, y, w, h = scene.crop
    top, left = round(y * rows), round(x * columns)
    return median[top : top + round(h * rows), left : left + round(w * columns)]


def _chosen(count: int, frames: tuple[int, int] | None) -> list[int]:
    first, last = frames or (0, count - 1)
    last = min(last, count - 1)
    step = max(1, (last - first + 1) // MOST_FRAMES)
    return list(range(first, last + 1, step))


def _read_folder(folder: Path, frames: tuple[int, int] | None) -> list[Picture]:
    paths = sorted(folder.glob("*.*"))
    if not paths:
        raise FileNotFoundError(f"no pictures in {folder}")
    chosen = _chosen(len(paths), frames)
    return [np.asarray(cv2.imread(str(paths[i])), np.uint8) for i in chosen]


def _read_video(path: Path, frames: tuple[int, int] | None = None) -> list[Picture]:
    """Evenly spread frames of a video, at most about twice MOST_FRAMES."""
    if not path.is_file():
        raise FileNotFoundError(f"no file {path}")
    capture = cv2.VideoCapture(str(path))
    everything: list[Picture] = []
    while frames is None or len(everything) <= frames[1]:
        ok, picture = capture.read()
        if not ok:
            break
        everything.append(np.asarray(picture, np.uint8))
    return [everything[i] for i in _chosen(len(everything), frames)]
