"""Reading sources to the end or for a number of pictures, with a deadline."""

import threading

from chimera_storage.motion.decoding import Decoder
from chimera_storage.motion.sources.source import FrameReader, Source, SourceFrame
from tests.support.waiting import wait_for


def read(source: Source, pictures: int, timeout_s: float = 15) -> list[SourceFrame]:
    """The first pictures of a source, decoded; all if it ends earlier. Raises SourceError."""
    reader = FrameReader(source, "test-reader")
    decoder = Decoder()
    reader.start()
    frames: list[SourceFrame] = []

    def enough() -> bool:
        while (item := reader.get(0.01)) is not None:
            if isinstance(item, SourceFrame):
                frames.append(item)
            else:
                for picture in decoder.feed(item):
                    assert picture.pts is not None
                    frames.append(SourceFrame(picture=picture, time_us=picture.pts))
            if len(frames) == pictures:
                return True
        return False

    try:
        wait_for(enough, timeout_s, lambda: f"{pictures} pictures; {len(frames)} came")
    except EOFError:
        pass
    finally:
        reader.close()
        assert reader.join(5), "the reader's thread did not end"
    return frames


def drain(source: Source) -> None:
    """Read until it raises or ends, in this thread."""
    for _ in source.frames(threading.Event()):
        pass
