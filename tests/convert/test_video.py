"""Videos: every image exactly one frame, in the right colours, whatever the images are like."""

import io
import itertools
import os
import shutil
import subprocess
from contextlib import suppress
from datetime import UTC
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt
import pytest
import simplejpeg
from av.video.frame import VideoFrame

from chimera_storage.convert.encoders import Format
from chimera_storage.convert.make import Made, NoImagesError
from chimera_storage.convert.make_video import Video, make_video
from chimera_storage.convert.mp4 import Sink
from chimera_storage.convert.output import reason
from chimera_storage.convert.pictures import JpegDecoder, even_size, limited, rows_of
from chimera_storage.convert.selection import Selection
from chimera_storage.convert.stamp import Stamp
from chimera_storage.options import VideoOptions
from tests.support.saved_images import SECOND_US, START_US, SavedImages, coloured, grey, picture

RGB = npt.NDArray[np.uint8]  # height × width × 3
TOLERANCE = 5  # of 255: two roundings, of the JPEG and of the limited range


def wanted(*, fps: int = 20, skip: int = 1, seconds: int = 3600, **options: Any) -> Video:
    """A video of all images of camera 1."""
    end_us = START_US + seconds * SECOND_US
    selection = Selection(camera=1, start_us=START_US, end_us=end_us, skip=skip)
    return Video(selection=selection, fps=fps, options=VideoOptions(**options))


def make(saved: SavedImages, target: Path | Sink, **changes: Any) -> tuple[Made, list[int]]:
    through: list[int] = []
    made = make_video(saved.archive, wanted(**changes), target, on_image=through.append)
    return made, through


def frames_of(video: Path | io.BytesIO) -> list[RGB]:
    with av.open(str(video) if isinstance(video, Path) else video, "r") as container:
        return [
            np.asarray(frame.to_ndarray(format="rgb24"), np.uint8)
            for frame in container.decode(video=0)
        ]


def pixel(frame: RGB, x: int, y: int) -> list[int]:
    return [int(value) for value in frame[y, x]]


