"""A recorded video as frames with times, as fast as it can be read; what is damaged is marked."""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, tzinfo
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import Self

import av
from av.container import InputContainer
from av.error import FFmpegError

from chimera_storage.archive.layout import Layout
from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError, SourceError
from chimera_storage.log import get_logger, redact
from chimera_storage.motion.decoding import DOUBTFUL_US
from chimera_storage.motion.health import DamageCheck
from chimera_storage.motion.picture import chroma, luma
from chimera_storage.motion.recorded_damage import MOST_HELD_BACK, STRICT, DamageMarks, Judged

DEFAULT_RATE = 25.0  # of files that say no frame rate
OPEN_TIMEOUT_S = 10.0
SHORT_S, SHORT_SHARE = 2.0, 0.95  # a file that ends earlier than it says is one cut off
SEEK_BACK_US = 2_000_000
LEAST_LEAP_BACK_US = 1_000_000  # less is disorder among neighbours
_STAMP_LENGTH = len("YYYYMMDD-HHMMSS")
_FIRST_YEAR = 2001  # files of an earlier year were written by a clock that was never set


@dataclass(frozen=True, slots=True)
class RecordedFrame:
    """A frame and its time in microseconds since the first one.

    `damaged`: the decoder says so. `doubtful`: something before it was lost, so that it may show
    smear.
    """

    time_us: int
    picture: av.VideoFrame
    damaged: bool
    doubtful: bool


@dataclass(frozen=True, slots=True)
class Began:
    """When the first frame was taken, microseconds since 1970, and the zone of the hours there."""

    at_us: int
    timezone: tzinfo


