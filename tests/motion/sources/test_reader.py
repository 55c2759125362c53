"""What waits between the reading of a camera and its recorder, and what is then left out."""

import contextlib
import gc
import threading
import weakref
from collections.abc import Iterator

import av
import pytest

from chimera_storage.clock import SystemClock
from chimera_storage.errors import SourceError
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.codec import Codec
from chimera_storage.motion.sources.source import FrameReader, Item, Source, SourcePacket
from chimera_storage.motion.sources.stream import StreamSource
from tests.motion.clips import write_clip
from tests.support.server import free_port


class Burst:
    """A camera that sends so many seconds at once, in packets of `size` bytes, one key a second."""

    live = True
    patience_s = 10.0
    damaged = 0

    def __init__(self, codec: Codec, seconds: int, size: int) -> None:
        self._codec, self._seconds, self._size = codec, seconds, size

    def frames(self, stop: threading.Event) -> Iterator[Item]:
        for number in range(self._seconds * 10):
            packet = av.Packet(bytes(self._size))
            time_us = 1_767_260_000_000_000 + number * 100_000
            yield SourcePacket(
                packet=packet,  # type: ignore[arg-type]
                time_us=time_us,
                key=number % 10 == 0,
                size=self._size,
                codec=self._codec,
            )
        stop.wait(10)


@pytest.fixture(scope="module")
def codec(tmp_path_factory: pytest.TempPathFactory) -> Codec:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 0.2, [])
    with av.open(str(path)) as container:
        return Codec(container.streams.video[0], ())


@pytest.mark.parametrize(
    ("seconds", "size", "kept_s"),
    [(50, 100, 50), (90, 100, 60), (30, 100_000, 10), (8, 100_000, 8)],
)
def test_pictures_wait_for_ten_seconds_and_small_ones_for_a_minute(
    codec: Codec, seconds: int, size: int, kept_s: int
) -> None:
    source = Burst(codec, seconds, size)
    reader = FrameReader(source, "test")
    reader.start()
    assert not reader.join(0.5)
    waiting = reader.rest()
    reader.close()
    assert reader.join(5)
    assert len(waiting) + reader.dropped == seconds * 10
    assert abs(len(waiting) / 10 - kept_s) <= 1


def test_a_connection_that_broke_is_let_go_of_at_once_not_with_the_next_garbage() -> None:
    address = parse_address(f"rtsp://127.0.0.1:{free_port()}/nobody")
    source = StreamSource(address, "tcp", SystemClock())
    kept = weakref.ref(source)
    gc.disable()
    try:
        with contextlib.suppress(SourceError):
            _read_until_it_breaks(source)
        del source
        assert kept() is None
    finally:
        gc.enable()


def _read_until_it_breaks(source: Source) -> None:
    reader = FrameReader(source, "test")
    reader.start()
    try:
        while True:
            reader.get_all(1.0)
    finally:
        reader.close()
        assert reader.join(5)
