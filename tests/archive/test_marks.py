"""What an owner says of past motion is kept as `tune` reads it."""

from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.archive.layout import Layout
from chimera_storage.archive.marks import MarksFile, MotionMark
from chimera_storage.errors import StorageError

US = 1_000_000


@pytest.fixture
def marks(tmp_path: Path) -> MarksFile:
    return MarksFile(Layout(tmp_path, ZoneInfo("UTC")))


def test_what_was_said_last_of_a_time_holds(marks: MarksFile) -> None:
    assert marks.of(1) == []
    marks.put(1, 20 * US, 25 * US, wanted=True)
    marks.put(1, 10 * US, 12 * US, wanted=False)
    marks.put(1, 20 * US, 26 * US, wanted=False)
    assert marks.of(1) == [
        MotionMark(start_us=10 * US, end_us=12 * US, wanted=False),
        MotionMark(start_us=20 * US, end_us=26 * US, wanted=False),
    ]
    marks.put(1, 10 * US, 12 * US, wanted=None)
    assert len(marks.of(1)) == 1
    assert marks.of(2) == []
    assert [path.name for path in marks.path(1).parent.iterdir()] == ["1.jsonl"]


def test_a_file_that_somebody_spoilt_is_said_and_kept(marks: MarksFile) -> None:
    marks.put(1, 0, US, wanted=True)
    marks.path(1).write_text('{"start": 1}\n')
    for act in (lambda: marks.of(1), lambda: marks.put(1, 0, US, wanted=True)):
        with pytest.raises(StorageError):
            act()
    assert marks.path(1).read_text() == '{"start": 1}\n'
