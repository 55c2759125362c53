"""Room for the index is made on a full disk, and no footage is given away for nothing."""

import os
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from chimera_storage.archive.layout import Layout
from chimera_storage.config import Settings
from chimera_storage.upkeep import make_room_to_open
from tests.support.archive import FixedClock
from tests.support.small_disk import small_disk

IMAGES = 40
IMAGE = b"\xff\xd8" + bytes(50_000) + b"\xff\xd9"


def test_starts_on_a_disk_that_stays_full_delete_once_an_hour(tmp_path: Path) -> None:
    """A service manager starts what ends again; what snapshots hold makes no room when deleted."""
    settings, clock = Settings.model_validate({"storage": {"min_free_gb": 0.0005}}), FixedClock()
    with small_disk(tmp_path / "disk", 4096) as disk:
        layout = Layout(disk.folder, ZoneInfo("UTC"))
        folder, snapshot = layout.captures / "1/20260101/12", disk.folder / "snapshot"
        for made in (folder, snapshot):
            made.mkdir(parents=True)
        for second in range(IMAGES):
            name = f"20260101-1200{second:02}-00.jpg"
            (folder / name).write_bytes(IMAGE)
            os.link(folder / name, snapshot / name)
        disk.fill()

        def start() -> int:
            return sum(deletion.images for deletion in make_room_to_open(layout, settings, clock))

        first = start()
        assert 10 <= first <= 12  # the floor and a tenth
        assert [start() for _ in range(3)] == [0, 0, 0]
        clock.move(timedelta(minutes=59))
        assert start() == 0
        clock.move(timedelta(minutes=2))
        assert start() == first
        assert len(list(folder.iterdir())) == IMAGES - 2 * first
