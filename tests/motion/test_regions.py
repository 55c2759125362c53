"""Masks, zones, their hours, and mask files."""

from datetime import UTC, datetime, time
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from chimera_storage.clock import to_us
from chimera_storage.config import MotionSettings
from chimera_storage.errors import ConfigurationError
from chimera_storage.motion.detector.patches import Patch
from chimera_storage.motion.regions import Regions, View, drawn, is_within, read_mask, scaled

LEFT_HALF = ((0.0, 0.0), (0.5, 0.0), (0.5, 1.0), (0.0, 1.0))
RIGHT_HALF = ((0.5, 0.0), (1.0, 0.0), (1.0, 1.0), (0.5, 1.0))
SHAPE = (90, 160)


def settings(**values: object) -> MotionSettings:
    return MotionSettings.model_validate(values)


def at(text: str, zone: str = "Europe/Berlin") -> int:
    return to_us(datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone)).astimezone(UTC))


def ignored(regions: Regions, time_us: int = 0) -> float:
    """The share of the picture that is ignored."""
    mask = regions.view(SHAPE, time_us).ignored
    return 0.0 if mask is None else float(mask.mean())


def test_without_settings_nothing_is_ignored() -> None:
    view = Regions(MotionSettings()).view(SHAPE, 0)
    assert view.ignored is None
    assert view.zones == ()


