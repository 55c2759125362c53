"""A file of accounts of any form that there ever was is used; `forms/` holds each as SQL."""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from chimera_storage.access import Accounts, Role
from chimera_storage.access.tables import SCHEMA_VERSION, STEPS
from tests.access.conftest import CHEAP, Clock

FORMS = {path.stem: path.read_text() for path in (Path(__file__).parent / "forms").glob("*.sql")}


def columns(path: Path) -> dict[str, Any]:
    with closing(sqlite3.connect(path)) as connection:
        names = [n for (n,) in connection.execute("SELECT name FROM sqlite_master")]
        return {name: connection.execute(f"PRAGMA table_info({name})").fetchall() for name in names}


def test_a_file_of_each_form_is_brought_up_to_date_and_its_people_get_in(
    tmp_path: Path, clock: Clock
) -> None:
    password = CHEAP.hash("correct horse")
    for name, tables in FORMS.items():
        path = tmp_path / f"{name}.db"
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.executescript(tables)
            connection.execute(
                "INSERT INTO users (name, role, cameras, password, changed_us, created_us)"
                " VALUES ('kid', 'viewer', '[1]', ?, 1, 1)",
                [password],
            )
        with closing(Accounts(path, clock, CHEAP)) as accounts:
            user, _ = accounts.log_in("kid", "correct horse", address="192.0.2.1", agent="a test")
            assert (user.name, user.role, user.cameras) == ("kid", Role.VIEWER, frozenset({1}))
            accounts.add_token("program", role=Role.VIEWER, cameras=None, lasts_s=None)


def test_the_present_form_is_written_down_and_every_older_one_has_a_step(
    tmp_path: Path, accounts: Accounts, path: Path
) -> None:
    """Whoever changes a table raises SCHEMA_VERSION, and adds a step and a file to `forms/`."""
    assert {int(name) for name in FORMS} == set(range(1, SCHEMA_VERSION + 1))
    assert set(STEPS) == set(range(1, SCHEMA_VERSION))
    with closing(sqlite3.connect(tmp_path / "written.db")) as connection, connection:
        connection.executescript(FORMS[str(SCHEMA_VERSION)])
    accounts.add_token("program", role=Role.VIEWER, cameras=None, lasts_s=None)
    written, present = columns(tmp_path / "written.db"), columns(path)
    assert written == {table: present.get(table) for table in written}
