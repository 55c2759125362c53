"""An index of any form that there ever was is brought up to date, in place and after a copy.

`forms/` holds the tables of each (tests/support/index_forms.py).
"""

import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from chimera_storage.archive.index import Index
from chimera_storage.archive.index.migration import STEPS
from chimera_storage.archive.index.tables import SCHEMA_VERSION
from chimera_storage.clock import to_us
from chimera_storage.errors import DiskFullError, StorageError
from chimera_storage.model import Box, Conversion, ConversionStatus, ConversionType, Deletion, Event
from chimera_storage.options import VideoOptions
from chimera_storage.upgrade import COPIES_KEPT
from tests.support.archive import EVER, JPEG, NOW, open_store
from tests.support.index_forms import FORMS, rows, version_of, write_form
from tests.support.small_disk import small_disk

OLDER = sorted(name for name in FORMS if int(name[0]) < SCHEMA_VERSION)
MADE_ANEW = ("images", "hours", "totals", "events")
FIRST_US = to_us(NOW - timedelta(hours=3))
DAY = (FIRST_US // 1_000_000, FIRST_US // 1_000_000 + 86_400)
DELETED = Deletion(
    at_us=9, who="cli", rule="days", camera=1, images=7, bytes=7000, oldest_us=1, newest_us=2
)
CONVERSION = Conversion(
    id="a-20260101-000000",
    type=ConversionType.MP4,
    camera=1,
    start_us=1,
    end_us=2,
    requested_us=3,
    fps=20,
    skip=5,
    status=ConversionStatus.QUEUED,
    frames=7,
)


@dataclass(frozen=True)
class Folder:
    """A data folder, what its tables hold, and what its index answers."""

    root: Path
    tables: dict[str, list[dict[str, Any]]]
    answers: list[Any]


def fill(root: Path) -> None:
    """Dated images with scores, boxes and events, flat ones, and what is in no file."""
    with open_store(root) as store:
        writer = store.writer()
        for number in range(12):
            event_us = FIRST_US + number // 4 * 3_600_000_000
            at_us = event_us + number % 4 * 700_000
            last = number % 4 == 3
            end_us = at_us if last else None
            writer.note_event(Event(camera=1, start_us=event_us, end_us=end_us))
            writer.save(
                1,
                at_us,
                JPEG,
                width=32,
                height=16,
                score=number / 10,
                boxes=(Box(number, 1, 2, 3),),
                event=event_us,
            )
        writer.close()
        store.put("2/20260320-080000-00.jpg")
        store.put("2/20260320-080000.jpg")
        store.reconcile(1, 2)
        store.index.add_conversion(CONVERSION)
        store.index.note_deletion(DELETED)


def answers(index: Index) -> list[Any]:
    """What is asked of an index, of each family of tables."""
    said: list[Any] = [index.cameras(), index.hourly()]
    for camera in (1, 2):
        said += [
            index.images(camera, *EVER),
            index.totals(camera),
            index.hours(camera),
            index.events(camera, *EVER),
            index.event_summaries(camera, *EVER, limit=100),
            index.sums(camera, *DAY, every_s=60),
            index.newest(camera, *DAY, offset=1, limit=5),
            index.span_rows(camera, *DAY, limit=100),
            index.superfluous(camera, [DAY], keep="best"),
            index.event_rows(camera, *EVER, limit=100),
            index.counts(camera, *DAY, every_s=3600),
        ]
    return said


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Folder]:
    root = tmp_path_factory.mktemp("data")
    fill(root)
    tables = rows(root / "index.db")
    (root / "index.db").unlink()
    with open_store(root) as rebuilt:
        rebuilt.reconcile(1, 2)
        told = answers(rebuilt.index)
    yield Folder(root=root, tables=tables, answers=told)


def put_form(folder: Folder, to: Path, name: str) -> Path:
    """A copy of the folder whose index is of that form."""
    shutil.copytree(folder.root, to, symlinks=True)
    for old in to.glob("index.db*"):
        old.unlink()
    write_form(to / "index.db", name, folder.tables)
    return to / "index.db"