class Recording:
    """An open video file and its first video stream; use it in a `with`. Raises SourceError.

    `duration_s` is what the file says (None: nothing). While it is read, `position` is the byte
    reached, `frames_read` and `last_us` tell how far decoding is and `damaged` counts the packets
    that could not be decoded and the frames that are not whole. `offset_us` is the file's own time
    of the first frame, None where frames have no times, or times that begin anew on the way.
    """

    def __init__(self, path: Path | str) -> None:
        self._name = Path(path).name
        self._container = _opened(path)
        stream = self._container.streams.video[0]
        self.fps = float(stream.average_rate or stream.guessed_rate or DEFAULT_RATE)
        self.duration_s = _duration_s(self._container)
        self._marks = DamageMarks(
            stream, self.fps, strict=_bears_strictness(path, stream.codec_context.name)
        )
        self._check = DamageCheck()
        self._looked_damaged = 0
        self._doubtful_until_us = 0
        self.position = 0
        self.frames_read = 0
        self.last_us = 0
        self.offset_us: int | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        exc_type: type[BaseException] | None,
        exc: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._container.close()

    @property
    def damaged(self) -> int:
        """Packets and frames so far that were damaged, or came after something that is missing.

        What only looks damaged, and what follows it, counts if `is_whole` was asked.
        """
        return self._marks.count + self._looked_damaged

    def is_whole(self, frame: RecordedFrame) -> bool:
        """Whether what moves in it can be believed; to be asked of frames in order."""
        if frame.damaged or frame.doubtful:
            return False
        picture, time_us = frame.picture, frame.time_us
        if self._check.is_damaged(luma(picture), time_us, chroma(picture)):
            self._doubtful_until_us = time_us + DOUBTFUL_US
            self._looked_damaged += 1
            return False
        if picture.key_frame:
            self._doubtful_until_us = time_us
        elif time_us < self._doubtful_until_us:  # drawn on top of it
            self._looked_damaged += 1
            return False
        return True

    def frames(self, *, near_us: int = 0, offset_us: int | None = None) -> Iterator[RecordedFrame]:
        """Every frame, damaged ones included.

        Frames without a time follow the one before at the file's frame rate, and so does one whose
        time leaps back, as where recordings were put one behind the other. With the `offset_us` of
        an earlier reading they may begin with the key frame before `near_us`.
        """
        interval_us = round(1e6 / self.fps)
        first_us = offset_us
        if offset_us is not None and near_us > 0:
            self._seek(near_us + offset_us)
        self.last_us = -interval_us
        for frame, damaged, doubtful in self._decoded():
            if frame.pts is None or frame.time_base is None:
                time_us = self.last_us + interval_us
            else:
                own_us = round(frame.pts * frame.time_base * 1_000_000)
                if first_us is None:
                    first_us = own_us - (self.last_us + interval_us)
                    self.offset_us = first_us
                time_us = own_us - first_us
                if time_us < self.last_us - LEAST_LEAP_BACK_US:
                    time_us = self.last_us + interval_us
                    first_us, self.offset_us = own_us - time_us, None
            self.last_us = time_us
            self.frames_read += 1
            yield RecordedFrame(time_us, frame, damaged, doubtful)

    def began(self, timezone: tzinfo, given_us: int | None = None) -> Began | None:
        """When its first frame was taken; None where nothing says so.

        In this order: `given_us`, microseconds since 1970; a name that begins with
        `YYYYMMDD-HHMMSS`, in `timezone`, as those of saved images do; the time at which the file
        says that it was made.
        """
        at_us = given_us
        if at_us is None:
            try:
                at_us = Layout(Path(), timezone).parse_stamp(self._name[:_STAMP_LENGTH])
            except InvalidInputError:
                at_us = _made_us(self._container.metadata.get("creation_time", ""), timezone)
        return None if at_us is None else Began(at_us, timezone)

    @property
    def read_s(self) -> float:
        """Seconds of video that were read."""
        return self.last_us / 1e6 + 1 / self.fps if self.frames_read else 0.0

    def problem(self) -> str | None:
        """After reading: what is wrong with the file, in a sentence or two; None: nothing is."""
        if not self.frames_read:
            return "No picture of this file could be read; it may be damaged."
        sentences = []
        reached_s, said_s = self.read_s, self.duration_s or 0
        if reached_s < min(said_s - SHORT_S, said_s * SHORT_SHARE):
            sentences.append(
                f"The pictures end after {reached_s:.1f} s; the file says {said_s:.1f} s."
            )
        if self.damaged:
            pictures = "picture is" if self.damaged == 1 else "pictures are"
            sentences.append(
                f"{self.damaged} {pictures} damaged, missing or drawn on top of such;"
                " what moves there is not seen."
            )
        return " ".join(sentences) or None

    def _seek(self, own_us: int) -> None:
        # A little before: in transport streams a seek may land behind what was asked for.
        before_us = max(0, own_us - SEEK_BACK_US)
        with suppress(FFmpegError):  # then it is read from the beginning
            self._container.seek(before_us * av.time_base // 1_000_000, backward=True)

    def _decoded(self) -> Iterator[Judged]:
        """The frames that can be decoded; damaged packets are passed over."""
        stream = self._container.streams.video[0]
        # By frames, never by slices: with slice threads FFmpeg's H.264 decoder marks no damage.
        stream.thread_type = "FRAME"
        packets = self._container.demux(stream)
        while True:
            try:
                packet = next(packets, None)
            except (FFmpegError, OSError) as error:
                get_logger().warning("video_ends_early", problem=redact(str(error)))
                return
            if packet is None:
                return
            self.position = packet.pos or self.position
            yield from self._marks.decoded(packet)


def _made_us(text: str, timezone: tzinfo) -> int | None:
    """The time that a container says; without a zone of its own it is in `timezone`."""
    try:
        made = datetime.fromisoformat(text)
    except ValueError:
        return None
    made = made if made.tzinfo else made.replace(tzinfo=timezone)
    return to_us(made) if made.year >= _FIRST_YEAR else None


def _duration_s(container: InputContainer) -> float | None:
    stream = container.streams.video[0]
    if stream.duration and stream.time_base:
        return float(stream.duration * stream.time_base)
    length = container.duration
    return length / av.time_base if length and length > 0 else None


def _bears_strictness(path: Path | str, codec: str) -> bool:
    """Whether damage can be told from the habits of the encoder, by the first picture.

    FFmpeg's H.265 decoder leaves out what it cannot read of a picture and calls it whole, unless it
    is told to be strict. It then refuses also what breaks the rules without any harm; a file that
    begins so is read as it is.
    """
    if codec != "hevc":
        return False
    with _opened(path) as container:
        stream = container.streams.video[0]
        stream.codec_context.options = STRICT
        stream.codec_context.thread_count = 1
        try:
            return any(
                packet.decode() for packet in islice(container.demux(stream), MOST_HELD_BACK)
            )
        except (FFmpegError, OSError):
            return False


def _opened(path: Path | str) -> InputContainer:
    address = str(path).removeprefix("file://")
    shown = redact(address)
    if Path(address).is_dir():
        raise SourceError(f"There is no video in the folder {shown}.")
    if "://" not in address and not Path(address).is_file():
        raise SourceError(f"There is no file {shown}; the path of a video file is right.")
    try:
        container = av.open(address, timeout=OPEN_TIMEOUT_S)
    except (FFmpegError, OSError, ValueError) as error:
        cause = error.strerror if isinstance(error, OSError) and error.strerror else "no video"
        raise SourceError(f"{shown} cannot be read as a video: {cause}.") from None
    if not container.streams.video:
        container.close()
        raise SourceError(f"{shown} holds no video.")
    if container.streams.video[0].codec_context is None:
        container.close()
        raise SourceError(f"The video in {shown} is compressed in a way that is not known here.")
    return container
