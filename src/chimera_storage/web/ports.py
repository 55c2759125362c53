# ruff: noqa: A002 - ids and types are what they are called everywhere
"""What the web room needs from the others: Protocols, so that no room imports another.

`service` passes the implementations in. Methods without `async` may block on disk or index for
milliseconds; the routes call them in threads, so they have to be thread-safe.
"""

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol
from zoneinfo import ZoneInfo

from chimera_storage.archive.images import Archive
from chimera_storage.archive.watch import WatchStatus
from chimera_storage.clock import Clock
from chimera_storage.config import CameraSettings, Settings
from chimera_storage.model import (
    CameraReport,
    Conversion,
    ConversionType,
    Deletion,
    Disk,
    Estimate,
    Forecast,
    HourTotals,
    Image,
    LivePicture,
    Preview,
    RangeDeletion,
    Totals,
    Usage,
)
from chimera_storage.options import Options, ZipOptions


class Changes(Protocol):
    """Hears what becomes of conversions."""

    async def news(self, timeout_s: float) -> Sequence[Conversion | str] | None:
        """What changed since the last call, each once; a str is the id of one that was deleted.

        Waits for something, `timeout_s` at most (then empty). None: there will be no more.
        """


class Conversions(Protocol):
    """Videos and archives, as processes."""

    def changes(self) -> AbstractContextManager[Changes]:
        """Hears of every change from now until it is left."""

    async def request(
        self,
        *,
        type: ConversionType,
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options | None = None,
    ) -> Conversion:
        """Store and queue one; with no image in the range `frames` is 0 and nothing is stored."""

    async def cancel(self, id: str) -> bool:
        """True only where it was queued or running and is now stopped, nothing left on disk."""

    async def delete(self, id: str) -> bool:
        """Remove row and file; a running one is cancelled first. False where there is none."""

    def get(self, id: str) -> Conversion | None:
        """By the exact id."""

    def list(self) -> list[Conversion]:
        """All, newest first, queued and running ones included."""

    def count(self, *, camera: int, start_us: int, end_us: int, skip: int) -> int:
        """How many images a conversion of this range takes, after skip."""

    def estimate(
        self,
        *,
        type: ConversionType,
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options,
    ) -> Estimate:
        """What such a conversion will come to."""

    def stream(
        self,
        *,
        type: ConversionType,
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The file's bytes while it is made; `aclose` stops the work.

        Raises ConflictError, NotFoundError (no image can be read) or ConversionError.
        """


class Download(Protocol):
    """An archive that is made while it is sent, in any part, again and again."""

    id: str
    name: str
    size: int
    images: int
    modified_s: int

    @property
    def etag(self) -> str:
        """Of what is in it, with its quotes."""

    def parts(self, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Those bytes. ConflictError: too many read, or an image was deleted or changed."""

    def close(self) -> None:
        """Nothing more is asked for."""


class Downloads(Protocol):
    """Archives that are sent and not stored."""

    def pin(
        self,
        *,
        type: ConversionType,
        camera: int,
        start_us: int,
        end_us: int,
        skip: int,
        options: ZipOptions,
    ) -> Download:
        """Decide what is in one. Raises NotFoundError where there is no image."""

    def open(self, name: str) -> Download:
        """The one of this name. Raises NotFoundError."""


class Sprite(Protocol):
    """A picture of small images."""

    @property
    def id(self) -> str: ...

    @property
    def jpeg(self) -> bytes: ...

    @property
    def width(self) -> int: ...

    @property
    def height(self) -> int: ...

    @property
    def places(self) -> Sequence[tuple[int, int, int, int] | None]:
        """x, y, width and height of each image; None where it cannot be shown."""


class Sprites(Protocol):
    """Pictures of small images."""

    def make(self, images: Sequence[Image]) -> Sprite:
        """Of these, in their order."""

    def get(self, id: str) -> Sprite:
        """One that was made lately. Raises NotFoundError."""


class View(Protocol):
    """One who looks at a camera."""

    @property
    def over(self) -> bool:
        """Nothing more is shown: the server ends."""

    async def next(self, timeout_s: float) -> LivePicture | None:
        """The newest picture, once there is one that was not given yet; None where none comes."""


class Recorders(Protocol):
    """The process that watches the cameras."""

    def look(self, camera: int) -> AbstractContextManager[View]:
        """Somebody looks at the camera until this is left."""

    def reports(self) -> list[CameraReport]:
        """The newest word on every configured camera."""

    def status(self) -> str:
        """online, stopped or errored."""

    def restarts(self) -> int:
        """How often the process had to be started again."""

    def watch(self, camera: int) -> None:
        """Somebody looks at the camera for some seconds. In the event loop alone."""

    def sights(self, camera: int, since_us: int) -> list[tuple[int, float]]:
        """Time and score of each picture after that, while somebody looked."""


class CameraFinder(Protocol):
    """What can be asked before a camera is configured."""

    async def picture(self, camera: CameraSettings) -> bytes:
        """A JPEG file that it gives now. SourceError with the reason, ConflictError: too many."""

    async def discover(self, address: str | None = None) -> Sequence[object]:
        """ONVIF cameras (name, host, service) of the network, or at one address; takes seconds."""

    async def streams(self, service: str, user: str, password: str) -> Sequence[object]:
        """What one of them sends (name, url, width, height, encoding). Raises SourceError."""


class CleanResult(Protocol):
    """What a clean-up came to."""

    @property
    def deleted(self) -> bool:
        """At least one image went."""

    @property
    def confidence(self) -> float:
        """Percentage of the images that were to go and are gone; 100 where none had to."""


class Upkeep(Protocol):
    """Sizes, counts and deletion. `who`: what the list of deletions says of who asked for it."""

    def totals(self, camera: int) -> Totals: ...

    def metrics(self) -> dict[int, Totals]:
        """Of every camera that has any image."""

    def state(self) -> WatchStatus:
        """How far the comparison of files and index is, and why nothing may be written."""

    def confidence(self) -> int:
        """Percentage to which the totals can be trusted (below 100 while files are compared)."""

    def delete_camera(self, camera: int, *, who: str = "api") -> bool:
        """Delete every image of the camera; True where at least one went."""

    def clean(self, camera: int, days: float, *, who: str = "api") -> CleanResult:
        """Delete images taken more than `days` days ago."""

    def delete_range(
        self,
        camera: int,
        first_s: int,
        last_s: int,
        *,
        kept_too: bool,
        only_ask: bool,
        who: str = "api",
    ) -> RangeDeletion:
        """Delete the images of those seconds, or say what would go."""


class Rules(Protocol):
    """What is deleted without being asked for each time."""

    def has_quota(self) -> bool:
        """Whether one is set, of all or of a camera."""

    def apply(self, who: str) -> Totals:
        """Do what all rules say; what went. ConflictError where they wait or a run is on."""

    def apply_quotas(self, who: str) -> Totals:
        """The same, quotas only."""

    def preview(self) -> Preview:
        """What they would do now."""

    def forecast(self) -> Forecast | None:
        """What comes of the disk at the present rate; None where who asks may not know."""

    def deletions(self, limit: int) -> list[Deletion]:
        """What was deleted, the newest first."""


class Statistics(Protocol):
    """How much there is, by camera and time."""

    def hours(self, *, days: int) -> list[HourTotals]:
        """Each camera's hours of the last days, by hour."""

    def minutes(self) -> list[tuple[int, int, int]]:
        """(second at which a minute begins, camera, bytes) of the last 24 hours."""

    def usage(self) -> Usage:
        """What everything takes."""

    def disk(self) -> Disk:
        """The disk that the images are on."""


class Configuration(Protocol):
    """The settings as they are now, and how cameras are changed.

    What changes something raises InvalidInputError, NotFoundError or ConflictError (also where the
    file cannot be written), and then nothing was changed. `values` are as in storage.toml.
    """

    @property
    def settings(self) -> Settings:
        """Another object after each change."""

    @property
    def path(self) -> Path:
        """The file that changes are written to."""

    async def add_camera(self, values: Mapping[str, Any]) -> int:
        """Its id."""

    async def change_camera(self, camera: int, values: Mapping[str, Any]) -> None:
        """What is left out is as by default; the address stays where it is as it was shown."""

    async def pause_camera(self, camera: int, *, paused: bool) -> None:
        """Record it no more for now, or again."""

    async def remove_camera(self, camera: int) -> None:
        """Its footage stays."""

    async def replace_cameras(self, cameras: Sequence[Mapping[str, Any]]) -> None:
        """These and no others."""


@dataclass(frozen=True, kw_only=True)
class Services:
    """All that the routes work with."""

    configuration: Configuration
    archive: Archive
    conversions: Conversions
    downloads: Downloads
    sprites: Sprites
    recorders: Recorders
    finder: CameraFinder
    upkeep: Upkeep
    rules: Rules
    statistics: Statistics
    clock: Clock

    @property
    def settings(self) -> Settings:
        """As they are now; a later request may find others."""
        return self.configuration.settings

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that clients mean where they name none."""
        return ZoneInfo(self.settings.server.timezone)

    def absolute(self, url: str) -> str:
        """An address of this server, made absolute only where a public address is configured."""
        return (self.settings.server.public_url or self.root) + url

    @property
    def root(self) -> str:
        """The path below which a proxy shows this server; begins every address in a page."""
        return self.settings.server.root_path
