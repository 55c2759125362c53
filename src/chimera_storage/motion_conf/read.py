"""A motion.conf and the files of its cameras → `[[camera]]` tables and notes."""

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from chimera_storage.motion_conf import address, carry
from chimera_storage.motion_conf.parse import ConfFile, parse_files
from chimera_storage.motion_conf.reasons import not_carried

_CARRIED = address.CARRIED | carry.CARRIED | {"camera_id", "camera_name", "target_dir"}
_CAPTURES = re.compile(r"(/.*?|)/shared/captures(/[^/]*)?/?")
MAX_NAME = 100


@dataclass(slots=True, kw_only=True)
class CameraConf:
    """One camera: its table, as in storage.toml, and what is to be said of it, a sentence each."""

    file: Path
    table: dict[str, Any]
    notes: list[str] = field(default_factory=list)


@dataclass(slots=True, kw_only=True)
class MotionConf:
    """A whole configuration. `storage_path`: the data folder, where target_dir lies in one."""

    cameras: list[CameraConf]
    notes: list[str]
    storage_path: str | None = None

    def tables(self) -> list[dict[str, Any]]:
        """The `[[camera]]` tables."""
        return [camera.table for camera in self.cameras]


def read_motion_conf(path: Path) -> MotionConf:
    """What a motion.conf amounts to. Raises ConfigurationError where it cannot be read."""
    main, files, notes = parse_files(path)
    conf = MotionConf(cameras=[], notes=notes)
    notes += not_carried(main.own, _CARRIED)
    roots: set[str | None] = set()
    for file in files or [main]:
        camera = _camera(file, own_notes=file is not main)
        if camera is None:
            notes.append(f"{file.path.name}: no camera, as it has no netcam_url or video_device")
            continue
        roots.add(_data_folder(file.values.get("target_dir", "")))
        conf.cameras.append(camera)
    _number(conf.cameras)
    _name(conf.cameras)
    if len(roots) == 1:
        conf.storage_path = roots.pop()
    if conf.storage_path is None and any("target_dir" in f.values for f in [main, *files]):
        notes.append(
            "target_dir: no shared/captures folder of Chimera, so what is in it stays there; set"
            " storage.path to where new images are to be kept"
        )
    return conf


def _camera(file: ConfFile, *, own_notes: bool) -> CameraConf | None:
    values = file.values
    notes: list[str] = []
    table = address.source(values, notes)
    if table is None:
        return None
    carrier = carry.Carrier(values, file.path.parent)
    motion = carrier.motion()
    if motion:
        table["motion"] = motion
    rate = carrier.rate()
    if rate and table["url"].startswith(("http://", "https://")):
        table["interval"] = round(1 / rate, 3)  # if it is a snapshot address
    number = file.own.get("camera_id", "")
    if re.fullmatch("[0-9]{1,6}", number) and int(number) > 0:
        table["id"] = int(number)
    elif number:
        notes.append("camera_id: no number from 1 to 999999; another one was given")
    name = file.own.get("camera_name", "").strip()
    table["name"] = "".join(c for c in name if c.isprintable())[:MAX_NAME].strip()
    if table["name"] != name:
        notes.append("camera_name: cut to what a name may be")
    notes += carrier.notes
    if own_notes:
        notes += not_carried(file.own, _CARRIED)
    return CameraConf(file=file.path, table=table, notes=notes)


def _number(cameras: list[CameraConf]) -> None:
    """Give the cameras that have no id of their own the next free one, from 1, as Motion does."""
    taken: set[int] = set()
    for camera in cameras:
        if camera.table.get("id") in taken:
            camera.notes.append("camera_id: another camera has it already; another one was given")
            del camera.table["id"]
        elif "id" in camera.table:
            taken.add(camera.table["id"])
    for camera in cameras:
        if "id" not in camera.table:
            free = next(n for n in range(1, len(cameras) + len(taken) + 2) if n not in taken)
            camera.table["id"] = free
            taken.add(free)


def _name(cameras: list[CameraConf]) -> None:
    """Each name may stand once."""
    taken: set[str] = set()
    for camera in cameras:
        name = camera.table["name"]
        if name.casefold() in taken:
            camera.notes.append("camera_name: another camera has it already; left out")
            name = ""
        taken.add(name.casefold())
        if name:
            camera.table["name"] = name
        else:
            del camera.table["name"]


def _data_folder(target_dir: str) -> str | None:
    match = _CAPTURES.fullmatch(target_dir)
    return (match[1] or "/") if match else None
