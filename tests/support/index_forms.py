"""Indexes of every form that there ever was, with what an index of today knows.

`tests/archive/forms/` holds the tables of each as SQL, as the first commit that wrote it made them,
named by the version of the form.
"""

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

FORMS = {
    path.stem: path.read_text("utf-8")
    for path in (Path(__file__).parents[1] / "archive/forms").glob("*.sql")
}


def version_of(name: str) -> int:
    return int(name.partition("_")[0])


def rows(path: Path) -> dict[str, list[dict[str, Any]]]:
    """Table → its rows, ordered."""
    with closing(sqlite3.connect(path)) as connection:
        connection.row_factory = sqlite3.Row
        names = connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()
        return {
            name: sorted(
                (dict(row) for row in connection.execute(f'SELECT * FROM "{name}"')),  # noqa: S608
                key=lambda row: str(list(row.values())),
            )
            for (name,) in names
        }


def write_form(path: Path, name: str, tables: dict[str, list[dict[str, Any]]]) -> None:
    """An index of that form that knows what `tables` hold, as far as the form can say it."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executescript("PRAGMA journal_mode=WAL;" + FORMS[name])
        for table, known in tables.items():
            columns = [c[1] for c in connection.execute(f"PRAGMA table_info({table})")]
            for row in known if table != "meta" else ():
                given = {c: row[c] for c in columns if c in row}
                if given:
                    marks = ", ".join(f":{c}" for c in given)
                    into = f"{table} ({', '.join(given)})"
                    connection.execute(f"INSERT INTO {into} VALUES ({marks})", given)  # noqa: S608
        if version_of(name) == 1:  # where events were named by a number
            connection.execute(
                "UPDATE images SET event = (SELECT id FROM events e"
                " WHERE e.camera = images.camera AND e.start_us = images.event)"
            )
