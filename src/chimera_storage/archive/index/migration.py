"""Bringing an index of an older form up to date: one step for each form, within one transaction."""

from collections.abc import Callable

from sqlalchemy.engine import Connection


def _from_1(connection: Connection) -> None:
    """CRC-32 may be unknown; events are named by their start; hours count events."""
    for statement in (
        """CREATE TABLE images_2 (
            camera INTEGER NOT NULL, second INTEGER NOT NULL, number INTEGER NOT NULL,
            flat INTEGER NOT NULL, fraction_us INTEGER NOT NULL, size INTEGER NOT NULL,
            crc32 INTEGER, width INTEGER NOT NULL, height INTEGER NOT NULL, score FLOAT,
            boxes BLOB, event INTEGER, PRIMARY KEY (camera, second, number, flat)
        ) WITHOUT ROWID""",
        """INSERT INTO images_2
            SELECT i.camera, i.second, i.number, i.flat, i.fraction_us, i.size, i.crc32, i.width,
                i.height, i.score, i.boxes, e.start_us
            FROM images i LEFT JOIN events e ON e.id = i.event
            ORDER BY i.camera, i.second, i.number, i.flat""",
        "DROP TABLE images",
        "ALTER TABLE images_2 RENAME TO images",
        "CREATE INDEX images_unread ON images (camera) WHERE crc32 IS NULL",
        """CREATE TABLE events_2 (
            camera INTEGER NOT NULL, start_us INTEGER NOT NULL, end_us INTEGER,
            PRIMARY KEY (camera, start_us)
        ) WITHOUT ROWID""",
        "INSERT INTO events_2 SELECT camera, start_us, max(end_us) FROM events GROUP BY 1, 2",
        "DROP TABLE events",
        "ALTER TABLE events_2 RENAME TO events",
        "ALTER TABLE hours ADD COLUMN events INTEGER NOT NULL DEFAULT 0",
        """INSERT INTO hours (camera, hour, images, bytes, events)
            SELECT camera, start_us / 3600000000, 0, 0, count(*) FROM events GROUP BY 1, 2
            ON CONFLICT (camera, hour) DO UPDATE SET events = excluded.events""",
    ):
        connection.exec_driver_sql(statement)


def _from_2(connection: Connection) -> None:
    """Each camera's sum is a row."""
    for statement in (
        """CREATE TABLE totals (
            camera INTEGER NOT NULL, images INTEGER NOT NULL, bytes INTEGER NOT NULL,
            events INTEGER NOT NULL, PRIMARY KEY (camera)
        )""",
        """INSERT INTO totals
            SELECT camera, sum(images), sum(bytes), sum(events) FROM hours GROUP BY camera""",
    ):
        connection.exec_driver_sql(statement)


def _from_3(connection: Connection) -> None:
    """Conversions have options, and say how many images were missing."""
    connection.exec_driver_sql(
        """CREATE TABLE IF NOT EXISTS conversions (
            id TEXT NOT NULL, type TEXT NOT NULL, camera INTEGER NOT NULL,
            start_us INTEGER NOT NULL, end_us INTEGER NOT NULL, requested_us INTEGER NOT NULL,
            fps INTEGER NOT NULL, skip INTEGER NOT NULL, status TEXT NOT NULL,
            frames INTEGER NOT NULL, frames_done INTEGER NOT NULL, size INTEGER NOT NULL,
            started_us INTEGER, finished_us INTEGER, attempts INTEGER NOT NULL, error TEXT,
            PRIMARY KEY (id)
        ) WITHOUT ROWID"""
    )
    for statement in (
        "ALTER TABLE conversions ADD COLUMN missing INTEGER NOT NULL DEFAULT 0",
        "ALTER TABLE conversions ADD COLUMN options TEXT NOT NULL DEFAULT '{}'",
    ):
        connection.exec_driver_sql(statement)


STEPS: dict[int, Callable[[Connection], None]] = {1: _from_1, 2: _from_2, 3: _from_3}
