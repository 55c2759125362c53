"""A Chimera install, read: its environment file and motion.conf as settings of this server.

Facts of the install as its authors ship it: 2021 ran on the machine itself, with paths of that
machine; version 6 runs in Docker, where `.env`, `motion.conf` and `cameraconf/` stand in the
install's folder and are mounted elsewhere, so that the paths in them are those of the container.
Nothing is written, and no value of the environment is repeated, as some are passwords.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, SecretStr

from chimera_storage.config import ServerSettings, Settings
from chimera_storage.config_load import parse_settings, validated
from chimera_storage.errors import ConfigurationError
from chimera_storage.motion_conf import MotionConf, as_toml, read_motion_conf

MAX_ENV_BYTES = 1_000_000
_FOOTAGE = ("storage_FOLDERPATH", "storage_FILEPATH")
_MOTION_CONF = ("storage_MOTION_CONF_FILEPATH", "storage_MOTION_CONFPATH")
_OF_2021 = {"storage_FILEPATH", "storage_MOTION_CONFPATH", "cameras"}
# Each read by itself, so that one that cannot be used costs no other.
_CARRIED: dict[tuple[str, ...], str] = {
    ("storage_PORT",): "server.port",
    ("SECRETKEY",): "server.secret_key",
    ("command_HOST", "command_PORT"): "server.login_url",
    ("storage_MAX_GB",): "storage.max_gb",
    ("alert_URL",): "alerts.url",
    ("cameras",): "camera_names",
}
_OTHER_SERVICE = "of other parts of Chimera, which go on as they are"
_REASONS = {
    "storage_ON": "set it to false in .env when this server runs in place of Chimera's",
    "storage_HOST": "the gateway finds the storage server by it: point it at this one",
    "storage_PROXY_ON": "it stays as it is: the gateway hands requests on to storage_HOST",
    "ffmpeg_FILEPATH": "no ffmpeg is needed",
    "ffprobe_FILEPATH": "no ffmpeg is needed",
    "scheduler_AUTH": "the scheduler's own header opens nothing here; the quota is kept without it."
    " For other scheduled requests make a token: chimera-storage token add",
    "scheduler_TRUSTED_SOURCES": "as scheduler_AUTH",
    "admin_alert_URL": "there is one address for alerts, alerts.url",
}
_LINE = re.compile(r"\s*(?:export\s+)?([A-Za-z_][A-Za-z0-9_.-]*)\s*=(.*)")


@dataclass(slots=True, kw_only=True)
class Install:
    """What was found. `footage`: the folder that holds shared/captures; None: not on this machine.

    `sections`: tables of a storage.toml, secrets included. `carried`: names of the environment and
    the key that each became. `left`: sentences on what was not carried over. `notes`: what a person
    has to look at.
    """

    folder: Path
    env_file: Path
    is_in_docker: bool
    is_of_2021: bool
    conf: MotionConf = field(default_factory=lambda: MotionConf(cameras=[], notes=[]))
    conf_file: Path | None = None
    footage: Path | None = None
    sections: dict[str, dict[str, Any]] = field(default_factory=dict)
    carried: list[tuple[str, str]] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def names(self) -> dict[int, str]:
        """Camera id → name, of the environment and of motion.conf."""
        own = {c.table["id"]: c.table["name"] for c in self.conf.cameras if c.table.get("name")}
        return {**{int(k): v for k, v in self.sections.get("camera_names", {}).items()}, **own}


def read_install(
    folder: Path,
    *,
    env_file: Path | None = None,
    motion_conf: Path | None = None,
    footage: Path | None = None,
    timezone: str | None = None,
) -> Install:
    """The install in that folder; what is given stands in for what its files say.

    Raises ConfigurationError where its environment file, or one that is given, cannot be read.
    """
    env_file = env_file or folder / ".env"
    environ = _read_env(env_file)
    in_docker = (folder / "docker-compose.yml").is_file()
    install = Install(
        folder=folder,
        env_file=env_file,
        is_in_docker=in_docker,
        is_of_2021=bool(_OF_2021 & environ.keys()) and not in_docker,
    )
    _carry(install, environ)
    _read_conf(install, environ, motion_conf)
    _find_footage(install, environ, footage)
    zone = _known(timezone) if timezone else ("UTC" if in_docker else _machine_zone())
    install.sections.setdefault("server", {})["timezone"] = zone
    install.notes.append(
        f"server.timezone: {zone}, in which Motion named its images"
        + ("" if timezone else "; name another one with --timezone if that is wrong")
    )
    _tell_what_is_left(install, environ)
    return install


def _read_env(path: Path) -> dict[str, str]:
    """An environment file as Chimera's own reader takes it; empty values are left out."""
    try:
        with path.open("rb") as file:
            text = file.read(MAX_ENV_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise ConfigurationError(
            f"{path}, which should be the environment file of a Chimera install, cannot be read:"
            f" {error.strerror}; name it with --env"
        ) from None
    environ = {}
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        if match and (value := _value(match[2].strip())):
            environ[match[1]] = value
    return environ


def _value(text: str) -> str:
    """Without its quotation marks, or the comment behind it."""
    if len(text) >= 2 and text[0] == text[-1] and text[0] in "\"'`":
        return text[1:-1].strip()
    return re.split(r"(?:^|\s)#", text, maxsplit=1)[0].strip()


def _carry(install: Install, environ: Mapping[str, str]) -> None:
    for names, key in _CARRIED.items():
        given = {name: environ[name] for name in names if name in environ}
        if names[0] not in given:
            continue
        try:
            settings = parse_settings("", None, given)
        except ConfigurationError as error:
            install.left.append(f"{names[0]}: {str(error).splitlines()[0]}")
            continue
        section, _, name = key.partition(".")
        value = getattr(settings, section)
        if name:
            install.sections.setdefault(section, {})[name] = _plain(value, name)
        else:
            install.sections[section] = {str(number): said for number, said in value.items()}
        install.carried += [(each, key) for each in given]


def _plain(section: BaseModel, name: str) -> Any:
    value = getattr(section, name)
    return value.get_secret_value() if isinstance(value, SecretStr) else value


def _read_conf(install: Install, environ: Mapping[str, str], given: Path | None) -> None:
    said = next((environ[name] for name in _MOTION_CONF if name in environ), "")
    path = given or (_found(install, said) if said else None)
    if path is None:
        where = f"{said} is not on this machine" if said else "no motion.conf is named"
        install.notes.append(f"cameras: {where}; name it with --motion-conf")
        return
    install.conf_file = path
    try:
        install.conf = read_motion_conf(path)
    except ConfigurationError as error:
        if given:
            raise
        install.notes.append(str(error))


def _find_footage(install: Install, environ: Mapping[str, str], given: Path | None) -> None:
    said = next((environ[name] for name in _FOOTAGE if name in environ), "")
    refused = ""
    for folder in [given] if given else _possible(install, said or "."):
        try:
            os.listdir(folder / "shared/captures")  # noqa: PTH208 - a volume of Docker's is root's
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            refused = f"{folder} cannot be read by this user: {error.strerror}"
            continue
        install.footage = folder.resolve()
        install.sections.setdefault("storage", {})["path"] = str(install.footage)
        return
    if refused and given:
        raise ConfigurationError(f"{refused}; run this as the user that the footage belongs to")
    if given:
        raise ConfigurationError(f"{given} holds no shared/captures, so it is no folder of Chimera")
    install.notes.append(
        f"footage: {refused}"
        if refused
        else f"footage: {said or install.folder} holds no shared/captures on this machine; name its"
        " folder with --footage. Where Chimera runs in Docker, this says where its volume is:"
        " docker volume inspect -f '{{.Mountpoint}}' chimera_chimera-storage"
    )


def _possible(install: Install, said: str) -> list[Path]:
    """Where a path of the environment may lead: as it stands, or beside the install's files.

    A container's first beside them: /etc/motion/motion.conf may be another program's here.
    """
    paths = [install.folder / said, install.folder / Path(said).name]
    return paths[::-1] if install.is_in_docker else paths


def _found(install: Install, said: str) -> Path | None:
    return next((path for path in _possible(install, said) if path.is_file()), None)


def _machine_zone() -> str:
    """The zone that this machine's clock shows; UTC where that cannot be told."""
    zone = os.environ.get("TZ", "").removeprefix(":")
    if not zone:
        target = os.path.realpath("/etc/localtime")
        zone = target.partition("zoneinfo/")[2]
    try:
        return _known(zone)
    except ConfigurationError:
        return "UTC"


def _known(zone: str) -> str:
    """Raises ConfigurationError."""
    return validated(ServerSettings, {"timezone": zone}).timezone


def _tell_what_is_left(install: Install, environ: Mapping[str, str]) -> None:
    used = {*_FOOTAGE, *_MOTION_CONF, *(name for names in _CARRIED for name in names)}
    by_reason: dict[str, list[str]] = {}
    for name in environ.keys() - used:
        by_reason.setdefault(_REASONS.get(name, _OTHER_SERVICE), []).append(name)
    for reason in sorted(by_reason, key=lambda reason: reason == _OTHER_SERVICE):
        install.left.append(f"{', '.join(sorted(by_reason[reason]))}: {reason}")


def as_storage_toml(install: Install, *, beside_motion: bool) -> str:
    """The text of a storage.toml. Raises ConfigurationError where footage or cameras are missing.

    `beside_motion`: another program records the cameras and keeps the quota, so that they are only
    named.
    """
    if install.footage is None:
        raise ConfigurationError("it is not known where the footage is; name it with --footage")
    sections = {name: dict(table) for name, table in install.sections.items()}
    conf, notes = install.conf, [*install.notes, *install.left]
    if beside_motion:
        conf = MotionConf(cameras=[], notes=[])
        sections["camera_names"] = {str(n): name for n, name in sorted(install.names().items())}
        if sections["storage"].pop("max_gb", None) is not None:
            notes.append("storage.max_gb: left to Chimera's scheduler as long as it runs")
    elif not conf.cameras:
        raise ConfigurationError(
            "no camera was found; name their file with --motion-conf, or go on recording with"
            " Motion (--beside-motion)"
        )
    else:
        sections["camera_names"] = _names_of_others(install)
    if not sections["camera_names"]:
        del sections["camera_names"]
    text = as_toml(conf, "a Chimera install by `chimera-storage migrate`", sections, notes=notes)
    validated(Settings, tomllib.loads(text))
    return text


def _names_of_others(install: Install) -> dict[str, str]:
    """Names of cameras that motion.conf does not have; those that it leaves without one get it."""
    by_id = {camera.table["id"]: camera.table for camera in install.conf.cameras}
    taken = {table["name"].casefold() for table in by_id.values() if "name" in table}
    others = {}
    for number, name in install.sections.get("camera_names", {}).items():
        table = by_id.get(int(number))
        if name.casefold() in taken or (table is not None and "name" in table):
            continue
        taken.add(name.casefold())
        if table is None:
            others[number] = name
        else:
            table["name"] = name
    return others
