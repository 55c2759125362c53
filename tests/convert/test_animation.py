"""GIF and WebP: every image one frame, for ever, in colours that are nearly right."""

import io
from pathlib import Path
from typing import Any

import av
import pytest
import uvloop

from chimera_storage.convert.jobs import MOST_ANIMATED
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.make_animation import make_animation
from chimera_storage.convert.make_video import Video
from chimera_storage.convert.mp4 import Sink
from chimera_storage.convert.selection import Selection
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import ConversionStatus, ConversionType
from chimera_storage.options import VideoOptions
from tests.convert.managing import managed, query
from tests.support.saved_images import SECOND_US, START_US, SavedImages, coloured, picture

GIF, WEBP = ConversionType.GIF, ConversionType.WEBP


def animate(
    saved: SavedImages,
    target: Path | Sink,
    kind: ConversionType,
    *,
    hours: int = 1,
    **options: Any,
) -> tuple[Made, list[int]]:
    end_us = START_US + hours * 3600 * SECOND_US
    selection = Selection(camera=1, start_us=START_US, end_us=end_us)
    video = Video(selection=selection, fps=10, options=VideoOptions(**options), name="Gate")
    through: list[int] = []
    return make_animation(saved.archive, video, target, type=kind, on_image=through.append), through


def test_a_gif_has_a_frame_for_each_image_and_plays_for_ever(
    saved: SavedImages, tmp_path: Path
) -> None:
    images = saved.save([coloured(12 * i, 200 - 9 * i, 60) for i in range(20)])
    saved.path(images[3]).write_bytes(b"broken")
    saved.path(images[8]).unlink()

    made, through = animate(saved, tmp_path / "a.gif", GIF)

    assert (made, through) == (Made(images=18, missing=2), list(range(1, 21)))
    data = (tmp_path / "a.gif").read_bytes()
    assert data.startswith(b"GIF89a")
    assert b"NETSCAPE2.0\x03\x01\x00\x00\x00" in data
    with av.open(str(tmp_path / "a.gif")) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    colours = [tuple(int(v) for v in frame[24, 32]) for frame in frames]
    expected = [(12 * i, 200 - 9 * i, 60) for i in range(20) if i not in {3, 8}]
    for colour, right in zip(colours, expected, strict=True):
        assert colour == pytest.approx(right, abs=16)


def test_a_webp_has_a_frame_for_each_image_at_its_time(saved: SavedImages, tmp_path: Path) -> None:
    saved.save([picture(i) for i in range(12)])
    stream = io.BytesIO()

    made, _ = animate(saved, tmp_path / "a.webp", WEBP, height=24, timestamps=True, pace="real")
    animate(saved, stream, WEBP, height=24, timestamps=True, pace="real")

    data = (tmp_path / "a.webp").read_bytes()
    assert made == Made(images=12, missing=0)
    assert data == stream.getvalue()
    assert data[:4] + data[8:12] == b"RIFFWEBP"
    assert b"ANIM" in data
    assert 10 <= data.count(b"ANMF") <= 12  # two that look the same may be one


@pytest.mark.parametrize(("kind", "longest_ms"), [(GIF, 655_350), (WEBP, 2**24 - 1)])
def test_hours_without_an_image_are_cut_to_what_the_format_can_say(
    saved: SavedImages, kind: ConversionType, longest_ms: int
) -> None:
    hours = (0, 6, 12, 12.1, 18)
    for number, hour in enumerate(hours):
        begin_us = START_US + int(hour * 3600) * SECOND_US
        saved.save([b"broken" if hour == 6 else picture(number * 4)], start_us=begin_us)
    stream = io.BytesIO()

    made, _ = animate(saved, stream, kind, hours=24, pace="real")

    assert made == Made(images=4, missing=1)
    data = stream.getvalue()
    if kind is GIF:
        shown = [10 * int.from_bytes(rest[1:3], "little") for rest in data.split(b"!\xf9\x04")[1:]]
    else:
        shown = [int.from_bytes(rest[16:19], "little") for rest in data.split(b"ANMF")[1:]]
    assert shown[:3] == [longest_ms, 360_000, longest_ms]


@pytest.mark.parametrize("kind", [GIF, WEBP])
def test_no_readable_image_writes_nothing(
    saved: SavedImages, tmp_path: Path, kind: ConversionType
) -> None:
    saved.save([b"no", b"image"])
    with pytest.raises(NoImagesError):
        animate(saved, tmp_path / "a", kind)
    assert not (tmp_path / "a").exists()


def test_long_ones_are_refused_and_short_ones_made_by_the_manager(saved: SavedImages) -> None:
    saved.save([picture(0)] * (MOST_ANIMATED + 1))

    async def run() -> None:
        async with managed(saved) as opened:
            with pytest.raises(InvalidInputError, match="501 images are too many for a gif"):
                await opened.manager.request(**query(GIF))
            made = await opened.settled((await opened.manager.request(**query(GIF, skip=50))).id)
            assert (made.status, made.frames) == (ConversionStatus.DONE, 11)
            assert saved.layout.output_path(made).suffix == ".gif"

    uvloop.run(run())
