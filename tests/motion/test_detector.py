"""What the detector finds and what it stays silent on, on pictures made here."""

from base64 import b64decode
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.detector import Detector, Motion
from chimera_storage.motion.picture import luma

Picture = NDArray[np.uint8]
WIDTH, HEIGHT = 320, 180


def wall(seed: int = 1, width: int = WIDTH, height: int = HEIGHT) -> NDArray[np.float32]:
    """A still background with large and small texture."""
    numbers = np.random.default_rng(seed)
    coarse = np.kron(numbers.normal(0, 22, (9, 16)), np.ones((height // 9, width // 16)))
    fine = np.zeros((height, width))
    fine[: coarse.shape[0], : coarse.shape[1]] = coarse
    return (115 + fine + numbers.normal(0, 6, (height, width))).astype(np.float32)


def camera(
    scene: Callable[[int], NDArray[np.float32]], count: int, noise: float = 2.0
) -> Iterator[Picture]:
    numbers = np.random.default_rng(5)
    for n in range(count):
        picture = scene(n)
        yield np.clip(picture + numbers.normal(0, noise, picture.shape), 0, 255).astype(np.uint8)


def watch(
    pictures: Iterator[Picture], fps: float = 10, size: tuple[int, int] = (WIDTH, HEIGHT)
) -> list[Motion]:
    detector = Detector(MotionSettings(), *size)
    return [detector.detect(p, round(n * 1e6 / fps)) for n, p in enumerate(pictures)]


def moving(found: list[Motion]) -> list[int]:
    return [n for n, motion in enumerate(found) if motion.moving]


def with_square(
    background: NDArray[np.float32], at: tuple[float, float], size: tuple[int, int], value: float
) -> NDArray[np.float32]:
    (x, y), (w, h) = at, size
    picture = background.copy()
    picture[max(0, int(y)) : max(0, int(y) + h), max(0, int(x)) : max(0, int(x) + w)] = value
    return picture


def passer(start: int, w: int, h: int, step: float) -> Callable[[int], NDArray[np.float32]]:
    background = wall()
    return lambda n: (
        background
        if n < start
        else with_square(background, ((n - start) * step - w, 80), (w, h), 20)
    )


@pytest.mark.parametrize("fps", [2, 5, 10, 25, 60])
def test_a_thing_that_passes_is_found_at_any_frame_rate(fps: int) -> None:
    start, speed = 2 * fps, 80 / fps  # four seconds through the picture
    found = watch(camera(passer(start, 16, 36, speed), 7 * fps), fps)
    hits = moving(found)
    present = int((WIDTH + 16) / speed)
    assert hits
    assert hits[0] >= start
    assert hits[0] <= start + max(4, 0.5 * fps)
    assert len(hits) >= 0.8 * present - 3
    assert hits[-1] <= start + present + 1


@pytest.mark.parametrize("seconds", [2, 3, 5])
def test_snapshots_find_everybody_who_comes_to_the_same_place(seconds: int) -> None:
    """Who stayed about the same place for two of them was taken for a leaf there from then on."""
    background, places = wall(), (100, 108, 102)

    def scene(n: int) -> NDArray[np.float32]:
        visit = n % 8 - 5  # five empty pictures, then three with somebody
        if visit < 0:
            return background
        return with_square(background, (places[visit], 80), (16, 36), 20)

    present = [n for n in range(48) if n % 8 >= 5]
    assert moving(watch(camera(scene, 48), 1 / seconds)) == present


def test_a_thing_of_a_five_hundredth_of_the_picture_is_found() -> None:
    found = watch(camera(passer(20, 9, 13, 4), 100))
    assert len(moving(found)) > 50


def test_the_box_is_where_the_thing_is_in_pixels_of_the_source() -> None:
    found = watch(camera(passer(20, 30, 40, 4), 80), size=(2 * WIDTH, 2 * HEIGHT))
    box = found[60].boxes[0]
    left = 2 * ((60 - 20) * 4 - 30)
    assert abs(box.x - left) <= 16
    assert abs(box.y - 160) <= 16
    assert abs(box.w - 60) <= 32
    assert abs(box.h - 80) <= 32
    assert found[60].score == pytest.approx(30 * 40 / (WIDTH * HEIGHT), rel=0.4)


def test_boxes_stay_within_the_picture() -> None:
    for motion in watch(camera(passer(10, 60, 99, 7), 80), size=(333, 187)):
        for box in motion.boxes:
            assert box.x >= 0
            assert box.y >= 0
            assert box.x + box.w <= 333
            assert box.y + box.h <= 187


@pytest.mark.parametrize("noise", [0.0, 2.0, 5.0, 9.0])
def test_noise_is_no_motion(noise: float) -> None:
    background = wall()
    assert not moving(watch(camera(lambda _: background, 150, noise)))


@pytest.mark.parametrize("share", [0.5, 0.8, 1.3, 1.6])
def test_a_light_that_is_switched_is_no_motion(share: float) -> None:
    background = wall()
    scene = lambda n: background * (share if 40 <= n < 90 else 1.0)  # noqa: E731
    assert not moving(watch(camera(scene, 140)))


def test_slow_exposure_is_no_motion() -> None:
    background = wall()
    scene = lambda n: background * (1 + 0.4 * np.sin(n / 12)).astype(np.float32)  # noqa: E731
    assert not moving(watch(camera(scene, 200)))


def test_a_soft_shadow_that_drifts_over_is_no_motion() -> None:
    background = wall()
    columns = np.arange(WIDTH)

    def scene(n: int) -> NDArray[np.float32]:
        dim = 1 - 0.35 * np.exp(-(((columns - 3 * n + 80) / 60.0) ** 2))
        return np.asarray(background * dim[None, :], np.float32)

    assert not moving(watch(camera(scene, 180)))


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("reach", "size"), [(1, 14), (2, 8), (2, 14), (3, 8)])
def test_a_leaf_that_sways_in_place_is_no_motion(reach: int, size: int, seed: int) -> None:
    background = wall(seed)
    scene = lambda n: with_square(  # noqa: E731
        background,
        (150 + reach * np.sin(n * 1.3), 60 + 0.7 * reach * np.sin(n * 0.9)),
        (size, size),
        30,
    )
    assert not moving(watch(camera(scene, 150)))


def test_the_noise_is_where_a_leaf_sways_and_nothing_counts_below_a_mask() -> None:
    leaf = (slice(55, 80), slice(145, 172))
    mask = {"polygon": [[0, 0], [0.25, 0], [0.25, 1], [0, 1]]}
    settings = MotionSettings.model_validate({"mask": [mask]})
    detector = Detector(settings, WIDTH, HEIGHT)
    assert detector.noise is None
    background = wall()
    scene = lambda n: with_square(background, (150 + 3 * np.sin(n * 1.3), 60), (14, 14), 30)  # noqa: E731
    for n, picture in enumerate(camera(scene, 150)):
        detector.detect(picture, n * 100_000)
    noise = detector.noise
    assert noise is not None
    assert (noise.columns, noise.rows) == (64, 36)
    levels = np.frombuffer(b64decode(noise.levels), np.uint8).reshape(36, 64)
    assert (levels[:, :15] == 255).all()
    rest = levels[:, 17:].astype(int)
    cells = np.kron(rest, np.ones((5, 5), int))  # as large as the picture without the mask
    swaying = np.zeros((HEIGHT, WIDTH), bool)
    swaying[leaf] = True
    swaying = swaying[:, 85:]
    assert cells[swaying].max() >= 10
    assert cells[~swaying].max() < 10


def test_a_thing_that_stays_is_background_after_a_while_and_leaves_no_ghost() -> None:
    background = wall()

    def scene(n: int) -> NDArray[np.float32]:
        if n < 20 or n >= 260:
            return background
        x = min(150, (n - 20) * 6) if n < 200 else 150 + (n - 200) * 6
        return with_square(background, (x, 70), (30, 50), 15)

    hits = moving(watch(camera(scene, 330)))
    assert not [n for n in hits if 110 < n < 198]  # parked
    assert [n for n in hits if 203 < n < 225]  # drives off
    assert not [n for n in hits if n > 245]  # no hole is left


def test_motion_under_a_changed_exposure_is_still_found() -> None:
    background = wall()

    def scene(n: int) -> NDArray[np.float32]:
        picture = with_square(background, (5 * (n - 60), 70), (30, 50), 200)
        return picture * np.float32(0.7 if n > 75 else 1.0)

    hits = moving(watch(camera(scene, 130)))
    assert len([n for n in hits if 80 <= n <= 120]) > 30


def test_a_picture_of_another_size_starts_anew() -> None:
    detector = Detector(MotionSettings(), 640, 360)
    for n in range(20):
        detector.detect(wall().astype(np.uint8), n * 100_000)
    assert not detector.detect(wall(2, 640, 360).astype(np.uint8), 2_100_000).moving
    assert not detector.detect(wall(2, 640, 360).astype(np.uint8), 2_200_000).moving


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (1, 400), (5000, 1), (7680, 4320)])
def test_odd_sizes_do_no_harm(size: tuple[int, int]) -> None:
    detector = Detector(MotionSettings(), *size)
    for n in range(30 if size[0] < 7000 else 3):
        picture = np.full((size[1], size[0]), 37 * n % 255, np.uint8)
        assert 0 <= detector.detect(picture, n * 40_000).score <= 1


