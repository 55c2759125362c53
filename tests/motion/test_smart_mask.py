"""The mask that learns places that always move."""

import numpy as np
from numpy.typing import NDArray

from chimera_storage.motion.smart_mask import SmartMask

SHAPE = (40, 60)


def changed(busy: bool) -> NDArray[np.uint8]:
    mask = np.zeros(SHAPE, np.uint8)
    mask[10:20, 10:20] = busy
    return mask


def taught(speed: int, seconds: float, fps: int, every: int) -> SmartMask:
    """A mask that saw the same place change in one of `every` pictures."""
    mask = SmartMask(SHAPE, speed)
    for n in range(round(seconds * fps)):
        mask.learn(changed(n % every == 0), 1 / fps)
    return mask


def test_a_place_that_moves_half_of_the_time_is_ignored_with_a_margin() -> None:
    mask = taught(10, 60, 10, 2).ignored
    assert mask is not None
    assert mask[9:21, 9:21].all()
    assert not mask[:, 23:].any()


def test_what_passes_now_and_then_is_not_learned() -> None:
    assert taught(10, 300, 10, 12).ignored is None


def test_slower_speeds_take_longer_to_learn_and_to_forget() -> None:
    assert taught(10, 20, 10, 1).ignored is not None
    assert taught(1, 20, 10, 1).ignored is None
    for speed, forgets in ((10, True), (1, False)):
        mask = taught(speed, 300, 10, 1)
        for _ in range(1200):
            mask.learn(changed(False), 0.1)
        assert (mask.ignored is None) is forgets


def test_it_learns_at_the_same_pace_at_any_frame_rate() -> None:
    for fps in (2, 10, 50):
        assert taught(10, 6, fps, 1).ignored is None
        assert taught(10, 9, fps, 1).ignored is not None
