"""The values that the rooms exchange: frozen, keyword-only, with units in their names."""

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from chimera_storage.options import Options

MAX_CAMERA_ID = 999_999


class Box(NamedTuple):
    """Where something moves: a rectangle in pixels of the source picture."""

    x: int
    y: int
    w: int
    h: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImageKey:
    """What names one image, and nothing more: it can be made from a file's name alone.

    `second` is the Unix time in whole seconds that the name says, `number` counts within the
    second (None where the name has none, as snapshots of the Motion daemon), `flat` says that the
    file lies directly in the camera's folder, as in an install of the 2021 server.
    """

    camera: int
    second: int
    number: int | None
    flat: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """One saved image as the index knows it.

    `taken_at_us`: microseconds since 1970, its whole second equals `key.second`.
    `size` in bytes, `crc32` of the whole file (None: it was not read yet), `width` and `height` in
    pixels (0: not known). `score`: share of the picture that moves, 0 to 1 (None: not known).
    `event`: `start_us` of the event it belongs to (None: none).
    """

    key: ImageKey
    taken_at_us: int
    size: int
    crc32: int | None
    width: int
    height: int
    score: float | None = None
    boxes: tuple[Box, ...] = ()
    event: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something moved before a camera. Camera and start name it, also in an index made anew.

    `start_us`, `end_us`: microseconds since 1970 of its first and last image; `end_us` None: it
    goes on.
    """

    camera: int
    start_us: int
    end_us: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EventSummary:
    """An event with what its images say.

    `images`: how many there are. `best`: the one in which most moves, the first of equals; None
    where none is left.
    """

    event: Event
    images: int
    best: "Image | None"

    @property
    def score(self) -> float | None:
        """The greatest share of the picture that moved, 0 to 1."""
        return None if self.best is None else self.best.score

    @property
    def boxes(self) -> tuple["Box", ...]:
        """Where it moved then, in pixels of the best image."""
        return () if self.best is None else self.best.boxes


@dataclass(frozen=True, slots=True, kw_only=True)
class Totals:
    """How much there is: number of images and their bytes."""

    count: int
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class HourTotals:
    """What one camera has of one hour (since 1970). `events`: those that began in it."""

    camera: int
    hour: int
    images: int
    bytes: int
    events: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptRange:
    """A time of a camera whose images no rule deletes; microseconds since 1970, both included."""

    id: str
    camera: int
    start_us: int
    end_us: int
    reason: str = ""
    created_us: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletion:
    """What one run of a rule, or one request, deleted of one camera (None: finished conversions).

    `who`: `server`, `api` or `cli`. `rule`: the rule's or route's name. `images`: how many went
    (files, where `camera` is None), `bytes` what they took. `oldest_us`, `newest_us`: the span of
    time that they were in. `at_us`: when it began.
    """

    at_us: int
    who: str
    rule: str
    camera: int | None
    images: int
    bytes: int
    oldest_us: int
    newest_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RangeDeletion:
    """What deleting a time of one camera took, or would take.

    `kept`: how many images stay because somebody keeps them, `busy` because something reads them.
    """

    gone: Totals
    kept: int
    busy: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """The disk that the images are on: bytes it has, and bytes that are free to this server."""

    total: int
    free: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What the disk comes to at the rate of the last days.

    `bytes_per_day`: bytes of images saved a day. `full_us`: when the disk would be full if nothing
    were deleted, microseconds since 1970 (None: never). `held_by`: the rule that keeps it from
    that (None: none does, or it never would be full).
    """

    bytes_per_day: int
    full_us: int | None
    held_by: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedDeletion:
    """What a rule would delete of one camera (None: finished conversions), as in `Deletion`.

    `exact`: False where it is estimated from totals, as thinning is.
    """

    rule: str
    camera: int | None
    images: int
    bytes: int
    oldest_us: int
    newest_us: int
    exact: bool = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Preview:
    """What the rules would do now. `waits`: why they do nothing at all (None: they do not wait).

    `forecast` is that of the time afterwards.
    """

    planned: tuple[PlannedDeletion, ...]
    disk: Disk
    forecast: Forecast
    waits: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Bytes of everything: images by camera, finished conversions by kind, the index (`other`)."""

    cameras: dict[int, Totals]
    videos: int
    zips: int
    other: int


class ConversionType(StrEnum):
    """What a conversion makes; the value is the file's ending."""

    MP4 = "mp4"
    GIF = "gif"
    WEBP = "webp"
    ZIP = "zip"
    TAR = "tar"

    @property
    def is_video(self) -> bool:
        """Moving pictures; else an archive of the images."""
        return self in (ConversionType.MP4, ConversionType.GIF, ConversionType.WEBP)

    @property
    def highest_fps(self) -> int:
        """Most images a second of a video.

        A GIF's frames last hundredths of a second, and browsers show one of 0.01 s for 0.1 s.
        """
        return 50 if self is ConversionType.GIF else 60

    @property
    def options_type(self) -> "type[Options]":
        """The class of its options."""
        # 13 MB with pydantic, which a process that makes an archive has no use for.
        from chimera_storage.options import VideoOptions, ZipOptions

        return VideoOptions if self.is_video else ZipOptions


