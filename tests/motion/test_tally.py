"""Every picture that comes is counted once where its way ends, and the counts add up."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

from chimera_storage.config import CameraSettings
from chimera_storage.motion.capture import Capture
from tests.motion.clips import jpegs, write_clip
from tests.motion.test_capture import Store, file, store
from tests.motion.test_damage_in_streams import (
    Taken,
    holes,
    stream,
    taken,
    without_key_frames,
    without_pictures,
)
from tests.motion.test_recorder import recording
from tests.support.rtsp_camera import Act, Camera, Cameras, Clip
from tests.support.waiting import wait_for

__all__ = ["store", "taken"]


def adds_up(capture: Capture) -> bool:
    tally = capture.tally
    ended = tally.let_go + tally.damaged + tally.dropped + tally.unsaved
    return tally.read == capture.images_saved + ended


def with_motion(**settings: Any) -> CameraSettings:
    quick = {"event_gap": 1, "post_capture": 0.5, "pre_capture": 0.5}
    return CameraSettings.model_validate({"id": 3, "url": "x", "motion": quick | settings})


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"framerate": 4},
        {"save_framerate": 2},
        {"picture_output": "first"},
        {"picture_output": "best"},
        {"picture_output": "center"},
    ],
)
def test_pictures_are_saved_or_let_go(store: Store, settings: dict[str, Any]) -> None:
    capture = store.capture(with_motion(**settings))
    files = jpegs(6, [(1.5, 2.5), (4.5, 6)])
    for number, jpeg in enumerate(files):
        capture.take(file(jpeg, number))
    capture.finish()
    assert capture.tally.read == len(files)
    assert capture.images_saved == len(store.images()) > 1
    assert capture.tally.let_go > 10
    assert adds_up(capture)


def test_pictures_that_cannot_be_written_are_counted(store: Store) -> None:
    in_the_way = store.layout.captures / "3"
    in_the_way.write_text("no folder")
    capture = store.capture(with_motion())
    for number, jpeg in enumerate(jpegs(3, [(1, 2)])):
        capture.take(file(jpeg, number))
    capture.finish()
    in_the_way.unlink()
    assert capture.tally.unsaved > 5
    assert adds_up(capture)


@pytest.mark.parametrize("damage", [holes, without_pictures, without_key_frames])
@pytest.mark.parametrize("passes", [[], [(2.0, 4.0)]])
def test_pictures_that_come_damaged_are_counted(
    tmp_path: Path, taken: Taken, damage: Any, passes: list[tuple[float, float]]
) -> None:
    packets = damage(stream(tmp_path / "clip.h264", "h264", passes))
    taken.play(packets, "h264")
    assert taken.capture.tally.read == len(packets)
    assert taken.capture.tally.damaged + taken.capture.tally.let_go > 0
    assert adds_up(taken.capture)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Clip:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 2.5, [(0.8, 1.8)])
    return Clip.read(path)


def test_what_a_camera_sent_is_what_was_read_whatever_ends_its_connections(
    tmp_path: Path, clip: Clip
) -> None:
    """One ends in order, one in the middle of a picture, one after a pause."""
    acts = iter(
        (Act(((clip, 17),)), Act(((clip, 12),), "cut"), Act(((clip, 12),), stalls={5: 1.2}))
    )
    camera = Camera(over(acts))
    with Cameras([camera]), recording(tmp_path / "data", camera.url) as running:
        wait_for(lambda: len(camera.connections) == 3, "three connections")
        wait_for(lambda: not camera.playing, "the end of the last")
        running.wait(lambda report: report.frames_read == camera.sent + 1)  # a part of one more
    last = running.reports[-1]
    assert [connection.sent for connection in camera.connections] == [17, 12, 12]
    assert (last.frames_damaged, last.frames_dropped, last.frames_unsaved) == (1, 0, 0)
    assert last.images_saved > 5
    assert last.frames_read == last.images_saved + last.frames_let_go + last.frames_damaged


def over(acts: Iterable[Act]) -> Any:
    """One after the other; then the camera refuses."""
    left: Iterator[Act] = iter(acts)
    refuses = Act((), "refuses")
    return lambda: next(left, refuses)
