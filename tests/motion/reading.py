"""Reading sources to the end or for a number of pictures, with a deadline."""

import threading
from typing import TypeVar

from chimera_storage.motion.decoding import Decoder
from chimera_storage.motion.sources.source import (
    FrameReader,
    Item,
    Source,
    SourceFrame,
    SourceJpeg,
    SourcePacket,
)
from tests.support.waiting import wait_for

Picture = TypeVar("Picture", SourceFrame, SourceJpeg)


def read(source: Source, pictures: int) -> list[SourceFrame]:
    """The first pictures of a source, decoded; all if it ends earlier. Raises SourceError."""
    return _read(source, pictures, SourceFrame)


def read_jpegs(source: Source, pictures: int) -> list[SourceJpeg]:
    """The same of a source that gives the camera's JPEG files."""
    return _read(source, pictures, SourceJpeg)


def _read(source: Source, pictures: int, kind: type[Picture]) -> list[Picture]:
    reader = FrameReader(source, "test-reader")
    decoder = Decoder()
    reader.start()
    frames: list[Picture] = []

    def enough() -> bool:
        for item in reader.get_all(0.01):
            for picture in _decoded(item, decoder):
                assert isinstance(picture, kind)
                frames.append(picture)
        return len(frames) >= pictures

    try:
        wait_for(enough, lambda: f"{pictures} pictures; {len(frames)} came")
    except EOFError:
        pass
    finally:
        reader.close()
        assert reader.join(5), "the reader's thread did not end"
    return frames[:pictures]


def _decoded(item: Item, decoder: Decoder) -> list[SourceFrame | SourceJpeg]:
    if not isinstance(item, SourcePacket):
        return [item]
    return [
        SourceFrame(picture=picture, time_us=picture.pts or 0) for picture in decoder.feed(item)
    ]


def drain(source: Source) -> None:
    """Read until it raises or ends, in this thread."""
    for _ in source.frames(threading.Event()):
        pass
