"""Reading recorded videos: what they say of themselves, and reading ahead in another thread."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from chimera_storage.errors import SourceError
from chimera_storage.motion.recording import Recording, ahead
from tests.motion.clips import HEIGHT, RATE, WIDTH, write_clip


def test_a_recording_knows_its_size_rate_and_length(tmp_path: Path) -> None:
    write_clip(tmp_path / "a.mp4", 3, [])
    with Recording(tmp_path / "a.mp4") as recording:
        assert (recording.width, recording.height) == (WIDTH, HEIGHT)
        assert recording.fps == RATE
        assert recording.duration_s == pytest.approx(3)
        assert [time_us for time_us, _ in recording.frames()] == [n * 100_000 for n in range(30)]
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


def test_items_made_ahead_come_in_order() -> None:
    assert list(ahead(iter(range(1000)), 3)) == list(range(1000))


def test_what_fails_in_the_other_thread_is_raised_here() -> None:
    def items() -> Iterator[int]:
        yield 1
        raise SourceError("torn")

    made = ahead(items(), 2)
    assert next(made) == 1
    with pytest.raises(SourceError, match="torn"):
        next(made)


def test_leaving_early_ends_the_other_thread() -> None:
    before = threading.active_count()
    made = ahead(iter(range(10**9)), 2)
    assert next(made) == 0
    assert threading.active_count() == before + 1
    made.close()  # type: ignore[attr-defined]
    assert threading.active_count() == before
