"""All that can be set, as one frozen and validated `Settings`.

Every key but a camera's `id` and `url` has a default. `config_load` makes it from storage.toml and
the environment; passwords are `SecretStr`, which no repr, log line or error message shows.
"""

import os
import re
from datetime import UTC, datetime
from ipaddress import ip_network
from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from cronsim import CronSim, CronSimError
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    field_validator,
    model_validator,
)

from chimera_storage.model import MAX_CAMERA_ID, ConversionType
from chimera_storage.motion_settings import MotionSettings, Section
from chimera_storage.options import Options, VideoOptions, ZipOptions

__all__ = [
    "AlertSettings",
    "CameraRetentionSettings",
    "CameraSettings",
    "ConvertSettings",
    "ExportSettings",
    "MotionSettings",
    "MqttSettings",
    "RetentionSettings",
    "ServerSettings",
    "Settings",
    "StorageSettings",
    "WebhookSettings",
]

MAX_DAYS = 36_500
MAX_NAME_BYTES, MAX_PATH_BYTES = 255, 400  # SQLite opens no file whose path has more than 512
LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def _known_timezone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError(
            f"{name!r} is no time zone; right would be one such as Europe/Berlin"
        ) from None
    return name


def _http_address(url: str) -> str:
    if url and not url.startswith(("http://", "https://")):
        raise ValueError("an address that begins with http:// or https:// is right")
    return url.rstrip("/")


def _sub_path(path: str) -> str:
    if path in {"", "/"}:
        return ""
    if not re.fullmatch(r"(/[A-Za-z0-9._~-]+)+/?", path) or "/." in path:
        raise ValueError('a path such as "/cameras-at-home" is right')
    return path.rstrip("/")


def _networks(addresses: tuple[str, ...]) -> tuple[str, ...]:
    for address in addresses:
        try:
            ip_network(address)
        except ValueError:
            raise ValueError(
                f"{address!r} is no address; right would be one such as 192.168.1.2 or 10.0.0.0/8"
            ) from None
    return addresses


def _topic(topic: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_-]+(/[A-Za-z0-9_-]+)*", topic):
        raise ValueError('a topic such as "home/cameras" is right')
    return topic


def _cron(expression: str) -> str:
    try:
        if len(expression.split()) != 5:
            raise CronSimError("five fields are right")
        CronSim(expression, datetime.now(UTC))
    except CronSimError as error:
        raise ValueError(
            f"{expression!r} is no cron expression ({error}); right would be one such as"
            ' "30 6 * * *": minute, hour, day, month, day of the week'
        ) from None
    return expression


ThinKeep = Literal["best"] | Annotated[int, Field(ge=2, le=1000)]
HttpAddress = Annotated[str, AfterValidator(_http_address)]


class CameraRetentionSettings(Section):
    """What `[retention]` says, for one camera; what is not set is as there."""

    days: float | None = Field(None, ge=0, le=MAX_DAYS)
    max_gb: float | None = Field(None, ge=0)
    thin_after_days: float | None = Field(None, ge=0, le=MAX_DAYS)
    thin_keep: ThinKeep | None = None


class RetentionSettings(Section):
    """How long images stay. 0 is no limit."""

    days: float = Field(0, ge=0, le=MAX_DAYS, description="older images are deleted")
    max_gb: float = Field(0, ge=0, description="quota of each camera's images, in 10^9 bytes")
    thin_after_days: float = Field(
        0, ge=0, le=MAX_DAYS, description="of older images only some are kept"
    )
    thin_keep: ThinKeep = Field(10, description="every so many, or the best of each event")
    conversions_days: float = Field(
        0, ge=0, le=MAX_DAYS, description="older finished videos and archives are deleted"
    )


