"""Images of the archive → an animated GIF or WebP: for short ones, which chats and mails show.

A GIF has 256 colours, chosen from all frames in a first pass, so that memory does not grow with
their number; the second pass draws with them.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
from av.filter import Graph
from av.filter.context import FilterContext
from av.video.format import VideoFormat
from av.video.frame import VideoFrame

from chimera_storage.archive.images import Archive
from chimera_storage.convert import pace
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.make_video import Video, images_of, size_of_video
from chimera_storage.convert.mp4 import Sink
from chimera_storage.convert.pictures import BrokenImageError, Fitter, JpegDecoder
from chimera_storage.convert.selection import read
from chimera_storage.convert.stamp import Stamp
from chimera_storage.model import ConversionType
from chimera_storage.options import Quality

_WEBP_QUALITY: dict[Quality, str] = {"low": "50", "normal": "75", "high": "90"}
_MS = Fraction(1, 1000)
# What the formats can say of how long a frame is shown: 16 bits of hundredths of a second; 24 bits
# of milliseconds.
_LONGEST_MS = {ConversionType.GIF: 655_350, ConversionType.WEBP: 2**24 - 1}


def make_animation(
    archive: Archive,
    video: Video,
    target: Path | Sink,
    *,
    type: ConversionType,  # noqa: A002
    on_image: Callable[[int], None],
) -> Made:
    """Make it; `on_image` gets the number that is through after each.

    A broken or vanished image is left out. Raises NoImagesError, OSError, av.FFmpegError.
    """
    frames = _Frames(archive, video)
    palette = frames.palette() if type is ConversionType.GIF else None
    writer: _Writer | None = None
    made = through = 0
    for frame, at_ms in frames:
        through += 1
        if frame is not None:
            writer = writer or _Writer(target, frames.size, type, video, palette)
            writer.add(frame, at_ms)
            made += 1
        on_image(through)
    if writer is None:
        raise NoImagesError("none of the images can be read")
    writer.close()
    return Made(images=made, missing=through - made)


class _Frames:
    """The pictures of a video, each time from the first."""

    def __init__(self, archive: Archive, video: Video) -> None:
        self._archive = archive
        self._video = video
        self.size = size_of_video(archive, video)

    def __iter__(self) -> Iterator[tuple[VideoFrame | None, int]]:
        """Each image's frame (None: it cannot be read) and when it begins, in milliseconds."""
        video = self._video
        decoder, fitter = JpegDecoder(), Fitter(*self.size)
        stamp = None
        if video.options.timestamps:
            zone = self._archive.layout.timezone
            stamp = Stamp(video.name, video.selection.camera, zone)
        tick = pace.time_base(video.options.pace, video.fps)
        clock = 0
        images = images_of(self._archive, video.selection)
        for image, ticks in pace.shown(images, video.options.pace, video.fps):
            try:
                frame = fitter.fit(decoder.decode(read(self._archive, image.key) or b""))
            except BrokenImageError:
                yield None, 0
                clock += 0 if video.options.pace == "even" else ticks
                continue
            if stamp is not None:
                stamp.draw(frame, image.taken_at_us)
            yield frame, int(clock * tick / _MS)
            clock += ticks

    def palette(self) -> VideoFrame:
        """256 colours for all of them. Raises NoImagesError."""
        graph = Graph()
        source = _buffer(graph, *self.size, "yuv420p")
        chosen = graph.add("palettegen", "stats_mode=full")
        sink = graph.add("buffersink")
        source.link_to(chosen)
        chosen.link_to(sink)
        graph.configure()
        number = 0
        for frame, _ in self:
            if frame is not None:
                frame.pts, frame.time_base = number, _MS
                source.push(frame)
                number += 1
        if number == 0:
            raise NoImagesError("none of the images can be read")
        source.push(None)
        return cast("VideoFrame", sink.pull())


class _Writer:
    """One GIF or WebP that plays for ever."""

    def __init__(
        self,
        target: Path | Sink,
        size: tuple[int, int],
        kind: ConversionType,
        video: Video,
        palette: VideoFrame | None,
    ) -> None:
        opened = str(target) if isinstance(target, Path) else target
        self._container = av.open(opened, "w", format=kind.value, options={"loop": "0"})
        if palette is not None:
            stream = self._container.add_stream("gif", rate=video.fps)
            stream.pix_fmt = "pal8"
            self._paint: _Painter | None = _Painter(size, palette)
        else:
            quality = {"quality": _WEBP_QUALITY[video.options.quality]}
            stream = self._container.add_stream("libwebp_anim", rate=video.fps, options=quality)
            stream.pix_fmt = "yuv420p"
            self._paint = None
        stream.width, stream.height = size
        stream.codec_context.time_base = _MS
        self._stream = stream
        self._longest_ms = _LONGEST_MS[kind]
        self._last_ms = self._cut_ms = 0

    def add(self, frame: VideoFrame, at_ms: int) -> None:
        """A frame that begins then, or sooner: what one is shown for too long is left out."""
        at_ms -= self._cut_ms
        too_long_ms = max(0, at_ms - self._last_ms - self._longest_ms)
        self._cut_ms += too_long_ms
        self._last_ms = at_ms = at_ms - too_long_ms
        frame.pts, frame.time_base = at_ms, _MS
        if self._paint is not None:
            frame = self._paint(frame)
        self._container.mux(self._stream.encode(frame))

    def close(self) -> None:
        """Write the rest."""
        self._container.mux(self._stream.encode(None))
        self._container.close()


def _buffer(graph: Graph, width: int, height: int, pixels: str) -> FilterContext:
    """Where frames come into a graph."""
    return graph.add_buffer(
        width=width, height=height, format=VideoFormat(pixels, width, height), time_base=_MS
    )


class _Painter:
    """Draws frames with the colours of one palette."""

    def __init__(self, size: tuple[int, int], palette: VideoFrame) -> None:
        graph = Graph()
        self._graph = graph  # its filters do not keep it
        self._source = _buffer(graph, *size, "yuv420p")
        colours = _buffer(graph, palette.width, palette.height, palette.format.name)
        use = graph.add("paletteuse", "dither=bayer:bayer_scale=4:diff_mode=rectangle")
        self._sink = graph.add("buffersink")
        self._source.link_to(use, 0, 0)
        colours.link_to(use, 0, 1)
        use.link_to(self._sink)
        graph.configure()
        palette.pts, palette.time_base = 0, _MS
        colours.push(palette)
        colours.push(None)

    def __call__(self, frame: VideoFrame) -> VideoFrame:
        self._source.push(frame)
        return cast("VideoFrame", self._sink.pull())
