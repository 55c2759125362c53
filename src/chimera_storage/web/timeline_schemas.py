"""What goes in and out of the routes of the timeline; see `schemas`."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_storage.options import VideoOptions
from chimera_storage.web.schemas import TIME_FORMS, TIMES, CameraField, FolderRequest, Range


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")


Urls = dict[int, str]
_URLS = "place in the list → address, of images whose name does not follow from second and number"


class EventColumns(_Model):
    """Events in the order of their times; the n-th of each list is of the n-th event."""

    after: list[int] = Field(
        description="seconds from the begin of the one before to its own; of the first one from"
        " the answer's `start`, negative where it began before that",
        examples=[[12, 340]],
    )
    lasts: list[int | None] = Field(description="seconds; null: it goes on", examples=[[35, None]])
    images: list[int] = Field(examples=[[48, 3]])
    score: list[float | None] = Field(
        description="share of the picture that moves in the best image, 0 to 1, to two digits",
        examples=[[0.031, None]],
    )
    best: list[int | None] = Field(
        description="seconds from its begin to its best image; null: none is left",
        examples=[[11, 0]],
    )
    number: list[int] = Field(description="of the best image within its second", examples=[[2]])
    urls: Urls = Field(description=_URLS, examples=[{}])


class KeptSpan(_Model):
    """A time that is kept; milliseconds since 1970, both included."""

    id: str
    start: int
    end: int
    reason: str


class Activity(_Model):
    """What one camera has of a stretch of time. Times in milliseconds since 1970."""

    camera: int
    name: str
    start: int
    end: int = Field(description="the last millisecond")
    now: int = Field(description="the server's time")
    every: int = Field(description="seconds of each part", examples=[60])
    counts: list[int] = Field(description="images of each part", examples=[[0, 12, 60]])
    images: int
    bytes: int
    events: EventColumns
    more: bool = Field(description="there are more events than are listed")
    kept: list[KeptSpan]


class TimelineImages(_Model):
    """The images of a stretch of time in order; the n-th of each list is of the n-th image."""

    camera: int
    start: int = Field(description="milliseconds since 1970", examples=[1769884200000])
    end: int
    taken: list[int] = Field(description="milliseconds since `start`", examples=[[123, 1123]])
    number: list[int] = Field(description="within its second", examples=[[0, 0]])
    score: list[float | None] = Field(
        description="share of the picture that moves, 0 to 1", examples=[[0.031, None]]
    )
    urls: Urls = Field(description=_URLS, examples=[{}])
    more: bool = Field(description="there are more; go on from the last one's time")


class DayTotals(_Model):
    """One day of some cameras, in the server's time zone."""

    date: str = Field(examples=["2026-01-31"])
    images: int
    bytes: int
    events: int


class TimelineDays(_Model):
    """The days of a month that have images, and the first and last of all that have some."""

    days: list[DayTotals]
    first: str | None = Field(examples=["2026-01-01"])
    last: str | None = Field(examples=["2026-01-31"])
    today: str = Field(examples=["2026-01-31"])


class EstimateRequest(Range, VideoOptions):
    """A video or archive that might be made."""

    format: Literal["mp4", "gif", "webp", "zip", "tar"] = "mp4"
    fps: int = Field(20, ge=1, le=60, description="images per second of the video")
    skip: int = Field(1, ge=1, le=1_000_000, description="take every Nth image, from the first")
    manifest: bool = Field(False, description="of an archive: with a list of the images")


class Estimated(_Model):
    """What it will come to."""

    frames: int = Field(description="images it takes")
    bytes: int = Field(description="of these images")
    size: int = Field(description="of the file")
    formatted: str = Field(examples=["79.4 MB"])
    exact: bool = Field(description="whether the size is exact, as of an archive")
    seconds: float = Field(description="how long making it takes, without waiting its turn")
    duration: float | None = Field(
        description="seconds that the video lasts; null: an archive, or not to be told"
    )
    learnedFrom: int = Field(  # noqa: N815
        description="finished ones of this machine that size and seconds follow from"
    )


class RangeDeleteRequest(FolderRequest):
    """Which time of which camera to delete."""

    camera: CameraField | None = None
    start: str | int | None = Field(None, description=TIME_FORMS + "needed", examples=TIMES)
    end: str | int | None = Field(None, description=TIME_FORMS + "needed", examples=TIMES)
    preview: bool = Field(False, description="only say what would go")
    kept: bool = Field(False, description="also images that are kept")


class RangeDeleted(_Model):
    """What went, or would go."""

    preview: bool
    deleted: int = Field(description="images that are gone, or would go", examples=[1200])
    bytes: int = Field(examples=[180_000_000])
    formatted: str = Field(examples=["180.0 MB"])
    kept: int = Field(description="images that stay because they are kept")
    busy: int = Field(description="images that stay because something reads them now")
