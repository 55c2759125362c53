"""Images of the archive → mp4: cut into pieces that are made side by side and joined in order.

Threads do it, not processes: reading, decoding, converting and encoding all release the
interpreter's lock, and frames need not be sent anywhere (decision 0010). A piece is one group of
frames that needs no other, so memory and the work lost to a cut do not depend on the length.
"""

import os
import threading
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TypeVar

from chimera_storage.archive.images import Archive
from chimera_storage.convert import pace
from chimera_storage.convert.encoders import Format, Packet
from chimera_storage.convert.frames import Copier, Draw, Drawer
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.make_copy import make_copy
from chimera_storage.convert.mp4 import Mp4Writer, Piece, Sink
from chimera_storage.convert.pictures import (
    BrokenImageError,
    JpegDecoder,
    even_size,
    size_of,
)
from chimera_storage.convert.selection import Selection, read, select
from chimera_storage.convert.stamp import Stamp
from chimera_storage.model import Image
from chimera_storage.options import Codec, VideoOptions

# Seconds between key frames: what seeking steps by. A stream is sent on in pieces of this length.
_PIECE_S = {"file": 4, "stream": 1}
_LEAST_PIECE = 4  # frames; a key frame costs several times the bytes of another
_FRAMES_HELD = 64  # by a thread at most (H.265): of 1080p 200 MB, most of it in the encoder
_COPIED_PIECE = 16  # images that are copied as they are: their bytes are held in memory
# Pixels of a side with which these encoders begin.
_LEAST_SIDE: dict[Codec, int] = {"h265": 16, "av1": 16}
# Images whose size the index does not know and whose header is read for it.
_MOST_PROBED = 200

_T = TypeVar("_T")


