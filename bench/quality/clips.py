"""A labelled clip: a video file and, beside it, a JSON file that says what is in each frame.

`<folder>/<set>/<name>.mp4` and `<name>.json`. A frame's state is one of

- EMPTY: nothing that a detector should find; a flag here is false;
- MOVING: an object moves in it; no flag here is a miss;
- UNSURE: an object stands still, or only its tip is in the picture: counts for nothing.

An event is a stretch with an object, from its first MOVING frame to its last. `area` is the share
of the picture that the object covers (its 80th percentile over the event).
"""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path

EMPTY, MOVING, UNSURE = 0, 1, 2
SETS = ("develop", "held_out", "blind", "real")

Box = tuple[int, int, int, int]  # x, y, w, h in pixels of the clip


@dataclass(frozen=True, kw_only=True)
class Event:
    """One object's stretch: numbers of its first and last frame, both within it."""

    first: int
    last: int
    area: float
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Clip:
    """What is known of a clip. `kind`: object, nuisance, still or real."""

    name: str
    kind: str
    effect: str
    background: str
    fps: float
    width: int
    height: int
    states: list[int]
    boxes: list[list[Box]] = field(default_factory=list)
    events: list[Event] = field(default_factory=list)
    path: Path = Path()

    @property
    def seconds(self) -> float:
        return len(self.states) / self.fps


def save_labels(clip: Clip, video: Path) -> None:
    """Write the labels beside the video file they belong to."""
    values = asdict(clip)
    del values["path"]
    video.with_suffix(".json").write_text(json.dumps(values, separators=(",", ":")))


def load_clips(folder: Path, name_contains: str = "") -> list[Clip]:
    """The clips of one set, by name."""
    clips = []
    for labels in sorted(folder.glob("*.json")):
        if name_contains not in labels.stem:
            continue
        values = json.loads(labels.read_text())
        values["events"] = [Event(**event) for event in values["events"]]
        values["boxes"] = [[tuple(box) for box in boxes] for boxes in values["boxes"]]
        clips.append(Clip(**values, path=labels.with_suffix(".mp4")))
    return clips
