"""Options that several commands take."""

import inspect
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin
from zoneinfo import ZoneInfo

import typer
from pydantic.fields import FieldInfo

from chimera_storage.archive.layout import Layout
from chimera_storage.config import MotionSettings, Settings
from chimera_storage.errors import ConfigurationError

ConfigFile = Annotated[
    Path | None, typer.Option("--config", "-c", help="storage.toml; without it, defaults")
]
DataFolder = Annotated[Path | None, typer.Option("--path", help="The data folder.")]
StartOption = Annotated[
    str | None,
    typer.Option(
        "--start",
        help="When the recording began, YYYYMMDD-HHMMSS, for masks and zones that have hours.",
    ),
]
_CameraOption = Annotated[int | None, typer.Option(help="Take this camera's settings.")]
_KEYWORD = inspect.Parameter.KEYWORD_ONLY


def configured(config: Path | None, path: Path | None = None) -> Settings:
    """All that is configured, with `path` as the data folder. Raises ConfigurationError."""
    from chimera_storage.config_load import load_settings  # takes 15 ms

    overrides: dict[str, Any] = {} if path is None else {"storage": {"path": str(path)}}
    return load_settings(config, os.environ, overrides=overrides)


def takes_motion_settings(command: Callable[..., None]) -> Callable[..., None]:
    """Gives a command `--config`, `--camera` and an option for each setting of `[camera.motion]`.

    They reach the command as its parameter `given`. Settings that no flag can hold (lists, tables)
    come from the file alone.
    """
    parameters = inspect.signature(command).parameters
    own = [p for p in parameters.values() if p.name != "given"]
    options = {
        name: _option(name, field)
        for name, field in MotionSettings.model_fields.items()
        if _kind(field) is not None
    }

    @wraps(command)
    def run(config: Path | None, camera: int | None, **given: Any) -> None:
        flags = {name: given.pop(name) for name in options}
        command(**given, given=GivenMotion(config, camera, flags))

    shared = [
        inspect.Parameter("config", _KEYWORD, default=None, annotation=ConfigFile),
        inspect.Parameter("camera", _KEYWORD, default=None, annotation=_CameraOption),
    ]
    own = [p.replace(kind=_KEYWORD) for p in own]
    signature = inspect.Signature([*own, *shared, *options.values()])
    run.__signature__ = signature  # type: ignore[attr-defined]
    run.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
    return run


@dataclass(frozen=True, slots=True)
class GivenMotion:
    """What was given of detection settings; a flag that is None was not."""

    config: Path | None
    camera: int | None
    flags: dict[str, Any]

    def present(self) -> MotionSettings:
        """The configured camera's, the defaults without one. Raises ConfigurationError."""
        if self.config is None and self.camera is None:
            return MotionSettings()
        return camera_of(self.configured(), self.camera)

    def configured(self) -> Settings:
        """All that is configured. Raises ConfigurationError."""
        return configured(self.config)

    def settings(self) -> MotionSettings:
        """The present ones with the flags on top.

        Raises ConfigurationError, also for a mask that cannot be read: without it something else
        would be found than was asked for.
        """
        settings = with_flags(self.present(), self.flags)
        if settings.mask_file:
            from chimera_storage.motion.regions import read_mask

            read_mask(Path(settings.mask_file))
        return settings

    def timezone(self) -> ZoneInfo:
        """The configured time zone, UTC by default. Raises ConfigurationError."""
        if self.config is None:
            return ZoneInfo("UTC")
        return ZoneInfo(self.configured().server.timezone)

    def start_us(self, start: str | None) -> int | None:
        """Microseconds since 1970 of what `--start` says. Raises InvalidInputError."""
        return None if start is None else Layout(Path(), self.timezone()).parse_stamp(start)


def camera_of(settings: Settings, camera: int | None) -> MotionSettings:
    """The motion settings of a camera, the first one's without an id. Raises ConfigurationError."""
    cameras = {c.id: c for c in settings.camera}
    chosen = camera if camera is not None else next(iter(cameras), None)
    if chosen not in cameras:
        known = ", ".join(map(str, cameras)) or "none"
        raise ConfigurationError(f"camera {chosen} is not configured; known: {known}")
    return cameras[chosen].motion


def with_flags(base: MotionSettings, flags: dict[str, Any]) -> MotionSettings:
    """The settings with those flags on top that were given. Raises ConfigurationError."""
    given = {name: _number(value) for name, value in flags.items() if value is not None}
    if not given:
        return base
    from chimera_storage.config_load import validated

    return validated(MotionSettings, {**base.model_dump(), **given})


def _option(name: str, field: FieldInfo) -> inspect.Parameter:
    option = typer.Option(help=field.description)
    annotation = Annotated.__class_getitem__((_kind(field), option))  # type: ignore[attr-defined]
    return inspect.Parameter(name, _KEYWORD, default=None, annotation=annotation)


def _kind(field: FieldInfo) -> Any:
    """What a flag for the setting holds; None: no flag can hold it.

    A setting that is one of several words, or a number or a word ("auto"), is taken as text.
    """
    if field.annotation in (float, int, bool):
        return field.annotation | None
    return str | None if _is_simple(field.annotation) else None


def _is_simple(annotation: Any) -> bool:
    """Whether a text says it: a number, a word, or one of several of these."""
    origin = get_origin(annotation)
    if origin is Annotated:
        return _is_simple(get_args(annotation)[0])
    if origin in (Union, UnionType):
        return all(map(_is_simple, get_args(annotation)))
    simple = (int, float, str, Path, NoneType)
    return origin is Literal or (isinstance(annotation, type) and issubclass(annotation, simple))


def _number(value: Any) -> Any:
    return int(value) if isinstance(value, str) and value.isdecimal() else value
