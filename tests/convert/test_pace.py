"""How long images are shown: at an even pace, as it really took, and fast where nothing moves."""

import pytest

from chimera_storage.convert.pace import shown
from chimera_storage.model import Image, ImageKey
from chimera_storage.options import Pace

BEGIN_S = 1_767_260_000


def images(*moments_s: float, event: int | None = None) -> list[Image]:
    return [
        Image(
            key=ImageKey(camera=1, second=BEGIN_S + int(s), number=n),
            taken_at_us=round((BEGIN_S + s) * 1_000_000),
            size=1,
            crc32=1,
            width=1,
            height=1,
            event=event,
        )
        for n, s in enumerate(moments_s)
    ]


def ticks(pictures: list[Image], pace: Pace, fps: int = 20) -> list[int]:
    return [length for _, length in shown(pictures, pace, fps)]


def test_an_even_pace_gives_every_image_one_tick() -> None:
    assert ticks(images(0, 0.1, 7200), "even") == [1, 1, 1]


def test_real_pace_shows_each_image_until_the_next_was_taken() -> None:
    assert ticks(images(0, 0.1, 0.35, 3, 7203), "real") == [100, 250, 2650, 7_200_000, 50]


def test_images_whose_names_say_only_the_second_are_spread_over_it() -> None:
    assert ticks(images(0, 0, 0, 0, 1, 1), "real") == [250, 250, 250, 250, 500, 50]
    assert ticks(images(0, 0, 0.5), "real") == [250, 250, 50]
    assert ticks(images(0, 0, 10), "real") == [500, 9500, 50]


def test_smart_pace_is_real_while_something_moves_and_fast_in_between() -> None:
    first, second = images(0, 0.5, 1, event=1), images(31, 31.5, event=2)
    assert ticks(first + second, "smart") == [500, 500, 500, 500, 50]
    assert ticks(images(0, 0.5, 1.0, 3601, 3601.5), "smart") == [500, 500, 1000, 500, 50]


def test_images_taken_once_in_a_while_go_by_at_the_even_pace() -> None:
    assert ticks(images(0, 5, 10, 15), "smart") == [83, 83, 83, 50]
    assert ticks(images(0, 2.5, 5), "smart", fps=10) == [100, 100, 100]


@pytest.mark.parametrize("pace", ["even", "real", "smart"])
def test_every_image_is_shown_once_for_at_least_a_tick_whatever_the_times(pace: Pace) -> None:
    odd = images(5, 5, 4.9, 0, 1e6, 1e6, 1e6 + 1e-6, 3)
    assert [image for image, _ in shown(odd, pace, 60)] == odd
    assert min(ticks(odd, pace, 60)) >= 1
    assert ticks([], pace) == []
    assert len(ticks(images(1), pace)) == 1
