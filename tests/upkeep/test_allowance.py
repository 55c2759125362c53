"""Footage is not given away to another program that fills the disk."""

from chimera_storage.model import HourTotals
from chimera_storage.upkeep.allowance import Allowance

FLOOR = 1000


def hour(size: int, number: int = 5) -> list[HourTotals]:
    return [HourTotals(camera=1, hour=number, images=1, bytes=size)]


def test_the_floor_may_be_cleared_once_and_then_once_an_hour() -> None:
    allowance = Allowance()
    assert allowance.left(FLOOR, [], 0.0) == 1100
    allowance.spend(1100)
    assert allowance.left(FLOOR, [], 1.0) == 0
    assert allowance.left(FLOOR, [], 1800.0) == 550
    assert allowance.left(FLOOR, [], 3600.0) == 1100
    assert allowance.left(FLOOR, [], 10**6) == 1100


def test_what_went_is_taken_off_and_no_more() -> None:
    allowance = Allowance()
    assert allowance.left(FLOOR, [], 0.0) == 1100
    allowance.spend(300)
    assert allowance.left(FLOOR, [], 0.0) == 800


def test_what_cameras_save_may_go_again_at_any_pace() -> None:
    allowance = Allowance()
    allowance.left(FLOOR, hour(500), 0.0)
    for step in range(1, 200):
        allowance.spend(1100)
        assert allowance.left(FLOOR, hour(500 + step * 400), float(step)) >= 800


def test_images_deleted_from_the_present_hour_do_not_count_twice() -> None:
    allowance = Allowance()
    allowance.left(FLOOR, hour(500), 0.0)
    allowance.spend(1100)
    assert allowance.left(FLOOR, hour(100), 0.0) == 0
    assert allowance.left(FLOOR, hour(150), 0.0) == 100


def test_a_new_hour_counts_from_nothing() -> None:
    allowance = Allowance()
    allowance.left(FLOOR, hour(500), 0.0)
    allowance.spend(1100)
    assert allowance.left(FLOOR, [*hour(500), *hour(30, 6)], 0.0) == 60
