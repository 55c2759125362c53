"""Images added and removed, and the hourly totals and events with them, in one transaction."""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.events import remove_events
from chimera_storage.archive.index.folders import forget_times, hour_name
from chimera_storage.archive.index.hours import count_images, drop_empty_hours
from chimera_storage.archive.index.image_rows import IMAGES, KEY, Key, image_values, key_of
from chimera_storage.archive.index.rows import Rows, batches
from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import Image, ImageKey


class Changes(Rows):
    """The table `images`, changed."""

    def add_images(self, images: Sequence[Image], *, replace: bool = False) -> int:
        """Inserts rows and adds to the hourly totals; returns how many were new.

        Rows already there are left alone, or put in place of by `replace`. One transaction for
        each 500, so with more a failure may leave some of them added; adding again is harmless.
        Raises InvalidInputError for a value that no image can have.
        """
        new = 0
        for batch in batches(images):
            rows = {key_of(image.key): image_values(image) for image in batch}
            with self._database.write() as connection:
                there = _sizes(connection, rows)
                if not replace:
                    rows = {key: row for key, row in rows.items() if key not in there}
                if rows:
                    statement = insert(IMAGES)
                    if replace:
                        statement = statement.on_conflict_do_update(
                            index_elements=list(KEY),
                            set_={
                                column.name: statement.excluded[column.name]
                                for column in IMAGES.c
                                if not column.primary_key
                            },
                        )
                    connection.execute(statement, list(rows.values()))
                    replaced = {key: size for key, size in there.items() if key in rows}
                    added = {key: row["size"] for key, row in rows.items()}
                    count_images(connection, added=added, removed=replaced)
                    new += len(rows) - len(replaced)
        return new

    def remove_images(self, keys: Iterable[ImageKey]) -> int:
        """Deletes rows and takes them off the hourly totals; returns how many there were."""
        removed = 0
        for batch in batches(keys):
            wanted = {key_of(key) for key in batch}
            with self._database.write(durable=False) as connection:
                sizes = _sizes(connection, wanted)
                if sizes:
                    _forget_times(connection, sizes)
                    names = [column.name for column in KEY]
                    connection.execute(
                        sa.delete(IMAGES).where(
                            *(column == sa.bindparam(f"k_{column.name}") for column in KEY)
                        ),
                        [
                            dict(zip((f"k_{name}" for name in names), key, strict=True))
                            for key in sizes
                        ],
                    )
                    emptied = count_images(connection, added={}, removed=sizes)
                    begun_in = remove_events(connection, emptied)
                    drop_empty_hours(connection, {*emptied, *begun_in})
                removed += len(sizes)
        return removed


def _sizes(connection: Connection, keys: Iterable[Key]) -> dict[Key, int]:
    """Bytes of those of the images that are there."""
    wanted = set(keys)
    seconds: dict[int, set[int]] = defaultdict(set)
    for camera, second, _, _ in wanted:
        seconds[camera].add(second)
    sizes: dict[Key, int] = {}
    for camera, of_camera in seconds.items():
        # By second, then picked out here: SQLite would scan the table for a list of whole keys.
        question = sa.select(*KEY, IMAGES.c.size).where(
            IMAGES.c.camera == camera, IMAGES.c.second.in_(sorted(of_camera))
        )
        for *key, size in connection.execute(question):
            if tuple(key) in wanted:
                sizes[key[0], key[1], key[2], key[3]] = size
    return sizes


def _forget_times(connection: Connection, keys: Iterable[Key]) -> None:
    """Of the folders that the images lie in."""
    folders: dict[int, set[str]] = defaultdict(set)
    for camera, second, _, flat in keys:
        folders[camera].add("" if flat else hour_name(second // HOUR_S))
    for camera, names in folders.items():
        forget_times(connection, camera, names)
