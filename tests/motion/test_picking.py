"""Which images of an event are saved, and the periodic ones."""

from itertools import pairwise
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.config import MotionSettings
from chimera_storage.model import Box
from chimera_storage.motion.detector import Motion
from chimera_storage.motion.picking import Picker, Snapshots

Output = Literal["all", "first", "best", "center"]
SIZE = (640, 480)


def moved(score: float, *boxes: Box) -> Motion:
    return Motion(moving=True, score=score, boxes=boxes)


STILL = Motion(moving=False, score=0.9, boxes=(Box(319, 239, 2, 2),))
LEFT, MIDDLE = Box(0, 200, 80, 80), Box(300, 220, 40, 40)


def picked(output: Output, *offers: Motion) -> tuple[list[int], int | None]:
    """The numbers of the offers saved at once, and of the one saved at the close."""
    picker: Picker[int, Motion] = Picker(MotionSettings(picture_output=output))
    offered = [picker.offer(n, found, n * 100_000, SIZE) for n, found in enumerate(offers)]
    last = picker.close()
    return [saved[0] for saved in offered if saved], last[0] if last else None


def test_all_images_are_saved_at_once() -> None:
    assert picked("all", STILL, moved(0.1), STILL) == ([0, 1, 2], None)


def test_the_first_image_with_motion_is_saved_at_once_and_no_other() -> None:
    assert picked("first", STILL, STILL, moved(0.1), moved(0.9)) == ([2], None)


def test_the_best_image_has_the_highest_score_and_motion() -> None:
    assert picked("best", STILL, moved(0.1), moved(0.4), moved(0.4), moved(0.2)) == ([1], 2)


def test_the_centred_image_has_its_largest_box_nearest_to_the_middle() -> None:
    beside = Box(310, 240, 10, 10)
    offers = (moved(0.1, LEFT), moved(0.1, MIDDLE), moved(0.9, LEFT, beside), moved(0.3, MIDDLE))
    assert picked("center", *offers) == ([0], 3)


@pytest.mark.parametrize("output", ["best", "center"])
def test_what_is_best_so_far_is_saved_every_few_seconds_where_it_has_changed(
    output: Output,
) -> None:
    picker: Picker[int, Motion] = Picker(MotionSettings(picture_output=output))
    saved = []
    for n in range(400):  # 40 s; from 12 s to 14 s better and better, then no more
        score = 0.1 + max(0, min(n, 140) - 120) / 100
        box = Box(200 + max(0, min(n, 140) - 120), 220, 40, 40)
        chosen = picker.offer(n, moved(score, box), n * 100_000, SIZE)
        saved += [(n, chosen[0])] if chosen else []
    assert saved == [(0, 0), (121, 121), (171, 140)]
    assert picker.close() is None


def test_a_clock_that_is_set_back_does_not_keep_the_best_from_being_saved() -> None:
    picker: Picker[int, Motion] = Picker(MotionSettings(picture_output="best"))
    assert picker.offer(0, moved(0.1), 100_000_000, SIZE)
    assert picker.offer(1, moved(0.2), 1_000_000, SIZE)


def test_an_event_without_a_picture_in_which_something_moves_gives_none() -> None:
    assert picked("best", STILL) == ([], None)


@pytest.mark.parametrize("output", ["first", "best", "center"])
def test_each_event_gives_one_image(output: Output) -> None:
    picker: Picker[int, Motion] = Picker(MotionSettings(picture_output=output))
    for score in (0.9, 0.1):
        at_once = [n for n in range(3) if picker.offer(n, moved(score, MIDDLE), n, SIZE)]
        assert at_once == [0]
        assert picker.close() is None


def test_what_is_saved_is_thinned_out_evenly() -> None:
    picker: Picker[int, Motion] = Picker(MotionSettings(save_framerate=5))
    saved = [n for n in range(100) if picker.offer(n, STILL, n * 40_000, SIZE)]
    assert len(saved) == pytest.approx(20, abs=1)
    assert {b - a for a, b in pairwise(saved)} <= {4, 5, 6}


def test_a_snapshot_is_due_once_in_every_interval_whatever_the_frame_rate() -> None:
    snapshots = Snapshots(60)
    due = [n for n in range(3000) if snapshots.due(1_767_260_000_000_000 + n * 100_000)]
    assert len(due) == 6
    assert {b - a for a, b in pairwise(due[1:])} == {600}


def test_without_an_interval_there_are_no_snapshots() -> None:
    assert not any(Snapshots(0).due(n * 1_000_000) for n in range(1000))


def test_a_picture_that_is_cheap_is_preferred_for_a_while() -> None:
    snapshots = Snapshots(100)
    assert not snapshots.due(1_000_000, is_cheap=False)
    assert snapshots.due(3_000_000, is_cheap=True)
    assert not snapshots.due(101_000_000, is_cheap=False)
    assert snapshots.due(125_000_000, is_cheap=False)


@given(st.lists(st.integers(0, 10_000_000_000)), st.integers(1, 3600))
def test_a_clock_that_leaps_never_gives_two_snapshots_in_a_row_within_an_interval(
    times: list[int], interval_s: int
) -> None:
    snapshots = Snapshots(interval_s)
    due = [t // (interval_s * 1_000_000) for t in times if snapshots.due(t)]
    assert all(a != b for a, b in pairwise(due))
    assert bool(due) is bool(times)
