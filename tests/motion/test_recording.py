"""Reading recorded videos: what they say of themselves."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.errors import SourceError
from chimera_storage.motion.recording import Began, Recording
from tests.motion.clips import RATE, write_clip


def test_a_recording_knows_its_rate_and_length(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 3, [])
    with Recording(tmp_path / "a.mp4") as recording:
        assert recording.fps == RATE
        assert recording.duration_s == pytest.approx(3)
        assert [frame.time_us for frame in recording.frames()] == [n * 100_000 for n in range(30)]
        assert recording.frames_read == 30
        assert recording.read_s == pytest.approx(3)
        assert recording.position > 0
        assert recording.problem() is None


def test_a_recording_that_breaks_off_says_where(tmp_path: Path) -> None:
    write_clip(tmp_path / "whole.mkv", 20, [])
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: len(data) // 2])
    with Recording(tmp_path / "cut.mkv") as recording:
        assert list(recording.frames())
        assert "the file says 20.0 s" in (recording.problem() or "")


BERLIN = ZoneInfo("Europe/Berlin")
NOON_US = 1_774_004_400_000_000  # 2026-03-20 12:00:00 in Berlin


@pytest.mark.parametrize(
    ("name", "made", "given_us", "expected_us"),
    [
        ("20260320-120000.mp4", "", None, NOON_US),
        ("20260320-120000-01.mp4", "2020-01-01T00:00:00Z", None, NOON_US),
        ("yard.mp4", "2026-03-20T11:00:00Z", None, NOON_US),
        ("20260320-120000.mp4", "2020-01-01T00:00:00Z", 5, 5),
        ("20269999-120000.mp4", "", None, None),
        ("yard.mp4", "", None, None),
        ("yard.mp4", "1970-01-01T00:00:00Z", None, None),  # a clock that was never set
    ],
)
def test_a_recording_says_when_it_began(
    name: str, made: str, given_us: int | None, expected_us: int | None, tmp_path: Path
) -> None:
    write_clip(tmp_path / name, 1, [], made=made)
    with Recording(tmp_path / name) as recording:
        began = recording.began(BERLIN, given_us)
    assert began == (None if expected_us is None else Began(expected_us, BERLIN))


def test_a_video_of_a_codec_that_nobody_knows_is_refused_in_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "clip.mp4"
    write_clip(path, 0.3, [])
    path.write_bytes(path.read_bytes().replace(b"avc1", b"zzzz"))
    with pytest.raises(SourceError, match="not known here"):
        Recording(path)
