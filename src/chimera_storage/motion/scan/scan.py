"""One recording after the other → its events, with thumbnails and clips where they are wanted."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, tzinfo
from pathlib import Path

from chimera_storage.config import MotionSettings
from chimera_storage.errors import SourceError
from chimera_storage.log import redact
from chimera_storage.model import Box
from chimera_storage.motion.ahead import ahead
from chimera_storage.motion.recording import RecordedFrame, Recording
from chimera_storage.motion.scan.clips import ClipWriter
from chimera_storage.motion.scan.events import EventFinder, FoundEvent
from chimera_storage.motion.scan.looking import Sampler, batches
from chimera_storage.motion.scan.thumbnails import ThumbnailWriter
from chimera_storage.motion.trigger import Pacer

_BATCHES_AHEAD = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class ScannedEvent:
    """One event. Times in seconds since the file's first frame, as `detect` counts them.

    `start` and `end`: of the first and last moving frame, without pre- and post-capture. `score`:
    the greatest share of the picture that moved, 0 to 1, at the time `best`. `box`: the largest.
    """

    file: str
    event: int
    start: float
    end: float
    duration: float
    score: float
    box: Box | None
    best: float
    thumbnail: str | None = None
    clip: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FileResult:
    """What was found in one file. `problem`: why it could not be read, or not wholly.

    `duration` in seconds and `frames` are what could be read. `damaged`: how many pictures were
    damaged, missing or drawn on top of such.
    """

    file: str
    duration: float
    frames: int
    damaged: int
    events: tuple[ScannedEvent, ...]
    problem: str | None


class Scanner:
    """Scans files with the same settings into the same folders.

    `start_us`: when their first frame was taken, microseconds since 1970, where they do not say it;
    `timezone`: of hours and file names.
    """

    def __init__(
        self,
        settings: MotionSettings,
        *,
        timezone: tzinfo = UTC,
        start_us: int | None = None,
        thumbnails: ThumbnailWriter | None = None,
        clips: ClipWriter | None = None,
    ) -> None:
        self._settings = settings
        self._timezone = timezone
        self._start_us = start_us
        self._thumbnails = thumbnails
        self._clips = clips

    def scan(self, path: Path, on_progress: Callable[[int], None] = lambda _: None) -> FileResult:
        """The events of one file; `on_progress` is told the byte that was reached.

        What is wrong with the file is in the result. Raises StorageError where thumbnails or clips
        cannot be written.
        """
        try:
            with Recording(path) as recording:
                events = self._events(path, recording, on_progress)
                problem = recording.problem()
        except SourceError as error:
            return FileResult(
                file=redact(str(path)),
                duration=0,
                frames=0,
                damaged=0,
                events=(),
                problem=str(error),
            )
        if self._clips is not None and events:
            events, failed = self._with_clips(path, recording, events)
            problem = problem or failed
        return FileResult(
            file=str(path),
            duration=round(recording.read_s, 3),
            frames=recording.frames_read,
            damaged=recording.damaged,
            events=tuple(events),
            problem=problem,
        )

    def _events(
        self, path: Path, recording: Recording, on_progress: Callable[[int], None]
    ) -> list[ScannedEvent]:
        finder = EventFinder(self._settings, recording.began(self._timezone, self._start_us))
        sampler = Sampler()
        events: list[ScannedEvent] = []
        frames = ahead(batches(self._due(recording)), _BATCHES_AHEAD)
        try:
            for batch in frames:
                chosen = sampler.choose(
                    batch, event_open=finder.event_open, suspicion=finder.suspicion
                )
                for frame in chosen:
                    if not recording.is_whole(frame):
                        continue
                    for found in finder.look(frame.time_us, frame.picture):
                        events.append(self._event(path, len(events) + 1, found))
                on_progress(recording.position)
        finally:
            frames.close()  # type: ignore[attr-defined]
        for found in finder.finish():
            events.append(self._event(path, len(events) + 1, found))
        return events

    def _with_clips(
        self, path: Path, recording: Recording, events: list[ScannedEvent]
    ) -> tuple[list[ScannedEvent], str | None]:
        """The events with their clips' names, and why one of them could not be cut."""
        assert self._clips is not None, "clips are wanted"  # noqa: S101
        cut: list[ScannedEvent] = []
        problem: str | None = None
        for event in events:
            try:
                clip = self._clips.write(
                    path, event.event, event.start, event.end, offset_us=recording.offset_us
                )
                cut.append(replace(event, clip=str(clip)))
            except SourceError as error:
                problem = problem or str(error)
                cut.append(event)
        return cut, problem

    def _due(self, recording: Recording) -> Iterator[RecordedFrame]:
        """The frames that a recorder with these settings would look at."""
        pacer = Pacer(self._settings.framerate)
        for frame in recording.frames():
            if not frame.damaged and not frame.doubtful and pacer.due(frame.time_us):
                yield frame

    def _event(self, path: Path, number: int, found: FoundEvent) -> ScannedEvent:
        thumbnail = None
        if self._thumbnails is not None:
            thumbnail = str(self._thumbnails.write(path, number, found))
        return ScannedEvent(
            file=str(path),
            event=number,
            start=_seconds(found.start_us),
            end=_seconds(found.end_us),
            duration=_seconds(found.end_us - found.start_us),
            score=round(found.score, 5),
            box=found.box,
            best=_seconds(found.best_us),
            thumbnail=thumbnail,
        )


def _seconds(us: int) -> float:
    return round(us / 1e6, 3)
