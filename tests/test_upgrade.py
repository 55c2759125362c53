"""What holds for every file that is brought up to date, whatever is in it."""

import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa

from chimera_storage.errors import StorageError
from chimera_storage.upgrade import upgrade
from tests.support.small_disk import small_disk

ROOT = Path(__file__).parents[1]
# An upgrade that kills itself where it begins to copy.
KILLED = """
import os, sys
from pathlib import Path
import tests.test_upgrade as t

def kill(frame, event, function):
    if event == "c_call" and function.__name__ == "backup":
        os.kill(os.getpid(), 9)

sys.setprofile(kill)
t.run(Path(sys.argv[1]))
"""


def write(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("CREATE TABLE words (word TEXT)")
        connection.execute("INSERT INTO words VALUES ('old')")
    path.chmod(0o600)


def words(path: Path) -> list[str]:
    with closing(sqlite3.connect(path)) as connection:
        return [word for (word,) in connection.execute("SELECT word FROM words ORDER BY rowid")]


def add(word: str) -> object:
    def step(connection: sa.Connection) -> None:
        connection.exec_driver_sql("INSERT INTO words VALUES (?)", (word,))

    return step


STEPS = {1: add("one"), 2: add("two"), 3: add("three")}


def run(path: Path, *, form: int = 1, to: int = 3, needs_copy: bool = True) -> None:
    engine = sa.create_engine(f"sqlite:///{path}")
    try:
        with engine.begin() as connection:
            upgrade(connection, path, STEPS, form=form, to=to, needs_copy=needs_copy)  # type: ignore[arg-type]
    finally:
        engine.dispose()


def test_each_step_from_its_form_on_is_done_once_after_a_copy_for_the_same_eyes(
    tmp_path: Path,
) -> None:
    path = tmp_path / "accounts.db"
    write(path)
    run(path, form=2, to=4)
    assert words(path) == ["old", "two", "three"]
    (copy,) = tmp_path.glob("accounts.db.form-2-*")
    assert words(copy) == ["old"]
    assert copy.stat().st_mode & 0o777 == 0o600


def test_a_file_that_needs_a_copy_is_not_changed_where_there_is_no_room_for_one(
    tmp_path: Path,
) -> None:
    with small_disk(tmp_path / "disk") as disk:
        path = disk.folder / "accounts.db"
        write(path)
        with pytest.raises(StorageError, match=r"no room for a copy.*make room"):
            run(path)
        assert words(path) == ["old"]
        run(path, needs_copy=False)
        assert words(path) == ["old", "one", "two"]
        assert list(disk.folder.glob("*.form-*")) == []


def test_a_copy_has_its_name_only_once_it_is_whole(tmp_path: Path) -> None:
    """Killed while it copied, an upgrade left a part of a copy among the two that are kept."""
    path = tmp_path / "index.db"
    write(path)
    killed = subprocess.run([sys.executable, "-c", KILLED, path], cwd=ROOT, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert list(tmp_path.glob("index.db.form-*")) == []
    (tmp_path / "index.db.copying-journal").write_bytes(b"of a copy that was killed later")
    run(path)
    (copy,) = tmp_path.glob("index.db.form-*")
    assert words(copy) == ["old"]
    assert sorted(tmp_path.iterdir()) == sorted([path, copy])


def test_copies_of_another_file_are_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "accounts.db"
    write(path)
    others = [tmp_path / f"index.db.form-1-2026010{day}-000000-000000" for day in range(1, 6)]
    for other in others:
        other.write_bytes(b"a copy")
    for _ in range(3):
        run(path)
    assert all(other.exists() for other in others)
    assert len(list(tmp_path.glob("accounts.db.form-*"))) == 2
