"""What goes in and out of the routes on rules, kept times and statistics; see `schemas`."""

from pydantic import BaseModel, ConfigDict, Field, RootModel

from chimera_storage.model import Forecast
from chimera_storage.web.schemas import STAMP, TIME_FORMS, TIMES, CameraField, FolderRequest

EVENT_MS = 1769884200123
KEEP_ID = "9f86d081884c7d65"


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")


class EmptyRequest(BaseModel):
    """Nothing is needed; what is sent is not looked at."""


# rules


class AutoCleaned(_Model):
    """What the quotas cost; `skipped` alone where none is set."""

    skipped: bool | None = Field(None, description="true: no quota is set")
    cleaned: bool | None = Field(None, description="whether images were deleted", examples=[True])
    deleted: int | None = Field(None, description="how many", examples=[1200])


class Applied(_Model):
    """What went."""

    deleted: int = Field(description="images and finished conversions", examples=[1200])
    bytes: int = Field(examples=[180_000_000])
    formatted: str = Field(examples=["180.0 MB"])


class Planned(_Model):
    """What one rule would delete of one camera. Times in milliseconds since 1970."""

    rule: str = Field(examples=["days"])
    camera: int | None = Field(description="null: finished conversions")
    name: str | None
    count: int
    bytes: int
    formatted: str
    oldest: int
    newest: int
    exact: bool = Field(description="false: estimated from totals")


class DiskState(_Model):
    """The disk that the images are on, in bytes."""

    total: int
    free: int


class Outlook(_Model):
    """What comes of the disk at the rate of the last 7 days."""

    bytesPerDay: int  # noqa: N815
    full: int | None = Field(
        description="when the disk would be full if nothing were deleted, milliseconds since 1970"
    )
    heldBy: str | None = Field(  # noqa: N815
        description="the rule that keeps it from that", examples=["max_gb"]
    )

    @classmethod
    def of(cls, forecast: Forecast) -> "Outlook":
        """As clients see it."""
        return cls(
            bytesPerDay=forecast.bytes_per_day,
            full=None if forecast.full_us is None else forecast.full_us // 1000,
            heldBy=forecast.held_by,
        )


class RulesPreview(_Model):
    """What the rules would delete now, and what comes of the disk then."""

    planned: list[Planned]
    deleted: int = Field(description="images and finished conversions that would go")
    bytes: int = Field(description="bytes that would be freed")
    formatted: str
    waits: str | None = Field(description="why the rules do nothing now, in a sentence")
    disk: DiskState
    forecast: Outlook


class DeletionRecord(_Model):
    """What one run of a rule, or one request, deleted of one camera."""

    at: int = Field(description="when it began, milliseconds since 1970")
    who: str = Field(description="server, api or cli", examples=["server"])
    rule: str = Field(examples=["max_gb"])
    camera: int | None = Field(description="null: finished conversions")
    name: str | None
    count: int
    bytes: int
    formatted: str
    oldest: int
    newest: int


DeletionList = list[DeletionRecord]


class Deletions(_Model):
    """The newest first."""

    list: DeletionList


# kept times


class KeepRequest(FolderRequest):
    """Which time of which camera to keep."""

    camera: CameraField | None = None
    start: str | int | None = Field(
        None, description=TIME_FORMS + "needed, or hours, days or event", examples=TIMES
    )
    end: str | int | None = Field(None, description=TIME_FORMS + "now", examples=TIMES)
    hours: float | None = Field(None, gt=0, description="in place of start: hours before end")
    days: float | None = Field(None, gt=0, description="in place of start: days before end")
    event: int | None = Field(
        None,
        description="in place of all these: when the event began, milliseconds since 1970",
        examples=[EVENT_MS],
    )
    reason: str | None = Field(None, max_length=200, examples=["burglary"])


class Kept(_Model):
    """A time that is kept."""

    id: str = Field(examples=[KEEP_ID])
    camera: int
    name: str
    start: str = Field(examples=[STAMP], description="in the server's time zone, inclusive")
    end: str = Field(examples=["20260131-190000"])
    reason: str
    created: int = Field(description="milliseconds since 1970")


KeptTimes = list[Kept]


class KeptList(_Model):
    """The oldest first."""

    list: KeptTimes


class LetGoRequest(BaseModel):
    """Which one."""

    id: str = Field(examples=[KEEP_ID])


class LetGo(_Model):
    """Whether it was kept until now."""

    deleted: bool
    id: str


# statistics


class PathMetrics(_Model):
    """Bytes and images by the camera's name."""

    size: dict[str, int] = Field(examples=[{"Front door": 443512}])
    count: dict[str, int] = Field(examples=[{"Front door": 3}])
    confidence: int = Field(ge=0, le=100, description="percent; below 100 while files are compared")


class SeriesList(RootModel[list[dict[str, int]]]):
    """`timestamp` in milliseconds since 1970, and bytes by the camera's name, ascending."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [[{"timestamp": 1769882400000, "Front door": 443512}]]}
    )


class HourStats(_Model):
    """What one camera saved in one hour."""

    timestamp: int = Field(description="milliseconds since 1970 at which the hour begins")
    camera: int
    name: str
    images: int
    bytes: int
    events: int = Field(description="that began in it")


HourStatsRows = list[HourStats]


class HourStatsList(_Model):
    """By hour, then by camera."""

    list: HourStatsRows


class CameraUsage(_Model):
    """What one camera's images take."""

    id: int
    name: str
    used_gb: float
    frame_count: int


class Breakdown(_Model):
    """Bytes by kind; `other`: the index."""

    frames: int
    videos: int
    zips: int
    other: int


class UsageSummary(_Model):
    """What everything takes; GB are 10^9 bytes."""

    used_gb: float
    max_gb: float = Field(description="quota of all; 0: none")
    cameras: list[CameraUsage]
    total_frames: int
    breakdown: Breakdown
    disk: DiskState
    forecast: Outlook | None = Field(description="null for those who see only some cameras")


# frames


class FrameOfDay(_Model):
    """One image."""

    id: str = Field(examples=["1/20260131/18/20260131-183000-00.jpg"])
    timestamp: str = Field(examples=["2026-01-31T18:30:00.000Z"])
    name: str = Field(examples=["20260131-183000-00.jpg"])
    size: int
    url: str = Field(examples=["/shared/captures/1/20260131/18/20260131-183000-00.jpg"])
    event: int | None = Field(
        description="when its event began, milliseconds since 1970", examples=[EVENT_MS]
    )
    score: float | None = Field(description="share of the picture that moves, 0 to 1")


class FramesOfDay(_Model):
    """A page of a day's images, the newest first."""

    events: list[FrameOfDay]
    total: int
    page: int
    per_page: int
