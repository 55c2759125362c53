"""What goes in and out, for /openapi.json and for the answers themselves.

Requests are read leniently (parsing.py), so their models only describe them; answers are made
through these models. Field names are the clients', hence camelCase.
"""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from chimera_storage.model import ConversionType
from chimera_storage.options import VideoOptions, ZipOptions

STAMP = "20260131-183000"
ID = "k3v9x2ab-20260131-190000"
FILE = f"/shared/captures/output_1_{STAMP}_20260131-190000_{ID}.mp4"

CameraField = Annotated[
    int | str, Field(description="number, its text, or configured name", examples=[1])
]
TIME_FORMS = (
    "YYYYMMDD-HHMMSS or ISO 8601 without offset (both in the server's time zone), ISO 8601 with"
    " offset, or milliseconds since 1970; inclusive; default: "
)
TIMES = [STAMP, "2026-01-31T18:30:00Z", 1769884200000]


class _Model(BaseModel):
    model_config = ConfigDict(extra="allow")


class Problem(_Model):
    """Every error."""

    error: str = Field(description="one sentence: what is wrong and what would be right")


class Fault(Problem):
    """Not the fault of who asked."""

    requestId: str = Field(description="as in X-Request-ID and in the log")  # noqa: N815


class UnknownProcess(Problem):
    """The id belongs to no process."""

    running: Literal[False] = False
    id: str = Field(examples=[ID])


# requests


class Range(BaseModel):
    """Which images."""

    camera: CameraField
    start: str | int | None = Field(
        None, description=TIME_FORMS + "one week before end", examples=TIMES
    )
    end: str | int | None = Field(None, description=TIME_FORMS + "now", examples=TIMES)
    hours: float | None = Field(None, gt=0, description="in place of start: hours before end")
    days: float | None = Field(None, gt=0, description="in place of start: days before end")


class _ConvertRequest(Range):
    """Which of the images, and where the result goes."""

    skip: int = Field(1, ge=1, le=1_000_000, description="take every Nth image, from the first")
    save: bool = Field(True, description="false: answer with the file itself")


class ZipRequest(_ConvertRequest, ZipOptions):
    """What to archive."""

    format: Literal["zip", "tar"] = Field("zip", description="kind of archive")
    link: bool = Field(False, description="answer with an address to download it from")


class VideoRequest(_ConvertRequest, VideoOptions):
    """What to make a video of."""

    fps: int = Field(20, ge=1, le=60, description="images per second of the video")
    format: Literal["mp4", "gif", "webp"] = Field(
        "mp4", description="gif and webp take at most 500 images"
    )


class FramesRequest(Range):
    """Which links to list."""

    frames: int = Field(10, ge=1, le=10_000, description="at most so many links")
    prefer: Literal["even", "motion"] = Field(
        "even", description="motion: of each share of the range the image in which most moves"
    )
    sprite: bool = Field(
        False, description="also make one picture of all of them, small (at most 500)"
    )


class ProcessRequest(BaseModel):
    """Which process."""

    id: str = Field(examples=[ID])


class ProcessFilter(BaseModel):
    """Which processes; each field may be left out."""

    camera: CameraField | None = None
    type: ConversionType | None = None
    status: Literal["queued", "running", "done", "failed", "cancelled"] | None = None
    running: bool | None = None
    offset: int = Field(0, ge=0, le=1_000_000, description="leave out so many of the newest")
    limit: int | None = Field(None, ge=1, le=1_000_000, description="at most so many")


class FolderRequest(BaseModel):
    """Which camera's images."""

    model_config = ConfigDict(
        json_schema_extra={"anyOf": [{"required": ["camera"]}, {"required": ["path"]}]}
    )

    camera: CameraField | None = None
    path: str | None = Field(
        None, description="its folder, in place of camera", examples=["shared/captures/1"]
    )


class CleanRequest(FolderRequest):
    """Which camera's old images."""

    days: float = Field(
        ge=1, description="images taken more than so many days ago are deleted", examples=[7]
    )


# answers


class Created(_Model):
    """The process that was begun; without images: `frames` 0, no `url`, no process."""

    id: str = Field(examples=[ID])
    url: str | None = Field(None, examples=[FILE], description="where the file will be")
    frameLimitMet: bool = Field(  # noqa: N815
        description="true: too many images for save:false, so it became a saved process"
    )
    frames: int = Field(description="how many images it takes", examples=[600])


