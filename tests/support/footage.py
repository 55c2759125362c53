"""Videos for tests, drawn by the program itself, with what is to be found in them."""

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import av
from av.video.stream import VideoStream

from chimera_storage.motion.demo import DemoScene

_ENCODERS = {"h264": "libx264", "h265": "libx265", "mjpeg": "mjpeg"}


@dataclass(frozen=True, slots=True)
class Interval:
    """Frames `first` to `last`, both included, in which a thing is in the picture."""

    first: int
    last: int

    def __contains__(self, frame: int) -> bool:
        return self.first <= frame <= self.last


@dataclass(frozen=True, slots=True)
class Footage:
    """A video, how many frames it has, and in which of them something passes by."""

    path: Path
    frames: int
    fps: float
    busy: tuple[Interval, ...]

    def is_busy(self, frame: int, tolerance: int = 0) -> bool:
        """Whether something is in the picture up to `tolerance` frames away from this one."""
        return any(i.first - tolerance <= frame <= i.last + tolerance for i in self.busy)


def write_scene(
    path: Path,
    scene: DemoScene,
    seconds: float,
    *,
    codec: str = "h264",
    gop: int = 20,
    start_s: float = 0.0,
) -> Footage:
    """Write `seconds` of the scene from `start_s` on; the container follows the path's ending.

    The first frame of the file is frame 0 of the result, whatever `start_s` is.
    """
    count = round(seconds * scene.fps)
    first = round(start_s * scene.fps)
    frames = (scene.frame(first + n) for n in range(count))
    write_frames(path, frames, fps=scene.fps, codec=codec, gop=gop)
    busy = _intervals(n for n in range(count) if scene.objects(first + n))
    return Footage(path, count, scene.fps, busy)


def write_frames(
    path: Path,
    frames: Iterable[av.VideoFrame],
    *,
    fps: float,
    codec: str = "h264",
    gop: int = 20,
    quality: int = 23,
) -> None:
    """Write frames of one size at a fixed rate; `quality` is libx264's crf, 0 to 51."""
    rate = Fraction(fps).limit_denominator(1000)
    with av.open(str(path), "w") as container:
        stream: VideoStream | None = None
        for n, frame in enumerate(frames):
            if stream is None:
                options = {} if codec == "mjpeg" else {"preset": "ultrafast", "crf": str(quality)}
                if codec == "h265":
                    options["x265-params"] = "log-level=none"
                added = container.add_stream(_ENCODERS[codec], rate=rate, options=options)
                assert isinstance(added, VideoStream)
                stream = added
                stream.width, stream.height = frame.width, frame.height
                stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
                stream.codec_context.gop_size = gop
            if codec == "mjpeg":
                frame = frame.reformat(format="yuvj420p")  # noqa: PLW2901
            frame.pts, frame.time_base = n, 1 / rate
            container.mux(stream.encode(frame))
        if stream is not None:
            container.mux(stream.encode(None))


def _intervals(frames: Iterable[int]) -> tuple[Interval, ...]:
    found: list[Interval] = []
    for n in frames:
        if found and found[-1].last == n - 1:
            found[-1] = Interval(found[-1].first, n)
        else:
            found.append(Interval(n, n))
    return tuple(found)
