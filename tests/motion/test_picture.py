"""Luma planes and JPEGs, beside swscale's conversion of the same frames."""

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from chimera_storage.motion.picture import encode_jpeg, luma

BT709, BT601 = 1, 5
LIMITED, FULL = 1, 2
SIZES = [(320, 240), (321, 241), (639, 359), (34, 18)]
EIGHT_BIT = ["yuv420p", "yuv422p", "yuv444p", "yuv440p", "nv12", "nv21", "nv16", "nv24"]
OTHER = ["yuv420p10le", "yuv422p10le", "yuv444p10le", "p010le", "uyvy422", "yuva420p"]
RGB = ["rgb24", "bgra", "gbrp"]


def colours(width: int, height: int) -> NDArray[np.uint8]:
    """An RGB picture of soft waves that reaches every corner of the colour space."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [np.sin(x / 37), np.sin(y / 29 + 1), np.sin((x + y) / 41 + 2)]
    return np.stack([128 + 110 * wave for wave in waves], -1).astype(np.uint8)


def converted(
    rgb: NDArray[np.uint8], pixel_format: str, matrix: int = BT601, range_: int = LIMITED
) -> av.VideoFrame:
    """The picture as swscale makes it in that format, labelled as what it is."""
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    frame = frame.reformat(format=pixel_format, dst_colorspace=matrix, dst_color_range=range_)
    frame.colorspace, frame.color_range = matrix, range_
    return frame


def decoded(jpeg: bytes) -> NDArray[np.int16]:
    return np.asarray(simplejpeg.decode_jpeg(jpeg), np.int16)


@pytest.mark.parametrize("matrix", [BT601, BT709])
@pytest.mark.parametrize("range_", [LIMITED, FULL])
@pytest.mark.parametrize("pixel_format", [*EIGHT_BIT, *OTHER, *RGB])
@pytest.mark.parametrize("size", SIZES)
def test_jpeg_has_the_colours_of_the_picture(
    size: tuple[int, int], pixel_format: str, range_: int, matrix: int
) -> None:
    rgb = colours(*size)
    shown = decoded(encode_jpeg(converted(rgb, pixel_format, matrix, range_), 97))
    assert shown.shape == rgb.shape
    error = shown - rgb.astype(np.int16)
    assert np.abs(error).mean() < 2.5
    assert np.abs(error.mean(axis=(0, 1))).max() < 2


@pytest.mark.parametrize("pixel_format", ["yuvj420p", "yuvj422p", "yuvj444p"])
def test_full_range_formats_are_taken_as_they_are(pixel_format: str) -> None:
    rgb = colours(320, 240)
    error = decoded(encode_jpeg(converted(rgb, pixel_format, BT601, FULL), 97)) - rgb
    assert np.abs(error).mean() < 2


def test_unlabelled_video_is_limited_range() -> None:
    frame = av.VideoFrame.from_ndarray(
        np.vstack([np.full((48, 64), 235, np.uint8), np.full((24, 64), 128, np.uint8)]), "yuv420p"
    )
    assert decoded(encode_jpeg(frame, 90)).min() >= 253


def test_a_webcams_packed_yuyv_gives_the_jpeg_of_its_planes() -> None:
    planar = converted(colours(320, 240), "yuv422p")
    packed = planar.reformat(format="yuyv422")
    assert np.array_equal(decoded(encode_jpeg(packed, 90)), decoded(encode_jpeg(planar, 90)))


@pytest.mark.parametrize("pixel_format", ["gray", "gray10le"])
def test_gray_pictures_become_gray_jpegs(pixel_format: str) -> None:
    rgb = colours(321, 241)
    jpeg = encode_jpeg(converted(rgb, pixel_format, BT601, FULL), 97)
    assert simplejpeg.decode_jpeg_header(jpeg)[2] == "Gray"
    error = decoded(jpeg)[..., 0] - rgb @ np.array([0.299, 0.587, 0.114])
    assert np.abs(error).mean() < 1


@pytest.mark.parametrize(
    ("pixel_format", "subsampling"), [("yuv420p", "420"), ("yuv422p", "422"), ("yuv444p", "444")]
)
def test_chroma_resolution_is_kept(pixel_format: str, subsampling: str) -> None:
    jpeg = encode_jpeg(converted(colours(320, 240), pixel_format), 80)
    assert simplejpeg.decode_jpeg_header(jpeg)[3] == subsampling


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (3, 1), (1, 16)])
def test_tiny_pictures_can_be_encoded(size: tuple[int, int]) -> None:
    frame = av.VideoFrame(*size, "yuv420p")
    for plane in frame.planes:
        plane.update(bytes(plane.buffer_size))
    assert decoded(encode_jpeg(frame, 80)).shape == (size[1], size[0], 3)


@pytest.mark.parametrize("pixel_format", ["yuv420p", "yuvj420p", "nv12", "gray", "yuv422p"])
def test_luma_is_a_view_without_the_padding(pixel_format: str) -> None:
    frame = converted(colours(321, 241), pixel_format)
    assert frame.planes[0].line_size > 321
    view = luma(frame)
    assert view.shape == (241, 321)
    assert view.dtype == np.uint8
    assert view.ctypes.data == frame.planes[0].buffer_ptr
    gray = frame.reformat(format="gray", src_color_range=FULL, dst_color_range=FULL).to_ndarray()
    assert np.abs(view.astype(int) - gray).max() <= 1


@pytest.mark.parametrize("pixel_format", [*OTHER, *RGB])
def test_luma_of_other_formats_is_their_brightness(pixel_format: str) -> None:
    rgb = colours(320, 240)
    bright = luma(converted(rgb, pixel_format)).astype(np.float64)
    expected = rgb @ np.array([0.299, 0.587, 0.114])
    assert np.corrcoef(bright.ravel(), expected.ravel())[0, 1] > 0.999


def test_luma_outlives_its_frame() -> None:
    view = luma(converted(np.full((64, 64, 3), 200, np.uint8), "yuv420p"))
    others = [converted(np.zeros((64, 64, 3), np.uint8), "yuv420p") for _ in range(20)]
    assert len(others) == 20
    assert view.min() > 150
