"""An mp4 out of encoded pieces, each of which can be decoded without the others.

Nothing is encoded here: packets are given their times and written. In a file the index of frames
stands in front, so that a browser can start before it has all of it; room for it is left at the
beginning, which saves FFmpeg's second pass over the whole file (`+faststart`). A stream is
fragmented, a fragment for each piece, and needs no seeking.
"""

from dataclasses import dataclass
from typing import Protocol

import av

from chimera_storage.convert.encoders import Format, Packet, normal_priority
from chimera_storage.convert.pace import LONGEST_IN_MP4

# Bytes of the index of frames: of each at most its size (4), time (8), place (8), place in the list
# of places (12), and being a key frame (4); and once. Too little room would be an error at the end.
_INDEX_BYTES_PER_FRAME = 36
_INDEX_BYTES = 16_384
_STREAM_FLAGS = "+frag_keyframe+empty_moov+default_base_moof"


class Sink(Protocol):
    """Where a stream goes; a write takes all of what it is given."""

    def write(self, data: bytes, /) -> object: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """Encoded frames in the order they are shown, the first one a key frame.

    `starts`: when each begins, from the piece's begin, in ticks of the video's time base, rising.
    `length`: ticks until the next piece begins. `missing`: images that could not be read.
    """

    packets: tuple[Packet, ...]
    starts: tuple[int, ...]
    length: int
    missing: int = 0


class Mp4Writer:
    """Writes one mp4. Every method raises OSError or av.FFmpegError where the target cannot be."""

    def __init__(self, target: str | Sink, form: Format, *, most_frames: int) -> None:
        """`target`: a path, or what a stream is written to. `most_frames` it may get in a file."""
        if isinstance(target, str):
            index_bytes = _INDEX_BYTES + _INDEX_BYTES_PER_FRAME * most_frames
            options = {"moov_size": str(index_bytes)}
        else:
            options = {"movflags": _STREAM_FLAGS}
        if not form.is_even:
            # FFmpeg takes sixteenths of a millisecond, of which 32 bits hold no two days.
            options["video_track_timescale"] = str(form.time_base.denominator)
        self._container = av.open(target, "w", format="mp4", options=options)
        self._stream = form.add_to(self._container)
        self._time_base = form.time_base
        self._clock: int | None = None
        self._last = 0  # when the last frame begins

    def begin(self) -> None:
        """Write the head, if it is not there; a stream's reader has something then."""
        with normal_priority():
            self._container.start_encoding()

    def add(self, piece: Piece) -> None:
        """Append a piece. Time before the very first frame is left out, and of a frame that is
        shown for longer than the format can say.
        """
        if piece.packets:
            self.begin()
            begin = -piece.starts[0] if self._clock is None else self._clock
            ends = (*piece.starts[1:], piece.length)
            for packet, start, end in zip(piece.packets, piece.starts, ends, strict=True):
                packet.stream = self._stream
                packet.time_base = self._time_base
                begin -= max(0, begin + start - self._last - LONGEST_IN_MP4)
                self._last = packet.pts = packet.dts = begin + start
                packet.duration = min(end - start, LONGEST_IN_MP4)
                self._container.mux_one(packet)
            self._clock = begin
        if self._clock is not None:
            self._clock += piece.length

    def close(self) -> None:
        """Write the index."""
        self._container.close()
