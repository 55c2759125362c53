"""Every setting of the detector does what its description says."""

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.motion.detector import Detector, Motion
from chimera_storage.motion.detector.despeckle import despeckle
from tests.motion.test_detector import HEIGHT, WIDTH, camera, moving, passer, wall, with_square

Scene = Callable[[int], NDArray[np.float32]]


def found(scene: Scene, count: int, fps: float = 10, **values: object) -> list[Motion]:
    detector = Detector(MotionSettings.model_validate(values), WIDTH, HEIGHT)
    pictures = camera(scene, count)
    return [detector.detect(p, round(n * 1e6 / fps)) for n, p in enumerate(pictures)]


def rectangle(x: float, y: float, w: float, h: float) -> list[list[float]]:
    return [[x, y], [x + w, y], [x + w, y + h], [x, y + h]]


def test_what_passes_in_an_ignored_area_is_no_motion() -> None:
    scene = passer(20, 16, 36, 8)  # at rows 80 to 116 of 180
    assert len(moving(found(scene, 60))) > 20
    lane = {"polygon": rectangle(0, 0.4, 1, 0.3)}
    assert moving(found(scene, 60, mask=[lane])) == []


def test_boxes_do_not_reach_into_an_ignored_area() -> None:
    scene = passer(20, 30, 60, 8)
    upper_half = {"polygon": rectangle(0, 0, 1, 0.6)}  # of it, 80 to 108 are ignored
    boxes = [box for m in found(scene, 70, mask=[upper_half]) for box in m.boxes]
    assert boxes
    assert min(box.y for box in boxes) >= 104
    assert max(box.y + box.h for box in boxes) >= 135


def test_a_thing_is_motion_again_where_it_leaves_the_ignored_area() -> None:
    scene = passer(20, 16, 36, 8)
    left_half = {"polygon": rectangle(0, 0, 0.5, 1)}
    hits = moving(found(scene, 65, mask=[left_half]))
    assert hits
    assert hits[0] >= 20 + (WIDTH / 2) / 8


def test_a_zone_makes_a_part_of_the_picture_more_or_less_sensitive() -> None:
    scene = passer(20, 16, 36, 8)  # 1 % of the picture
    right_half = rectangle(0.5, 0, 0.5, 1)
    strict = found(scene, 65, zone=[{"polygon": right_half, "threshold": 0.05}])
    assert moving(strict)
    assert moving(strict)[-1] < 20 + (WIDTH / 2 + 32) / 8
    only_there = found(scene, 65, threshold=1, zone=[{"polygon": right_half, "threshold": 0.001}])
    assert moving(only_there)
    assert moving(only_there)[0] >= 20 + (WIDTH / 2) / 8


def test_more_than_the_maximum_is_no_motion() -> None:
    scene = passer(20, 120, 150, 8)
    assert len(moving(found(scene, 70))) > 30
    assert all(m.score <= 0.1 for m in found(scene, 70, threshold_maximum=0.1) if m.moving)


def flash(n: int) -> NDArray[np.float32]:
    """From picture 40 on a third of the scene is another, as behind a screen that is switched."""
    picture = wall()
    if n >= 40:
        picture = picture.copy()
        picture[:, :107] = 255 - wall(9)[:, :107]
    return picture


def learned_at_once(percent: int) -> bool:
    """Whether the picture after the flash differs from the background no more."""
    detector = Detector(MotionSettings(lightswitch_percent=percent), WIDTH, HEIGHT)
    for n, picture in enumerate(camera(flash, 42)):
        detector.detect(picture, n * 100_000)
    assert detector._background is not None
    blurred = cv2.GaussianBlur(picture, (3, 3), 0)
    different = detector._background.compare(np.asarray(blurred, np.uint8))
    return bool(np.count_nonzero(different) < 0.05 * different.size)


def test_the_share_of_the_picture_that_counts_as_a_light_switch_can_be_set() -> None:
    assert learned_at_once(10)
    assert not learned_at_once(40)
    assert not learned_at_once(0)


def fluttering(n: int) -> NDArray[np.float32]:
    """Something that goes to and fro at the left, and from picture 200 on somebody below it."""
    picture = wall()
    if n >= 5:
        picture = with_square(picture, (50 + 40 * np.sin(0.3 * n), 20), (30, 30), 240)
    if n >= 200:
        picture = with_square(picture, ((n - 200) * 16, 120), (16, 36), 20)
    return picture


def test_the_smart_mask_learns_a_place_that_always_moves_and_nothing_else() -> None:
    """It goes so far that nothing else tells it from somebody who walks up and down."""
    without = moving(found(fluttering, 220, fps=2))
    learned = moving(found(fluttering, 220, fps=2, smart_mask_speed=10))
    assert len([n for n in without if 100 <= n < 200]) > 90
    assert len([n for n in learned if 100 <= n < 200]) < 3
    assert len([n for n in learned if n >= 200]) > 14


def test_the_filter_takes_out_specks_as_its_steps_say() -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[3, 3] = 1
    mask[8:14, 8:14] = 1
    assert despeckle(mask, "").sum() == mask.sum()
    assert despeckle(mask, "l").sum() == mask.sum()
    assert despeckle(mask, "EDl").sum() == 36
    assert despeckle(mask, "E").sum() == 16
    assert despeckle(mask, "e").sum() == 16
    assert despeckle(mask, "D").sum() == 9 + 64
    assert despeckle(mask, "d").sum() == 5 + 60
    assert despeckle(mask, "auto")[3, 3] == 0
    assert despeckle(mask, "auto")[9:13, 9:13].all()


@pytest.mark.parametrize(("steps", "finds"), [("auto", True), ("", True), ("EEEEEE", False)])
def test_the_filter_of_the_settings_is_used(steps: str, finds: bool) -> None:
    assert bool(moving(found(passer(20, 10, 12, 4), 80, despeckle_filter=steps))) is finds
