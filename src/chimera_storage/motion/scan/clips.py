"""Each event cut out of its recording: packets as they are, or to the frame by encoding anew."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import av
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.video.stream import VideoStream

from chimera_storage.errors import SourceError
from chimera_storage.motion.recording import Recording
from chimera_storage.motion.scan.files import Names, make_folder

if TYPE_CHECKING:
    _Packet: TypeAlias = Packet[Any]
else:
    _Packet = Packet  # generic in its stubs only
_IN_MP4 = frozenset({"h264", "hevc", "av1", "mpeg4", "vp9", "aac", "mp3", "opus", "ac3"})
_STEPS_BACK_S = (0, 10, 60)  # seeking may land behind what was asked for, as in transport streams
_CRF, _PRESET = "20", "veryfast"


class ClipWriter:
    """Cuts events into one folder.

    `before_s` and `after_s`: kept around the motion. `exact`: begin and end with the very frame, at
    the price of encoding anew without sound; otherwise the clip begins with the key frame before
    and holds what the camera sent, untouched.
    """

    def __init__(self, folder: Path, *, exact: bool, before_s: float, after_s: float) -> None:
        make_folder(folder)
        self._folder = folder
        self._exact = exact
        self._before_s, self._after_s = before_s, after_s
        self._names = Names()

    def write(
        self, path: Path, number: int, start_s: float, end_s: float, *, offset_us: int | None
    ) -> Path:
        """The clip of event `number`; times from the file's first frame, which is at `offset_us`.

        `offset_us` None: the file has no times of its own, or they begin anew on the way; it can
        only be encoded anew. Raises SourceError.
        """
        start_s, end_s = max(0.0, start_s - self._before_s), end_s + self._after_s
        partial = self._folder / f".{self._names.name(path, number, '.tmp')}"
        try:
            with av.open(str(path)) as source:
                if self._exact or offset_us is None:
                    suffix = ".mp4"
                    frames = (
                        _frames_from_start(path)
                        if offset_us is None
                        else _frames(source, start_s, offset_us)
                    )
                    _encode(frames, _rate(source), partial, start_s, end_s)
                else:
                    suffix = _suffix(source)
                    _copy(source, partial, offset_us, start_s, end_s)
            target = self._folder / self._names.name(path, number, suffix)
            return partial.rename(target)
        except (FFmpegError, OSError) as error:
            cause = error.strerror or type(error).__name__
            raise SourceError(f"The clip of event {number} could not be cut: {cause}.") from None
        finally:
            partial.unlink(missing_ok=True)


def _suffix(source: InputContainer) -> str:
    """The ending, and with it the container, that can hold the streams as they are."""
    codecs = {stream.codec_context.name for stream in _streams(source)}
    return ".mp4" if codecs <= _IN_MP4 else ".mkv"


def _streams(source: InputContainer) -> list[av.VideoStream | av.AudioStream]:
    return [source.streams.video[0], *source.streams.audio[:1]]


def _copy(
    source: InputContainer, target: Path, offset_us: int, start_s: float, end_s: float
) -> None:
    """The packets from the key frame before `start_s` on."""
    video = source.streams.video[0]
    start, end = (_ticks(video, offset_us, s) for s in (start_s, end_s))
    form = "mp4" if _suffix(source) == ".mp4" else "matroska"
    with av.open(str(target), "w", format=form) as output:
        outputs = {s.index: output.add_stream_from_template(s) for s in _streams(source)}
        began: Fraction | None = None
        for packet in _from_key(source, video, start):
            if packet.dts is None or packet.pts is None:
                continue
            if packet.stream.index == video.index and packet.dts > end:
                break
            time_base = packet.time_base or Fraction(1)
            if began is None:
                began = packet.pts * time_base
            shift = round(began / time_base)
            packet.pts, packet.dts = packet.pts - shift, packet.dts - shift
            if packet.stream.index != video.index and packet.pts < 0:
                continue
            packet.stream = outputs[packet.stream.index]
            output.mux(packet)


def _from_key(source: InputContainer, video: VideoStream, start: int) -> Iterator[_Packet]:
    """Packets from the last key frame that is not after `start`; the first is that frame's."""
    for back_s in _STEPS_BACK_S:
        source.seek(max(0, start - _ticks(video, 0, back_s)), stream=video, backward=True)
        if found := _key_before(source, video, start):
            held, packets = found
            yield from held
            yield from packets
            return
    source.seek(0)
    awaiting = True
    for packet in source.demux(_streams(source)):
        awaiting = awaiting and not (packet.stream.index == video.index and packet.is_keyframe)
        if not awaiting:
            yield packet


