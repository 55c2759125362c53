"""An index that is made anew is filled by processes of their own, from the sidecars.

In the server's process a million images take 14 s while it answers, since every file that is looked
at lets go of the interpreter's lock and waits for it. Two processes take a third of that, and the
answers come as quickly as always.

They do the plain case only: dated folders without a row. Files that the sidecar does not know are
left alone. The comparison that follows passes over the folders that were filled whole, by their
stamps, and looks at all else. So what happens to fail here costs nothing but time.

A process gets its work as one JSON line, and says a JSON line for each portion that is through.
"""

import json
import os
import selectors
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from datetime import UTC
from pathlib import Path
from typing import IO, cast

from chimera_storage.archive import mark, sidecar, walk
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.index.folders import Stamp, hour_name
from chimera_storage.archive.index.image_rows import Row
from chimera_storage.archive.intake import Intake
from chimera_storage.archive.layout import Layout
from chimera_storage.log import configure_logging, get_logger
from chimera_storage.model import Event

_WORTH_HOURS = 40  # fewer are through before a process has started
_WORTH_HOURS_OF_CAMERA = 10  # a camera costs a transaction more than in the comparison that follows
_PROCESSES = 2
_PORTION = 10_000  # rows
_NICE = 5  # recording and answering go before
_POLL_S = 0.1

_log = get_logger()
Hour = tuple[int, int]  # camera, hours since 1970


def prefill(
    archive: Archive, *, pause: Callable[[], None], on_share: Callable[[float], None]
) -> int:
    """Fills the hours without rows, if there are many; how many images were taken in.

    `pause` is called several times a second and may raise, which ends the processes. Raises OSError
    where captures cannot be listed, and StorageError.
    """
    hours = list(_without_rows(archive))
    if len(hours) < _WORTH_HOURS:
        return 0
    share = -(-len(hours) // _PROCESSES)
    works = [hours[at : at + share] for at in range(0, len(hours), share)]
    processes = [_start(archive.layout.root, work) for work in works]
    through = images = 0
    try:
        with selectors.DefaultSelector() as selector:
            for process in processes:
                selector.register(_output(process), selectors.EVENT_READ, _output(process))
            while selector.get_map():
                pause()
                for key, _ in selector.select(_POLL_S):
                    line = key.data.readline()
                    if line:
                        done_hours, done_images = json.loads(line)
                        through, images = through + done_hours, images + done_images
                        on_share(through / len(hours))
                    else:
                        selector.unregister(key.fileobj)
        for process in processes:
            process.wait()
    finally:
        for process in processes:
            process.kill()  # one that is through has ended; the others' work is done again
            process.wait()
            _output(process).close()
    _log.info("index_filled", hours=through, of=len(hours), images=images)
    return images


def _without_rows(archive: Archive) -> Iterator[Hour]:
    """Those of which a sidecar may know something."""
    with_rows = set(archive.index.cameras())
    for camera in walk.camera_ids(archive.layout):
        known = set(archive.index.hours(camera)) if camera in with_rows else set()
        hours: list[int] = []
        with suppress(FileNotFoundError, NotADirectoryError):
            hours += (
                hour
                for hour in walk.dated_hours(archive.layout, camera)
                if hour not in known and sidecar.is_in(archive.layout.hour_folder(camera, hour))
            )
        if len(hours) >= _WORTH_HOURS_OF_CAMERA:
            yield from ((camera, hour) for hour in hours)


def _start(root: Path, hours: list[Hour]) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(
        [sys.executable, "-P", "-m", "chimera_storage.archive.prefill"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,  # Ctrl-C goes to the server, which ends them
    )
    with suppress(BrokenPipeError), cast("IO[bytes]", process.stdin) as stdin:
        stdin.write(json.dumps({"data": str(root), "hours": hours}).encode() + b"\n")
    return process


def _output(process: "subprocess.Popen[bytes]") -> IO[bytes]:
    return cast("IO[bytes]", process.stdout)


# the process's side


def main() -> None:
    """Reads the work and does it. The parent's death ends it with the next line."""
    configure_logging()
    os.nice(_NICE)
    work = json.loads(sys.stdin.buffer.readline())
    layout = Layout(Path(work["data"]), UTC)  # dated folders are in UTC whatever the zone
    with closing(mark.open_index(layout)) as index, suppress(BrokenPipeError):
        filler = _Filler(layout, index)
        for camera, hour in work["hours"]:
            filler.take(camera, hour)
        filler.flush()


class _Filler:
    """Rows of several hours of one camera, put into the index together."""

    def __init__(self, layout: Layout, index: Index) -> None:
        self._layout = layout
        self._index = index
        self._names = walk.Names(layout)
        self._camera = -1
        self._rows: list[Row] = []
        self._events: list[Event] = []
        self._whole: dict[str, Stamp] = {}
        self._hours = 0

    def take(self, camera: int, hour: int) -> None:
        """The images of an hour's folder that its sidecar knows."""
        if camera != self._camera or len(self._rows) >= _PORTION:
            self.flush()
            self._camera = camera
        self._hours += 1
        folder, below = self._layout.hour_folder(camera, hour), hour_name(hour)
        with walk.opened(str(folder)) as descriptor:
            if descriptor is None:
                return
            stamp = walk.stamp_of(os.fstat(descriptor), walk.SETTLED_S)
            listed = os.listdir(descriptor)  # noqa: PTH208 - names are enough
            files = self._names.of_hour(camera, below, listed)
            images = len(files)
            known = sidecar.read(folder, hour)
            self._rows += Intake.known_rows(camera, descriptor, files, known.images)
        self._events += [
            Event(camera=camera, start_us=start, end_us=end) for start, end in known.events
        ]
        if stamp[0] and not files and len(listed) <= images + 1:  # and nothing but the sidecar
            self._whole[below] = stamp

    def flush(self) -> None:
        """Rows, then events, then the stamps of folders that still look as they did."""
        if not self._hours:
            return
        self._index.fill(self._camera, self._rows)
        self._index.add_events(self._events)
        folder = self._layout.camera_folder(self._camera)
        same = {}
        for below, stamp in self._whole.items():
            with suppress(OSError):
                if walk.stamp_of((folder / below).lstat(), 0) == stamp:
                    same[below] = stamp
        self._index.note_folders(self._camera, same)
        sys.stdout.write(f"[{self._hours}, {len(self._rows)}]\n")
        sys.stdout.flush()
        self._rows, self._events, self._whole, self._hours = [], [], {}, 0


if __name__ == "__main__":
    main()
