"""Which frames of a recorded video are damaged, or drawn on top of something that was lost.

The decoder says so itself, or leaves a picture out without a word (H.265 with bytes missing), or
the numbers that the pictures of an H.264 stream carry have a gap (sources/continuity.py). What a
frame looks like is not asked here, as not every one is looked at.
"""

import math
from typing import NamedTuple

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from chimera_storage.motion.decoding import DOUBTFUL_US, LEAST_GROUP
from chimera_storage.motion.sources.codec import VideoPacket
from chimera_storage.motion.sources.continuity import HEAD_BYTES, Continuity

STRICT = {"err_detect": "explode"}
MOST_HELD_BACK = 64  # packets: decoders hold back 16 frames for their order, and one a thread
_FRAME_A_PACKET = frozenset({"h264", "hevc"})  # others have pictures that are not for showing


class Judged(NamedTuple):
    """A frame: whether it is damaged, and whether something before it is missing."""

    picture: av.VideoFrame
    damaged: bool
    doubtful: bool


class _Fed(NamedTuple):
    """What is known of a packet that was given to the decoder."""

    pts: int | None
    doubtful: bool


class DamageMarks:
    """Follows one stream: each packet, and the frames that come of it.

    Decoders are some packets ahead of the frames that they give, in another order, too. So packets
    of H.264 and H.265 are given to them under their numbers, which the frames then bear. (Not in
    PyAV's `opaque`: a frame thread that lets go of one waits for the GIL, and closing the decoder
    waits for the thread with the GIL in hand.)
    """

    def __init__(self, stream: VideoStream, fps: float, *, strict: bool) -> None:
        """`strict`: the decoder refuses what breaks the rules, where it would pass over it."""
        self._context = stream.codec_context
        self._is_numbered = self._context.name in _FRAME_A_PACKET
        self._tells_missing = self._is_numbered
        self._continuity: Continuity | None = None
        if self._context.name == "h264":
            self._continuity = Continuity(self._context.extradata)
        if strict:
            self._context.options = STRICT
        self._doubtful_frames = max(1, math.ceil(DOUBTFUL_US / 1e6 * fps))
        # How many are still in doubt after a packet that is missing, and after a damaged frame.
        self._packets_left = 0
        self._frames_left = 0
        self._count = 0  # damaged packets, damaged frames and doubtful ones
        self._awaited = 0  # packets that gave no frame yet
        self._number = 0  # of the next packet
        self._expected = 0  # the number of the next frame, without B frames
        self._fed: dict[int, _Fed] = {}

    @property
    def count(self) -> int:
        """How many are damaged, doubtful, or, when all is read, did not come out at all."""
        is_missing = self._tells_missing and self._awaited >= LEAST_GROUP
        return self._count + (self._awaited if is_missing else 0)

    def decoded(self, packet: VideoPacket) -> list[Judged]:
        """The frames that come of the next packet; of a damaged one mostly none."""
        if packet.is_corrupt:
            self._count += 1
            self._packets_left = self._frames_left = self._doubtful_frames
            return []
        if packet.size:
            self._follow(packet)
        try:
            frames = packet.decode()
        except FFmpegError:
            self._awaited -= 1
            self._count += 1
            self._frames_left = self._doubtful_frames
            return []
        self._awaited -= len(frames)
        return [self._judged(frame) for frame in frames]

    def _follow(self, packet: VideoPacket) -> None:
        self._awaited += 1
        if packet.is_keyframe:
            self._packets_left = 0
        if self._continuity is not None and self._continuity.is_broken(
            bytes(memoryview(packet)[:HEAD_BYTES])
        ):
            self._packets_left = self._doubtful_frames
        if self._is_numbered:
            self._fed.pop(self._number - MOST_HELD_BACK, None)  # never came
            self._fed[self._number] = _Fed(packet.pts, self._packets_left > 0)
            packet.pts = self._number
            self._number += 1
        self._packets_left = max(0, self._packets_left - 1)

    def _judged(self, frame: av.VideoFrame) -> Judged:
        self._tells_missing = self._tells_missing and not frame.interlaced_frame
        number = frame.pts if self._is_numbered else None
        fed = None if number is None else self._fed.pop(number, None)
        if self._is_numbered:
            frame.pts = None if fed is None else fed.pts
        damaged = frame.is_corrupt
        if frame.key_frame and not damaged:
            self._frames_left = 0
        elif damaged or not self._is_in_place(number):
            self._frames_left = self._doubtful_frames
        if number is not None:
            self._expected = max(self._expected, number + 1)
        doubtful = (fed is not None and fed.doubtful) or self._frames_left > 0
        self._frames_left = max(0, self._frames_left - 1)
        self._count += damaged or doubtful
        return Judged(frame, damaged, doubtful)

    def _is_in_place(self, number: int | None) -> bool:
        """Whether it follows the picture before it; B frames come in another order.

        After a gap the decoder left a picture out, and one that comes late was not whole.
        """
        if number is None or not self._tells_missing or self._context.has_b_frames:
            return True
        return number == self._expected
