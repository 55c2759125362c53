"""What goes in and out of the routes that change cameras."""

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_storage.camera_address import shown_address
from chimera_storage.config import CameraRetentionSettings, CameraSettings, MotionSettings


class ShownCamera(BaseModel):
    """A camera's settings as in storage.toml; addresses without what may be a password (`***`)."""

    model_config = ConfigDict(json_schema_extra={"additionalProperties": False})

    id: int
    url: str = Field(examples=["rtsp://viewer@192.168.1.20/stream1"])
    name: str
    detect_url: str | None
    loop: bool
    transport: Literal["tcp", "udp"]
    interval: float
    paused: bool
    hwaccel: Literal["auto", "none"]
    motion: MotionSettings
    retention: CameraRetentionSettings

    @classmethod
    def of(cls, camera: CameraSettings) -> "ShownCamera":
        """What may be shown of a camera."""
        second = camera.detect_url
        return cls.model_validate(
            {
                **camera.model_dump(),
                "url": shown_address(camera.url.get_secret_value()),
                "detect_url": None if second is None else shown_address(second.get_secret_value()),
            }
        )


class CameraSaved(BaseModel):
    """What was stored, and where."""

    camera: ShownCamera
    file: str = Field(description="the name of the file that it was written to")


class CamerasSaved(BaseModel):
    """The same of all cameras."""

    cameras: list[ShownCamera]
    file: str


class CameraPaused(BaseModel):
    """Whether the camera is recorded now."""

    id: int
    paused: bool


class CameraRemoved(BaseModel):
    """What was removed, and what stays."""

    removed: bool
    id: int
    count: int = Field(description="images that stay; POST /file/pathDelete deletes them")
    size: int = Field(description="their bytes")
    formatted: str


class CamerasChange(BaseModel):
    """All cameras there are to be."""

    cameras: list[CameraSettings] = Field(max_length=1000)


class TryRequest(BaseModel):
    """An address to be tried."""

    url: str = Field(examples=["rtsp://viewer:secret@192.168.1.20/stream1"])
    transport: Literal["tcp", "udp"] = "tcp"
    interval: float = 1.0
    camera: int | None = Field(
        None, description="of this camera the password is taken where `url` leaves it out"
    )


class DiscoverRequest(BaseModel):
    """Where to search."""

    address: str | None = Field(
        None, description="one host alone; without it everybody on the networks of this machine"
    )


class FoundCamera(BaseModel):
    """A camera that answered."""

    name: str
    host: str
    service: str = Field(description="where it is asked for its streams")


class FoundCameras(BaseModel):
    """All that answered within four seconds."""

    cameras: list[FoundCamera]


class StreamsRequest(BaseModel):
    """Which camera, and how it is logged in to."""

    service: str = Field(examples=["http://192.168.1.20/onvif/device_service"])
    user: str = ""
    password: str = ""


class CameraStream(BaseModel):
    """A stream of a camera. `url` without user and password."""

    name: str
    url: str
    width: int
    height: int
    encoding: str


class Streams(BaseModel):
    """The largest first."""

    streams: list[CameraStream]


class Noise(BaseModel):
    """Where a camera's picture changes by itself, in equal cells."""

    columns: int
    rows: int
    levels: str = Field(
        description="base64 of a byte for each cell, row by row: how much more than `floor` the"
        " brightness has to differ there to count; 255: nothing counts there"
    )


class Sight(BaseModel):
    """What the detector finds. Times in milliseconds since 1970."""

    now: int
    state: Literal["starting", "connected", "failed", "ended", "paused", "stopped"]
    width: int = Field(description="of the pictures, in pixels; 0: none came")
    height: int
    recording: bool
    score: float = Field(description="share of the newest picture that moves")
    boxes: list[tuple[int, int, int, int]] = Field(description="[x, y, w, h] in pixels")
    floor: int | None = Field(description="difference in brightness, of 255, that counts at least")
    noise: Noise | None = Field(description="null: not known yet")
    threshold: float = Field(description="score from which on a picture is motion")
    scores: list[tuple[int, float]] = Field(description="[time, score] of each picture since")


class Mark(BaseModel):
    """Motion that was wanted or not."""

    start: int
    end: int
    wanted: bool


class Marks(BaseModel):
    """All that was said, the earliest first."""

    marks: list[Mark]


class MarkRequest(BaseModel):
    """What is said of a stretch of time, in milliseconds since 1970."""

    start: int
    end: int
    wanted: bool | None = Field(None, description="null takes back what was said")


def nested_body(model: type[BaseModel], *, needed: list[str]) -> dict[str, Any]:
    """`openapi_extra` of a route whose body has tables in it; a form holds only what is beside.

    needed: what a camera cannot be without there.
    """
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    for named in (schema, *definitions.values()):
        if named["title"] == CameraSettings.__name__:
            named["required"] = needed
    schema = _inlined(schema, definitions)
    kinds = ("application/json", "application/x-www-form-urlencoded")
    content = {kind: {"schema": schema} for kind in kinds}
    return {"requestBody": {"required": True, "content": content}}


def _inlined(schema: Any, definitions: dict[str, Any]) -> Any:
    """The schema without references, which lead nowhere in the description of the whole API."""
    if isinstance(schema, list):
        return [_inlined(item, definitions) for item in schema]
    if not isinstance(schema, dict):
        return schema
    if "$ref" in schema:
        named = definitions[schema["$ref"].rpartition("/")[2]]
        return _inlined({**named, **{k: v for k, v in schema.items() if k != "$ref"}}, definitions)
    return {key: _inlined(value, definitions) for key, value in schema.items()}
