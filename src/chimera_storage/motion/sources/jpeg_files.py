"""The JPEG files that a camera sends, one by one: what is looked at of each."""

import av

from chimera_storage.motion.seen import Seen


class JpegFiles:
    """Decodes the files of one camera. `damaged` counts those that are cut off or no JPEG."""

    def __init__(self) -> None:
        self._codec = av.CodecContext.create("mjpeg", "r")
        self.damaged = 0
        self.damaged_in_a_row = 0

    def decode(self, jpeg: bytes) -> Seen | av.VideoFrame | None:
        """What is looked at of a file that can be saved as it is, else the whole picture.

        None where something of it is missing or wrong.
        """
        found = self._decoded(jpeg)
        if found is None:
            self.damaged += 1
            self.damaged_in_a_row += 1
        else:
            self.damaged_in_a_row = 0
        return found

    def _decoded(self, jpeg: bytes) -> Seen | av.VideoFrame | None:
        if not _is_framed(jpeg):
            return None
        try:
            return Seen.of_jpeg(jpeg) if is_whole(jpeg) else self._picture(jpeg)
        except (ValueError, av.FFmpegError):
            return None

    def _picture(self, jpeg: bytes) -> av.VideoFrame | None:
        frames = self._codec.decode(av.Packet(jpeg))
        if len(frames) != 1 or not isinstance(frames[0], av.VideoFrame) or frames[0].is_corrupt:
            return None
        return frames[0]


def is_whole(data: bytes) -> bool:
    """Whether it looks like a file that other programs can show.

    USB cameras leave out the Huffman tables (DHT): such a one has to be encoded anew.
    """
    return _is_framed(data) and b"\xff\xc4" in data


def _is_framed(data: bytes) -> bool:
    return data.startswith(b"\xff\xd8") and data.endswith(b"\xff\xd9")
