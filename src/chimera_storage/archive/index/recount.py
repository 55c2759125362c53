"""The hourly totals against the rows that they are the sums of."""

from collections.abc import Sequence

import sqlalchemy as sa
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.engine import Connection

from chimera_storage.archive.index.hours import (
    HOURS,
    counted_sum,
    drop_empty_hours,
    known_sum,
    sum_up,
)
from chimera_storage.archive.index.image_rows import IMAGES
from chimera_storage.archive.index.rows import Rows
from chimera_storage.archive.layout import HOUR_S

_YEAR_1_HOURS = 719_162 * 24  # from then to 1970: SQLite rounds towards zero, so count from there
_HOUR = (IMAGES.c.second + _YEAR_1_HOURS * HOUR_S) // HOUR_S - _YEAR_1_HOURS


class Recount(Rows):
    """The table `hours`, checked."""

    def wrong_hours(self, camera: int) -> list[int]:
        """The hours whose images or bytes are not what their rows add up to, ascending."""
        with self._database.read() as connection:
            counted = _counted(connection, camera)
            question = sa.select(HOURS.c.hour, HOURS.c.images, HOURS.c.bytes)
            noted = {
                row.hour: (row.images, row.bytes)
                for row in connection.execute(question.where(HOURS.c.camera == camera))
            }
        none = (0, 0)
        return sorted(
            hour for hour in {*counted, *noted} if counted.get(hour, none) != noted.get(hour, none)
        )

    def sum_is_wrong(self, camera: int) -> bool:
        """Whether the camera's sum is not that of its hours."""
        with self._database.read() as connection:
            return known_sum(connection, camera) != counted_sum(connection, camera)

    def recount(self, camera: int, hours: Sequence[int]) -> None:
        """Makes the totals of these hours the sums of their rows, and the camera's that of all."""
        with self._database.write() as connection:
            counted = _counted(connection, camera)
            for hour in hours:
                images, size = counted.get(hour, (0, 0))
                statement = insert(HOURS).values(
                    camera=camera, hour=hour, images=images, bytes=size, events=0
                )
                connection.execute(
                    statement.on_conflict_do_update(
                        index_elements=["camera", "hour"],
                        set_={"images": images, "bytes": size},
                    )
                )
            drop_empty_hours(connection, ((camera, hour) for hour in hours))
            sum_up(connection, camera)


def _counted(connection: Connection, camera: int) -> dict[int, tuple[int, int]]:
    """Hour → images and bytes, from the rows."""
    question = (
        sa.select(_HOUR.label("hour"), sa.func.count(), sa.func.sum(IMAGES.c.size))
        .where(IMAGES.c.camera == camera)
        .group_by(_HOUR)
    )
    return {hour: (images, size) for hour, images, size in connection.execute(question)}
