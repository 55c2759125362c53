"""`Settings` from storage.toml and the environment names of a Chimera install.

What the environment says wins over the file: it is what an owner sets per machine. Every refusal
is one sentence a line that names the key, what is wrong with it and what would be right; values are
not repeated in it, as some are passwords.
"""

import copy
import difflib
import json
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from chimera_storage.config import CameraSettings, Settings
from chimera_storage.errors import ConfigurationError
from chimera_storage.log import get_logger
from chimera_storage.motion_conf import read_motion_conf

Section = TypeVar("Section", bound=BaseModel)

FILE_NAME = "storage.toml"

_ENVIRONMENT = {
    "storage_PORT": ("server", "port"),
    "storage_FILEPATH": ("storage", "path"),
    "storage_FOLDERPATH": ("storage", "path"),
    "storage_MAX_GB": ("storage", "max_gb"),
    "SECRETKEY": ("server", "secret_key"),
    "alert_URL": ("alerts", "url"),
}
_MOTION_CONF_NAMES = ("storage_MOTION_CONF_FILEPATH", "storage_MOTION_CONFPATH")


def load_settings(
    path: Path | None, environ: Mapping[str, str], *, overrides: Mapping[str, Any] | None = None
) -> Settings:
    """The settings of a file with the environment and then `overrides` on top.

    `path` None: those of the data folder's own storage.toml, where there is one. `overrides` has
    the file's shape, as `{"server": {"port": 8090}}`. Raises ConfigurationError with all that is
    wrong, a line each.
    """
    file = path or own_file(environ, overrides)
    if path is None and not file.exists():
        return parse_settings("", None, environ, overrides=overrides)
    return parse_settings(read_text(file), file, environ, overrides=overrides)


def own_file(environ: Mapping[str, str], overrides: Mapping[str, Any] | None = None) -> Path:
    """The storage.toml of the data folder, which need not exist. Raises ConfigurationError."""
    return parse_settings("", None, environ, overrides=overrides).storage.path / FILE_NAME


