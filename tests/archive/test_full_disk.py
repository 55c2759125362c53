"""A disk that is full, fills in the middle of a batch, or turns read-only."""

import zlib
from collections.abc import Iterator
from datetime import UTC, timedelta
from pathlib import Path

import pytest

from chimera_storage.archive import sidecar
from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.errors import DiskFullError, StorageError
from chimera_storage.model import Box, Image
from tests.support.archive import EVER, NOW, Store, make_jpeg, open_store, read
from tests.support.small_disk import SmallDisk, small_disk

JPEG = make_jpeg(640, 480)
NOW_HOUR = to_us(NOW) // 3_600_000_000
SILENT = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[SmallDisk]:
    with small_disk(tmp_path / "disk") as mounted:
        yield mounted


def save(writer: ImageWriter, number: int = 0) -> Image:
    return writer.save(
        1,
        to_us(NOW + timedelta(seconds=number)) + 5,
        JPEG,
        width=640,
        height=480,
        score=0.5,
        boxes=(Box(1, 2, 3, 4),) * 50,
    )


def assert_all_is_well(store: Store, images: list[Image]) -> None:
    """Exactly these images, whole, with their rows and what is kept beside them."""
    assert store.index.images(1, *EVER) == images
    for image in images:
        assert zlib.crc32(read(store.archive.open(image.key))) == image.crc32
    assert not [name for name in store.files() if name.endswith(".tmp")]
    report = check(store.layout, SystemClock(), SILENT)
    assert report.left == 0, report


def test_saving_on_a_full_disk_says_so_leaves_nothing_and_goes_on_when_there_is_room(
    disk: SmallDisk,
) -> None:
    with open_store(disk.folder / "data") as store:
        writer = store.writer()
        images = [save(writer)]
        writer.flush()
        before = store.files()
        disk.fill()
        for number in range(1, 4):
            with pytest.raises(DiskFullError, match="No space left"):
                save(writer, number)
        assert store.files() == before
        assert read(store.archive.open(images[0].key)) == JPEG
        assert store.index.images(1, *EVER) == images
        disk.empty()
        images.append(save(writer, 9))
        writer.close()
        assert_all_is_well(store, images)


def test_deleting_makes_room_on_a_full_disk(disk: SmallDisk) -> None:
    with open_store(disk.folder / "data") as store:
        writer = store.writer()
        images = [save(writer, number) for number in range(60)]
        writer.flush()
        disk.fill()
        with pytest.raises(DiskFullError):
            for number in range(60, 120):
                save(writer, number)
        gone = [image.key for image in images[:40]]
        try:
            store.archive.delete(gone)
        except StorageError:
            store.archive.delete(gone)  # the files went, which made room for the rows
        save(writer, 200)
        writer.close()
        assert store.index.images(1, *EVER)[:20] == images[40:]
        assert check(store.layout, SystemClock(), SILENT).left == 0


@pytest.mark.parametrize("leave", [0, 4096, 8192, 12288, 16384, 24576, 32768, 49152, 65536])
def test_a_disk_that_fills_in_the_middle_of_a_batch_costs_nothing(
    leave: int, disk: SmallDisk
) -> None:
    with open_store(disk.folder / "data") as store:
        writer = store.writer()
        images = [save(writer)]
        writer.flush()
        images += [save(writer, number) for number in range(1, 60)]
        disk.fill(leave=leave)
        failed = False
        for _ in range(3):  # as it tries again by itself
            try:
                writer.flush()
            except StorageError as error:
                failed = True
                assert "full" in str(error) or "No space left" in str(error)
        assert failed or leave  # on a disk wholly full nothing could be written
        assert all(store.layout.image_path(image.key).exists() for image in images)
        disk.empty()
        writer.flush()
        writer.close()
        assert_all_is_well(store, images)
        kept = sidecar.read(store.layout.image_path(images[0].key).parent, NOW_HOUR)
        assert kept.skipped == 0
        size = (store.layout.image_path(images[0].key).parent / sidecar.NAME).stat().st_size
        assert size < len(images) * 500  # each stands in it once


def test_after_a_crash_on_a_full_disk_a_start_with_room_takes_all_in(disk: SmallDisk) -> None:
    with open_store(disk.folder / "data") as store:
        writer = store.writer()
        images = [save(writer, number) for number in range(30)]
        disk.fill()
        with pytest.raises(StorageError):
            writer.flush()
        # The writer is killed here: nothing of it is closed.
    disk.empty()
    with open_store(disk.folder / "data") as store:
        store.reconcile(1)
        assert [image.key for image in store.index.images(1, *EVER)] == [i.key for i in images]
        assert check(store.layout, SystemClock(), SILENT).left == 0


@pytest.mark.parametrize("index", ["there", "new"])
def test_an_index_that_cannot_be_opened_on_a_full_disk_says_so_and_stays(
    index: str, disk: SmallDisk
) -> None:
    with open_store(disk.folder / "data") as store:
        writer = store.writer()
        images = [save(writer)]
        writer.close()
    if index == "new":
        store.layout.index.unlink()
    disk.fill()
    with pytest.raises(DiskFullError, match="its disk is full; make room"):
        open_store(disk.folder / "data").__enter__()
    disk.empty()
    assert not list(store.layout.root.glob("index.db.corrupt-*"))
    with open_store(disk.folder / "data") as store:
        store.reconcile(1)
        assert_all_is_well(store, images)


def test_a_disk_that_turns_read_only_is_told_and_saving_goes_on_when_it_can_be_written_to(
    disk: SmallDisk, tmp_path: Path
) -> None:
    (tmp_path / "data/shared").mkdir(parents=True)
    (tmp_path / "data/shared/captures").symlink_to(disk.folder)  # a disk of its own
    with open_store(tmp_path / "data", UTC) as store:
        writer = store.writer()
        images = [save(writer, number) for number in range(2)]
        writer.flush()
        images.append(save(writer, 2))
        disk.make_read_only()
        with pytest.raises(StorageError, match="read-only"):
            save(writer, 3)
        with pytest.raises(StorageError, match="read-only"):
            writer.flush()
        with pytest.raises(StorageError, match="Read-only"):
            store.archive.delete([images[0].key])
        second = images[0].key.second
        with pytest.raises(StorageError, match="Read-only"):
            store.archive.deleter.span(1, second, second)
        assert check(store.layout, SystemClock(), SILENT).images == 3
        disk.make_read_only(False)
        images.append(save(writer, 3))
        writer.close()
        assert_all_is_well(store, images)


def test_a_repair_on_a_read_only_disk_is_one_sentence_and_changes_nothing(
    disk: SmallDisk, tmp_path: Path
) -> None:
    (tmp_path / "data/shared").mkdir(parents=True)
    (tmp_path / "data/shared/captures").symlink_to(disk.folder)
    with open_store(tmp_path / "data", UTC) as store:
        writer = store.writer()
        image = save(writer)
        writer.close()
        store.layout.image_path(image.key).write_bytes(b"nothing")
        disk.make_read_only()
        store.clock.move(timedelta(days=1))
        report = check(store.layout, store.clock, SILENT, repair=True, max_missing=1)
        assert report.left == 1
        disk.make_read_only(False)
        assert store.layout.image_path(image.key).read_bytes() == b"nothing"
