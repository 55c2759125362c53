"""What a server and its conversion processes say to each other.

One line of JSON goes to the child's standard input: the job. It names the query, not the images, as
there may be a million of them; the child asks the index itself. The input then stays open, and its
end tells the child that the server has died. Lines of JSON come back on standard output: reports.
Where the job names no output, standard output carries the file itself, and only the exit code says
how it ended.
"""

import json
from dataclasses import asdict, dataclass
from dataclasses import fields as dataclass_fields
from datetime import UTC, tzinfo
from pathlib import Path
from typing import Any, Self
from zoneinfo import ZoneInfo

from chimera_storage.errors import ConfigurationError
from chimera_storage.model import ConversionType

EXIT_MADE = 0
EXIT_FAILED = 1
EXIT_NO_IMAGES = 3
EXIT_SERVER_GONE = 4

NO_IMAGES = "none of the images of this range can be read any more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What one conversion process has to do.

    `name` is what people call the camera, `root` the data folder, `timezone` the name of the zone
    of flat names; `output` is the file to write, which must not exist (None: write to standard
    output). `options` as JSON: with its type, which takes 13 MB to import, a video alone needs it.
    """

    id: str
    type: ConversionType
    camera: int
    name: str
    start_us: int
    end_us: int
    fps: int
    skip: int
    root: Path
    timezone: str
    output: Path | None
    options: str

    def to_line(self) -> bytes:
        """One line of JSON."""
        fields = {field.name: getattr(self, field.name) for field in dataclass_fields(self)}
        fields["root"] = str(self.root)
        fields["output"] = None if self.output is None else str(self.output)
        return json.dumps(fields).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """The job in a line of JSON. Raises ValueError, KeyError or TypeError for another line."""
        fields = json.loads(line)
        fields["type"] = ConversionType(fields["type"])
        fields["root"] = Path(fields["root"])
        fields["output"] = None if fields["output"] is None else Path(fields["output"])
        return cls(**fields)


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """How far a conversion is, or how it ended.

    `done`: images that are through; `size`: bytes written so far. With `finished`, `done` is the
    number of images in the file and `missing` of those that could not be read. `error` is the
    sentence that says why it failed.
    """

    done: int = 0
    size: int = 0
    missing: int = 0
    finished: bool = False
    error: str | None = None

    def to_line(self) -> bytes:
        """One line of JSON."""
        return json.dumps(asdict(self)).encode() + b"\n"

    @classmethod
    def from_line(cls, line: bytes) -> Self:
        """The report in a line of JSON. Raises ValueError or TypeError for another line."""
        fields: dict[str, Any] = json.loads(line)
        return cls(**fields)


def zone_name(zone: tzinfo) -> str:
    """The name that makes the same zone in another process. Raises ConfigurationError."""
    if isinstance(zone, ZoneInfo) and zone.key:
        return zone.key
    if zone is UTC:
        return "UTC"
    raise ConfigurationError("the time zone has no name; right would be one such as Europe/Berlin")
