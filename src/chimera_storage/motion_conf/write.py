"""A carried-over configuration as the text of a storage.toml, and that as a file."""

import json
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from chimera_storage.config import CameraSettings, MotionSettings
from chimera_storage.errors import ConfigurationError
from chimera_storage.motion_conf.read import MotionConf

Sections = Mapping[str, Mapping[str, Any]]


def as_toml(
    conf: MotionConf,
    made_of: str,
    sections: Sections | None = None,
    *,
    notes: list[str] | None = None,
) -> str:
    """The file, passwords included, with what could not be carried over in comments.

    `made_of`: "… by `chimera-storage …`". `sections`: tables besides those of the cameras; without
    them the data folder that motion.conf names.
    """
    given = sections or {"storage": {"path": conf.storage_path or "data"}}
    lines = [
        f"# Made of {_comment(made_of)}. What is not set here has the",
        "# default of this server; `chimera-storage config example` shows every key.",
        *_noted([*(notes or []), *conf.notes]),
    ]
    for name, values in given.items():
        lines += ["", f"[{name}]", *_keys(values, list(values))]
    for camera in conf.cameras:
        lines += ["", "[[camera]]", *_noted(camera.notes)]
        motion = camera.table.get("motion", {})
        lines += _keys(camera.table, [k for k in CameraSettings.model_fields if k != "motion"])
        if motion:
            lines += ["", "[camera.motion]", *_keys(motion, list(MotionSettings.model_fields))]
    return "\n".join(lines) + "\n"


def write_new(path: Path, text: str) -> None:
    """Write it whole or not at all, for this user's eyes only; never over what is there.

    Raises ConfigurationError.
    """
    temporary = path.with_name(f".{path.name}-{secrets.token_hex(4)}.tmp")
    try:
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            os.link(temporary, path)
        finally:
            temporary.unlink()
    except FileExistsError:
        raise ConfigurationError(
            f"{path} exists already and is left as it is; name another with --output"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be written: {error.strerror}") from None


def _noted(notes: list[str]) -> list[str]:
    return [f"# - {_comment(note)}" for note in notes]


def _comment(text: str) -> str:
    """Text that ends no comment."""
    return "".join(c if c.isprintable() else "?" for c in text)


def _keys(table: Mapping[str, Any], order: list[str]) -> list[str]:
    return [f"{key} = {_value(table[key])}" for key in order if key in table]


def _value(value: str | float | bool) -> str:
    """A TOML value; JSON's strings, numbers and booleans are such, DEL excepted."""
    return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
