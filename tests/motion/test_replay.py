"""Replaying recorded videos, whole and damaged ones."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest

from chimera_storage.config import MotionSettings
from chimera_storage.errors import SourceError
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.replay import replay
from tests.motion.clips import write_clip
from tests.support.footage import Footage, write_scene

SETTINGS = MotionSettings()


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """Twenty-five seconds with at least one passer."""
    path = tmp_path_factory.mktemp("footage") / "street.mp4"
    return write_scene(path, DemoScene(320, 180, fps=10, seed=1), 25)


def test_every_frame_comes_out_once_and_in_order(street: Footage) -> None:
    verdicts = list(replay(street.path, SETTINGS))
    assert [verdict.frame for verdict in verdicts] == list(range(street.frames))
    assert [verdict.time for verdict in verdicts] == pytest.approx(
        [n / street.fps for n in range(street.frames)], abs=1e-4
    )


def test_passers_are_found_and_saved_with_what_came_before_and_after(street: Footage) -> None:
    verdicts = list(replay(street.path, SETTINGS))
    hits = {verdict.frame for verdict in verdicts if verdict.motion}
    assert hits
    assert all(street.is_busy(n, tolerance=3) for n in hits)
    saved = {verdict.frame for verdict in verdicts if verdict.saved}
    pre, post = (round(s * street.fps) for s in (SETTINGS.pre_capture, SETTINGS.post_capture))
    assert saved == {n for n in range(street.frames) if any(m - pre <= n <= m + post for m in hits)}
    assert all(verdict.boxes for verdict in verdicts if verdict.motion)
    assert not any(verdict.boxes for verdict in verdicts if not verdict.motion)


def test_a_frame_rate_limit_saves_no_more_than_that(street: Footage) -> None:
    everything = list(replay(street.path, SETTINGS))
    limited = list(replay(street.path, SETTINGS.model_copy(update={"framerate": 2.0})))
    assert [v.frame for v in limited] == [v.frame for v in everything]
    saved = [v.frame for v in limited if v.saved]
    assert saved
    assert all(n % 5 == 0 for n in saved)
    for before, after in pairwise(limited):
        if after.frame % 5:
            assert (after.motion, after.score, after.boxes) == (
                before.motion, before.score, before.boxes,
            )  # fmt: skip


@pytest.fixture(scope="module")
def passers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty seconds with two passers, each an event of its own."""
    path = tmp_path_factory.mktemp("footage") / "passers.mp4"
    write_clip(path, 20, [(3, 6), (12, 15)])
    return path


@pytest.mark.parametrize("output", ["first", "best", "center"])
def test_one_picture_of_each_event_is_saved_where_one_is_wanted(output: str, passers: Path) -> None:
    settings = MotionSettings.model_validate({"event_gap": 2, "picture_output": output})
    verdicts = list(replay(passers, settings))
    saved = [verdict for verdict in verdicts if verdict.saved]
    assert [verdict.frame for verdict in verdicts] == list(range(200))
    assert len(saved) == 2
    assert all(verdict.motion for verdict in saved)
    for kept, first, last in zip(saved, (3, 12), (6, 15), strict=True):
        others = [v for v in verdicts if v.motion and first <= v.time <= last + 0.5]
        if output == "first":
            assert kept.time <= others[2].time
        elif output == "best":
            assert kept.score == max(v.score for v in others)
        else:
            assert first + 1 < kept.time < last - 1  # half way across the picture


def test_no_more_is_saved_than_the_frame_rate_to_save_at(passers: Path) -> None:
    everything = [v.frame for v in replay(passers, MotionSettings()) if v.saved]
    thinned = [v.frame for v in replay(passers, MotionSettings(save_framerate=2)) if v.saved]
    assert set(thinned) < set(everything)
    assert len(thinned) == pytest.approx(len(everything) / 5, abs=2)
    assert all(b - a >= 5 for a, b in pairwise(thinned))


def test_periodic_pictures_are_saved_where_nothing_moves(tmp_path: Path) -> None:
    write_clip(tmp_path / "still.mp4", 10, [])
    verdicts = replay(tmp_path / "still.mp4", MotionSettings(snapshot_interval=4))
    assert [verdict.time for verdict in verdicts if verdict.saved] == [0, 4, 8]


def test_masks_hold_at_their_hours_of_the_recordings_own_time(passers: Path) -> None:
    everywhere = [(0, 0), (1, 0), (1, 1), (0, 1)]
    night = {"polygon": everywhere, "hours": "22:00-06:00"}
    settings = MotionSettings.model_validate({"mask": [night]})

    def moves(start_us: int | None, zone: str = "UTC") -> bool:
        found = replay(passers, settings, timezone=ZoneInfo(zone), start_us=start_us)
        return any(verdict.motion for verdict in found)

    noon_us, midnight_us = 12 * 3_600_000_000, 0
    assert moves(noon_us)
    assert not moves(midnight_us)
    assert moves(midnight_us, "Asia/Tokyo")  # nine in the morning
    assert not moves(None)  # nobody knows