class _StoppedError(Exception):
    """Another piece has failed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Video:
    """What is to be made. `name`: what people call the camera."""

    selection: Selection
    fps: int
    options: VideoOptions
    name: str = ""


def make_video(
    archive: Archive,
    video: Video,
    target: Path | Sink,
    *,
    on_image: Callable[[int], None],
    threads: int | None = None,
) -> Made:
    """Make the mp4; `on_image` gets the number that is through after each, from several threads.

    A broken or vanished image is left out. Raises NoImagesError before anything is written, OSError
    or av.FFmpegError where it cannot be. `threads`: as many as there are
    cores, and memory for.
    """
    width, height = size_of_video(archive, video)
    form = Format(
        codec=video.options.codec,
        quality=video.options.quality,
        width=width,
        height=height,
        fps=video.fps,
        time_base=pace.time_base(video.options.pace, video.fps),
    )
    threads = threads or _threads(form)
    most = _count(archive, video.selection)
    shown = pace.shown(images_of(archive, video.selection), video.options.pace, video.fps)
    if form.codec == "mjpeg" and isinstance(target, Path):
        return make_copy(archive, shown, target, form, most=most, on_image=on_image)
    worker = _Worker(archive, video, form, on_image)
    _require_one(archive, video.selection, worker)
    writer = Mp4Writer(str(target) if isinstance(target, Path) else target, form, most_frames=most)
    if not isinstance(target, Path):
        writer.begin()
    length = _piece_length(form, most, threads, is_file=isinstance(target, Path))
    made = missing = 0
    for piece in _side_by_side(worker, _batches(shown, length), threads):
        writer.add(piece)
        made += len(piece.packets)
        missing += piece.missing
    if made == 0:
        raise NoImagesError("none of the images can be read")
    writer.close()
    return Made(images=made, missing=missing)


def size_of_video(archive: Archive, video: Video) -> tuple[int, int]:
    """Width and height of the video: those of most images."""
    wanted = video.selection
    sizes = Counter(archive.index.picture_sizes(wanted.camera, wanted.start_us, wanted.end_us))
    if sizes.pop((0, 0), 0):
        unknown = (
            image for image in images_of(archive, wanted) if min(image.width, image.height) < 1
        )
        for image in islice(unknown, _MOST_PROBED):
            sizes[size_of(read(archive, image.key) or b"")] += 1
        sizes.pop((0, 0), None)
    if not sizes:
        raise NoImagesError("none of the images can be read")
    width, height = sizes.most_common(1)[0][0]
    width, height = even_size(width, height, video.options.height)
    least = _LEAST_SIDE.get(video.options.codec, 2)
    return max(width, least), max(height, least)


def _threads(form: Format) -> int:
    """As many as there are cores, as long as their encoders fit into half of the free memory."""
    each = form.width * form.height * 3 // 2 * _FRAMES_HELD
    try:
        rows = Path("/proc/meminfo").read_text().splitlines()
        free = next(int(row.split()[1]) * 1024 for row in rows if row.startswith("MemAvailable"))
    except (OSError, StopIteration):
        free = 0
    return max(1, min(len(os.sched_getaffinity(0)), free // 2 // each))


def _piece_length(form: Format, most: int, threads: int, *, is_file: bool) -> int:
    if form.codec == "mjpeg":
        return _COPIED_PIECE
    if not is_file:
        return max(_LEAST_PIECE, form.fps * _PIECE_S["stream"])
    # As many pieces for each core: three on two cores would take as long as four.
    rounds = max(1, -(-most // (form.fps * _PIECE_S["file"] * threads)))
    return max(_LEAST_PIECE, -(-most // (rounds * threads)))


def images_of(archive: Archive, wanted: Selection) -> Iterator[Image]:
    """Its images, in the order of time."""
    return select(archive.index, wanted.camera, wanted.start_us, wanted.end_us, skip=wanted.skip)


def _count(archive: Archive, wanted: Selection) -> int:
    return -(-archive.index.count(wanted.camera, wanted.start_us, wanted.end_us) // wanted.skip)


def _require_one(archive: Archive, wanted: Selection, worker: "_Worker") -> None:
    """Raises NoImagesError where no image can be read."""
    for image in images_of(archive, wanted):
        if worker.is_readable(image):
            return
    raise NoImagesError("none of the images can be read")


def _side_by_side(
    worker: "_Worker", batches: Iterable[list[tuple[Image, int]]], threads: int
) -> Iterator[Piece]:
    """The pieces in order; one more than there are threads is under way at a time."""
    pending: deque[Future[Piece]] = deque()
    pool = ThreadPoolExecutor(threads, thread_name_prefix="encode")
    try:
        for batch in batches:
            pending.append(pool.submit(worker.make, batch))
            if len(pending) > threads + 1:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        worker.stop()
        pool.shutdown(cancel_futures=True)


def _batches(items: Iterable[_T], size: int) -> Iterator[list[_T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


class _Worker:
    """Makes pieces; thread-safe."""

    def __init__(
        self, archive: Archive, video: Video, form: Format, on_image: Callable[[int], None]
    ) -> None:
        self._archive = archive
        self._video = video
        self._form = form
        self._draw: Draw | None = None
        if video.options.timestamps:
            zone = archive.layout.timezone
            self._draw = Stamp(video.name, video.selection.camera, zone).draw
        self._on_image = on_image
        self._through = 0
        self._lock = threading.Lock()
        self._stopped = False

    def stop(self) -> None:
        """Let pieces under way end with an error."""
        self._stopped = True

    def is_readable(self, image: Image) -> bool:
        """Whether a frame can be made of it."""
        try:
            JpegDecoder().decode(read(self._archive, image.key) or b"")
        except BrokenImageError:
            return False
        return True

    def make(self, batch: list[tuple[Image, int]]) -> Piece:
        """One piece. An image that cannot be read is left out, and counted. Raises FFmpegError."""
        maker = (
            Copier(self._form) if self._form.codec == "mjpeg" else Drawer(self._form, self._draw)
        )
        packets: list[Packet] = []
        starts: list[int] = []
        clock = 0
        for image, ticks in batch:
            if self._stopped:
                raise _StoppedError
            jpeg = read(self._archive, image.key)
            try:
                packets += maker.add(jpeg or b"", image.taken_at_us)
            except BrokenImageError:
                # At an even pace the next one takes its place, else its time passes all the same.
                clock += 0 if self._form.is_even else ticks
            else:
                starts.append(clock)
                clock += ticks
            with self._lock:
                self._through += 1
                self._on_image(self._through)
        packets += maker.finish()
        return Piece(
            packets=tuple(packets),
            starts=tuple(starts),
            length=clock,
            missing=len(batch) - len(starts),
        )
