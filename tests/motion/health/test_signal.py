from collections.abc import Callable

import numpy as np
import pytest

from chimera_storage.model import Health
from chimera_storage.motion.health.signal import SignalHealth
from tests.motion.health.scenes import (
    Picture,
    blurred,
    covered,
    infrared,
    lit,
    noisy,
    panned,
    place,
    with_lorry,
)

START_US = 1_767_260_000_000_000
SECOND_US = 1_000_000


class Watched:
    """A camera whose pictures are looked at, one a second."""

    def __init__(self) -> None:
        self.signal = SignalHealth()
        self.seconds = 0
        self.states: list[tuple[int, Health]] = []

    def see(self, picture: Picture, seconds: int, *, noise: float = 2.0, step: int = 1) -> None:
        for _ in range(0, seconds, step):
            shown = noisy(picture, noise) if noise else picture
            self.signal.look(shown, START_US + self.seconds * SECOND_US)
            health = self.signal.health
            if health is not (self.states[-1][1] if self.states else Health.OK):
                self.states.append((self.seconds, health))
            self.seconds += step


@pytest.fixture
def camera() -> Watched:
    watched = Watched()
    watched.see(place(1), 60)
    assert watched.states == []
    return watched


@pytest.mark.parametrize(
    ("befallen", "health"),
    [
        (lambda picture: np.full_like(picture, 16), Health.BLACK),
        (covered, Health.COVERED),
        (lambda _: place(2), Health.TURNED),
        (panned(200), Health.TURNED),
        (blurred(3), Health.DEFOCUSED),
        (blurred(12), Health.DEFOCUSED),
    ],
)
def test_what_befalls_a_camera_is_noticed_and_over_when_it_is_mended(
    camera: Watched, befallen: Callable[[Picture], Picture], health: Health
) -> None:
    camera.see(befallen(place(1)), 90, noise=1)
    assert [state for _, state in camera.states] == [health]
    assert 90 <= camera.states[0][0] <= 140  # it lasted half a minute to a minute
    since_us = camera.signal.since_us
    assert since_us is not None
    assert abs(since_us - START_US - 60 * SECOND_US) <= 10 * SECOND_US
    camera.see(place(1), 30)
    assert camera.signal.health is Health.OK
    assert camera.signal.since_us is None
    assert len(camera.states) == 2


@pytest.mark.parametrize("step", [1, 4, 10])
def test_it_is_noticed_as_soon_where_pictures_are_looked_at_seldom(step: int) -> None:
    camera = Watched()
    camera.see(place(1), 150, step=step)
    camera.see(place(2), 100, step=step)
    assert [state for _, state in camera.states] == [Health.TURNED]


@pytest.mark.parametrize(
    "harmless",
    [
        lit(0.3),
        lit(1.4),
        lit(0.05),
        infrared,
        panned(6),
        lambda picture: noisy(picture, 12),
        lambda picture: np.roll(picture, 3, axis=0),
    ],
)
def test_light_night_noise_and_wind_are_no_fault(
    camera: Watched, harmless: Callable[[Picture], Picture]
) -> None:
    for _ in range(3):
        camera.see(harmless(place(1)), 100)
        camera.see(place(1), 100)
    assert camera.states == []


def test_a_lorry_that_passes_is_no_fault(camera: Watched) -> None:
    for _ in range(10):
        camera.see(with_lorry(place(1)), 20)
        camera.see(place(1), 20)
    assert camera.states == []


def test_a_picture_that_stands_still_is_frozen_after_a_minute(camera: Watched) -> None:
    camera.see(noisy(place(1)), 90, noise=0)
    assert [state for _, state in camera.states] == [Health.FROZEN]
    assert camera.states[0][0] >= 120
    camera.see(place(1), 15)
    assert camera.signal.health is Health.OK


def test_a_black_picture_is_black_and_not_frozen(camera: Watched) -> None:
    camera.see(np.full_like(place(1), 16), 200, noise=0)
    assert [state for _, state in camera.states] == [Health.BLACK]


def test_a_view_that_stays_becomes_usual_and_the_first_one_stays_usual_too(camera: Watched) -> None:
    camera.see(place(2), 1900)
    assert [state for _, state in camera.states] == [Health.TURNED, Health.OK]
    camera.see(place(1), 200)
    camera.see(place(2), 200)
    assert camera.signal.health is Health.OK
    camera.see(place(3), 100)
    assert [state for _, state in camera.states[2:]] == [Health.TURNED]


def test_a_camera_that_turns_all_the_time_by_itself_is_no_fault() -> None:
    camera = Watched()
    for station in range(100):
        camera.see(place(station % 6), 10)
    assert camera.states == []


def test_scenes_without_anything_to_compare_are_not_judged() -> None:
    camera = Watched()
    for number in range(300):  # nothing but leaves in the wind
        camera.see(place(100 + number), 1)
    wall = np.full_like(place(1), 120)
    camera.see(wall, 100)
    camera.see(blurred(5)(wall), 100)
    assert camera.states == []


def test_pictures_of_another_size_are_compared_with_their_own_kind(camera: Watched) -> None:
    for _ in range(3):
        camera.see(place(2)[:180, :320], 100)
        camera.see(place(1), 100)
    assert camera.states == []


def test_damage_counts_when_it_comes_again_and_again_and_ends_by_itself(camera: Watched) -> None:
    now_us = START_US + camera.seconds * SECOND_US
    camera.signal.damaged(now_us)
    camera.signal.damaged(now_us + 1)
    camera.signal.damaged(now_us + 2)
    assert camera.signal.since_us is None
    for second in range(1, 5):
        camera.signal.damaged(now_us + second * SECOND_US)
    assert camera.signal.health is Health.DAMAGED
    assert camera.signal.since_us is not None
    camera.see(place(1), 60)
    assert camera.signal.health is Health.OK


def test_a_camera_that_only_sends_damage_is_damaged() -> None:
    signal = SignalHealth()
    for second in range(5):
        signal.damaged(START_US + second * SECOND_US)
    assert signal.health is Health.DAMAGED


@pytest.mark.parametrize("size", [(1, 1), (2, 3), (400, 1), (1, 5000), (17, 16), (4320, 7680)])
def test_odd_sizes_do_no_harm(size: tuple[int, int]) -> None:
    signal = SignalHealth()
    for number in range(4):
        signal.look(np.full(size, 40 * number, np.uint8), number * SECOND_US)
    assert signal.health is Health.OK


def test_times_that_leap_or_run_backwards_do_no_harm() -> None:
    signal = SignalHealth()
    for time_us in [0, 10**18, 5, -(10**15), 10**18, *range(40)]:
        signal.look(noisy(place(1)), time_us)
        signal.damaged(time_us)
        assert signal.health in (Health.OK, Health.DAMAGED)