Links = list[str]
Places = list[tuple[int, int, int, int] | None]
Boxes = list[tuple[int, int, int, int]]


class Sprite(_Model):
    """A picture of small images."""

    url: str = Field(examples=["/convert/sprite/3f1c0b7a5d2e4f6a8b9c0d1e.jpg"])
    width: int
    height: int
    places: Places = Field(
        description="x, y, width and height of each image of the list; null: it cannot be shown"
    )
    taken: list[int] = Field(description="milliseconds since 1970 of each")


class Frames(_Model):
    """Links to images, spread over the range, in time order."""

    list: Links = Field(examples=[["/shared/captures/1/20260131/18/20260131-183000-00.jpg"]])
    sprite: Sprite | None = Field(None, description="only where it was asked for")


class BestImage(_Model):
    """The image of an event in which most moves."""

    url: str = Field(examples=["/shared/captures/1/20260131/18/20260131-183000-00.jpg"])
    taken: int = Field(description="milliseconds since 1970", examples=[1769884200250])
    width: int
    height: int


class MotionEvent(_Model):
    """A time in which something moved before a camera."""

    camera: int
    name: str = Field(description="of the camera", examples=["Front door"])
    start: int = Field(description="milliseconds since 1970", examples=[1769884200250])
    end: int | None = Field(description="milliseconds since 1970; null: it goes on")
    images: int = Field(description="how many of its images are there")
    score: float | None = Field(description="share of the picture that moves in the best, 0 to 1")
    boxes: Boxes = Field(description="where it moves there: x, y, width, height in pixels")
    best: BestImage | None = Field(description="null: no image of it is left")


EventList = list[MotionEvent]


class MotionEvents(_Model):
    """Events in the order of their times."""

    list: EventList
    more: bool = Field(description="whether there are more than `limit` in the range")


class Process(_Model):
    """A video or archive (ProcessObj)."""

    link: str = Field(examples=[FILE])
    type: ConversionType
    id: str = Field(examples=[ID])
    requested: str = Field(examples=["20260131-190000"], description="in the server's time zone")
    camera: int
    start: str = Field(examples=[STAMP])
    end: str = Field(examples=["20260131-190000"])
    running: bool = Field(description="queued or being made")
    status: Literal["queued", "running", "done", "failed", "cancelled"]
    progress: float = Field(ge=0, le=1)
    frames: int = Field(description="images it takes (0: not known)")
    size: int = Field(description="bytes of the file so far")
    eta: float | None = Field(description="seconds it still takes, where that can be told")
    error: str | None = Field(description="why it failed")
    fps: int
    skip: int
    missing: int = Field(
        description="images that were gone or broken when they were to be read,"
        " or gone before it began"
    )
    options: dict[str, Any] = Field(
        description="of the request's options those that differ from the defaults",
        examples=[{"height": 720, "codec": "h265"}],
    )


ProcessList = list[Process]


class Processes(_Model):
    """Newest first."""

    list: ProcessList
    total: int = Field(0, description="only with `limit`: how many the filter keeps, listed or not")


class Cancelled(_Model):
    """Whether the process was stopped."""

    cancelled: bool
    id: str


class Deleted(_Model):
    """Whether the process and its file are gone."""

    deleted: bool
    id: str


class PathSize(_Model):
    """What a camera's images take."""

    size: str = Field(description="bytes, as decimal text", examples=["443512"])
    bytes: int = Field(examples=[443512])
    formatted: str = Field(examples=["443.5 kB"])
    confidence: int = Field(ge=0, le=100, description="percent; below 100 while files are compared")


class PathCount(_Model):
    """How many images a camera has."""

    count: int
    confidence: int = Field(ge=0, le=100)


class PathDeleted(_Model):
    """Whether images were deleted."""

    deleted: bool


class PathCleaned(PathDeleted):
    """Whether old images were deleted."""

    confidence: int | float = Field(description="percent of those that were to go and are gone")


class ServerProcess(_Model):
    """The recorder process."""

    name: str = Field(examples=["motion"])
    status: Literal["online", "stopped", "errored"]
    restarts: int