def test_a_raw_stream_without_times_gets_them_from_its_frame_rate(
    street: Footage, tmp_path: Path
) -> None:
    raw = write_scene(tmp_path / "raw.264", DemoScene(320, 180, fps=25, seed=1), 4)
    times = [verdict.time for verdict in replay(raw.path, SETTINGS)]
    assert times == pytest.approx([n / 25 for n in range(100)], abs=1e-6)


def test_a_stream_that_starts_late_starts_at_zero(tmp_path: Path) -> None:
    written = write_scene(tmp_path / "late.ts", DemoScene(320, 180, fps=10, seed=1), 4)
    times = [verdict.time for verdict in replay(written.path, SETTINGS)]
    assert times == pytest.approx([n / 10 for n in range(40)], abs=1e-3)


@pytest.mark.parametrize("codec", ["h265", "mjpeg"])
def test_other_codecs_are_read(codec: str, tmp_path: Path) -> None:
    scene = DemoScene(320, 180, fps=10, seed=1)
    written = write_scene(tmp_path / "other.mkv", scene, 9, codec=codec)
    verdicts = list(replay(written.path, SETTINGS))
    assert len(verdicts) == written.frames
    assert any(verdict.motion for verdict in verdicts)
    assert all(written.is_busy(v.frame, tolerance=3) for v in verdicts if v.motion)


def test_half_a_file_gives_the_frames_that_are_in_it(tmp_path: Path) -> None:
    written = write_scene(tmp_path / "whole.ts", DemoScene(320, 180, fps=10, seed=1), 8)
    data = written.path.read_bytes()
    half = tmp_path / "half.ts"
    half.write_bytes(data[: len(data) // 2])
    whole = list(replay(written.path, SETTINGS))
    cut = list(replay(half, SETTINGS))
    assert 10 < len(cut) < written.frames
    intact = len(cut) - 12  # the cut changes which of the last frames are saved
    assert [replace(v, saved=False) for v in cut[:intact]] == [
        replace(v, saved=False) for v in whole[:intact]
    ]


def test_an_mp4_without_its_index_is_a_clear_error(tmp_path: Path) -> None:
    written = write_scene(tmp_path / "whole.mp4", DemoScene(320, 180, fps=10, seed=1), 3)
    torn = tmp_path / "torn.mp4"
    torn.write_bytes(written.path.read_bytes()[:5000])
    with pytest.raises(SourceError, match=r"torn\.mp4"):
        list(replay(torn, SETTINGS))


@pytest.mark.parametrize("seed", range(6))
def test_bytes_overwritten_at_random_do_no_harm(street: Footage, tmp_path: Path, seed: int) -> None:
    numbers = np.random.default_rng(seed)
    data = bytearray(street.path.read_bytes())
    for at in numbers.integers(2000, len(data) - 20_000, 40):
        data[at : at + 4] = numbers.bytes(4)
    bad = tmp_path / "bad.mp4"
    bad.write_bytes(data)
    try:
        verdicts = list(replay(bad, SETTINGS))
    except SourceError:
        return
    assert [verdict.frame for verdict in verdicts] == list(range(len(verdicts)))


@pytest.mark.parametrize("name", ["noise.mp4", "noise.264", "noise.avi", "noise.jpg", "noise"])
def test_random_bytes_are_a_clear_error_or_nothing_that_moves(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    path.write_bytes(np.random.default_rng(1).bytes(200_000))
    with pytest.raises(SourceError):
        list(replay(path, SETTINGS))


@pytest.mark.parametrize("content", [b"", b"just text\n" * 50])
def test_a_file_that_is_no_video_is_a_clear_error(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "notes.mp4"
    path.write_bytes(content)
    with pytest.raises(SourceError, match=r"notes\.mp4"):
        list(replay(path, SETTINGS))


def test_sound_alone_is_a_clear_error(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        samples = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), layout="mono")
        samples.sample_rate = 8000
        container.mux(stream.encode(samples))
        container.mux(stream.encode(None))
    with pytest.raises(SourceError, match="no video"):
        list(replay(path, SETTINGS))


@pytest.mark.parametrize(("what", "said"), [("missing.mp4", "no file"), (".", "no video")])
def test_what_is_no_file_is_a_clear_error(what: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(SourceError, match=said):
        list(replay(tmp_path / what, SETTINGS))


def test_leaving_early_closes_the_file(street: Footage) -> None:
    verdicts = replay(street.path, SETTINGS)
    assert next(verdicts).frame == 0
    verdicts.close()  # type: ignore[attr-defined]