def test_times_that_stand_still_or_run_backwards_do_no_harm() -> None:
    scene = passer(20, 20, 40, 4)
    for times in ([0] * 90, list(range(90, 0, -1)), [n * 10**12 for n in range(90)]):
        detector = Detector(MotionSettings(), WIDTH, HEIGHT)
        found = [
            detector.detect(picture, time)
            for picture, time in zip(camera(scene, 90), times, strict=True)
        ]
        assert not moving(found[:20])


def test_the_same_pictures_give_the_same_motion() -> None:
    scene = passer(20, 20, 40, 4)
    assert watch(camera(scene, 60)) == watch(camera(scene, 60))


def test_a_higher_threshold_wants_more_of_the_picture_to_move() -> None:
    strict = Detector(MotionSettings(threshold=0.05), WIDTH, HEIGHT)
    pictures = camera(passer(20, 20, 40, 4), 90)
    found = [strict.detect(picture, n * 100_000) for n, picture in enumerate(pictures)]
    assert not moving(found)
    assert max(motion.score for motion in found) > 0.005


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_passers_of_the_demonstration_are_found_and_its_quiet_stretches_are_quiet(
    seed: int,
) -> None:
    scene = DemoScene(WIDTH, HEIGHT, fps=5, seed=seed)
    frames = range(5 * 120)
    found = watch((luma(scene.frame(n)) for n in frames), fps=5)
    truth = [bool(scene.objects(n)) for n in frames]
    assert not [n for n in moving(found) if not any(truth[max(0, n - 2) : n + 3])]
    assert sum(found[n].moving for n in frames if truth[n]) >= 0.9 * sum(truth)