def middle(frame: RGB) -> list[int]:
    return pixel(frame, frame.shape[1] // 2, frame.shape[0] // 2)


def shades(frames: list[RGB]) -> list[int]:
    """The number of the picture that each frame shows."""
    return [round((middle(frame)[1] - 10) / 12) for frame in frames]


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize(
    "case",
    [(1, 20, 1), (2, 20, 1), (60, 20, 1), (60, 7, 1), (61, 60, 3), (45, 1, 10), (20, 25, 100)],
    ids=lambda case: "{} images, fps {}, skip {}".format(*case),
)
def test_n_images_at_fps_f_are_n_frames_and_last_n_by_f_seconds(
    saved: SavedImages, tmp_path: Path, case: tuple[int, int, int], streamed: bool
) -> None:
    images, fps, skip = case
    saved.save([picture(i) for i in range(images)])
    file = tmp_path / "video.mp4"
    stream = io.BytesIO()
    expected = list(range(images))[::skip]

    made, through = make(saved, stream if streamed else file, fps=fps, skip=skip)

    if streamed:
        file.write_bytes(stream.getvalue())
    assert made == Made(images=len(expected), missing=0)
    assert through == list(range(1, len(expected) + 1))
    assert shades(frames_of(file)) == [number % 20 for number in expected]
    with av.open(str(file)) as container:
        video = container.streams.video[0]
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(len(expected) / fps, abs=1e-5)
        assert video.average_rate == fps
        assert video.start_time == 0
        assert video.codec_context.pix_fmt == "yuv420p"
        assert video.codec_context.color_range == 1  # limited


@pytest.mark.parametrize("size", [(64, 48), (1280, 720)])
@pytest.mark.parametrize(
    "colour",
    [(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255), (0, 0, 0), (200, 120, 40)],
)
def test_colours_stay_as_they_were(
    saved: SavedImages, tmp_path: Path, colour: tuple[int, int, int], size: tuple[int, int]
) -> None:
    saved.save([coloured(*colour, *size)], width=size[0], height=size[1])
    video = tmp_path / "video.mp4"

    make(saved, video)

    (frame,) = frames_of(video)
    assert middle(frame) == pytest.approx(colour, abs=TOLERANCE)
    with av.open(str(video)) as container:
        codec = container.streams.video[0].codec_context
        # BT.601 is said, as a player that is told nothing takes BT.709 for HD.
        assert (codec.colorspace, codec.color_primaries, codec.color_trc) == (5, 1, 13)


@pytest.mark.parametrize("sampling", ["444", "422", "420", "440", "411", "Gray"])
def test_every_sampling_of_jpeg_is_taken(saved: SavedImages, tmp_path: Path, sampling: str) -> None:
    pixels = np.full((48, 64, 3), 150, np.uint8)
    saved.save([simplejpeg.encode_jpeg(pixels, 95, "RGB", sampling)])

    make(saved, tmp_path / "video.mp4")

    (frame,) = frames_of(tmp_path / "video.mp4")
    assert middle(frame) == pytest.approx([150] * 3, abs=TOLERANCE)


@pytest.mark.parametrize(
    ("size", "expected"), [((65, 49), (64, 48)), ((33, 17), (32, 16)), ((1, 1), (2, 2))]
)
def test_odd_sizes_become_even(
    saved: SavedImages, tmp_path: Path, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    saved.save([picture(7, *size)] * 3, width=size[0], height=size[1])

    make(saved, tmp_path / "video.mp4")

    frames = frames_of(tmp_path / "video.mp4")
    assert [(frame.shape[1], frame.shape[0]) for frame in frames] == [expected] * 3
    assert shades(frames) == [7, 7, 7]


def test_images_of_other_sizes_are_fitted_to_the_most_frequent_one(
    saved: SavedImages, tmp_path: Path
) -> None:
    saved.save([picture(1, 96, 48)], width=96, height=48)
    saved.save(
        [picture(2), picture(3), picture(4)], start_us=START_US + SECOND_US, width=64, height=48
    )
    saved.save([picture(5, 32, 96)], start_us=START_US + 2 * SECOND_US, width=32, height=96)
    saved.save([picture(6, 640, 480)], start_us=START_US + 3 * SECOND_US, width=640, height=480)

    made, _ = make(saved, tmp_path / "video.mp4")

    frames = frames_of(tmp_path / "video.mp4")
    assert made == Made(images=6, missing=0)
    assert {frame.shape for frame in frames} == {(48, 64, 3)}
    assert shades(frames) == [1, 2, 3, 4, 5, 6]
    wide, tall = frames[0], frames[4]
    assert pixel(wide, 32, 1) == pytest.approx([0] * 3, abs=TOLERANCE)  # black above
    assert pixel(wide, 32, 46) == pytest.approx([0] * 3, abs=TOLERANCE)  # and below
    assert pixel(wide, 1, 24) == pytest.approx([grey(1)] * 3, abs=TOLERANCE)
    assert pixel(tall, 1, 24) == pytest.approx([0] * 3, abs=TOLERANCE)  # black at the sides
    assert pixel(tall, 32, 1) == pytest.approx([grey(5)] * 3, abs=TOLERANCE)


def test_sizes_that_the_index_does_not_know_are_read_from_the_images(
    saved: SavedImages, tmp_path: Path
) -> None:
    saved.save([picture(1, 80, 40), picture(2, 48, 32), picture(3, 48, 32)], width=0, height=0)

    make(saved, tmp_path / "video.mp4")

    assert {frame.shape for frame in frames_of(tmp_path / "video.mp4")} == {(32, 48, 3)}


def damaged() -> dict[str, bytes]:
    whole = picture(9, 640, 480)
    size = whole.index(b"\xff\xc0")  # the marker of the frame header: height and width
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    noisy: bytes = simplejpeg.encode_jpeg(noise, 90, "RGB")
    return {
        "empty": b"",
        "text": b"<html>not an image</html>",
        "header only": whole[:20],
        "text between a JPEG's marks": b"\xff\xd8nothing\xff\xd9",
        "half": noisy[: len(noisy) // 2],
        "garbled": noisy[:5000] + bytes(500) + noisy[5500:],
        "zeros": bytes(len(whole)),
        "huge by its header": whole[: size + 5] + b"\xff\xf0\xff\xf0" + whole[size + 9 :],
    }


@pytest.mark.parametrize("width", [64, 0])
@pytest.mark.parametrize("kind", damaged())
def test_a_broken_image_is_left_out_and_counted(
    saved: SavedImages, tmp_path: Path, kind: str, width: int
) -> None:
    images = saved.save([picture(i) for i in range(4)], width=width, height=width * 3 // 4)
    saved.path(images[1]).write_bytes(damaged()[kind])

    made, through = make(saved, tmp_path / "video.mp4")

    assert made == Made(images=3, missing=1)
    assert through == [1, 2, 3, 4]
    assert shades(frames_of(tmp_path / "video.mp4")) == [0, 2, 3]


def test_a_vanished_image_is_left_out_and_counted(saved: SavedImages, tmp_path: Path) -> None:
    images = saved.save([picture(i) for i in range(5)])
    saved.path(images[0]).unlink()
    saved.path(images[3]).unlink()

    made, _ = make(saved, tmp_path / "video.mp4")

    assert made == Made(images=3, missing=2)
    assert shades(frames_of(tmp_path / "video.mp4")) == [1, 2, 4]


@pytest.mark.parametrize("width", [64, 0])
def test_no_readable_image_is_an_error_and_nothing_is_written(
    saved: SavedImages, tmp_path: Path, width: int
) -> None:
    saved.save([b"nothing", b"like", b"an image"], width=width, height=width)

    with pytest.raises(NoImagesError):
        make(saved, tmp_path / "video.mp4")

    assert not (tmp_path / "video.mp4").exists()


def test_saved_video_has_its_index_in_front_and_closed_groups(
    saved: SavedImages, tmp_path: Path
) -> None:
    saved.save([picture(5)] * 12)

    make(saved, tmp_path / "video.mp4", fps=1)

    data = (tmp_path / "video.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    with av.open(str(tmp_path / "video.mp4")) as container:
        keys = [packet.pts for packet in container.demux(video=0) if packet.is_keyframe]
    distances_s = [(b - a) / 16384 for a, b in itertools.pairwise(keys)]  # type: ignore[operator]
    assert max(distances_s) <= 4


def test_streamed_video_begins_at_once_and_can_be_played_before_it_is_whole(
    saved: SavedImages,
) -> None:
    saved.save([picture(i) for i in range(40)])
    writes: list[int] = []

    class Counted(io.BytesIO):
        def write(self, data: Any, /) -> int:
            writes.append(len(through))
            return super().write(data)

    stream, through = Counted(), []  # type: ignore[var-annotated]
    make_video(saved.archive, wanted(fps=10), stream, on_image=through.append, threads=1)

    assert writes[0] == 0  # the head goes out before the first image is through
    begins = [
        at for at in range(len(stream.getvalue())) if stream.getvalue()[at:].startswith(b"moof")
    ]
    assert len(begins) == 4  # a part for every second
    part = io.BytesIO(stream.getvalue()[: begins[2] - 4])
    assert shades(frames_of(part)) == list(range(20))  # two whole seconds


def test_full_disk_is_said_in_a_sentence(saved: SavedImages) -> None:
    saved.save([picture(i) for i in range(30)])

    with Path("/dev/full").open("wb", buffering=0) as full, pytest.raises(Exception) as raised:
        make(saved, full)

    assert "the disk is full" in reason(raised.value)


def test_every_value_of_a_jpeg_becomes_the_nearest_of_limited_range() -> None:
    full = np.arange(256 * 96, dtype=np.int64).reshape(96, 256) % 256
    frame = VideoFrame(256, 64, "yuvj420p")
    for plane, rows in zip(frame.planes, (full[:64], full[:32, ::2], full[64:, ::2]), strict=True):
        rows_of(plane)[:] = rows
    luma, blue, red = (rows_of(plane) for plane in limited(frame).planes)
    assert np.abs(luma - (16 + full[:64] * 219 / 255)).max() < 0.5
    assert np.abs(blue - (128 + (full[:32, ::2] - 128) * 224 / 255)).max() < 0.5
    assert np.abs(red - (128 + (full[64:, ::2] - 128) * 224 / 255)).max() < 0.5


def test_the_decoder_goes_on_after_a_broken_image() -> None:
    decoder = JpegDecoder()
    for _ in range(3):
        with pytest.raises(ValueError, match="broken"):
            decoder.decode(picture(1)[:100])
        assert decoder.decode(picture(1)).width == 64


def test_huge_pictures_are_brought_within_what_h264_allows() -> None:
    assert even_size(20_000, 5_000) == (8192, 2048)
    assert even_size(1920, 1080) == (1920, 1080)


@pytest.mark.parametrize(("threads", "pieces"), [(1, 4), (2, 4), (3, 6), (5, 5)])
def test_pieces_made_side_by_side_are_joined_in_order(
    saved: SavedImages, tmp_path: Path, threads: int, pieces: int
) -> None:
    saved.save([picture(i) for i in range(130)])
    target = tmp_path / "video.mp4"

    made_video = make_video(
        saved.archive, wanted(fps=10), target, on_image=lambda _: None, threads=threads
    )

    assert made_video == Made(images=130, missing=0)
    assert shades(frames_of(target)) == [number % 20 for number in range(130)]
    with av.open(str(target)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
        keys = [n for n, packet in enumerate(packets) if packet.is_keyframe]
    # At most 40 frames each, and every core has as many: three on two would take as long as four.
    assert keys == list(range(0, 130, -(-130 // pieces)))
    assert all(packet.pts == packet.dts for packet in packets)


def scheduling() -> set[tuple[int, int]]:
    """Class and real-time priority of every thread of this process."""
    found = set()
    for thread in Path("/proc/self/task").iterdir():
        with suppress(ProcessLookupError):
            number = int(thread.name)
            found.add((os.sched_getscheduler(number), os.sched_getparam(number).sched_priority))
    return found


@pytest.mark.skipif(os.geteuid() != 0, reason="SVT-AV1 takes a real-time priority as root only")
def test_no_encoder_runs_before_everything_else_on_the_machine(
    saved: SavedImages, tmp_path: Path
) -> None:
    before = scheduling()
    saved.save([picture(n, 64, 48) for n in range(3)])
    second = Fraction(1)
    form = Format(codec="av1", quality="low", width=64, height=48, fps=1, time_base=second)
    encoder = form.encoder()
    assert scheduling() == before
    frame = VideoFrame.from_ndarray(np.zeros((48, 64, 3), np.uint8)).reformat(format="yuv420p")
    assert len([*encoder.add(frame), *encoder.finish()]) == 1
    assert scheduling() == before
    make(saved, tmp_path / "video.mp4", codec="av1")
    assert scheduling() == before


@pytest.mark.parametrize("codec", ["h264", "h265", "av1"])
@pytest.mark.parametrize("quality", ["low", "normal", "high"])
def test_every_codec_and_quality_has_all_frames_in_their_colours(
    saved: SavedImages, tmp_path: Path, codec: str, quality: str
) -> None:
    saved.save([coloured(200, 120, 40, 160, 128)] * 11, width=160, height=128)
    target = tmp_path / "video.mp4"

    make(saved, target, fps=2, codec=codec, quality=quality)

    frames = frames_of(target)
    assert len(frames) == 11
    assert middle(frames[-1]) == pytest.approx((200, 120, 40), abs=8)
    with av.open(str(target)) as container:
        stream = container.streams.video[0]
        assert (
            stream.codec_context.codec_tag == {"h264": "avc1", "h265": "hvc1", "av1": "av01"}[codec]
        )
        if codec == "h264":
            assert stream.profile == "High"
            assert stream.codec_context.pix_fmt == "yuv420p"
        assert stream.average_rate == 2


def test_codec_mjpeg_copies_the_images_byte_for_byte(saved: SavedImages, tmp_path: Path) -> None:
    jpegs = [picture(i) for i in range(40)]
    jpegs[7] = jpegs[7][:-100]  # no end
    saved.save(jpegs)
    saved.save([picture(9, 128, 96)], start_us=START_US + 60 * SECOND_US, width=128, height=96)
    target = tmp_path / "video.mp4"

    made, _ = make(saved, target, codec="mjpeg")

    assert made == Made(images=40, missing=1)
    with av.open(str(target)) as container:
        packets = [bytes(packet) for packet in container.demux(video=0) if packet.size]
    assert packets[:39] == jpegs[:7] + jpegs[8:]
    frames = frames_of(target)
    assert {frame.shape for frame in frames} == {(48, 64, 3)}  # the larger one was fitted
    assert middle(frames[39]) == pytest.approx([grey(9)] * 3, abs=TOLERANCE)
    data = target.read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")


def test_height_scales_and_keeps_the_shape(saved: SavedImages, tmp_path: Path) -> None:
    saved.save([picture(4, 320, 180)] * 3, width=320, height=180)
    for height, expected in ((90, (160, 90)), (91, (160, 90)), (360, (640, 360))):
        target = tmp_path / f"{height}.mp4"
        make(saved, target, height=height)
        assert {frame.shape[1::-1] for frame in frames_of(target)} == {expected}


@pytest.mark.parametrize("streamed", [False, True])
def test_real_pace_lasts_as_long_as_it_took(
    saved: SavedImages, tmp_path: Path, streamed: bool
) -> None:
    saved.save([picture(1)] * 10)
    saved.save([picture(2)] * 5, start_us=START_US + 4 * SECOND_US)
    saved.save([picture(3)], start_us=START_US + 100 * SECOND_US)
    broken = saved.save([b"broken"], start_us=START_US + 101 * SECOND_US)
    saved.save([picture(4)], start_us=START_US + 200 * SECOND_US)
    target, stream = tmp_path / "video.mp4", io.BytesIO()

    made, _ = make(saved, stream if streamed else target, pace="real")

    assert made == Made(images=17, missing=len(broken))
    if streamed:
        target.write_bytes(stream.getvalue())
    with av.open(str(target)) as container:
        assert container.duration is not None
        assert container.duration / 1e6 == pytest.approx(200.05, abs=0.002)
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    expected = [n / 10 for n in range(10)] + [4 + n / 5 for n in range(5)] + [100, 200]
    assert times == pytest.approx(expected, abs=0.002)


@pytest.mark.parametrize(
    ("codec", "streamed"), [("h264", False), ("h264", True), ("mjpeg", False), ("mjpeg", True)]
)
def test_months_without_an_image_are_cut_to_what_an_mp4_can_say(
    saved: SavedImages, tmp_path: Path, codec: str, streamed: bool
) -> None:
    day_us = 86_400 * SECOND_US
    for number, day in enumerate((0, 60, 61, 100)):
        saved.save([picture(number)], start_us=START_US + day * day_us)
    saved.save([b"broken"], start_us=START_US + 80 * day_us)
    target, stream = tmp_path / "video.mp4", io.BytesIO()

    made, _ = make(
        saved, stream if streamed else target, pace="real", codec=codec, seconds=200 * 86_400
    )

    assert made == Made(images=4, missing=1)
    if streamed:
        target.write_bytes(stream.getvalue())
    with av.open(str(target)) as container:
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    longest = (2**31 - 2) / 1000
    expected = [0, longest, longest + 86_400, 2 * longest + 86_400]
    assert times == pytest.approx(expected, abs=0.002)


def written(frame: RGB) -> npt.NDArray[np.bool_]:
    """The lower left corner, where time and camera are drawn, as bits."""
    return frame[-10:, :200, 1] > 128


def test_timestamps_say_when_each_image_was_taken_and_leave_the_rest_alone(
    saved: SavedImages, tmp_path: Path
) -> None:
    saved.save([picture(5, 320, 240)] * 11, width=320, height=240)

    make(saved, tmp_path / "video.mp4", timestamps=True)

    frames = frames_of(tmp_path / "video.mp4")
    plain = (written(frames[0]) != written(frames[9])).sum()
    changed = (written(frames[9]) != written(frames[10])).sum()
    assert plain == 0  # both 09:33:20
    assert 5 < changed < 30  # 09:33:21: one digit
    assert written(frames[0]).mean() > 0.1
    assert frames[0][:228].min() >= grey(5) - TOLERANCE
    assert frames[0][:228].max() <= grey(5) + TOLERANCE


@pytest.mark.parametrize(
    ("name", "shown"),
    [
        ("Front door", "FRONT DOOR"),
        ("Haustür/Straße", "HAUSTUR/STRASSE"),
        ("大门摄像头", "CAMERA 7"),
        ("x" * 100, "X" * 40),
    ],
)
def test_a_camera_is_named_in_letters_that_can_be_drawn(name: str, shown: str) -> None:
    assert Stamp(name, 7, UTC).name == shown


@pytest.mark.parametrize("size", [(2, 2), (16, 16), (64, 48), (90, 4000), (3840, 2160)])
def test_a_timestamp_fits_into_every_picture(size: tuple[int, int]) -> None:
    frame = VideoFrame(*size, "yuv420p")
    Stamp("Gate", 1, UTC).draw(frame, START_US)
    assert rows_of(frame.planes[0])[-1, 0] == 16


def test_copied_images_are_shown_at_their_times_and_changed_ones_looked_at(
    saved: SavedImages, tmp_path: Path
) -> None:
    images = saved.save([picture(i) for i in range(150)])
    padded, replaced, longer, text = images[10], images[20], images[30], images[40]
    saved.path(padded).write_bytes(picture(10) + bytes(100))  # some cameras fill up with zeros
    saved.path(replaced).write_bytes(picture(20, 640, 480))
    saved.path(longer).write_bytes(picture(30) + b"\xff\xd9" * 5)
    saved.path(text).write_bytes(b"\xff\xd8 no image \xff\xd9".ljust(text.size, b"."))
    saved.path(images[50]).unlink()
    target = tmp_path / "video.mp4"

    made, through = make(saved, target, codec="mjpeg", pace="real", fps=10)

    assert (made, len(through)) == (Made(images=148, missing=2), 150)
    assert shades(frames_of(target)) == [n % 20 for n in range(150) if n not in {40, 50}]
    with av.open(str(target)) as container:
        assert container.streams.video[0].codec_context.name == "mjpeg"
        times = [float(frame.time or 0) for frame in container.decode(video=0)]
    assert times == pytest.approx([n / 10 for n in range(150) if n not in {40, 50}], abs=0.002)
    ffprobe = ["ffprobe", "-v", "error", "-show_entries", "format=duration", "-of", "csv=p=0"]
    if shutil.which("ffprobe"):
        said = subprocess.run([*ffprobe, target], capture_output=True, text=True, check=True)
        assert said.stderr == ""
        assert float(said.stdout) == pytest.approx(15, abs=0.01)


def test_the_room_for_the_index_holds_the_worst_there_is(
    saved: SavedImages, tmp_path: Path
) -> None:
    """Every frame of another length, and as large as a chunk of its own."""
    noise = np.random.default_rng(1).integers(0, 255, (720, 1280, 3), dtype=np.uint8)
    noisy: bytes = simplejpeg.encode_jpeg(noise, 95, "RGB")
    for number in range(24):
        start_us = START_US + (number * (number + 1) // 2) * SECOND_US
        saved.save([noisy], start_us=start_us, width=1280, height=720)

    made, _ = make(saved, tmp_path / "video.mp4", fps=1, pace="real", quality="high")

    assert made == Made(images=24, missing=0)
    data = (tmp_path / "video.mp4").read_bytes()
    assert data.index(b"moov") < data.index(b"mdat")
    assert len(data) > 24 * 300_000


@pytest.mark.parametrize("codec", ["h264", "h265", "av1", "mjpeg"])
@pytest.mark.parametrize(("width", "height"), [(8, 8), (300, 2), (2, 300)])
def test_tiny_pictures_are_made_in_every_codec(
    saved: SavedImages, tmp_path: Path, codec: str, width: int, height: int
) -> None:
    saved.save([picture(i, width, height) for i in range(5)], width=width, height=height)
    made, _ = make(saved, tmp_path / "video.mp4", codec=codec)
    assert made == Made(images=5, missing=0)
    assert len(frames_of(tmp_path / "video.mp4")) == 5
