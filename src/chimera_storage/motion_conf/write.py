"""A carried-over configuration as the text of a storage.toml."""

import json
from pathlib import Path
from typing import Any

from chimera_storage.config import CameraSettings, MotionSettings
from chimera_storage.motion_conf.read import MotionConf


def as_toml(conf: MotionConf, source: Path) -> str:
    """The file, passwords included, with what could not be carried over in comments."""
    lines = [
        f"# Made of {_comment(source.name)} by `chimera-storage import-motion`. What that file does"
        " not set has the",
        "# default of this server; `chimera-storage config example` shows every key.",
        *_noted(conf.notes),
        "",
        "[storage]",
        f"path = {_value(conf.storage_path or 'data')}",
    ]
    for camera in conf.cameras:
        lines += ["", "[[camera]]", *_noted(camera.notes)]
        motion = camera.table.get("motion", {})
        lines += _keys(camera.table, [k for k in CameraSettings.model_fields if k != "motion"])
        if motion:
            lines += ["", "[camera.motion]", *_keys(motion, list(MotionSettings.model_fields))]
    return "\n".join(lines) + "\n"


def _noted(notes: list[str]) -> list[str]:
    return [f"# - {_comment(note)}" for note in notes]


def _comment(text: str) -> str:
    """Text that ends no comment."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _keys(table: dict[str, Any], order: list[str]) -> list[str]:
    return [f"{key} = {_value(table[key])}" for key in order if key in table]


def _value(value: str | float | bool) -> str:
    """A TOML value; JSON's strings, numbers and booleans are such, DEL excepted."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
