"""One conversion: a process of its own that the server starts, listens to and may kill at any time.

It runs at low priority, writes nothing but its one output, and ends by itself, with the unfinished
output removed, when its standard input closes because the server has died.
"""

import gc
import json
import os
import signal
import threading
import time
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO, NoReturn
from zoneinfo import ZoneInfo

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import Mark, open_index
from chimera_storage.clock import SystemClock
from chimera_storage.convert.archive_file import Sink
from chimera_storage.convert.job import (
    EXIT_FAILED,
    EXIT_MADE,
    EXIT_NO_IMAGES,
    EXIT_SERVER_GONE,
    NO_IMAGES,
    Job,
    Report,
)
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.make_archive import make_archive
from chimera_storage.convert.output import reason, remove
from chimera_storage.convert.selection import Selection
from chimera_storage.errors import StorageError
from chimera_storage.log import configure_logging, get_logger
from chimera_storage.model import ConversionType

_REPORT_INTERVAL_S = 0.2
_STDIN = 0


class Pipe:
    """Standard output, taken away from everything else that might print to it."""

    def __init__(self) -> None:
        self._descriptor = os.dup(1)
        os.dup2(2, 1)

    def write(self, data: bytes) -> int:
        """Write all of it. Raises BrokenPipeError where nobody reads any more."""
        rest = memoryview(data)
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        return len(data)


class Reporter:
    """Tells the server how far the work is, at most five times a second."""

    def __init__(self, pipe: Pipe | None) -> None:
        self._pipe = pipe
        self._next = 0.0

    def progress(self, done: int, size: int) -> None:
        """Report, unless the last report is too recent."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + _REPORT_INTERVAL_S
            self.say(Report(done=done, size=size))

    def say(self, report: Report) -> None:
        """Report at once."""
        if self._pipe is not None:
            self._pipe.write(report.to_line())


def main(*, for_video: bool) -> int:
    """Do the job that stands on standard input. Returns the exit code.

    `for_video`: a video's libraries are loaded before the job is there, as it is to begin at once;
    the collector was off until then.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        # systemd sends these to all processes of a service; when this one ends is the server's
        # decision, and without the server it ends anyway.
        signal.signal(number, signal.SIG_IGN)
    pipe = Pipe()
    configure_logging()
    if for_video:
        import chimera_storage.convert.make_animation  # noqa: F401

        gc.freeze()
        gc.enable()
    job = Job.from_line(_read_line())
    reporter = Reporter(pipe if job.output is not None else None)
    try:
        file = None if job.output is None else _open(job, job.output)
    except (OSError, StorageError) as error:
        return _failed(job, error, reporter)
    # From here on the output is ours to remove.
    threading.Thread(target=_end_with_server, args=(job.output,), daemon=True).start()
    try:
        made = _make(job, pipe if file is None else file, reporter)
        if file is not None:
            file.flush()
            os.fsync(file.fileno())  # all of the file, whichever descriptor wrote it
    except Exception as error:  # whatever it is, the server gets a sentence
        if job.output is not None:
            remove(job.output)
        return _failed(job, error, reporter)
    log = get_logger(conversion=job.id)
    log.info("conversion_made", images=made.images, missing=made.missing)
    size = job.output.stat().st_size if job.output is not None else 0
    reporter.say(Report(done=made.images, missing=made.missing, size=size, finished=True))
    return EXIT_MADE


def _open(job: Job, output: Path) -> BinaryIO:
    """A new file; not in the bare mount point where the disk is missing."""
    Mark(_layout(job)).check()
    return output.open("xb")


def _layout(job: Job) -> Layout:
    return Layout(job.root, ZoneInfo(job.timezone))


def _make(job: Job, sink: Sink, reporter: Reporter) -> Made:
    layout = _layout(job)
    index = open_index(layout)
    try:
        return _convert(job, Archive(layout, index, SystemClock()), sink, reporter)
    finally:
        index.close()


def _convert(job: Job, archive: Archive, sink: Sink, reporter: Reporter) -> Made:
    selection = Selection(
        camera=job.camera, start_us=job.start_us, end_us=job.end_us, skip=job.skip
    )
    if not job.type.is_video:
        return make_archive(
            archive,
            selection,
            sink,
            type=job.type,
            manifest=json.loads(job.options).get("manifest", False),
            folder=None if job.output is None else job.output.parent,
            on_image=reporter.progress,
        )
    return _make_video(job, archive, selection, sink, reporter)


def _make_video(
    job: Job, archive: Archive, selection: Selection, sink: Sink, reporter: Reporter
) -> Made:
    # FFmpeg, and what checks options, are 30 MB that an archive has no use for.
    from chimera_storage.convert.make_animation import make_animation
    from chimera_storage.convert.make_video import Video, make_video
    from chimera_storage.options import VideoOptions

    options = VideoOptions.from_json(job.options)
    output = job.output

    def on_image(done: int) -> None:
        reporter.progress(done, output.stat().st_size if output is not None else 0)

    # FFmpeg writes a file by itself: to move the index to its front it opens it a second time.
    video = Video(selection=selection, fps=job.fps, options=options, name=job.name)
    if job.type is not ConversionType.MP4:
        return make_animation(archive, video, output or sink, type=job.type, on_image=on_image)
    return make_video(archive, video, output or sink, on_image=on_image)


def _failed(job: Job, error: Exception, reporter: Reporter) -> int:
    log = get_logger(conversion=job.id)
    if isinstance(error, NoImagesError):
        log.warning("conversion_without_images")
        reporter.say(Report(error=NO_IMAGES))
        return EXIT_NO_IMAGES
    if isinstance(error, BrokenPipeError):
        log.info("conversion_reader_gone")
        return EXIT_FAILED
    log.error("conversion_failed", exc_info=error)
    reporter.say(Report(error=reason(error)))
    return EXIT_FAILED


def _read_line() -> bytes:
    """The first line of standard input, read without a buffer: nobody else may hold its lock."""
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(_STDIN, 65536)
        if not piece:
            raise SystemExit(EXIT_SERVER_GONE)
        line += piece
    return line


def _end_with_server(output: Path | None) -> NoReturn:
    """Wait until standard input closes, then end the process wherever it is."""
    while os.read(_STDIN, 65536):
        pass
    if output is not None:
        with suppress(OSError):
            remove(output)
    os._exit(EXIT_SERVER_GONE)