class ConversionStatus(StrEnum):
    """Where a conversion stands."""

    QUEUED = "queued"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"

    @property
    def active(self) -> bool:
        """Still to do or being done."""
        return self in (ConversionStatus.QUEUED, ConversionStatus.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class LivePicture:
    """What a camera sees now. `time_us`: microseconds since 1970.

    `jpeg` may be smaller than the picture's `width` and `height`, in whose pixels the `boxes` are:
    where something moved in the newest picture that was looked at.
    """

    camera: int
    time_us: int
    jpeg: bytes
    width: int
    height: int
    boxes: tuple[Box, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """A video or archive: what was asked for and how far it is. Times in microseconds since 1970.

    `fps` is meaningless for a zip. `frames` is how many images it takes, `frames_done` how many
    are through, `missing` how many of these could not be read; `size` in bytes of the file so far;
    `error` says in one sentence why it failed. `started_us` is the start of the last of `attempts`
    tries. `options` None stands for the type's defaults, which it then holds.
    """

    id: str
    type: ConversionType
    camera: int
    start_us: int
    end_us: int
    requested_us: int
    fps: int = 20
    skip: int = 1
    status: ConversionStatus = ConversionStatus.QUEUED
    frames: int = 0
    frames_done: int = 0
    size: int = 0
    started_us: int | None = None
    finished_us: int | None = None
    attempts: int = 0
    error: str | None = None
    missing: int = 0
    options: "Options" = None  # type: ignore[assignment] # set below

    def __post_init__(self) -> None:
        if self.options is None:
            object.__setattr__(self, "options", self.type.options_type())

    @property
    def progress(self) -> float:
        """Share of the images that are through, 0 to 1; 1 only where it is done."""
        if self.status is ConversionStatus.DONE:
            return 1.0
        return min(self.frames_done / self.frames, 0.999) if self.frames > 0 else 0.0

    def eta_s(self, now_us: int) -> float | None:
        """Seconds it still takes at the pace so far; None while that cannot be told."""
        if self.status is not ConversionStatus.RUNNING or self.started_us is None:
            return None
        elapsed_us = now_us - self.started_us
        if self.frames_done <= 0 or elapsed_us < 0:
            return None
        left = max(self.frames - self.frames_done, 0)
        return elapsed_us / self.frames_done * left / 1_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What a conversion will come to, before it is asked for.

    `frames`: images it takes, of `bytes` together. `size`: bytes of the file, `exact` where the
    index says it to the byte. `seconds`: how long making it takes, without waiting its turn.
    `duration_s`: how long the video lasts (None: an archive, or it cannot be told beforehand).
    `learned_from`: how many finished conversions of this machine size and seconds were taken from.
    """

    frames: int
    bytes: int
    size: int
    exact: bool
    seconds: float
    duration_s: float | None
    learned_from: int


class CameraState(StrEnum):
    """Whether pictures come from a camera."""

    STARTING = "starting"
    CONNECTED = "connected"
    FAILED = "failed"
    ENDED = "ended"  # a file that was played to its end, not looped
    PAUSED = "paused"  # nobody wants it recorded now


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraNews:
    """What is told of a camera that fails, sees nothing more, or works again.

    `state`: failed or working (the connection), or a `Health` (what it sees). `since_us`: when that
    began. `text`: the same as a sentence, with the camera's name.
    """

    camera: int
    state: str
    since_us: int
    text: str


class Health(StrEnum):
    """Whether a camera sees what it usually sees; `sentence` says what is wrong."""

    OK = "ok"
    BLACK = "black"
    FROZEN = "frozen"
    COVERED = "covered"
    TURNED = "turned"
    DEFOCUSED = "defocused"
    DAMAGED = "damaged"

    @property
    def sentence(self) -> str | None:
        """For people; None while all is well."""
        return _HEALTH_SENTENCES.get(self)


_HEALTH_SENTENCES = {
    Health.BLACK: "The picture is black; is the lens covered, or is there no light at all?",
    Health.FROZEN: "The picture stands still to the last pixel; restart the camera.",
    Health.COVERED: "Hardly anything can be seen; is something in front of the lens?",
    Health.TURNED: "The camera shows something else than before; was it turned or moved?",
    Health.DEFOCUSED: "The picture is blurred; is the lens dirty, wet or out of focus?",
    Health.DAMAGED: "Pictures arrive damaged; look at the network, and use transport tcp.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseMap:
    """Where a camera's picture changes by itself, in `columns` x `rows` equal cells.

    `levels`: base64 of a byte for each cell, row by row: how much more than the floor, of 255, the
    brightness has to differ there to count; 255: nothing counts there.
    """

    columns: int
    rows: int
    levels: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraReport:
    """What the recorder says about one camera, about once a second and at every change.

    `since_us`: when `state` began. `problem`: one sentence, without credentials, while FAILED.
    `fps`: pictures per second received lately. `recording`: an event is open; `event_since_us`
    says since when. `reconnects` counts lost connections since the recorder process started.
    `boxes` and `score` are those of the newest picture looked at. `health`: what is wrong with the
    pictures that come, since `health_since_us` (None while all is well). `decoder`: `software`, or
    the kind of device that decodes (None: nothing was decoded yet). `disk_full_us`: when an image
    last could not be saved because the disk is full. Since the recorder process
    started: `frames_read` pictures came, of `bytes_read` bytes (0 where none came over a wire), and
    `frames_decoded` were decoded to be looked at. Of those that came and were not saved nothing
    moved in `frames_let_go`; `frames_damaged` gave no whole picture, for `frames_dropped` there was
    no time or memory, and `frames_unsaved` could not be written (motion/tally.py). While somebody
    looks: `sights`, time in microseconds and score of each picture since the report before.
    `floor`: difference in brightness, of 255, that counts at least (None: not known yet). `noise`:
    while somebody looks.
    """

    camera: int
    state: CameraState
    since_us: int
    problem: str | None = None
    fps: float = 0.0
    width: int = 0
    height: int = 0
    last_frame_us: int | None = None
    recording: bool = False
    event_since_us: int | None = None
    images_saved: int = 0
    reconnects: int = 0
    score: float = 0.0
    boxes: tuple[Box, ...] = field(default=())
    health: Health = Health.OK
    health_since_us: int | None = None
    decoder: str | None = None
    disk_full_us: int | None = None
    frames_read: int = 0
    frames_decoded: int = 0
    frames_let_go: int = 0
    frames_damaged: int = 0
    frames_dropped: int = 0
    frames_unsaved: int = 0
    bytes_read: int = 0
    sights: tuple[tuple[int, float], ...] = ()
    floor: int | None = None
    noise: NoiseMap | None = None
