"""What a video or an archive will take, in bytes and seconds, before it is asked for.

An archive's size follows from the index. A video's depends on what is to be seen, and its time on
this machine: the newest finished ones of the same kind say it. Before there are any, what was
measured on two cores (docs/decisions/0010-videos-in-pieces.md), by pixels.
"""

import tempfile
from collections.abc import Sequence
from typing import BinaryIO, cast

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import SECOND_US, Layout
from chimera_storage.convert.contents import pin
from chimera_storage.convert.selection import Selection
from chimera_storage.errors import NotFoundError, storage_error
from chimera_storage.model import Conversion, ConversionStatus, ConversionType, Estimate, Image
from chimera_storage.options import Options, VideoOptions, ZipOptions

_START_S = 0.5  # until a process works
_LEARNED = 5  # finished conversions that are looked at
_USUAL_PICTURE = (1920, 1080)
_PIXELS_PER_S = {"h264": 60e6, "h265": 25e6, "av1": 60e6, "gif": 10e6, "webp": 5e6}
_BYTES_PER_S = 100e6  # of what is only copied
# Of an image's bytes; H.264 besides never more than so many for a pixel.
_SHARE = {"h264": 0.33, "h265": 0.11, "av1": 0.11, "mjpeg": 1.0, "gif": 2.0, "webp": 0.3}
_MOST_PER_PIXEL = {"h264": 0.04, "h265": 0.014, "av1": 0.014}
_BY_QUALITY = {"low": 0.2, "normal": 1.0, "high": 1.9}


def estimate(
    index: Index,
    layout: Layout,
    *,
    type: ConversionType,  # noqa: A002
    camera: int,
    start_us: int,
    end_us: int,
    fps: int,
    skip: int,
    options: Options,
) -> Estimate:
    """Of such a conversion. Reads the index alone. Raises StorageError.

    An archive of 100,000 images takes 0.1 s to work out, with a manifest 1.9 s; a video no more
    than 10 ms.
    """
    selection = Selection(camera=camera, start_us=start_us, end_us=end_us, skip=skip)
    totals = index.totals_of(camera, start_us // SECOND_US, end_us // SECOND_US)
    frames = -(-totals.count // skip)
    size = totals.size * frames // max(1, totals.count)
    if not frames:
        return Estimate(
            frames=0, bytes=0, size=0, exact=True, seconds=0.0, duration_s=None, learned_from=0
        )
    known = [
        conversion
        for conversion in index.conversions()
        if conversion.type is type and conversion.status is ConversionStatus.DONE
        if conversion.frames > conversion.missing and _took_s(conversion) > 0
    ]
    if isinstance(options, ZipOptions):
        whole = _archive_size(index, layout, selection, type, options)
        learned = known[:_LEARNED]
        rate = sum(c.size for c in learned) / sum(map(_took_s, learned)) if learned else 0.0
        return Estimate(
            frames=frames,
            bytes=size,
            size=whole,
            exact=True,
            seconds=whole / rate if rate else _START_S + whole / _BYTES_PER_S,
            duration_s=None,
            learned_from=len(learned),
        )
    ends = index.sample(camera, start_us, end_us, 2)
    alike = [c for c in known if _is_alike(c, camera, options)][:_LEARNED]
    if alike:
        file_bytes, seconds = _as_before(alike, frames)
    else:
        kind = options.codec if type is ConversionType.MP4 else type.value
        file_bytes, seconds = _as_usual(kind, options, ends[0], frames=frames, size=size)
    return Estimate(
        frames=frames,
        bytes=size,
        size=file_bytes,
        exact=False,
        seconds=seconds,
        duration_s=_duration_s(options, ends, frames, fps),
        learned_from=len(alike),
    )


def _as_before(alike: Sequence[Conversion], frames: int) -> tuple[int, float]:
    """Bytes and seconds of a video of so many images, as finished ones had them."""
    made = sum(c.frames for c in alike)
    return (
        sum(c.size for c in alike) * frames // made,
        sum(map(_took_s, alike)) * frames / made,
    )


def _as_usual(
    kind: str, options: VideoOptions, first: Image, *, frames: int, size: int
) -> tuple[int, float]:
    """The same where there are none yet; `size`: bytes of the images, `first`: one of them."""
    width, height = (first.width, first.height) if first.width else _USUAL_PICTURE
    scale = 1.0 if options.height is None else options.height / height
    pixels = width * height * scale * scale
    image = size / frames * min(1.0, scale * scale)
    made_of = min(image * _SHARE[kind], pixels * _MOST_PER_PIXEL.get(kind, 1e9))
    rate = _PIXELS_PER_S.get(kind)
    seconds = size / _BYTES_PER_S if rate is None else pixels * frames / rate
    return int(made_of * frames * _BY_QUALITY[options.quality]), _START_S + seconds


def _is_alike(conversion: Conversion, camera: int, options: VideoOptions) -> bool:
    """Whether a video's bytes and seconds for an image are to be expected of one with `options`."""
    other = conversion.options
    return (
        conversion.camera == camera
        and isinstance(other, VideoOptions)
        and (other.codec, other.height, other.quality)
        == (options.codec, options.height, options.quality)
    )


def _took_s(conversion: Conversion) -> float:
    if conversion.started_us is None or conversion.finished_us is None:
        return 0.0
    return (conversion.finished_us - conversion.started_us) / SECOND_US


def _duration_s(
    options: VideoOptions, ends: Sequence[Image], frames: int, fps: int
) -> float | None:
    if options.pace == "even":
        return frames / fps
    if options.pace == "real":
        return (ends[-1].taken_at_us - ends[0].taken_at_us) / SECOND_US + 1 / fps
    return None


def _archive_size(
    index: Index,
    layout: Layout,
    selection: Selection,
    type: ConversionType,  # noqa: A002
    options: ZipOptions,
) -> int:
    """What it has when it is made now: pinned as it would be, into files that are not kept."""

    def open_part(_: str) -> BinaryIO:
        return cast(BinaryIO, tempfile.TemporaryFile(dir=layout.root))

    try:
        contents = pin(
            index,
            layout,
            selection,
            type=type,
            manifest=options.manifest,
            made_us=0,
            open_part=open_part,
        )
    except NotFoundError:  # deleted since they were counted
        return 0
    except OSError as error:
        raise storage_error("the archive's size cannot be worked out", error) from None
    contents.close()
    return contents.pinned.size
