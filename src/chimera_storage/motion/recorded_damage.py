"""Which frames of a recorded video are damaged, or drawn on top of something that was lost.

The decoder says so itself, or the numbers that the pictures of an H.264 stream carry have a gap
(sources/continuity.py). What a frame looks like is not asked here, as not every one is looked at.
"""

import math

import av
from av.error import FFmpegError
from av.video.stream import VideoStream

from chimera_storage.motion.decoding import DOUBTFUL_US, LEAST_GROUP
from chimera_storage.motion.sources.codec import VideoPacket
from chimera_storage.motion.sources.continuity import HEAD_BYTES, Continuity

_FRAME_A_PACKET = frozenset({"h264", "hevc"})  # others have pictures that are not for showing


class DamageMarks:
    """Follows one stream: each packet, then the frames that come of it."""

    def __init__(self, stream: VideoStream, fps: float) -> None:
        self._tells_missing = stream.codec_context.name in _FRAME_A_PACKET
        self._continuity: Continuity | None = None
        if stream.codec_context.name == "h264":
            self._continuity = Continuity(stream.codec_context.extradata)
        stream.codec_context.copy_opaque = True
        self._doubtful_frames = max(1, math.ceil(DOUBTFUL_US / 1e6 * fps))
        # How many are still in doubt after a packet that is missing, and after a damaged frame.
        # Decoders are some packets ahead of the frames that they give, in another order, too.
        self._packets_left = 0
        self._frames_left = 0
        self._count = 0  # damaged packets, damaged frames and doubtful ones
        self._awaited = 0  # packets that gave no frame yet

    @property
    def count(self) -> int:
        """How many are damaged, doubtful, or, when all is read, did not come out at all."""
        is_missing = self._tells_missing and self._awaited >= LEAST_GROUP
        return self._count + (self._awaited if is_missing else 0)

    def decoded(self, packet: VideoPacket) -> list[av.VideoFrame]:
        """The frames that come of the next packet; of a damaged one mostly none."""
        if packet.is_corrupt:
            self._count += 1
            self._packets_left = self._doubtful_frames
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
        return frames

    def _follow(self, packet: VideoPacket) -> None:
        self._awaited += 1
        if packet.is_keyframe:
            self._packets_left = 0
        if self._continuity is not None and self._continuity.is_broken(
            bytes(memoryview(packet)[:HEAD_BYTES])
        ):
            self._packets_left = self._doubtful_frames
        if self._packets_left:
            self._packets_left -= 1
            packet.opaque = object()  # PyAV 18.1 forgets one that several packets share

    def judge(self, frame: av.VideoFrame) -> tuple[bool, bool]:
        """Whether the next frame is damaged, and whether something before it is missing."""
        self._tells_missing = self._tells_missing and not frame.interlaced_frame
        damaged = frame.is_corrupt
        if damaged:
            self._frames_left = self._doubtful_frames
        elif frame.key_frame:
            self._frames_left = 0
        doubtful = frame.opaque is not None or self._frames_left > 0
        self._frames_left = max(0, self._frames_left - 1)
        self._count += damaged or doubtful
        return damaged, doubtful