@pytest.mark.parametrize("shape", [(90, 160), (270, 480), (7, 9), (1, 2)])
def test_a_polygon_covers_its_share_of_a_picture_of_any_size(shape: tuple[int, int]) -> None:
    mask = drawn(LEFT_HALF, shape)
    assert mask.shape == shape
    assert mask[:, : shape[1] // 2].all()
    assert not mask[:, shape[1] // 2 + 1 :].any()


def test_the_whole_picture_can_be_a_polygon() -> None:
    assert drawn(((0, 0), (1, 0), (1, 1), (0, 1)), SHAPE).all()


def test_a_triangle_covers_half_of_its_box() -> None:
    assert drawn(((0, 0), (1, 0), (0, 1)), (300, 300)).mean() == pytest.approx(0.5, abs=0.01)


def test_several_masks_and_a_file_are_joined(tmp_path: Path) -> None:
    picture = np.full((40, 40), 255, np.uint8)
    picture[30:] = 0
    cv2.imwrite(str(tmp_path / "m.png"), picture)
    corner = [[0.9, 0.0], [1.0, 0.0], [1.0, 0.1], [0.9, 0.1]]
    regions = Regions(settings(mask_file=str(tmp_path / "m.png"), mask=[{"polygon": corner}]), None)
    assert ignored(regions) == pytest.approx(0.26, abs=0.01)


def test_hours_go_by_local_time_and_over_midnight() -> None:
    night = settings(mask=[{"polygon": LEFT_HALF, "hours": "22:00-06:00"}])
    regions = Regions(night, ZoneInfo("Europe/Berlin"))
    expected = {
        "2026-01-10T21:59": False,
        "2026-01-10T22:00": True,
        "2026-01-11T00:00": True,
        "2026-01-11T05:59": True,
        "2026-01-11T06:00": False,
        "2026-07-11T06:00": False,  # summer time
        "2026-07-11T05:59": True,
    }
    for text, holds in expected.items():
        assert (ignored(regions, at(text)) > 0) is holds, text


def test_where_the_time_of_the_day_is_not_known_hours_are_passed_over() -> None:
    night = settings(mask=[{"polygon": LEFT_HALF, "hours": "22:00-06:00"}])
    assert ignored(Regions(night, None), at("2026-01-10T12:00")) == pytest.approx(0.5, abs=0.01)


@given(st.times(), st.times(), st.times())
def test_a_time_is_within_hours_or_within_the_others(now: time, begin: time, end: time) -> None:
    if begin != end:
        assert is_within(now, begin, end) is not is_within(now, end, begin)


def patch(x: int, y: int, w: int, h: int, label: int) -> Patch:
    return Patch(x, y, w, h, w * h, label)


def counting(view: View, threshold: float, *patches: Patch) -> list[int]:
    labels = np.zeros(SHAPE, np.int32)
    for p in patches:
        labels[p.y : p.y + p.h, p.x : p.x + p.w] = p.label
    return [p.label for p in view.counting(patches, labels, threshold)]


def test_each_place_has_a_threshold_of_its_own() -> None:
    zone = {"polygon": LEFT_HALF, "threshold": 0.01}  # 144 pixels; the rest wants 720
    view = Regions(settings(zone=[zone])).view(SHAPE, 0)
    left, right = patch(10, 10, 12, 13, 1), patch(120, 10, 12, 13, 2)
    assert counting(view, 0.05, left, right) == [1]
    assert counting(view, 0.005, left, right) == [1, 2]
    assert counting(view, 0.05, patch(10, 10, 11, 11, 1)) == []


def test_a_thing_belongs_to_the_zone_that_holds_at_least_half_of_it() -> None:
    view = Regions(settings(zone=[{"polygon": LEFT_HALF, "threshold": 0.001}])).view(SHAPE, 0)
    assert counting(view, 1.0, patch(70, 10, 20, 20, 1)) == [1]
    assert counting(view, 1.0, patch(74, 10, 20, 20, 1)) == []


def test_what_moves_in_an_insensitive_zone_does_not_count_elsewhere() -> None:
    zones = [{"polygon": LEFT_HALF, "threshold": 0.5}, {"polygon": RIGHT_HALF, "threshold": 0.02}]
    view = Regions(settings(zone=zones)).view(SHAPE, 0)
    street, gate = patch(10, 10, 40, 40, 1), patch(100, 10, 20, 20, 2)
    assert counting(view, 0.0001, street) == []
    assert counting(view, 0.0001, street, gate) == [2]


def test_several_small_things_reach_a_threshold_together() -> None:
    view = Regions(MotionSettings()).view(SHAPE, 0)
    assert counting(view, 0.02, patch(1, 1, 13, 13, 1)) == []
    assert counting(view, 0.02, patch(1, 1, 13, 13, 1), patch(50, 50, 13, 13, 2)) == [1, 2]


@pytest.mark.parametrize("name", ["m.pgm", "m.png"])
def test_a_mask_file_is_black_where_motion_is_ignored(name: str, tmp_path: Path) -> None:
    picture = np.full((480, 640), 255, np.uint8)
    picture[:, :320] = 0
    cv2.imwrite(str(tmp_path / name), picture)
    mask = scaled(read_mask(tmp_path / name), (27, 48))
    assert mask[:, :24].all()
    assert not mask[:, 24:].any()


def test_a_mask_file_of_grey_levels_up_to_15_is_understood(tmp_path: Path) -> None:
    (tmp_path / "m.pgm").write_bytes(b"P2\n4 1\n15\n0 7 8 15\n")
    assert read_mask(tmp_path / "m.pgm").tolist() == [[1, 1, 0, 0]]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "is no picture"),
        (b"P5\n10 10\n255\n", "is no picture"),
        (b"<html>", "is no picture"),
        (b"P5\n2 2\n255\n\0\0\0\0", "black throughout"),
        (None, "cannot be read: No such file"),
    ],
)
def test_a_mask_file_that_is_none_is_refused_in_words(
    content: bytes | None, said: str, tmp_path: Path
) -> None:
    if content is not None:
        (tmp_path / "m.pgm").write_bytes(content)
    with pytest.raises(ConfigurationError, match=said):
        read_mask(tmp_path / "m.pgm")


def test_a_mask_file_that_went_away_is_warned_of_and_the_camera_goes_on(tmp_path: Path) -> None:
    with capture_logs() as logs:
        regions = Regions(settings(mask_file=str(tmp_path / "gone.pgm")), None)
    assert ignored(regions) == 0
    assert [entry["event"] for entry in logs] == ["mask_not_read"]