def parse_settings(
    text: str,
    path: Path | None,
    environ: Mapping[str, str],
    *,
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """The settings that a text says in the place of a file. Raises ConfigurationError.

    Paths in it are relative to the folder of the file; None: to where the server was started.
    """
    try:
        values = tomllib.loads(text)
    except (ValueError, RecursionError) as error:  # numbers and nesting beyond all measure too
        raise ConfigurationError(f"{path} is not valid TOML: {error}") from None
    if path is not None:
        _anchor(values, path.resolve().parent)
    problems: list[str] = []
    _merge(values, _from_environment(environ, has_cameras="camera" in values, problems=problems))
    _merge(values, overrides or {})
    try:
        settings = validated(Settings, values)
    except ConfigurationError as error:
        problems.append(str(error))
    if problems:
        raise ConfigurationError("\n".join(problems))
    return settings


def parse_camera(values: Mapping[str, Any], folder: Path) -> CameraSettings:
    """One camera as in a file of that folder. Raises ConfigurationError, a line a problem."""
    camera = copy.deepcopy(dict(values))
    _anchor_camera(camera, folder)
    return validated(CameraSettings, camera)


def validated(section: type[Section], values: Mapping[str, Any]) -> Section:
    """The values as that section of the settings. Raises ConfigurationError, a line a problem."""
    try:
        return section.model_validate(values)
    except ValidationError as error:
        found = [_sentence(detail, section) for detail in error.errors(include_url=False)]
        raise ConfigurationError("\n".join(found)) from None


def serving_is_switched_off(environ: Mapping[str, str]) -> bool:
    """Whether a Chimera install says that its storage server does not run on this machine."""
    return environ.get("storage_ON", "").strip().lower() == "false"


def read_text(path: Path) -> str:
    """The text of a storage.toml. Raises ConfigurationError."""
    try:
        return path.read_bytes().decode("utf-8")  # with its line ends
    except FileNotFoundError:
        raise ConfigurationError(
            f"{path} does not exist; `chimera-storage config example` prints one to begin with"
        ) from None
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ConfigurationError(f"{path} is not text in UTF-8, as TOML has to be") from None


def _anchor(values: dict[str, Any], folder: Path) -> None:
    """Make the file's relative paths relative to its own folder."""
    storage = values.get("storage")
    if isinstance(storage, dict):
        data = storage.get("path", "data")
        if isinstance(data, str) and data:
            storage["path"] = str(folder / data)
    else:
        values.setdefault("storage", {"path": str(folder / "data")})
    cameras = values.get("camera")
    for camera in cameras if isinstance(cameras, list) else []:
        if isinstance(camera, dict):
            _anchor_camera(camera, folder)


def _anchor_camera(camera: dict[str, Any], folder: Path) -> None:
    for key in ("url", "detect_url"):
        url = camera.get(key)
        if isinstance(url, str) and url.strip() and ":" not in url:
            camera[key] = str(folder / url)
    motion = camera.get("motion")
    mask = motion.get("mask_file") if isinstance(motion, dict) else None
    if isinstance(motion, dict) and isinstance(mask, str) and mask:
        motion["mask_file"] = str(folder / mask)


def _from_environment(
    environ: Mapping[str, str], *, has_cameras: bool, problems: list[str]
) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for name, (section, key) in _ENVIRONMENT.items():
        value = environ.get(name, "").strip()
        if value:
            values.setdefault(section, {})[key] = value
    login = _command_address(environ)
    if login:
        values.setdefault("server", {})["login_url"] = login
    if environ.get("cameras", "").strip():
        try:
            values["camera_names"] = _camera_names(environ["cameras"])
        except ValueError as error:
            problems.append(f"cameras (environment): {error}")
    conf = next((environ[n] for n in _MOTION_CONF_NAMES if environ.get(n, "").strip()), None)
    if conf is not None and not has_cameras:
        try:
            values["camera"] = _motion_cameras(Path(conf.strip()))
        except ConfigurationError as error:
            # The 2021 server served its files with a missing motion.conf too; so does this one.
            get_logger().warning("motion_conf_not_read", problem=str(error))
    return values


def _motion_cameras(path: Path) -> list[dict[str, Any]]:
    conf = read_motion_conf(path)
    get_logger().info(
        "motion_conf_read",
        cameras=len(conf.cameras),
        notes=len(conf.notes) + sum(len(camera.notes) for camera in conf.cameras),
        hint="chimera-storage import-motion says what was not carried over",
    )
    return conf.tables()


def _command_address(environ: Mapping[str, str]) -> str:
    """The web app's address: command_HOST, completed by command_PORT where it is only a host."""
    host = environ.get("command_HOST", "").strip().rstrip("/")
    if not host:
        return ""
    if "://" not in host:
        host = f"http://{host}"
    port = environ.get("command_PORT", "").strip()
    has_port = host.rpartition("://")[2].rpartition(":")[2].isdigit()
    return host if has_port or not port.isdigit() or host.startswith("https:") else f"{host}:{port}"


def _camera_names(text: str) -> dict[int, str]:
    try:
        names = json.loads(text)
    except (ValueError, RecursionError):
        names = None
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise ValueError('a JSON array of names, as ["Front door", "Yard"], is right')
    return {number: name for number, name in enumerate(names, start=1) if name.strip()}


def _merge(values: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        below = values.get(key)
        if isinstance(value, Mapping) and isinstance(below, dict):
            _merge(below, value)
        else:
            values[key] = dict(value) if isinstance(value, Mapping) else value


def _sentence(detail: ErrorDetails, section: type[BaseModel]) -> str:
    """One of pydantic's findings as a sentence that names the key as it stands in the file."""
    location = detail["loc"]
    key = _dotted(location)
    match detail["type"]:
        case "extra_forbidden":
            known = sorted(_keys_at(section, location[:-1]))
            near = difflib.get_close_matches(str(location[-1]), known, n=1, cutoff=0.5)
            right = f"did you mean {near[0]}?" if near else f"known here: {', '.join(known)}"
            return f"{key} is not a known key; {right}"
        case "missing":
            return f"{key} is missing"
        case "value_error":
            reason = detail["msg"].removeprefix("Value error, ")
            return f"{key}: {reason}" if key else reason
        case _:
            message = detail["msg"]
            return f"{key}: {message[:1].lower()}{message[1:]}"


def _dotted(location: tuple[int | str, ...]) -> str:
    parts: list[str] = []
    for part in location:
        if isinstance(part, int):
            parts[-1:] = [f"{parts[-1]}[{part}]"] if parts else [f"[{part}]"]
        elif part not in {"constrained-int", "constrained-float"} and "[" not in part:
            parts.append(part)
    return ".".join(parts)


def _keys_at(model: type[BaseModel], location: tuple[int | str, ...]) -> Iterator[str]:
    """The keys of the section that a location in `model` leads to."""
    for part in location:
        if isinstance(part, int):
            continue
        model = _section_of(model.model_fields[part].annotation)
    yield from model.model_fields


def _section_of(annotation: Any) -> type[BaseModel]:
    for candidate in (annotation, *get_args(annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    raise TypeError(f"no section: {annotation!r}")
