"""The demonstration camera."""

import numpy as np
import pytest

from chimera_storage.motion.demo import DemoScene


@pytest.mark.parametrize("seed", range(8))
def test_something_passes_within_ten_seconds_and_often_enough_later(seed: int) -> None:
    scene = DemoScene(320, 180, seed=seed)
    assert any(scene.objects(n) for n in range(100))
    assert all(any(scene.objects(n) for n in range(s, s + 600)) for s in range(0, 36_000, 600))


@pytest.mark.parametrize("seed", range(4))
def test_most_of_the_time_nothing_passes(seed: int) -> None:
    scene = DemoScene(320, 180, seed=seed)
    busy = [bool(scene.objects(n)) for n in range(0, 36_000, 5)]
    assert 0.1 < np.mean(busy) < 0.5


def test_a_frame_depends_on_nothing_but_seed_and_number() -> None:
    one, other = DemoScene(320, 180, seed=3), DemoScene(320, 180, seed=3)
    for n in (5, 60, 61):
        other.frame(n)
    for n in (61, 7):
        assert np.array_equal(one.frame(n).to_ndarray(), other.frame(n).to_ndarray())
    assert not np.array_equal(
        one.frame(7).to_ndarray(), DemoScene(320, 180, seed=4).frame(7).to_ndarray()
    )


def test_things_are_where_the_scene_says() -> None:
    scene = DemoScene(640, 360, seed=2)
    quiet = next(n for n in range(1000) if not scene.objects(n))
    still = scene.frame(quiet).to_ndarray()[:360].astype(int)
    for n in range(0, 1200, 7):
        changed = np.abs(scene.frame(n).to_ndarray()[:360].astype(int) - still) > 35
        inside = np.zeros((360, 640), bool)
        for box in scene.objects(n):
            part = np.s_[box.y : box.y + box.h, box.x : box.x + box.w]
            inside[part] = True
            if box.w * box.h > 3000:
                assert changed[part].mean() > 0.1
        changed[:200, 420:620] = False  # the leaves
        assert (changed & ~inside).mean() < 0.004


def test_frames_carry_their_time_and_range() -> None:
    frame = DemoScene(320, 180, fps=12.5).frame(25)
    assert frame.format.name == "yuv420p"
    assert frame.time == pytest.approx(2.0)
    assert frame.color_range == 1


@pytest.mark.parametrize("size", [(0, 0), (321, 180), (16, 16)])
def test_a_size_that_cannot_be_is_refused(size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match="even"):
        DemoScene(*size)
