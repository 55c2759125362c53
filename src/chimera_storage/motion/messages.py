"""What supervisor and recorder process say to each other: one JSON object a line, both directions.

The work goes over stdin and holds passwords: it is never logged and stands in no process title.
"""

import dataclasses
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from chimera_storage.config import CameraSettings
from chimera_storage.model import Box, CameraReport, CameraState, Health

STOP_LINE = b"stop\n"


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a recorder process is to do: `cameras` recorded into the data folder `data`.

    `timezone`: a name such as Europe/Berlin. `sync_interval_s`: seconds between two batches.
    """

    data: Path
    timezone: str
    sync_interval_s: float
    cameras: Sequence[CameraSettings]


def encode_work(work: Work) -> bytes:
    """One line with everything, passwords included."""
    return _line(
        {
            "data": str(work.data),
            "timezone": work.timezone,
            "sync_interval_s": work.sync_interval_s,
            "cameras": [_revealed(camera.model_dump()) for camera in work.cameras],
        }
    )


def decode_work(line: bytes) -> Work:
    """The work that a line says. Raises ValueError or LookupError where it says none."""
    values = json.loads(line)
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
    values = json.loads(line)
    values["state"] = CameraState(values["state"])
    values["health"] = Health(values["health"])
    values["boxes"] = tuple(Box(*box) for box in values["boxes"])
    return CameraReport(**values)


def _revealed(value: Any) -> Any:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, dict):
        return {name: _revealed(item) for name, item in value.items()}
    return value


def _line(values: dict[str, Any]) -> bytes:
    return json.dumps(values, separators=(",", ":")).encode() + b"\n"
