"""Events out of recordings: the same as every frame gives, with best frames and reasons."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from chimera_storage.config import MotionSettings
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.recording import Recording
from chimera_storage.motion.replay import FrameVerdict, replay
from chimera_storage.motion.scan import Scanner, video_files
from chimera_storage.motion.scan.clips import ClipWriter
from chimera_storage.motion.scan.looking import Sampler, batches
from tests.motion.clips import write_clip
from tests.support.footage import Footage, write_scene

SETTINGS = MotionSettings(event_gap=2)
TOLERANCE_S = 0.3


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Footage:
    """A minute and a half with several passers."""
    path = tmp_path_factory.mktemp("footage") / "street.mp4"
    return write_scene(path, DemoScene(320, 180, fps=15, seed=3), 90)


def events_of(verdicts: Sequence[FrameVerdict], settings: MotionSettings) -> list[list[float]]:
    """[start, end] of each event that `detect` finds: of moving frames that are also saved."""
    found: list[list[float]] = []
    for verdict in verdicts:
        if verdict.motion and verdict.saved:
            if found and verdict.time - found[-1][1] <= settings.event_gap:
                found[-1][1] = verdict.time
            else:
                found.append([verdict.time, verdict.time])
    return found


def test_the_events_are_those_of_looking_at_every_frame(street: Footage) -> None:
    expected = events_of(list(replay(street.path, SETTINGS)), SETTINGS)
    assert len(expected) >= 3
    found = Scanner(SETTINGS).scan(street.path).events
    assert [e.start for e in found] == pytest.approx([e[0] for e in expected], abs=TOLERANCE_S)
    assert [e.end for e in found] == pytest.approx([e[1] for e in expected], abs=TOLERANCE_S)


@pytest.mark.parametrize("seed", [5, 8])
def test_other_scenes_agree_too(seed: int, tmp_path: Path) -> None:
    written = write_scene(tmp_path / "s.mkv", DemoScene(320, 180, fps=25, seed=seed), 40)
    settings = MotionSettings(event_gap=4, minimum_motion_frames=4)
    expected = events_of(list(replay(written.path, settings)), settings)
    found = Scanner(settings).scan(written.path).events
    assert [e.start for e in found] == pytest.approx([e[0] for e in expected], abs=TOLERANCE_S)


def test_an_event_says_when_where_and_how_much(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 12, [(4, 7)])
    result = Scanner(SETTINGS).scan(tmp_path / "a.mp4")
    assert (result.problem, result.frames) == (None, 120)
    assert result.duration == pytest.approx(12)
    (event,) = result.events
    assert 4 <= event.start <= 4.8
    assert 6 <= event.end <= 7.2
    assert event.duration == pytest.approx(event.end - event.start)
    assert event.start <= event.best <= event.end
    assert event.score > 0.03  # the thing is 40 x 100 of 320 x 240 pixels: 5 %
    assert event.box is not None
    assert 60 <= event.box.y <= 80
    assert 95 <= event.box.h <= 130


def test_what_is_seen_for_a_moment_between_two_looks_is_found(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 8, [(4.05, 4.75)])  # seven pictures
    expected = events_of(list(replay(tmp_path / "a.mp4", SETTINGS)), SETTINGS)
    assert len(expected) == 1
    assert len(Scanner(SETTINGS).scan(tmp_path / "a.mp4").events) == 1


def test_recordings_put_one_behind_the_other_are_one_time_line(tmp_path: Path) -> None:
    """`cat` of transport streams, whose times begin anew: events and clips go by what passed."""
    write_clip(tmp_path / "quiet.ts", 8, [])
    write_clip(tmp_path / "busy.ts", 8, [(3, 5)])
    joined = tmp_path / "joined.ts"
    joined.write_bytes((tmp_path / "quiet.ts").read_bytes() + (tmp_path / "busy.ts").read_bytes())
    clips = ClipWriter(tmp_path / "clips", exact=False, before_s=1, after_s=1)
    result = Scanner(SETTINGS, clips=clips).scan(joined)
    assert result.duration == pytest.approx(16, abs=0.2)
    (event,) = result.events
    assert event.start == pytest.approx(11.5, abs=0.5)
    assert event.end == pytest.approx(13, abs=0.5)
    assert event.clip is not None
    (moving,) = Scanner(SETTINGS).scan(Path(event.clip)).events
    assert moving.start == pytest.approx(1, abs=0.7)


def test_still_footage_has_no_event_and_is_half_passed_over(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 10, [])
    assert Scanner(SETTINGS).scan(tmp_path / "a.mp4").events == ()
    sampler = Sampler()
    with Recording(tmp_path / "a.mp4") as recording:
        looked = [
            frame.time_us
            for batch in batches(recording.frames())
            for frame in sampler.choose(batch, event_open=False, suspicion=False)
        ]
    assert 50 <= len(looked) <= 55  # five a second of ten


def test_a_change_makes_every_frame_of_its_batch_looked_at(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 6, [(3, 4)])
    sampler = Sampler()
    with Recording(tmp_path / "a.mp4") as recording:
        looked = {
            frame.time_us // 100_000
            for batch in batches(recording.frames())
            for frame in sampler.choose(batch, event_open=False, suspicion=False)
        }
    assert set(range(31, 40)) <= looked


def test_a_frame_rate_limit_holds_here_too(street: Footage) -> None:
    slow = SETTINGS.model_copy(update={"framerate": 2.0})
    expected = events_of(list(replay(street.path, slow)), slow)
    found = Scanner(slow).scan(street.path).events
    assert [e.start for e in found] == pytest.approx([e[0] for e in expected], abs=0.6)


def test_batches_hold_every_frame_once(street: Footage) -> None:
    with Recording(street.path) as recording:
        lists = list(batches(recording.frames()))
    times = [frame.time_us for batch in lists for frame in batch]
    assert times == sorted(set(times))
    assert len(times) == street.frames
    assert all(batch[-1].time_us - batch[0].time_us <= 250_000 for batch in lists)


def test_a_file_that_cannot_be_read_is_a_result_with_the_reason(tmp_path: Path) -> None:
    (tmp_path / "notes.mp4").write_text("no video")
    result = Scanner(SETTINGS).scan(tmp_path / "notes.mp4")
    assert (result.events, result.frames, result.duration) == ((), 0, 0)
    assert "notes.mp4 cannot be read as a video" in (result.problem or "")


def test_a_missing_file_is_a_result_with_the_reason(tmp_path: Path) -> None:
    assert "no file" in (Scanner(SETTINGS).scan(tmp_path / "gone.mp4").problem or "")


def test_a_torn_file_gives_its_events_and_says_where_it_ends(tmp_path: Path) -> None:
    write_clip(tmp_path / "whole.mkv", 20, [(3, 6), (14, 17)])
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    result = Scanner(SETTINGS).scan(tmp_path / "cut.mkv")
    assert len(result.events) == 1
    assert "the file says 20.0 s" in (result.problem or "")


@pytest.mark.parametrize("seed", range(4))
def test_damage_is_named_and_is_no_event(seed: int, tmp_path: Path) -> None:
    write_clip(tmp_path / "still.mp4", 15, [])
    data = bytearray((tmp_path / "still.mp4").read_bytes())
    numbers = np.random.default_rng(seed)
    for at in numbers.integers(5000, len(data) - 20_000, 30):
        data[at : at + 4] = numbers.bytes(4)
    (tmp_path / "bad.mp4").write_bytes(data)
    result = Scanner(SETTINGS).scan(tmp_path / "bad.mp4")
    assert result.problem is not None


def test_progress_reaches_nearly_the_end_of_the_file(street: Footage) -> None:
    reached: list[int] = []
    Scanner(SETTINGS).scan(street.path, reached.append)
    assert reached == sorted(reached)
    assert 0.9 <= reached[-1] / street.path.stat().st_size <= 1


def test_folders_stand_for_the_videos_in_them(tmp_path: Path) -> None:
    for name in ("b.mp4", "a.MKV", "sub/c.avi", "notes.txt", ".hidden.mp4"):
        path = tmp_path / "all" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"")
    (tmp_path / "empty").mkdir()
    odd = tmp_path / "odd.bin"
    found = video_files([odd, tmp_path / "all", tmp_path / "all" / "b.mp4", tmp_path / "empty"])
    names = [str(path.relative_to(tmp_path)) for path in found]
    assert names == ["odd.bin", "all/a.MKV", "all/b.mp4", "all/sub/c.avi", "empty"]
