"""Footage replayed with other settings: the same as the detector says, with marks and a search."""

from pathlib import Path
from typing import Any

import cv2
import pytest

from chimera_storage.config import MotionSettings
from chimera_storage.errors import InvalidInputError, SourceError
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.replay import replay
from chimera_storage.motion.tune import (
    Mark,
    SavedFootage,
    VideoFootage,
    compare,
    read_marks,
    write_picture,
)
from chimera_storage.motion.tune.replaying import Replayed
from tests.motion.clips import HEIGHT, WIDTH, jpegs, write_clip
from tests.support.footage import Footage, write_scene
from tests.support.saved_images import START_US, saved_images

SETTINGS = MotionSettings(event_gap=2)


def mark(start_s: float, end_s: float, *, wanted: bool) -> Mark:
    return Mark(round(start_s * 1e6), round(end_s * 1e6), wanted)


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """A minute in 720p, which the detector halves, with passers of several sizes."""
    path = tmp_path_factory.mktemp("footage") / "street.mp4"
    return write_scene(path, DemoScene(1280, 720, fps=10, seed=3), 30)


@pytest.mark.parametrize(
    "changes",
    [{}, {"threshold": 0.01}, {"noise_level": 40, "threshold": 0.004}, {"threshold_maximum": 0.02},
     {"minimum_motion_frames": 8}, {"smart_mask_speed": 5}, {"save_framerate": 3.0},
     {"picture_output": "center"}, {"snapshot_interval": 4}],
)  # fmt: skip
def test_one_replay_for_all_settings_says_what_each_would_alone(
    street: Footage, changes: dict[str, Any]
) -> None:
    settings = SETTINGS.model_copy(update=changes)
    others = [SETTINGS, settings, SETTINGS.model_copy(update={"noise_level": 30})]
    replayed = Replayed(VideoFootage(street.path), others, lambda _: None)
    assert replayed.saved(settings) == sum(v.saved for v in replay(street.path, settings))
    every = settings.model_copy(
        update={"save_framerate": 0, "picture_output": "all", "snapshot_interval": 0}
    )
    moving = {round(v.time * 1e6) for v in replay(street.path, every) if v.motion and v.saved}
    assert set(replayed.outcome(settings).moving_us) == moving


def test_zones_count_as_they_do_in_the_detector(street: Footage) -> None:
    left = {"polygon": [[0, 0], [0.5, 0], [0.5, 1], [0, 1]], "threshold": 0.5}
    settings = MotionSettings.model_validate({"event_gap": 2, "zone": [left]})
    outcome = Replayed(VideoFootage(street.path), [settings], lambda _: None).outcome(settings)
    alone = {round(v.time * 1e6) for v in replay(street.path, settings) if v.motion and v.saved}
    assert set(outcome.moving_us) == alone


def test_what_is_no_longer_caught_is_named(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 20, [(3, 6), (12, 15)])
    footage = VideoFootage(tmp_path / "a.mp4")
    deaf = SETTINGS.model_copy(update={"threshold": 0.5})
    lost = compare(footage, SETTINGS, deaf, [], searching=False)
    assert (lost.before.events, lost.after.events) == (2, 0)
    assert [3 <= e.start_us / 1e6 <= 4 or 12 <= e.start_us / 1e6 <= 13 for e in lost.no_longer] == [
        True, True,
    ]  # fmt: skip
    assert lost.before.events_per_day == pytest.approx(2 * 86400 / 20)
    assert lost.newly == ()
    gained = compare(footage, deaf, SETTINGS, [], searching=False)
    assert (len(gained.newly), gained.no_longer) == (2, ())
    assert any("less than an hour" in limit for limit in gained.limits)


def test_the_picture_shows_both_and_what_differs(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12, [(4, 7)])
    footage = VideoFootage(tmp_path / "a.mp4")
    deaf = SETTINGS.model_copy(update={"threshold": 0.5})
    lost = compare(footage, SETTINGS, deaf, [mark(4, 7, wanted=True)], searching=False)
    same = compare(footage, SETTINGS, SETTINGS, [mark(4, 7, wanted=True)], searching=False)
    pictures = []
    for name, comparison in (("lost", lost), ("same", same)):
        write_picture(comparison, footage, tmp_path / f"{name}.png", str)
        picture = cv2.imread(str(tmp_path / f"{name}.png"))
        assert picture is not None
        pictures.append(picture)
    assert pictures[0].shape[1] == 1200
    assert pictures[0].shape[0] > pictures[1].shape[0] + 100  # a row of thumbnails
    thumbnail = pictures[0][-200:-60, 30:303]
    assert (thumbnail > 200).all(axis=2).sum() > 300  # the bright thing in it


