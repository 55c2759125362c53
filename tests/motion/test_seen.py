import cv2
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.detector.detector import MAX_PIXELS
from chimera_storage.motion.health.measures import measure
from chimera_storage.motion.health.signal import _BLURRED_SHARE as BLURRED_SHARE
from chimera_storage.motion.health.signal import _NO_EDGE as NO_EDGE
from chimera_storage.motion.picture import luma
from chimera_storage.motion.seen import Seen
from tests.motion.clips import jpegs

END = b"\xff\xd9"


def scene(width: int, height: int) -> NDArray[np.uint8]:
    """Even and uneven places: uint8 of shape (height, width)."""
    random = np.random.default_rng(3)
    picture = np.full((height, width), 110, np.float32)
    for cells in (8, 40):
        coarse = random.normal(0, 20, (cells, cells)).astype(np.float32)
        picture += cv2.resize(coarse, (width, height), interpolation=cv2.INTER_CUBIC)
    return np.clip(picture, 0, 255).astype(np.uint8)


def encoded(picture: NDArray[np.uint8], quality: int = 90) -> bytes:
    colours = np.full((2, *picture.shape), 128, np.uint8)
    data: bytes = simplejpeg.encode_jpeg_yuv_planes(picture, *colours, quality=quality)
    return data


@pytest.mark.parametrize(
    ("size", "by"),
    [((320, 240), 1), ((768, 432), 1), ((1280, 720), 2), ((1920, 1080), 2), ((3840, 2160), 4)],
)
def test_a_jpeg_is_decoded_no_finer_than_it_is_looked_at(size: tuple[int, int], by: int) -> None:
    width, height = size
    picture = scene(width, height)
    seen = Seen.of_jpeg(encoded(picture))
    assert seen.size == size
    assert seen.luma.shape == (-(-height // by), -(-width // by))
    assert by == 1 or seen.luma.size > MAX_PIXELS
    averaged = cv2.resize(picture, seen.luma.shape[::-1], interpolation=cv2.INTER_AREA)
    assert np.abs(averaged.astype(int) - seen.luma).mean() < 1.5


def test_a_lens_that_is_out_of_focus_can_be_told_at_the_reduced_scale() -> None:
    sharp = luma(DemoScene(1920, 1080).frame(0))
    blurred = np.asarray(cv2.GaussianBlur(sharp, (0, 0), 2.5), np.uint8)
    found = [measure(Seen.of_jpeg(encoded(picture)).luma) for picture in (sharp, blurred)]
    usual, now = (measures.sharpness for measures in found)
    assert usual is not None
    assert now is not None
    assert now - NO_EDGE < BLURRED_SHARE * (usual - NO_EDGE)


def test_a_file_that_is_cut_off_but_ends_as_it_should_is_damaged() -> None:
    whole = encoded(scene(640, 360))
    for share in (0.3, 0.6, 0.95):
        with pytest.raises(ValueError, match="premature end"):
            Seen.of_jpeg(whole[: int(share * len(whole))] + END)


def test_a_file_with_a_hole_is_damaged() -> None:
    whole = encoded(scene(640, 360))
    middle = len(whole) // 2
    for damaged in (
        whole[:middle] + whole[middle + 1000 :],
        whole[:middle] + bytes(1000) + whole[middle + 1000 :],
    ):
        with pytest.raises(ValueError, match="Corrupt JPEG data"):
            Seen.of_jpeg(damaged)


def test_cameras_that_fill_up_their_files_before_the_end_are_looked_at() -> None:
    whole = jpegs(0.1, [])[0]
    padded = whole[:-2] + bytes(40) + END
    assert np.array_equal(Seen.of_jpeg(padded).luma, Seen.of_jpeg(whole).luma)


@pytest.mark.parametrize("data", [b"", b"\xff\xd8\xff\xd9", b"no picture", bytes(1000)])
def test_what_is_no_jpeg_is_an_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        Seen.of_jpeg(data)
