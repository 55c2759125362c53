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


def nested_body(model: type[BaseModel]) -> dict[str, Any]:
    """`openapi_extra` of a route whose body has tables in it; a form holds only what is beside."""
    schema = model.model_json_schema()
    schema = _inlined(schema, schema.pop("$defs", {}))
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