def test_a_search_tells_wanted_from_not_wanted(tmp_path: Path) -> None:
    # The thing is 5 % of the picture; the second pass lasts a third as long.
    write_clip(tmp_path / "a.mp4", 24, [(4, 8), (16, 17.1)])
    marks = [mark(3.5, 8.5, wanted=True), mark(15.5, 17.5, wanted=False)]
    footage = VideoFootage(tmp_path / "a.mp4")
    found = compare(footage, SETTINGS, SETTINGS, marks, searching=True)
    assert (found.before.wanted_caught, found.before.unwanted_caught) == (1, 1)
    assert (found.after.wanted_caught, found.after.unwanted_caught) == (1, 0)
    assert found.search is not None
    alone = [v.time for v in replay(tmp_path / "a.mp4", found.other.settings) if v.saved]
    assert any(4 <= time <= 8 for time in alone)
    assert not any(15.5 <= time <= 17.5 for time in alone)


def test_a_search_keeps_present_settings_that_are_right_already(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12, [(4, 7)])
    found = compare(
        VideoFootage(tmp_path / "a.mp4"), SETTINGS, SETTINGS,
        [mark(4, 7, wanted=True), mark(9, 11, wanted=False)], searching=True,
    )  # fmt: skip
    assert found.other.settings == SETTINGS


def test_a_search_never_gives_a_wanted_mark_for_an_unwanted_one(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12, [(4, 7)])
    marks = [mark(4, 5.5, wanted=True), mark(5.5, 7, wanted=False)]  # cannot be told apart
    found = compare(VideoFootage(tmp_path / "a.mp4"), SETTINGS, SETTINGS, marks, searching=True)
    assert found.after.wanted_caught == 1
    assert found.search is not None
    assert (found.search.wanted_missed, found.search.unwanted_caught) == (0, 1)


def test_saved_images_are_replayed_with_a_new_beginning_after_each_gap(tmp_path: Path) -> None:
    with saved_images(tmp_path) as saved:
        first = jpegs(6, [(1.5, 4.5)])
        second = jpegs(6, [(1.5, 4.5)])
        saved.save(first, width=WIDTH, height=HEIGHT)
        hour_us = 3_600_000_000
        saved.save(second, start_us=START_US + hour_us, width=WIDTH, height=HEIGHT)
        footage = SavedFootage(saved.archive, 1, START_US, START_US + 2 * hour_us)
        found = compare(footage, SETTINGS, SETTINGS, [], searching=False)
        assert (footage.gaps, found.pictures) == (1, 120)
        assert found.before.events == 2
        assert all(e.start_us > START_US + 1_500_000 for e in found.present.events)
        assert any("Only saved images" in limit for limit in found.limits)
        assert footage.size == (WIDTH, HEIGHT)
        best = footage.picture(found.present.events[1].best_us)
        assert best is not None
        assert best.shape == (HEIGHT, WIDTH, 3)


def test_an_image_that_is_gone_or_torn_is_left_out_and_counted(tmp_path: Path) -> None:
    with saved_images(tmp_path) as saved:
        images = saved.save(jpegs(5, [(1.5, 4.5)]), width=WIDTH, height=HEIGHT)
        saved.path(images[20]).unlink()
        saved.path(images[21]).write_bytes(b"torn")
        footage = SavedFootage(saved.archive, 1, START_US, START_US + 10**9)
        found = compare(footage, SETTINGS, SETTINGS, [], searching=False)
        assert (found.pictures, footage.damaged, found.before.events) == (48, 2, 1)
        assert any("2 pictures were left out" in limit for limit in found.limits)


def test_nothing_to_replay_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no file"):
        compare(VideoFootage(tmp_path / "gone.mp4"), SETTINGS, SETTINGS, [], searching=False)
    with saved_images(tmp_path) as saved:
        footage = SavedFootage(saved.archive, 1, 0, 1)
        with pytest.raises(SourceError, match="no saved image"):
            compare(footage, SETTINGS, SETTINGS, [], searching=False)


def test_marks_are_times_stretches_and_files(tmp_path: Path) -> None:
    assert read_marks("12.5, 1:00..1:02:03", wanted=True) == [
        mark(11.5, 13.5, wanted=True), mark(60, 3723, wanted=True),
    ]  # fmt: skip
    (tmp_path / "marks.txt").write_text("# the cat\n5..6\n\n7\n")
    assert read_marks(str(tmp_path / "marks.txt"), wanted=False) == [
        mark(5, 6, wanted=False), mark(6, 8, wanted=False),
    ]  # fmt: skip
    (tmp_path / "marks.jsonl").write_text(
        '{"file": "a", "start": 1, "end": 2.5, "wanted": false}\n'
        '{"frame": 3, "time": 9.0, "motion": true}\n{"file": "a", "problem": "torn"}\n'
    )
    assert read_marks(str(tmp_path / "marks.jsonl"), wanted=True) == [
        mark(1, 2.5, wanted=False), mark(8, 10, wanted=True),
    ]  # fmt: skip


@pytest.mark.parametrize("text", ["soon", "5..4", "1:99", "..", '{"start": "x"}'])
def test_a_mark_that_is_no_time_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "marks").write_text(text)
    with pytest.raises(InvalidInputError):
        read_marks(str(tmp_path / "marks"), wanted=True)
