"""An index of an older form is brought up to date, in place and after a copy."""

import fcntl
import sqlite3
from dataclasses import replace
from pathlib import Path

import pytest

from chimera_storage.archive.index import Index
from chimera_storage.errors import StorageError
from chimera_storage.model import Event, Totals
from chimera_storage.options import VideoOptions
from tests.support.archive import EVER, make_image, second_of

START = second_of("2026-03-20 12:00:00")
FORM_1 = """
CREATE TABLE meta ("key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key")) WITHOUT ROWID;
CREATE TABLE images (camera INTEGER NOT NULL, second INTEGER NOT NULL, number INTEGER NOT NULL,
    flat INTEGER NOT NULL, fraction_us INTEGER NOT NULL, size INTEGER NOT NULL,
    crc32 INTEGER NOT NULL, width INTEGER NOT NULL, height INTEGER NOT NULL, score FLOAT,
    boxes BLOB, event INTEGER, PRIMARY KEY (camera, second, number, flat)) WITHOUT ROWID;
CREATE TABLE hours (camera INTEGER NOT NULL, hour INTEGER NOT NULL, images INTEGER NOT NULL,
    bytes INTEGER NOT NULL, PRIMARY KEY (camera, hour)) WITHOUT ROWID;
CREATE TABLE events (id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, camera INTEGER NOT NULL,
    start_us INTEGER NOT NULL, end_us INTEGER);
INSERT INTO meta VALUES ('schema_version', '1'), ('data_folder_id', 'abc');
"""


def write_form_1(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.executescript("PRAGMA journal_mode=WAL;" + FORM_1)
        connection.executemany(
            "INSERT INTO images VALUES (1, ?, 0, 0, 5, 1000, 1, 8, 8, 0.5, NULL, ?)",
            [(START, 4), (START + 1, 4), (START + 2, None)],
        )
        connection.execute("INSERT INTO hours VALUES (1, ?, 3, 3000)", (START // 3600,))
        connection.executemany(
            "INSERT INTO events VALUES (?, 1, ?, ?)",
            [(4, START * 10**6, START * 10**6 + 9), (5, (START - 7200) * 10**6, None)],
        )
    connection.close()


def test_an_index_of_the_first_form_keeps_all_it_knew(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    write_form_1(path)
    index = Index(path)
    start_us = START * 1_000_000
    event = Event(camera=1, start_us=start_us, end_us=start_us + 9)
    earlier = Event(camera=1, start_us=(START - 7200) * 1_000_000)
    assert index.images(1, *EVER) == [
        make_image(1, START + s, taken_at_us=(START + s) * 1_000_000 + 5, score=0.5, event=of_event)
        for s, of_event in ((0, start_us), (1, start_us), (2, None))
    ]
    assert index.totals(1) == Totals(count=3, size=3000)
    assert index.events(1, *EVER) == [earlier, event]
    assert index.data_folder_id == "abc"
    index.add_images([make_image(1, START + 3, crc32=None)])  # only the new form can say this
    index.close()
    (copy,) = tmp_path.glob("index.db.form-1-*")
    with sqlite3.connect(copy) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (3,)
        assert connection.execute("SELECT max(id) FROM events").fetchone() == (5,)
    connection.close()
    again = Index(path)
    assert again.totals(1).count == 4
    again.close()
    assert len(list(tmp_path.glob("index.db.form-1-*"))) == 1


def test_the_new_form_has_the_same_tables_however_it_came_about(tmp_path: Path) -> None:
    write_form_1(tmp_path / "old.db")
    forms = []
    for name in ("old.db", "new.db"):
        Index(tmp_path / name).close()
        with sqlite3.connect(tmp_path / name) as connection:
            tables = connection.execute("SELECT name FROM sqlite_master ORDER BY name").fetchall()
            columns = {
                table: [
                    column[1:4] + column[5:]
                    for column in connection.execute(f"PRAGMA table_info({table})")
                ]
                for (table,) in tables
            }
            forms.append(columns)
        connection.close()
    forms[0].pop("sqlite_sequence", None)
    assert forms[0] == forms[1]


FORM_3_CONVERSION = """
CREATE TABLE meta ("key" TEXT NOT NULL, value TEXT NOT NULL, PRIMARY KEY ("key")) WITHOUT ROWID;
CREATE TABLE conversions (id TEXT NOT NULL, type TEXT NOT NULL, camera INTEGER NOT NULL,
    start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, requested_us INTEGER NOT NULL,
    fps INTEGER NOT NULL, skip INTEGER NOT NULL, status TEXT NOT NULL, frames INTEGER NOT NULL,
    frames_done INTEGER NOT NULL, size INTEGER NOT NULL, started_us INTEGER, finished_us INTEGER,
    attempts INTEGER NOT NULL, error TEXT, PRIMARY KEY (id)) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema_version', '3'), ('data_folder_id', 'abc');
INSERT INTO conversions
    VALUES ('a-20260101-000000', 'mp4', 1, 1, 2, 3, 20, 5, 'queued', 7, 0, 0, NULL, NULL, 0, NULL);
"""


def test_a_conversion_asked_for_before_there_were_options_has_their_defaults(
    tmp_path: Path,
) -> None:
    path = tmp_path / "index.db"
    with sqlite3.connect(path) as connection:
        connection.executescript("PRAGMA journal_mode=WAL;" + FORM_3_CONVERSION)
    connection.close()
    index = Index(path)
    (conversion,) = index.conversions()
    assert (conversion.skip, conversion.frames, conversion.missing) == (5, 7, 0)
    assert conversion.options == VideoOptions()
    changed = replace(conversion, missing=2, options=VideoOptions(height=480, pace="smart"))
    index.update_conversion(changed)
    assert index.conversion(conversion.id) == changed
    index.close()


def test_an_older_index_is_not_changed_under_another_process(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    write_form_1(path)
    holder = (tmp_path / "index.db.lock").open("w")
    fcntl.flock(holder, fcntl.LOCK_SH)
    with pytest.raises(StorageError, match="older version and in use"):
        Index(path)
    assert list(tmp_path.glob("index.db.form-*")) == []
    holder.close()
    index = Index(path)
    assert index.totals(1).count == 3
    index.close()


def test_an_older_index_that_cannot_be_brought_up_to_date_stays_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "index.db"
    write_form_1(path)
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE images_2 (a)")  # in the way of a step
    connection.close()
    with pytest.raises(StorageError):
        Index(path)
    with sqlite3.connect(path) as connection:
        assert connection.execute("SELECT count(*) FROM images").fetchone() == (3,)
        assert connection.execute(
            "SELECT value FROM meta WHERE key = 'schema_version'"
        ).fetchone() == ("1",)
    connection.close()
