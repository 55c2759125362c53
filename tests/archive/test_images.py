"""Saving, opening and deleting: what is on disk and what the index says of it."""

import errno
import os
import resource
import struct
import subprocess
import sys
import threading
import zlib
from collections.abc import Sequence
from datetime import UTC, timedelta
from functools import partial
from pathlib import Path

import pytest

from chimera_storage.archive import writer as archive_writer
from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError, NotFoundError, StorageError
from chimera_storage.model import Box, Image, ImageKey, Totals
from tests.support.archive import EVER, JPEG, NOW, FixedClock, Store, make_image, make_jpeg, read
from tests.support.waiting import wait_for

NOW_US = to_us(NOW)
SECOND = NOW_US // 1_000_000


def save(writer: ImageWriter, camera: int = 1, at_us: int = NOW_US, jpeg: bytes = JPEG) -> ImageKey:
    return writer.save(camera, at_us, jpeg, width=32, height=16).key


def test_a_saved_image_stands_under_its_name_and_is_indexed_by_the_flush(store: Store) -> None:
    writer = store.writer()
    image = writer.save(
        5,
        NOW_US + 250_000,
        JPEG,
        width=32,
        height=16,
        score=0.5,
        boxes=(Box(1, 2, 3, 4),),
        event=9,
    )
    assert store.files() == ["5/20260320/12/20260320-120000-00.jpg"]
    assert store.index.get(image.key) is None
    writer.flush()
    assert store.index.get(image.key) == image
    assert image.crc32 == zlib.crc32(JPEG)
    assert store.index.totals(5) == Totals(count=1, size=len(JPEG))
    assert read(store.archive.open(image.key)) == JPEG
    writer.close()


def test_a_started_writer_flushes_by_itself(store: Store) -> None:
    writer = store.writer(sync_interval_s=0.05)
    writer.start()
    save(writer)
    wait_for(lambda: store.index.totals(1).count == 1, "the row")
    writer.close()


def test_numbers_count_up_within_a_second_and_begin_anew_in_the_next(store: Store) -> None:
    writer = store.writer()
    keys = [save(writer, at_us=NOW_US + n * 400_000) for n in range(4)]
    assert [(key.second - SECOND, key.number) for key in keys] == [(0, 0), (0, 1), (0, 2), (1, 0)]
    writer.close()


def test_nothing_is_overwritten_after_a_restart_or_a_clock_set_back(store: Store) -> None:
    first = store.writer()
    for brightness in (10, 20):
        save(first, jpeg=make_jpeg(brightness=brightness))
    save(first, at_us=NOW_US + 9_000_000)
    third = save(first, jpeg=make_jpeg(brightness=30))  # the clock was set back
    first.close()
    fourth = save(store.writer(), jpeg=make_jpeg(brightness=40))  # another process
    assert (third.number, fourth.number) == (2, 3)
    contents = [
        read(store.archive.open(ImageKey(camera=1, second=SECOND, number=n))) for n in range(4)
    ]
    assert contents == [make_jpeg(brightness=b) for b in (10, 20, 30, 40)]


def test_an_image_without_a_number_gets_one_only_where_its_name_is_taken(store: Store) -> None:
    writer = store.writer()

    def unnumbered(camera: int) -> int | None:
        return writer.save(camera, NOW_US, JPEG, width=32, height=16, numbered=False).key.number

    assert [unnumbered(1), save(writer).number, unnumbered(1), save(writer).number] == [
        None,
        0,
        1,
        2,
    ]
    writer.close()
    assert store.index.totals(1).count == 4
    assert store.files()[0] == "1/20260320/12/20260320-120000-00.jpg"
    assert "1/20260320/12/20260320-120000.jpg" in store.files()


