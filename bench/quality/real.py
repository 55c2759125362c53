"""Real labelled footage: image folders with masks (SBI 2015) as clips.

`<sequence>/input/*` and `<sequence>/groundtruth/gt*.png` pair by order. In a mask 255 is object,
170 is not known, the rest is background. The masks mark people who stand still as well, which no
motion detector should be asked to find, so a frame counts as MOVING only if its object changed:
the parts that this mask and the one half a second before do not share cover at least CHANGED of
the picture and CHANGED_SHARE of the object. A frame whose mask is under PRESENT is EMPTY, whatever
else has an object is UNSURE. Sequences without an empty frame say nothing of false alarms.
"""

import shutil
from collections.abc import Iterator
from pathlib import Path

import av
import cv2
import numpy as np
from numpy.typing import NDArray

from .clips import EMPTY, MOVING, UNSURE, Box, Clip, Event, save_labels
from .encode import Planes, to_planes, write_near_lossless

# Frames a second as the sequences were published (25 where it is not known).
SEQUENCES = {
    "HallAndMonitor": 15.0,
    "HighwayI": 25.0,
    "CAVIAR1": 25.0,
    "Foliage": 25.0,
    "PeopleAndFoliage": 25.0,
    "Board": 25.0,
}
PRESENT = 0.0005
CHANGED, CHANGED_SHARE = 0.0005, 0.03
BACK_S = 0.5
LEAST_BOX = 0.0002  # of the picture
ROOM_LEVEL, ROOM_EMPTY, ROOM_PERSON, ROOM_CHANGED = 18, 0.001, 0.01, 0.002


def prepare_real(sbi: Path, out: Path) -> None:
    """Write `<out>/<sequence>.mp4` and its labels for each sequence found in `sbi`."""
    out.mkdir(parents=True, exist_ok=True)
    for name, fps in SEQUENCES.items():
        pictures = sorted((sbi / name / "input").glob("*.*"))
        masks = sorted((sbi / name / "groundtruth").glob("gt*.png"))
        if not pictures or len(pictures) != len(masks):
            print(f"{name}: {len(pictures)} pictures and {len(masks)} masks, left out")
            continue
        video = out / f"{name}.mp4"
        write_near_lossless(video, _read(pictures), fps)
        save_labels(_labelled(name, masks, fps), video)


def _read(paths: list[Path]) -> Iterator[Planes]:
    for path in paths:
        picture = np.asarray(cv2.imread(str(path)), np.uint8)
        rows, columns = (n & ~1 for n in picture.shape[:2])
        yield to_planes(np.ascontiguousarray(picture[:rows, :columns]))


def _labelled(name: str, masks: list[Path], fps: float) -> Clip:
    objects: list[NDArray[np.bool_]] = []
    for path in masks:
        mask = np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE))
        rows, columns = (n & ~1 for n in mask.shape)
        objects.append(mask[:rows, :columns] == 255)
    back = max(1, round(BACK_S * fps))
    states, boxes, areas = [], [], []
    for number, present in enumerate(objects):
        other = objects[number - back] if number >= back else objects[number + back]
        area, changed = float(present.mean()), float((present ^ other).mean())
        areas.append(area)
        boxes.append(boxes_of(present))
        if area < PRESENT:
            states.append(EMPTY)
        else:
            moving = changed >= max(CHANGED, CHANGED_SHARE * area)
            states.append(MOVING if moving else UNSURE)
    return Clip(
        name=name,
        kind="real",
        effect="labelled",
        background=name,
        fps=fps,
        width=columns,
        height=rows,
        states=states,
        boxes=boxes,
        events=events_of(states, areas),
    )


def events_of(states: list[int], areas: list[float]) -> list[Event]:
    """The stretches without an EMPTY frame that hold a MOVING one."""
    events: list[Event] = []
    stretch: list[int] = []
    for number in range(len(states) + 1):
        if number < len(states) and states[number] != EMPTY:
            stretch.append(number)
            continue
        moving = [n for n in stretch if states[n] == MOVING]
        if moving:
            area = float(np.percentile([areas[n] for n in moving], 80))
            events.append(Event(first=moving[0], last=moving[-1], area=round(area, 5)))
        stretch = []
    return events


def boxes_of(mask: NDArray[np.bool_]) -> list[Box]:
    """The boxes around the connected parts of a mask, without specks."""
    count, _, stats, _ = cv2.connectedComponentsWithStats(mask.astype(np.uint8), connectivity=8)
    least = LEAST_BOX * mask.size
    found = []
    for i in range(1, count):
        x, y, w, h, area = (int(value) for value in stats[i])
        if area >= least:
            found.append((x, y, w, h))
    return found


def prepare_room(footage: Path, out: Path) -> None:
    """Label one-by-one-person-detection.mp4: people cross a room that is empty in between.

    Nobody marked it by hand. The camera and the light stand still, so what differs from the median
    of the first second is a person or a shadow: EMPTY below ROOM_EMPTY of the picture, MOVING from
    ROOM_PERSON up if ROOM_CHANGED differs from half a second before (they stop now and then),
    UNSURE otherwise.
    """
    source = footage / "one-by-one-person-detection.mp4"
    if not source.is_file():
        print(f"{source} is not there, left out")
        return
    with av.open(str(source)) as container:
        fps = float(container.streams.video[0].average_rate or 10)
        lumas = [
            np.asarray(cv2.resize(f.to_ndarray(format="gray"), (384, 216)), np.uint8)
            for f in container.decode(video=0)
        ]
        width, height = container.streams.video[0].width, container.streams.video[0].height
    empty = np.median(np.stack(lumas[: round(fps)]), axis=0).astype(np.uint8)
    states, boxes, areas = [], [], []
    back = round(BACK_S * fps)
    for number, picture in enumerate(lumas):
        other = lumas[number - back] if number >= back else lumas[number + back]
        changed = float((cv2.medianBlur(cv2.absdiff(picture, other), 5) > ROOM_LEVEL).mean())
        mask = cv2.medianBlur(cv2.absdiff(picture, empty), 5) > ROOM_LEVEL
        area = float(mask.mean())
        areas.append(area)
        moving = area >= ROOM_PERSON and changed >= ROOM_CHANGED
        states.append(MOVING if moving else EMPTY if area < ROOM_EMPTY else UNSURE)
        boxes.append([(x * 2, y * 2, w * 2, h * 2) for x, y, w, h in boxes_of(mask)])
    shutil.copyfile(source, out / "room.mp4")
    clip = Clip(
        name="room",
        kind="real",
        effect="labelled",
        background="room",
        fps=fps,
        width=width,
        height=height,
        states=states,
        boxes=boxes,
        events=events_of(states, areas),
    )
    save_labels(clip, out / "room.mp4")