class CameraStatus(_Model):
    """One camera as the recorder sees it. Times in milliseconds since 1970."""

    id: int
    name: str
    state: Literal["starting", "connected", "failed", "ended", "paused", "stopped"]
    since: int | None
    problem: str | None = Field(description="why there is no picture, without credentials")
    fps: float = Field(description="pictures per second received lately")
    width: int
    height: int
    lastFrame: int | None  # noqa: N815
    recording: bool
    recordingSince: int | None  # noqa: N815
    imagesSaved: int  # noqa: N815
    restarts: int = Field(description="lost connections since the recorder started")
    score: float = Field(description="share of the newest picture that moves, 0 to 1")
    health: Literal["ok", "black", "frozen", "covered", "turned", "defocused", "damaged"] = Field(
        description="whether the camera sees what it usually sees"
    )
    healthSince: int | None  # noqa: N815
    healthProblem: str | None = Field(description="what is wrong with what it sees")  # noqa: N815
    decoder: Literal["software", "cuda", "vaapi", "v4l2"] | None = Field(
        description="what decodes its pictures; null before the first"
    )


class StorageState(_Model):
    """Whether the data folder can be written to, and the index knows every image."""

    problem: str | None = Field(description="why nothing is written or compared; null: all is well")
    complete: bool = Field(description="files and index were compared since the start")
    progress: float = Field(description="of that comparison, 0 to 1")
    takenIn: int = Field(description="images found that the index did not know")  # noqa: N815


class MotionStatus(_Model):
    """The recorder process and its cameras."""

    processList: list[ServerProcess]  # noqa: N815
    cameras: list[CameraStatus]
    storage: StorageState


class LatestImage(_Model):
    """A camera's newest saved image."""

    url: str
    taken: int = Field(description="milliseconds since 1970")
    width: int
    height: int
    boxes: list[tuple[int, int, int, int]] = Field(description="what moved: [x, y, w, h] in pixels")


class CameraOverview(CameraStatus):
    """One camera with what is stored of it."""

    recorded: bool = Field(description="false: another program saves its images")
    latest: LatestImage | None
    count: int
    size: int = Field(description="bytes")
    formatted: str


class Cameras(_Model):
    """Every camera, by number."""

    cameras: list[CameraOverview]
    storage: StorageState
    now: int = Field(description="the server's time, milliseconds since 1970")


class Health(_Model):
    """The server answers."""

    status: Literal["ok", "degraded", "failed"] = Field(
        description="degraded: some cameras fail; failed: nothing can be recorded"
    )
    reasons: list[str] = Field(description="what is wrong, a sentence each")
    version: str
    storage: StorageState


class Ready(_Model):
    """Recording works."""

    ready: bool
    reasons: list[str] = Field(description="what is wrong all the same, a sentence each")


class NotReady(Problem):
    """Nothing is recorded."""

    ready: bool
    reasons: list[str] = Field(description="why, a sentence each")


def request_body(model: type[BaseModel], *, required: bool = True) -> dict[str, Any]:
    """`openapi_extra` of a route whose body is read by `parsing.read_body`."""
    schema = model.model_json_schema()
    kinds = ("application/json", "application/x-www-form-urlencoded")
    content = {kind: {"schema": schema} for kind in kinds}
    return {"requestBody": {"required": required, "content": content}}


def query_parameters(*described: tuple[str, str, dict[str, Any], bool]) -> dict[str, Any]:
    """`openapi_extra` of a route whose query is read by `parsing`: name, description, schema, and
    whether it is required."""
    return {
        "parameters": [
            {"name": name, "in": "query", "required": required, "description": text, "schema": kind}
            for name, text, kind, required in described
        ]
    }


def problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """`responses` of a route: those that every route has, and the given ones."""
    texts = {
        400: "a value cannot be used",
        401: "not logged in",
        403: "not allowed to you, from another site, or a Host that is not this server",
        404: "unknown",
        408: "the body came too slowly",
        409: "not possible in the present state",
        429: "too many wrong passwords; Retry-After says how long to wait",
        413: "the body is larger than 1 MiB",
        500: "a fault of the server",
        503: "the data folder or the index cannot be used",
    }
    wanted = {401, 403, 500, 503, *statuses}
    return {
        s: {"model": Fault if s >= 500 else Problem, "description": texts[s]}
        for s in sorted(wanted)
    }


BODY_PROBLEMS = (400, 408, 413)