class CameraSettings(Section):
    """A camera: `id` names its folder, `url` is where its pictures come from."""

    id: int = Field(ge=0, le=MAX_CAMERA_ID)
    url: SecretStr
    name: str = Field("", max_length=100)
    detect_url: SecretStr | None = None
    loop: bool = Field(False, description="play a file again when it ends")
    transport: Literal["tcp", "udp"] = Field("tcp", description="how RTSP carries the pictures")
    interval: float = Field(
        1.0, gt=0, le=3600, description="seconds between two reads of a snapshot address"
    )
    hwaccel: Literal["auto", "none"] = Field(
        "auto", description="decode on a device where one is there that works, or never"
    )
    paused: bool = Field(False, description="do not record this camera for now")
    motion: MotionSettings = MotionSettings()
    retention: CameraRetentionSettings = CameraRetentionSettings()

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        if not name.isprintable():
            raise ValueError("a name of printable characters is right")
        return name.strip()

    @field_validator("url", "detect_url")
    @classmethod
    def _given(cls, url: SecretStr | None) -> SecretStr | None:
        if url is not None and not url.get_secret_value().strip():
            raise ValueError("an address such as rtsp://user:password@192.168.1.20/stream is right")
        return url


class ServerSettings(Section):
    host: str = "127.0.0.1"
    port: int = Field(8083, ge=1, le=65535)
    public_url: HttpAddress = ""
    timezone: Annotated[str, AfterValidator(_known_timezone)] = "UTC"
    login_url: HttpAddress = Field("", description="the Chimera web app that a browser logs in at")
    secret_key: SecretStr | None = Field(None, description="SECRETKEY of the Chimera install")
    root_path: Annotated[str, AfterValidator(_sub_path)] = Field(
        "", description="the path below which a proxy shows this server"
    )
    trusted_proxies: Annotated[tuple[str, ...], AfterValidator(_networks)] = Field(
        ("127.0.0.1", "::1"), description="whose X-Forwarded-* headers are believed"
    )
    x_accel_redirect: Annotated[str, AfterValidator(_sub_path)] = Field(
        "", description="where nginx has the folder shared, to send files itself"
    )


class StorageSettings(Section):
    path: Path = Path("data")
    sync_interval: float = Field(
        1.0, ge=0.05, le=60, description="seconds of images a power cut may take"
    )
    max_gb: float = Field(0, ge=0, description="quota of everything, in 10^9 bytes; 0: none")
    min_free_gb: Literal["auto"] | Annotated[float, Field(ge=0)] = Field(
        "auto", description="of the disk, in 10^9 bytes; below it the oldest images go"
    )

    @field_validator("path")
    @classmethod
    def _possible(cls, path: Path) -> Path:
        try:
            encoded = os.fsencode(path)
        except UnicodeEncodeError:
            encoded = b"\0"
        longest = max(map(len, encoded.split(b"/")))
        if b"\0" in encoded or longest > MAX_NAME_BYTES or len(encoded) > MAX_PATH_BYTES:
            raise ValueError(
                "the path of a folder is right: text without NUL, at most 255 bytes between two /"
                f" and {MAX_PATH_BYTES} together"
            )
        return path


class ConvertSettings(Section):
    at_once: int = Field(1, ge=1, le=64, description="conversions that run at the same time")
    video_frame_limit: int = Field(500, ge=1, description="most frames of an unsaved video")
    zip_frame_limit: int = Field(1000, ge=1, description="most images of an unsaved archive")