def columns(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master")]
        return {
            name: [c[1:4] + c[5:] for c in connection.execute(f"PRAGMA table_info({name})")]
            for name in names
            if name != "sqlite_sequence"
        }


@pytest.mark.parametrize("name", sorted(FORMS))
def test_an_index_of_any_form_answers_as_one_that_is_made_anew(
    folder: Folder, tmp_path: Path, name: str
) -> None:
    path = put_form(folder, tmp_path / "data", name)
    index = Index(path)
    assert answers(index) == folder.answers
    (conversion,) = index.conversions()
    assert conversion == CONVERSION
    index.close()
    held = rows(path)
    assert {t: held[t] for t in MADE_ANEW} == {t: folder.tables[t] for t in MADE_ANEW}
    if "deletions" in FORMS[name]:
        assert held["deletions"] == folder.tables["deletions"]
    again = Index(path)  # nothing is left to do
    again.close()
    assert len(list(path.parent.glob("index.db.form-*"))) == (name in OLDER)


@pytest.mark.parametrize("name", sorted(FORMS))
def test_a_server_finds_nothing_to_mend_in_an_index_that_was_brought_up_to_date(
    folder: Folder, tmp_path: Path, name: str
) -> None:
    put_form(folder, tmp_path / "data", name)
    with open_store(tmp_path / "data") as store:
        assert store.reconcile(1, 2) == (0, 0)


@pytest.mark.parametrize("name", OLDER)
def test_the_tables_are_the_same_however_they_came_about(tmp_path: Path, name: str) -> None:
    write_form(tmp_path / "old.db", name, {})
    for each in ("old.db", "new.db"):
        Index(tmp_path / each).close()
    assert columns(tmp_path / "old.db") == columns(tmp_path / "new.db")


def test_the_present_form_is_written_down_and_every_older_one_has_a_step(tmp_path: Path) -> None:
    """Whoever changes a table raises SCHEMA_VERSION, and adds a step and a file to `forms/`."""
    assert set(STEPS) == set(range(1, SCHEMA_VERSION)) == {version_of(name) for name in OLDER}
    write_form(tmp_path / "written.db", str(SCHEMA_VERSION), {})
    Index(tmp_path / "present.db").close()
    written, present = columns(tmp_path / "written.db"), columns(tmp_path / "present.db")
    assert written == {table: present.get(table) for table in written}


@pytest.mark.parametrize("name", OLDER)
def test_the_copy_is_what_there_was_and_an_earlier_version_can_go_on_with_it(
    folder: Folder, tmp_path: Path, name: str
) -> None:
    path = put_form(folder, tmp_path / "data", name)
    path.chmod(0o640)
    before = rows(path)
    Index(path).close()
    (copy,) = path.parent.glob(f"index.db.form-{version_of(name)}-*")
    assert rows(copy) == before
    assert copy.stat().st_mode & 0o777 == 0o640


def test_of_copies_the_newest_two_stay(folder: Folder, tmp_path: Path) -> None:
    path = put_form(folder, tmp_path / "data", "3")
    earlier = [
        path.with_name(f"index.db.form-{form}-2026010{day}-000000-000000")
        for day, form in enumerate((9, 1, 2), start=1)
    ]
    for copy in earlier:
        copy.write_bytes(b"a copy")
    Index(path).close()
    left = sorted(path.parent.glob("index.db.form-*"))
    assert len(left) == COPIES_KEPT
    assert [c for c in earlier if c.exists()] == earlier[-1:]


def test_of_indexes_set_aside_the_newest_two_stay(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    for number in range(4):
        path.write_bytes(b"no index %d" % number * 1000)
        Index(path).close()
    left = sorted(tmp_path.glob("index.db.corrupt-*"))
    assert [copy.read_bytes()[:10] for copy in left] == [b"no index 2", b"no index 3"]


def test_without_room_for_a_copy_it_is_brought_up_to_date_without_one_and_says_so(
    folder: Folder, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with small_disk(tmp_path / "disk", size_kb=8192) as disk:
        path = disk.folder / "index.db"
        write_form(path, "2", folder.tables)
        index = Index(path)
        assert answers(index) == folder.answers
        index.close()
        assert list(disk.folder.glob("index.db.form-*")) == []
    assert "not_copied_before_upgrade" in capfd.readouterr().err


def test_a_disk_that_fills_in_a_step_leaves_the_index_as_it_was_and_says_so(
    folder: Folder, tmp_path: Path
) -> None:
    with small_disk(tmp_path / "disk", size_kb=4096) as disk:
        path = disk.folder / "index.db"
        write_form(path, "1", folder.tables)
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executemany(
                "INSERT INTO images VALUES (3, ?, 0, 0, 0, 1000, 1, 8, 8, NULL, NULL, NULL)",
                [(second,) for second in range(20_000)],
            )
        before = rows(path)
        disk.fill(leave=300_000)
        with pytest.raises(DiskFullError, match="its disk is full; make room"):
            Index(path)
        disk.empty()
        assert rows(path) == before
        index = Index(path)
        assert len(index.images(3, *EVER)) == 20_000
        index.close()


def test_a_conversion_asked_for_before_there_were_options_has_their_defaults(
    folder: Folder, tmp_path: Path
) -> None:
    index = Index(put_form(folder, tmp_path / "data", "3"))
    (conversion,) = index.conversions()
    assert (conversion.skip, conversion.frames, conversion.missing) == (5, 7, 0)
    assert conversion.options == VideoOptions()
    changed = replace(conversion, missing=2, options=VideoOptions(height=480, pace="smart"))
    index.update_conversion(changed)
    assert index.conversion(conversion.id) == changed
    index.close()


def test_an_older_index_is_not_changed_under_another_process(
    folder: Folder, tmp_path: Path
) -> None:
    path = put_form(folder, tmp_path / "data", "1")
    with path.with_name("index.db.lock").open("w") as holder:
        fcntl.flock(holder, fcntl.LOCK_SH)
        with pytest.raises(StorageError, match="older version and in use"):
            Index(path)
        assert list(path.parent.glob("index.db.form-*")) == []
    index = Index(path)
    assert index.totals(1).count == 12
    index.close()


def test_an_older_index_that_cannot_be_brought_up_to_date_stays_as_it_is(
    folder: Folder, tmp_path: Path
) -> None:
    path = put_form(folder, tmp_path / "data", "1")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE events_2 (a)")  # in the way of a step, not of the first
    before = rows(path)
    for _ in range(2):
        with pytest.raises(StorageError, match="events_2 already exists"):
            Index(path)
    assert rows(path) == before
    assert list(path.parent.glob("index.db.form-*")) == []  # else each start would leave one


def test_the_copy_put_back_after_a_downgrade_is_used_and_brought_up_to_what_the_files_say(
    folder: Folder, tmp_path: Path
) -> None:
    path = put_form(folder, tmp_path / "data", str(SCHEMA_VERSION))
    before = path.with_name(f"index.db.form-{SCHEMA_VERSION}-20260301-000000-000000")
    path.rename(before)
    with closing(sqlite3.connect(path)) as newer, newer:
        newer.executescript(FORMS[str(SCHEMA_VERSION)])
        newer.execute("UPDATE meta SET value = '99' WHERE key = 'schema_version'")
    with pytest.raises(StorageError, match=r"newer version .* move index\.db away"):
        Index(path)
    before.rename(path)
    since = path.parent / "shared/captures/2/20260320-090000-00.jpg"
    since.write_bytes(JPEG)
    os.utime(since, (1e9, 1e9))
    with open_store(path.parent) as store:
        assert store.reconcile(1, 2) == (1, 0)
        assert store.index.conversions() == [CONVERSION]
