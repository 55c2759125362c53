import numpy as np
import pytest

from chimera_storage.motion.health.damage import USUAL_AFTER_US, DamageCheck, marks
from tests.motion.health.scenes import Picture, noisy, place

SECOND_US = 1_000_000


def smeared(picture: Picture, from_row: int) -> Picture:
    picture = picture.copy()
    picture[from_row:] = picture[from_row]
    return picture


def grey_filled(picture: Picture) -> Picture:
    picture = picture.copy()
    picture[200:280, 100:400] = 128
    return picture


@pytest.mark.parametrize("damaged", [smeared(noisy(place(1)), 250), grey_filled(noisy(place(1)))])
def test_smear_and_grey_fill_are_damage(damaged: Picture) -> None:
    check = DamageCheck()
    assert not check.is_damaged(noisy(place(1)), 0)
    assert check.is_damaged(damaged, SECOND_US)
    assert not check.is_damaged(noisy(place(1)), 2 * SECOND_US)


def test_green_fill_is_damage() -> None:
    check = DamageCheck()
    colour = np.full((180, 320), 128, np.uint8)
    assert not check.is_damaged(place(1), 0, colour)
    colour[100:] = 0
    assert check.is_damaged(place(1), SECOND_US, colour)


def test_damage_is_seen_in_the_very_first_picture() -> None:
    assert DamageCheck().is_damaged(smeared(noisy(place(1)), 200), 0)


@pytest.mark.parametrize(
    "whole",
    [
        place(1),
        noisy(place(1)),
        np.full((360, 640), 16, np.uint8),
        np.full((360, 640), 235, np.uint8),
        np.tile(np.arange(360, dtype=np.uint8)[:, None] // 2, (1, 640)),
        np.tile(np.arange(640, dtype=np.uint8) // 3, (360, 1)),
        noisy(np.full((360, 640), 128, np.uint8), 1.5),
    ],
)
def test_pictures_as_lenses_make_them_are_whole(whole: Picture) -> None:
    assert not DamageCheck().is_damaged(whole, 0)


def test_what_stays_belongs_to_the_scene() -> None:
    check = DamageCheck()
    panel = grey_filled(place(1))
    found = [check.is_damaged(noisy_around(panel), n * SECOND_US) for n in range(40)]
    assert found[0]
    assert not any(found[USUAL_AFTER_US // SECOND_US :])
    assert check.is_damaged(smeared(panel, 200), 41 * SECOND_US)


def noisy_around(panel: Picture) -> Picture:
    return np.where(panel == 128, panel, noisy(panel)).astype(np.uint8)


@pytest.mark.parametrize("size", [(1, 1), (16, 16), (15, 4000), (4000, 17)])
def test_odd_sizes_do_no_harm(size: tuple[int, int]) -> None:
    check = DamageCheck()
    for value in (0, 128, 255):
        check.is_damaged(np.full(size, value, np.uint8), 0)
    assert marks(np.full((1, 1), 128, np.uint8)) == (0.0, 0.0)
