"""`python -m chimera_storage.motion.finding.trial`: one picture of an address, in a process of its
own, as what an unknown camera sends must not be able to take the server with it.

A line of work with one camera comes over stdin (an address holds a password, so not as an
argument); the JPEG file goes to stdout. Where there is none the exit code is 3 and the reason, a
sentence without credentials, goes there.
"""

import os
import sys
import time

from chimera_storage.clock import Clock, SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.errors import SourceError
from chimera_storage.motion.decoding import Developer, Gop, Shot
from chimera_storage.motion.finding.finder import EXIT_NO_PICTURE, TIMEOUT_S
from chimera_storage.motion.messages import Work, decode_order
from chimera_storage.motion.picture import encode_jpeg
from chimera_storage.motion.sources.connect import source_for
from chimera_storage.motion.sources.source import FrameReader, Item, SourcePacket

_QUALITY = 85


def first_picture(camera: CameraSettings, clock: Clock, *, timeout_s: float = TIMEOUT_S) -> bytes:
    """The first whole picture that a camera gives, as JPEG. Raises SourceError."""
    reader = FrameReader(source_for(camera, clock), "trial")
    reader.start()
    until_s = time.monotonic() + timeout_s
    gop, developer = Gop(), Developer()
    try:
        while (left_s := until_s - time.monotonic()) > 0:
            for item in reader.get_all(min(left_s, 0.1)):
                if isinstance(item, SourcePacket) and item.key:
                    gop = Gop()
                jpeg = _picture(item, gop, developer)
                if jpeg is not None:
                    return jpeg
    except EOFError:
        raise SourceError("No picture of the file can be decoded; is it whole?") from None
    finally:
        reader.close()
    raise SourceError(f"No picture came within {timeout_s:.0f} s; is the camera on?")


def _picture(item: Item, gop: Gop, developer: Developer) -> bytes | None:
    if not isinstance(item, SourcePacket):
        shot = Shot.of(item)
    else:
        gop.append(item)
        if not gop.decodable:
            return None
        shot = Shot(time_us=item.time_us, gop=gop)
    if shot.jpeg is not None:
        return shot.jpeg
    picture = developer.picture(shot)
    return None if picture is None else encode_jpeg(picture, _QUALITY)


def main() -> int:
    """The exit code."""
    pictures_to = os.dup(1)
    os.dup2(2, 1)  # whatever prints by mistake does not spoil the picture
    work = decode_order(sys.stdin.buffer.readline())
    if not isinstance(work, Work):
        return 2
    try:
        content, code = first_picture(work.cameras[0], SystemClock()), 0
    except SourceError as error:
        content, code = str(error).encode(), EXIT_NO_PICTURE
    with os.fdopen(pictures_to, "wb") as file:
        file.write(content)
    return code


if __name__ == "__main__":
    os._exit(main())  # a thread that hangs in a read does not keep the process
