"""What waits between the reading of a camera and its recorder, and what is then left out."""

import threading
from collections.abc import Iterator

import av
import pytest

from chimera_storage.motion.sources.codec import Codec
from chimera_storage.motion.sources.source import FrameReader, Item, SourcePacket
from tests.motion.clips import write_clip


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
