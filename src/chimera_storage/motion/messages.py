"""What supervisor and recorder process say to each other: one JSON object a line, both directions.

Orders go over stdin, at any time. Each says how things are to be from then on and not what is to
change, so that the newest of a kind is all that a process begun anew has to be told. The work holds
passwords: it is never logged and stands in no process title.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from chimera_storage.config import CameraSettings
from chimera_storage.model import Box, CameraReport, CameraState, Health, LivePicture, NoiseMap

STOP_LINE = b"stop\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a recorder process is to do: `cameras` recorded into the data folder `data`.

    `timezone`: a name such as Europe/Berlin. `sync_interval_s`: seconds between two batches. Of a
    later order only `cameras` counts: those that are as before go on untouched.
    """

    data: Path
    timezone: str
    sync_interval_s: float
    cameras: Sequence[CameraSettings]


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Somebody looks at these cameras now, and at no others."""

    cameras: tuple[int, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Show:
    """Live pictures are wanted of these cameras now, and of no others."""

    cameras: tuple[int, ...]


Order = Work | Watch | Show


def encode_order(order: Order) -> bytes:
    """One line with everything, passwords included."""
    match order:
        case Watch(cameras=cameras):
            return _line({"order": "watch", "cameras": cameras})
        case Show(cameras=cameras):
            return _line({"order": "show", "cameras": cameras})
        case Work():
            return _line(
                {
                    "order": "work",
                    "data": str(order.data),
                    "timezone": order.timezone,
                    "sync_interval_s": order.sync_interval_s,
                    "cameras": [_revealed(camera.model_dump()) for camera in order.cameras],
                }
            )


def decode_order(line: bytes) -> Order:
    """The order that a line says. Raises ValueError, TypeError or LookupError where it is none."""
    values = json.loads(line)
    if values["order"] == "watch":
        return Watch(cameras=tuple(int(camera) for camera in values["cameras"]))
    if values["order"] == "show":
        return Show(cameras=tuple(int(camera) for camera in values["cameras"]))
    if values["order"] != "work":
        raise ValueError(f"no order: {values['order']!r}")
    return Work(
        data=Path(values["data"]),
        timezone=values["timezone"],
        sync_interval_s=values["sync_interval_s"],
        cameras=tuple(CameraSettings.model_validate(camera) for camera in values["cameras"]),
    )


def encode_report(report: CameraReport) -> bytes:
    """One line."""
    return _line(dataclasses.asdict(report))


def decode_report(line: bytes) -> CameraReport:
    """The report that a line says. Raises ValueError, TypeError or LookupError for another."""
    return _report(json.loads(line))


def _report(values: dict[str, Any]) -> CameraReport:
    values["state"] = CameraState(values["state"])
    values["health"] = Health(values["health"])
    values["boxes"] = tuple(Box(*box) for box in values["boxes"])
    values["sights"] = tuple((time_us, score) for time_us, score in values["sights"])
    if values["noise"] is not None:
        values["noise"] = NoiseMap(**values["noise"])
    return CameraReport(**values)


def encode_picture(picture: LivePicture) -> bytes:
    """One line, and the bytes of the JPEG right behind it."""
    about = {
        "camera": picture.camera,
        "time_us": picture.time_us,
        "width": picture.width,
        "height": picture.height,
        "boxes": picture.boxes,
    }
    return _line({"picture": about, "bytes": len(picture.jpeg)}) + picture.jpeg


def decode_said(line: bytes) -> CameraReport | tuple[LivePicture, int]:
    """What the process says in a line: a report, or a picture whose JPEG of so many bytes follows.

    Raises ValueError, TypeError or LookupError for something else.
    """
    values = json.loads(line)
    if "picture" not in values:
        return _report(values)
    about = values["picture"]
    about["boxes"] = tuple(Box(*box) for box in about["boxes"])
    return LivePicture(jpeg=b"", **about), int(values["bytes"])


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _revealed(item) for name, item in value.items()}
    return value


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
