"""Live pictures of cameras that somebody looks at, made in the recorder process.

Each camera's recorder shows everything that comes to its `Viewer`. While nobody looks, that keeps
the compressed pictures since the last key frame and does nothing else. While somebody does, a
thread of its own decodes them a second time and encodes a few a second: so neither what is decoded
to find motion nor the recorder's pace depends on who looks, and what this thread is too slow for is
left out. It runs with a lower priority.
"""

import os
import threading
import time
from collections.abc import Callable, Iterable, Sequence

import av

from chimera_storage.log import get_logger
from chimera_storage.model import Box, LivePicture
from chimera_storage.motion.decoding import Decoder
from chimera_storage.motion.picture import encode_jpeg
from chimera_storage.motion.sources.source import Item, SourceFrame, SourceJpeg, SourcePacket

INTERVAL_S = 0.2  # between two pictures
MOST_WIDTH = 1280  # of a picture that is encoded here
QUALITY = 75
NICENESS = 10
MOST_WAITING = 300  # pictures, and
MOST_WAITING_BYTES = 16 * 1024 * 1024  # bytes of them; beyond, all up to the next key frame go

Send = Callable[[LivePicture], None]
Shown = SourceFrame | SourceJpeg | av.VideoFrame


class Live:
    """The viewers of all cameras; thread-safe."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self._lock = threading.Lock()
        self._viewers: dict[int, Viewer] = {}
        self._watched: frozenset[int] = frozenset()

    def of(self, camera: int) -> "Viewer":
        """A new viewer for a recorder that begins; the one before ends."""
        with self._lock:
            if camera in self._viewers:
                self._viewers[camera].watch(watched=False)
            viewer = self._viewers[camera] = Viewer(camera, self._send)
            viewer.watch(watched=camera in self._watched)
        return viewer

    def show(self, cameras: Iterable[int]) -> None:
        """Somebody looks at these from now on, and at no others."""
        with self._lock:
            self._watched = frozenset(cameras)
            for camera, viewer in self._viewers.items():
                viewer.watch(watched=camera in self._watched)


class Viewer:
    """What comes of one camera, for who looks. `pictures`: how many were decoded for that."""

    def __init__(self, camera: int, send: Send) -> None:
        self._camera = camera
        self._send = send
        self._changed = threading.Condition()
        self._watched = False
        self._thread: threading.Thread | None = None
        self._group: list[Item] = []  # since the last key frame
        self._group_bytes = 0
        self._waiting: list[Item] = []
        self._waiting_bytes = 0
        self._skipping = False
        self._boxes: tuple[Box, ...] = ()
        self.pictures = 0

    @property
    def watched(self) -> bool:
        """Whether somebody looks."""
        return self._watched

    def watch(self, *, watched: bool) -> None:
        """Whether somebody looks from now on."""
        with self._changed:
            if watched and not self._watched:
                self._waiting, self._waiting_bytes = list(self._group), self._group_bytes
                self._skipping = not self._group
                self._thread = threading.Thread(
                    target=self._run, args=(self._thread,), name=f"live-{self._camera}", daemon=True
                )
                self._thread.start()
            self._watched = watched
            self._changed.notify()

    def offer(self, item: Item, boxes: Sequence[Box]) -> None:
        """The next picture, and where it moved in the newest looked at; returns at once."""
        begins = not isinstance(item, SourcePacket) or item.key
        with self._changed:
            if begins:
                self._group, self._group_bytes = [], 0
            if self._group_bytes <= MOST_WAITING_BYTES and (begins or self._group):
                self._group.append(item)
                self._group_bytes += item.size
            else:  # no beginning, or too long to keep
                self._group, self._group_bytes = [], 0
            if self._watched:
                self._boxes = tuple(boxes)
                self._wait(item, begins=begins)

    def forget(self) -> None:
        """The connection is over: who begins to look now waits for the next one."""
        with self._changed:
            self._group, self._group_bytes = [], 0

    def _wait(self, item: Item, *, begins: bool) -> None:
        too_many = len(self._waiting) >= MOST_WAITING or self._waiting_bytes > MOST_WAITING_BYTES
        if too_many:
            self._waiting, self._waiting_bytes, self._skipping = [], 0, True
        if begins:
            self._skipping = False
        if not self._skipping:
            self._waiting.append(item)
            self._waiting_bytes += item.size
            self._changed.notify()

    def _run(self, before: threading.Thread | None) -> None:
        if before is not None:
            before.join()
        niceness = os.getpriority(os.PRIO_PROCESS, 0) + NICENESS
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), min(19, niceness))
        decoder = Decoder()
        shown_at_s = 0.0
        try:
            while (items := self._next()) is not None:
                newest = self._decoded(decoder, items)
                wait_s = shown_at_s + INTERVAL_S - time.monotonic()
                if newest is None or wait_s > 0:
                    continue
                shown_at_s = time.monotonic()
                self._show(*newest)
        except Exception:  # of ours; recording goes on
            get_logger(camera=self._camera).exception("live_picture_fault")

    def _next(self) -> list[Item] | None:
        """What came; None when nobody looks any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._waiting or not self._watched)
            if not self._watched or self._thread is not threading.current_thread():
                return None
            items, self._waiting, self._waiting_bytes = self._waiting, [], 0
            return items

    def _decoded(self, decoder: Decoder, items: list[Item]) -> tuple[Shown, int] | None:
        """The newest picture that can be shown, and its time."""
        newest: tuple[Shown, int] | None = None
        for item in items:
            if not isinstance(item, SourcePacket):
                self.pictures += 1
                newest = item, item.time_us
                continue
            for picture in decoder.feed(item):
                self.pictures += 1
                if not decoder.doubtful:
                    newest = picture, picture.pts or item.time_us
        return newest

    def _show(self, shown: Shown, time_us: int) -> None:
        if isinstance(shown, SourceJpeg):
            jpeg, (width, height) = shown.jpeg, shown.seen.size
        else:
            picture = shown.picture if isinstance(shown, SourceFrame) else shown
            width, height = picture.width, picture.height
            jpeg = encode_jpeg(_small(picture), QUALITY)
        with self._changed:
            boxes = self._boxes
        self._send(
            LivePicture(
                camera=self._camera,
                time_us=time_us,
                jpeg=jpeg,
                width=width,
                height=height,
                boxes=boxes,
            )
        )


def _small(picture: av.VideoFrame) -> av.VideoFrame:
    """No wider than `MOST_WIDTH`; sides even, as the planes of colour are half as wide."""
    if picture.width <= MOST_WIDTH:
        return picture
    height = max(2, round(picture.height * MOST_WIDTH / picture.width / 2) * 2)
    return picture.reformat(width=MOST_WIDTH, height=height)
