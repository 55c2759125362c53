"""Cameras out of a Motion daemon's configuration: where their pictures come from and their names.

Format (Motion 4.x, motion_config.html): a `key value` or `key=value` a line, `#` and `;` begin a
comment; `camera FILE` and `camera_dir FOLDER` name further files, a camera each. Only the address,
id and name are carried over here; detection settings keep their defaults.
"""

from pathlib import Path
from typing import Any
from urllib.parse import quote, urlsplit, urlunsplit

from chimera_storage.errors import ConfigurationError

_MAX_BYTES = 1_000_000


def read_motion_conf(path: Path) -> list[dict[str, Any]]:
    """The `[[camera]]` tables that a motion.conf amounts to. Raises ConfigurationError."""
    main, includes = _read(path)
    cameras: list[dict[str, Any]] = []
    for conf in [_read(file)[0] for file in includes] or [main]:
        url = _address({**main, **conf})
        if url:
            number = conf.get("camera_id", "")
            camera: dict[str, Any] = {"id": int(number) if number.isdecimal() else 0, "url": url}
            if conf.get("camera_name"):
                camera["name"] = conf["camera_name"]
            if conf.get("netcam_use_tcp", conf.get("rtsp_uses_tcp")) == "off":
                camera["transport"] = "udp"
            cameras.append(camera)
    _number(cameras)
    return cameras


def _number(cameras: list[dict[str, Any]]) -> None:
    """Give the cameras that have no id the next free one, from 1, as Motion counts them."""
    taken = {camera["id"] for camera in cameras}
    for camera in cameras:
        if not camera["id"]:
            camera["id"] = next(
                n for n in range(1, len(cameras) + len(taken) + 2) if n not in taken
            )
            taken.add(camera["id"])


def _read(path: Path) -> tuple[dict[str, str], list[Path]]:
    try:
        with path.open("rb") as file:
            text = file.read(_MAX_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{path}, which should be a motion.conf, cannot be read: {error.strerror}"
        ) from None
    values: dict[str, str] = {}
    includes: list[Path] = []
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        key, _, value = (
            stripped.replace("=", " ", 1).partition(" ")
            if _is_pair(stripped)
            else (stripped.partition(" "))
        )
        value = value.strip().strip('"')
        match key.strip().lower():
            case "camera" | "thread":
                includes.append(path.parent / value)
            case "camera_dir":
                includes += sorted((path.parent / value).glob("*.conf"))
            case name:
                values[name] = value
    return values, includes


def _is_pair(line: str) -> bool:
    """`key=value` rather than `key value with a = in it`."""
    key = line.partition("=")[0].rstrip()
    return "=" in line and " " not in key and "\t" not in key


def _address(conf: dict[str, str]) -> str:
    url = conf.get("netcam_url", "")
    if not url:
        return conf.get("v4l2_device", conf.get("video_device", conf.get("videodevice", "")))
    user, _, password = conf.get("netcam_userpass", "").partition(":")
    parts = urlsplit(url)
    if user and "@" not in parts.netloc:
        login = f"{quote(user, safe='')}:{quote(password, safe='')}"
        parts = parts._replace(netloc=f"{login}@{parts.netloc}")
    return urlunsplit(parts)