class ExportSettings(Section):
    """A video or archive that is made again and again, when a cron expression says so."""

    name: str = Field(min_length=1, max_length=60)
    cron: Annotated[str, AfterValidator(_cron)]
    cameras: tuple[Annotated[int, Field(ge=0, le=MAX_CAMERA_ID)], ...] = ()
    range: Literal["last_hour", "yesterday", "last_week", "last_month"] = "yesterday"
    format: Literal["mp4", "gif", "webp", "zip", "tar"] = "mp4"
    fps: int = Field(20, ge=1, le=60)
    skip: int = Field(1, ge=1, le=1_000_000)
    options: dict[str, str | int | bool] = Field(default_factory=dict)

    def made_options(self) -> Options:
        """The options of the format, validated. Raises ValueError."""
        kind = ZipOptions if self.format in ("zip", "tar") else VideoOptions
        return kind.model_validate(self.options)

    @model_validator(mode="after")
    def _options_are_of_the_format(self) -> "ExportSettings":
        highest = ConversionType(self.format).highest_fps
        if self.fps > highest:
            raise ValueError(f"fps of a {self.format}: at most {highest}")
        try:
            self.made_options()
        except ValidationError as error:
            first = error.errors()[0]
            key = ".".join(map(str, first["loc"]))
            raise ValueError(f"options of a {self.format}: {key}: {first['msg']}") from None
        return self


class AlertSettings(Section):
    url: SecretStr | None = None


class MqttSettings(Section):
    """The broker that home automation listens to; none without `host`."""

    host: str = ""
    port: int = Field(1883, ge=1, le=65535)
    user: str = ""
    password: SecretStr | None = None
    tls: bool = False
    topic: Annotated[str, AfterValidator(_topic)] = "chimera-storage"
    discovery_prefix: Annotated[str, AfterValidator(_topic)] = "homeassistant"


class WebhookSettings(Section):
    """An address that is told what happens, in signed JSON."""

    url: SecretStr
    events: tuple[Literal["motion", "conversions", "health"], ...] = Field(
        ("motion", "conversions", "health"), min_length=1
    )
    secret: SecretStr

    @field_validator("url")
    @classmethod
    def _http(cls, url: SecretStr) -> SecretStr:
        if not url.get_secret_value().startswith(("http://", "https://")):
            raise ValueError("an address that begins with http:// or https:// is right")
        return url

    @field_validator("secret")
    @classmethod
    def _long(cls, secret: SecretStr) -> SecretStr:
        if len(secret.get_secret_value()) < 16:
            raise ValueError("16 characters or more are right")
        return secret


class Settings(Section):
    """All that can be set."""

    server: ServerSettings = ServerSettings()
    storage: StorageSettings = StorageSettings()
    retention: RetentionSettings = RetentionSettings()
    convert: ConvertSettings = ConvertSettings()
    alerts: AlertSettings = AlertSettings()
    mqtt: MqttSettings = MqttSettings()
    webhooks: tuple[WebhookSettings, ...] = ()
    exports: tuple[ExportSettings, ...] = ()
    camera: tuple[CameraSettings, ...] = ()
    camera_names: dict[int, str] = Field(
        default_factory=dict, description="names of cameras that another program records"
    )

    @model_validator(mode="after")
    def _consistent(self) -> "Settings":
        ids = [camera.id for camera in self.camera]
        twice = sorted({i for i in ids if ids.count(i) > 1})
        if twice:
            raise ValueError(f"camera id {twice[0]} stands twice; each camera needs its own id")
        root, public = self.server.root_path, self.server.public_url
        if root and public and not public.endswith(root):
            raise ValueError(f"server.public_url must end with server.root_path, {root}")
        names = [name.casefold() for name in self.names().values()]
        exports = [export.name for export in self.exports]
        if len(set(exports)) < len(exports):
            raise ValueError("two exports have the same name; each needs its own")
        again = sorted({n for n in names if names.count(n) > 1})
        if again:
            raise ValueError(f"camera name {again[0]!r} stands twice; each name may stand once")
        return self

    def names(self) -> dict[int, str]:
        """Camera id → name, for every camera that has one."""
        own = {camera.id: camera.name for camera in self.camera if camera.name}
        return {**self.camera_names, **own}

    def retention_of(self, camera: int) -> RetentionSettings:
        """What holds for a camera, configured or not."""
        own = next((c.retention for c in self.camera if c.id == camera), CameraRetentionSettings())
        return self.retention.model_copy(update=own.model_dump(exclude_none=True))