def test_cameras_and_threads_save_at_the_same_time(store: Store) -> None:
    writer = store.writer(sync_interval_s=0.05)
    writer.start()

    def work(camera: int) -> None:
        for _ in range(50):
            save(writer, camera)

    threads = [threading.Thread(target=work, args=(camera,)) for camera in (1, 1, 2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    writer.close()
    assert store.index.totals(1).count == 100
    assert store.index.totals(2).count == 50
    assert [i.key.number for i in store.index.images(1, *EVER)] == list(range(100))


def test_temporary_files_are_hidden_and_gone_afterwards(store: Store) -> None:
    writer = store.writer()
    save(writer)
    assert not [path for path in store.files() if "/." in path]
    writer.close()


@pytest.mark.parametrize(("camera", "jpeg"), [(-1, JPEG), (10**9, JPEG), (1, b"")])
def test_what_cannot_be_an_image_is_refused(store: Store, camera: int, jpeg: bytes) -> None:
    writer = store.writer()
    with pytest.raises(InvalidInputError):
        save(writer, camera, jpeg=jpeg)
    with pytest.raises(InvalidInputError):
        writer.save(1, NOW_US, JPEG, width=1, height=1, boxes=(Box(-1, 0, 0, 0),))
    writer.close()
    assert store.files() == []


def test_a_flush_that_fails_is_told_with_the_next_save_and_made_up_for(store: Store) -> None:
    writer = store.writer(sync_interval_s=0.02)
    first = save(writer)
    path = store.layout.image_path(first)
    hidden = path.rename(store.layout.root / "elsewhere")
    path.symlink_to(path)  # opening it fails, and not because nothing is there
    writer.start()
    wait_for(lambda: writer._failure, "a failing batch")
    with pytest.raises(StorageError, match="synced"):
        save(writer)  # told, and saved all the same
    with pytest.raises(StorageError):
        writer.flush()
    assert store.index.totals(1).count == 0
    hidden.replace(path)
    wait_for(lambda: store.index.get(first) is not None, "the row, by itself")
    writer.flush()
    save(writer, at_us=NOW_US + 1)
    writer.close()
    assert store.index.totals(1).count == 3


def test_a_fault_in_a_batch_is_told_and_does_not_end_the_batches(store: Store) -> None:
    writer = store.writer(sync_interval_s=0.02)
    writer.start()
    writer.save(1, NOW_US, JPEG, width=1, height=1, event=2**70)  # fits into no sidecar
    wait_for(lambda: writer._failure, "the fault")
    with pytest.raises(StorageError, match="fault of the server"):
        save(writer)
    wait_for(lambda: writer._failure, "the next batch, which is tried all the same")
    with pytest.raises(struct.error):
        writer.close()


def test_while_batches_fail_only_so_many_images_are_held(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(archive_writer, "MOST_WAITING", 3)
    writer = store.writer()
    keys = [save(writer, at_us=NOW_US + n * 1_000_000) for n in range(5)]
    path = store.layout.image_path(keys[-1])
    hidden = path.rename(store.layout.root / "elsewhere")
    path.symlink_to(path)
    with pytest.raises(StorageError):
        writer.flush()
    hidden.replace(path)
    writer.close()
    assert list(store.index.keys(1)) == keys[2:]
    assert store.reconcile(1) == (2, 0)
    assert list(store.index.keys(1)) == keys


def test_images_deleted_before_the_flush_are_left_out(store: Store) -> None:
    writer = store.writer()
    kept, gone = save(writer), save(writer)
    store.layout.image_path(gone).unlink()
    writer.close()
    assert [image.key for image in store.index.images(1, *EVER)] == [kept]


class DeletedMeanwhile(Index):
    """Somebody deletes the first image after it was synced and before its row is inserted."""

    def add_images(self, images: Sequence[Image], *, replace: bool = False) -> int:
        archive = Archive(Layout(self.folder, UTC), self, FixedClock())
        assert archive.delete([images[0].key]) == (1, 1)
        return super().add_images(images, replace=replace)

    def __init__(self, folder: Path) -> None:
        super().__init__(folder / "index.db")
        self.folder = folder


def test_an_image_deleted_in_the_middle_of_a_flush_leaves_no_row(tmp_path: Path) -> None:
    layout = Layout(tmp_path, UTC)
    layout.captures.mkdir(parents=True)
    index = DeletedMeanwhile(tmp_path)
    writer = ImageWriter(layout, index, sync_interval_s=3600)
    _, kept = save(writer), save(writer)
    writer.close()
    assert [image.key for image in index.images(1, *EVER)] == [kept]
    assert index.totals(1).count == 1
    index.close()


def test_the_recorders_row_replaces_one_that_the_comparison_made(store: Store) -> None:
    writer = store.writer()
    image = writer.save(1, NOW_US + 5, JPEG, width=32, height=16, score=0.5, event=3)
    store.reconcile(1)
    adopted = store.index.get(image.key)
    assert adopted is not None
    assert adopted.score is None
    writer.close()
    assert store.index.get(image.key) == image
    assert store.reconcile(1) == (0, 0)
    assert store.index.get(image.key) == image
    assert store.index.totals(1).count == 1


def test_a_camera_folder_that_is_a_symlink_is_not_written_to(store: Store, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (store.layout.captures / "1").symlink_to(tmp_path / "elsewhere")
    writer = store.writer()
    with pytest.raises(StorageError, match="symbolic link"):
        save(writer)
    writer.close()
    assert list((tmp_path / "elsewhere").iterdir()) == []


def test_captures_that_are_gone_are_not_made_anew(store: Store) -> None:
    store.layout.captures.rmdir()
    writer = store.writer()
    with pytest.raises(StorageError, match="mounted"):
        save(writer)
    writer.close()
    assert not store.layout.captures.exists()


FULL = """
import resource, signal, sys
from datetime import UTC
from pathlib import Path
from chimera_storage.errors import StorageError
from tests.support.archive import EVER, NOW, make_jpeg, open_store
from chimera_storage.clock import to_us
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
with open_store(Path(sys.argv[1])) as store:
    writer = store.writer()
    writer.save(1, to_us(NOW), make_jpeg(), width=1, height=1)
    writer.flush()
    resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
    try:
        writer.save(1, to_us(NOW), b"\\xff\\xd8" * 5000, width=1, height=1)
        sys.exit("nothing was raised")
    except StorageError as error:
        print(error)
    resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    writer.save(1, to_us(NOW), make_jpeg(), width=1, height=1)
    writer.close()
    assert [image.key.number for image in store.index.images(1, *EVER)] == [0, 1]
"""


def test_an_image_that_does_not_fit_leaves_nothing_behind(store: Store) -> None:
    run = subprocess.run(
        [sys.executable, "-c", FULL, str(store.layout.root)],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert os.strerror(errno.EFBIG) in run.stdout
    assert [Path(path).name for path in store.files()] == [
        "20260320-120000-00.jpg",
        "20260320-120000-01.jpg",
    ]
    assert resource.RLIMIT_FSIZE  # the child's limit, not ours


# opening


def test_only_regular_files_are_opened(store: Store, tmp_path: Path) -> None:
    key = ImageKey(camera=1, second=SECOND, number=0)
    with pytest.raises(NotFoundError):
        store.archive.open(key)
    (tmp_path / "secret").write_bytes(b"secret")
    path = store.layout.image_path(key)
    path.parent.mkdir(parents=True)
    path.symlink_to(tmp_path / "secret")
    with pytest.raises(NotFoundError):
        store.archive.open(key)
    path.unlink()
    path.mkdir()
    with pytest.raises(NotFoundError):
        store.archive.open(key)
    path.rmdir()
    os.mkfifo(path)
    with pytest.raises(NotFoundError):
        store.archive.open(key)


# deleting


def test_deleting_takes_files_rows_totals_and_emptied_folders(store: Store) -> None:
    images = store.save(1, NOW, NOW + timedelta(hours=1), NOW + timedelta(days=1))
    assert store.archive.delete([image.key for image in images[:2]]) == (2, 2)
    assert store.files() == ["1/20260321/12/20260321-120000-00.jpg"]
    assert [folder.name for folder in (store.layout.captures / "1").iterdir()] == ["20260321"]
    assert store.index.totals(1) == Totals(count=1, size=len(JPEG))


def test_a_file_that_cannot_be_deleted_keeps_its_row(store: Store) -> None:
    (image, other) = store.save(1, NOW, NOW)
    path = store.layout.image_path(image.key)
    path.unlink()
    path.mkdir()  # root may delete any file, but no folder this way
    assert store.archive.delete([image.key, other.key]) == (2, 1)
    assert [i.key for i in store.index.images(1, *EVER)] == [image.key]


def test_a_file_that_is_gone_already_counts_as_gone(store: Store) -> None:
    (image,) = store.save(1, NOW)
    store.layout.image_path(image.key).unlink()
    assert store.archive.delete([image.key]) == (1, 1)
    assert store.index.totals(1).count == 0


def test_deleting_a_camera_leaves_all_else_alone(store: Store) -> None:
    for camera in (1, 10, 11, 100):
        store.save(camera, NOW, NOW)
    store.put("1/20260320-120000-00.jpg")  # flat, not indexed
    store.put("1/20260320-120000.jpg", b"")
    store.put("1/20260319/11/20260319-110000-00.jpg")  # dated, not indexed
    store.index.add_images([make_image(1, SECOND + 50)])  # a row without a file
    bystanders = [
        store.put("1/notes.txt"),
        store.put("1/20260320-120000-00.jpg.bak"),
        store.put("1/20260320/12/.20260320-120000-07-abcd.tmp"),
        store.put("1/cat/20260320-120000-00.jpg"),
        store.put("front/20260320-120000-00.jpg"),
        store.put("output_1_20260320-120000_20260320-130000_a-20260320-140000.mp4"),
    ]
    assert store.archive.delete_camera(1).count == 6
    assert store.index.totals(1) == Totals(count=0, size=0)
    assert all(path.exists() for path in bystanders)
    others = [path for path in store.files() if path.split("/")[0] in ("10", "11", "100")]
    assert len(others) == 6
    assert store.index.cameras() == [10, 11, 100]
    assert len(store.files()) == len(others) + len(bystanders)


def test_a_camera_without_a_folder_has_nothing_to_delete(store: Store) -> None:
    assert store.archive.delete_camera(77).count == 0


def test_a_symlinked_camera_folder_does_not_delete_another_cameras_images(store: Store) -> None:
    (image,) = store.save(2, NOW)
    (store.layout.captures / "1").symlink_to("2")
    store.index.add_images([make_image(1, image.key.second)])
    store.archive.delete_camera(1)
    assert read(store.archive.open(image.key)) == JPEG


def test_a_camera_goes_on_recording_while_it_is_deleted(store: Store) -> None:
    writer = store.writer(sync_interval_s=0.01)
    writer.start()
    rounds, per_round, before_deleting = 15, 60, 10
    # So many a round at most: without a bound each round has more to delete and to sync than the
    # one before, and on a slow disk that takes minutes.
    allowed = threading.Semaphore(0)
    saved = 0
    failures: list[BaseException] = []

    def record() -> None:
        nonlocal saved
        try:
            while saved < rounds * per_round:
                allowed.acquire()
                save(writer, at_us=NOW_US + saved * 50_000)
                saved += 1
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=record, daemon=True)
    thread.start()
    for _ in range(rounds):
        goal = saved + before_deleting
        allowed.release(per_round)
        wait_for(partial(lambda goal: saved >= goal or failures, goal), "images")
        store.archive.delete_camera(1)
    thread.join()
    save(writer)
    writer.close()
    assert failures == []
    on_disk = sorted(str(store.layout.image_path(key)) for key in store.archive.files(1))
    rows = sorted(str(store.layout.image_path(key)) for key in store.index.keys(1))
    assert rows == on_disk
    assert len(rows) >= 1
    assert store.index.totals(1) == Totals(count=len(rows), size=len(rows) * len(JPEG))