def _key_before(
    source: InputContainer, video: VideoStream, start: int
) -> tuple[list[_Packet], Iterator[_Packet]] | None:
    """The packets from that key frame up to `start`, and those after; None: it is farther back."""
    held: list[_Packet] = []
    packets = source.demux(_streams(source))
    for packet in packets:
        if packet.pts is None:
            continue
        if packet.stream.index == video.index:
            if packet.is_keyframe and packet.pts <= start:
                held = []
            elif packet.pts > start:
                return ([*held, packet], packets) if held else None
        if held or (packet.stream.index == video.index and packet.is_keyframe):
            held.append(packet)
    return (held, packets) if held else None


def _rate(source: InputContainer) -> Fraction:
    video = source.streams.video[0]
    return video.average_rate or video.guessed_rate or Fraction(25)


def _encode(
    frames: Iterator[tuple[int, av.VideoFrame]],
    rate: Fraction,
    target: Path,
    start_s: float,
    end_s: float,
) -> None:
    """The frames from `start_s` to `end_s`, encoded anew as H.264."""
    with av.open(str(target), "w", format="mp4") as output:
        encoder: VideoStream | None = None
        first_us = 0
        for time_us, frame in frames:
            if time_us > end_s * 1e6:
                break
            if time_us < start_s * 1e6 - 1:
                continue
            if encoder is None:
                encoder, first_us = _encoder(output, frame, rate), time_us
            even = frame.reformat(width=encoder.width, height=encoder.height, format="yuv420p")
            even.pts, even.time_base = time_us - first_us, Fraction(1, 1_000_000)
            even.pict_type = 0
            output.mux(encoder.encode(even))
        if encoder is not None:
            output.mux(encoder.encode(None))


def _encoder(output: OutputContainer, frame: av.VideoFrame, rate: Fraction) -> VideoStream:
    options = {"crf": _CRF, "preset": _PRESET}
    stream = output.add_stream("libx264", rate=rate, options=options)
    stream.width, stream.height = max(2, frame.width & ~1), max(2, frame.height & ~1)
    stream.pix_fmt = "yuv420p"
    stream.codec_context.time_base = Fraction(1, 1_000_000)
    return stream


def _frames_from_start(path: Path) -> Iterator[tuple[int, av.VideoFrame]]:
    """All frames, with the times that events were found at."""
    with Recording(path) as recording:
        for frame in recording.frames():
            yield frame.time_us, frame.picture


def _frames(
    source: InputContainer, start_s: float, offset_us: int
) -> Iterator[tuple[int, av.VideoFrame]]:
    """Frames with their times from the key frame before `start_s`."""
    video = source.streams.video[0]
    video.thread_type = "FRAME"
    for packet in _from_key(source, video, _ticks(video, offset_us, start_s)):
        if packet.stream.index != video.index:
            continue
        for frame in packet.decode():
            if isinstance(frame, av.VideoFrame) and frame.pts is not None and frame.time_base:
                yield round(frame.pts * frame.time_base * 1_000_000) - offset_us, frame


def _ticks(video: VideoStream, offset_us: int, seconds: float) -> int:
    time_base = video.time_base or Fraction(1, 1_000_000)
    return int((Fraction(offset_us) + Fraction(round(seconds * 1e6))) / 1_000_000 / time_base)
