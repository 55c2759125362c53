"""Files against index: after whatever happened, every image is indexed and nothing else is."""

import os
import shutil
import signal
import subprocess
import sys
import time
import zlib
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.archive.adopt import dimensions
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.model import Conversion, ConversionStatus, ConversionType, ImageKey, Totals
from tests.support.archive import (
    EVER,
    JPEG,
    NOW,
    Store,
    make_image,
    make_jpeg,
    open_store,
    second_of,
)
from tests.support.waiting import wait_for

SECOND = second_of("2026-03-20 12:00:00")
OUTPUT = "output_1_20260320-120000_20260320-130000_abc-20260320-140000.mp4"


def has_images(store: Store, camera: int, count: int) -> bool:
    return store.index.totals(camera).count == count


def compare(store: Store) -> None:
    """A whole first comparison, and every file read."""
    reconciler = Reconciler(store.archive)
    reconciler.start()
    assert reconciler.wait_complete(20)
    assert reconciler.progress == 1
    wait_for(lambda: not store.index.unread(1), "every file to be read")
    reconciler.close()


def test_an_existing_install_is_taken_in(store: Store) -> None:
    store.put("1/20260320-120000-00.jpg", make_jpeg(640, 480))
    store.put("1/20260320-120000-123.jpg")
    store.put("1/20260320-120001.jpg")
    store.put("2/20260320/12/20260320-120000-00.jpg")
    compare(store)
    first, *others = store.index.images(1, *EVER)
    assert first.key == ImageKey(camera=1, second=SECOND, number=0, flat=True)
    assert (first.width, first.height) == (640, 480)
    assert first.taken_at_us == SECOND * 1_000_000
    assert first.crc32 == zlib.crc32(make_jpeg(640, 480))
    assert [image.key.number for image in others] == [123, None]
    assert store.index.totals(2) == Totals(count=1, size=len(JPEG))


def test_what_is_no_image_is_left_alone(store: Store) -> None:
    bystanders = [
        store.put("1/notes.txt"),
        store.put("1/20260320-120000-00.jpg", b""),
        store.put("1/20260320-120000-01.jpg", b"GIF89a"),
        store.put("1/20260320-120000-02.jpg", b"\xff"),
        store.put("1/20260320-120000.jpg.filepart"),
        store.put("1/20260332-120000-00.jpg"),
        store.put("front/20260320-120000-00.jpg"),
        store.put("1/20260320/13/20260320-120000-00.jpg"),
        store.put("1/20260320/xx/20260320-120000-00.jpg"),
        store.put("1/20260320/12/20260320-120000-00.jpg/20260320-120000-00.jpg"),
    ]
    link = store.layout.captures / "1" / "20260320-120000-05.jpg"
    link.symlink_to(store.put("elsewhere.jpg"))
    compare(store)
    assert store.index.cameras() == []
    assert all(path.exists() for path in [*bystanders, link])


def test_rows_without_files_go_and_files_that_changed_are_looked_at_anew(store: Store) -> None:
    kept, gone, changed = store.save(1, NOW, NOW, NOW)
    store.layout.image_path(gone.key).unlink()
    new = make_jpeg(64, 64)
    store.layout.image_path(changed.key).write_bytes(new)
    compare(store)
    assert store.index.images(1, *EVER)[0] == kept
    image = store.index.get(changed.key)
    assert image is not None
    assert (image.size, image.crc32, image.width) == (len(new), zlib.crc32(new), 64)
    assert store.index.get(gone.key) is None
    assert store.index.totals(1) == Totals(count=2, size=len(JPEG) + len(new))


def test_a_deleted_index_comes_back_from_the_files(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        images = store.save(1, *(NOW + timedelta(minutes=7 * n) for n in range(30)))
        store.put("2/20260320-120000-00.jpg")
        store.put(OUTPUT, b"video")
        compare(store)
    for path in tmp_path.glob("index.db*"):
        path.unlink()
    with open_store(tmp_path) as store:
        compare(store)
        assert [image.key for image in store.index.images(1, *EVER)] == [i.key for i in images]
        assert store.index.totals(1) == Totals(count=30, size=30 * len(JPEG))
        assert store.index.totals(2).count == 1
        (conversion,) = store.index.conversions()
        assert conversion.id == "abc-20260320-140000"


@pytest.mark.parametrize("missing", ["captures", "camera", "symlink"])
def test_rows_are_kept_while_the_folder_is_missing(
    store: Store, tmp_path: Path, missing: str
) -> None:
    store.save(1, NOW, NOW)
    where = store.layout.captures if missing == "captures" else store.layout.captures / "1"
    where.rename(tmp_path / "unmounted")
    if missing == "symlink":
        where.symlink_to(tmp_path)
    reconciler = Reconciler(store.archive, interval_s=0.01)
    reconciler.start()
    assert reconciler.wait_complete(5 if missing != "captures" else 0.3) is (missing != "captures")
    reconciler.close()
    assert store.index.totals(1).count == 2
    if missing == "symlink":
        where.unlink()
    (tmp_path / "unmounted").rename(where)
    assert store.reconcile(1) == (0, 0)


def test_a_mount_that_is_lost_in_the_middle_of_a_comparison_takes_no_rows(
    store: Store, tmp_path: Path
) -> None:
    (image,) = store.save(1, NOW)
    reconciler = Reconciler(store.archive)
    identity = reconciler._comparer.identity(1)
    assert identity is not None
    (store.layout.captures / "1").rename(tmp_path / "unmounted")
    (store.layout.captures / "1").mkdir()  # the empty folder below the mount
    assert reconciler._comparer.compare_dated(1, SECOND // 3600, identity=identity) == (0, 0)
    assert store.index.get(image.key) == image


def test_an_image_cut_short_long_ago_is_taken_in_and_a_young_one_waited_for(store: Store) -> None:
    old = store.put("1/20260320-120000-00.jpg", JPEG[:-10])
    young = store.put("1/20260320-120000-01.jpg", JPEG[:-10], age_s=0)
    reconciler = Reconciler(store.archive, interval_s=0.02)
    reconciler.start()
    assert reconciler.wait_complete(5)
    assert [image.key.number for image in store.index.images(1, *EVER)] == [0]
    with young.open("ab") as file:  # the folder's own time stays as it is
        file.write(JPEG[-10:])
    wait_for(lambda: store.index.totals(1).count == 2, "the whole image")
    reconciler.close()
    assert store.index.totals(1).size == old.stat().st_size + len(JPEG)


def test_flat_folders_are_watched_while_another_program_writes(store: Store) -> None:
    store.put("1/20260320-120000-00.jpg")
    reconciler = Reconciler(store.archive, interval_s=0.02)
    reconciler.start()
    assert reconciler.wait_complete(5)
    for number in range(1, 20):
        path = store.put(f"1/20260320-120000-{number:02}.jpg", age_s=0)
        wait_for(partial(has_images, store, 1, number + 1), str(path))
    path.unlink()
    wait_for(lambda: store.index.totals(1).count == 19, "the deletion")
    store.put("7/20260320-120000-00.jpg", age_s=0)
    wait_for(lambda: store.index.totals(7).count == 1, "a new camera")
    reconciler.close()


def test_what_a_killed_recorder_left_is_found_while_the_server_runs(store: Store) -> None:
    store.save(1, NOW)
    reconciler = Reconciler(store.archive, interval_s=0.02)
    reconciler.start()
    assert reconciler.wait_complete(5)
    killed = store.writer()
    killed.save(1, to_us(NOW), JPEG, width=32, height=16)
    wait_for(partial(has_images, store, 1, 2), "what it saved")
    reconciler.close()


def test_only_old_leftovers_are_deleted(store: Store) -> None:
    old = [
        store.put("1/20260320/12/.20260320-120000-00-abcd.tmp", age_s=4000),
        store.put("1/.20260320-120000-00-abcd.tmp", age_s=4000),
        store.put(f".{OUTPUT}.1.tmp", age_s=4000),
        store.put("1/20260320/12/20260320-120000-09.jpg", b"", age_s=4000),  # of a power cut
    ]
    kept = [
        store.put("1/20260320/12/.20260320-120000-00-abce.tmp", age_s=3000),
        store.put("1/20260320/12/20260320-120000-08.jpg", b"", age_s=3000),
        store.put("1/20260320-120000-09.jpg", b"", age_s=4000),  # another program's
        store.put("1/.nfs0001", age_s=4000),
        store.put("1/notes.tmp", age_s=4000),
    ]
    compare(store)
    assert [path.exists() for path in old] == [False] * 4
    assert [path.exists() for path in kept] == [True] * 5


def test_what_a_copy_job_is_about_to_rename_is_no_leftover(store: Store) -> None:
    """Syncthing's `.syncthing.<name>.tmp` gets the original's time first, and then its name."""
    store.clock.move(timedelta(seconds=time.time()) - (NOW - datetime.fromtimestamp(0, UTC)))
    copied = store.put("1/.syncthing.20260320-120000-00.jpg.tmp", age_s=4000)
    store.put("1/20260320/12/20260320-120001-00.jpg")
    compare(store)
    assert copied.exists()


def test_flat_names_are_read_anew_when_the_time_zone_changes(tmp_path: Path) -> None:
    with open_store(tmp_path, ZoneInfo("UTC")) as store:
        store.put("1/20260320-120000-00.jpg", make_jpeg(8, 8))
        store.put("1/20260320-130000-00.jpg", make_jpeg(64, 64))
        store.put(OUTPUT, b"video")
        (dated,) = store.save(1, NOW)
        compare(store)
    with open_store(tmp_path, ZoneInfo("Europe/Berlin")) as store:
        compare(store)
        images = {image.key: image.width for image in store.index.images(1, *EVER)}
        assert images == {
            ImageKey(camera=1, second=SECOND - 3600, number=0, flat=True): 8,
            ImageKey(camera=1, second=SECOND, number=0, flat=True): 64,
            dated.key: 32,
        }
        (conversion,) = store.index.conversions()
        assert store.layout.output_path(conversion).read_bytes() == b"video"
        assert conversion.start_us == (SECOND - 3600) * 1_000_000


def test_finished_conversions_are_adopted_and_those_without_a_file_go(store: Store) -> None:
    store.put(OUTPUT, b"video")
    store.put("output_1_20260320-120000_20260320-130000_new-20260320-140000.zip", b"")
    common = {"camera": 1, "start_us": 0, "end_us": 0, "requested_us": SECOND * 1_000_000}
    lost = Conversion(
        id="lost-20260320-140000",
        type=ConversionType.ZIP,
        status=ConversionStatus.DONE,
        **common,  # type: ignore[arg-type]
    )
    queued = Conversion(id="queued-20260320-120000", type=ConversionType.MP4, **common)  # type: ignore[arg-type]
    store.index.add_conversion(lost)
    store.index.add_conversion(queued)
    compare(store)
    adopted, kept = store.index.conversions()
    assert kept == queued
    assert (adopted.id, adopted.size, adopted.frames) == ("abc-20260320-140000", 5, 0)
    assert adopted.status is ConversionStatus.DONE
    assert adopted.finished_us is not None


def test_a_comparison_can_be_interrupted_and_goes_on_at_the_next_start(store: Store) -> None:
    for number in range(3000):
        store.put(f"1/20260320/12/20260320-120000-{number:02}.jpg", age_s=30)
    reconciler = Reconciler(store.archive)
    reconciler.start()
    started = time.monotonic()
    reconciler.close()
    assert time.monotonic() - started < 1
    compare(store)
    assert store.index.totals(1).count == 3000


def test_reconciling_one_camera_tells_what_it_did(store: Store) -> None:
    store.put("1/20260320-120000-00.jpg")
    store.put("2/20260320-120000-00.jpg")
    store.index.add_images([make_image(1, SECOND + 1), make_image(1, SECOND + 2)])
    assert store.reconcile(1) == (1, 2)
    assert store.reconcile(1) == (0, 0)
    assert store.reconcile(3) == (0, 0)
    assert store.index.totals(2).count == 0


RECORDER = """
import sys, time
from pathlib import Path
from chimera_storage.clock import to_us
from tests.support.archive import JPEG, NOW, open_store
with open_store(Path(sys.argv[1])) as store:
    writer = store.writer(sync_interval_s=0.02)
    writer.start()
    for number in range(10**9):
        writer.save(1 + number % 2, to_us(NOW) + number * 10_000, JPEG, width=32, height=16)
        if number % 50 == 0:
            print(number, flush=True)
"""


def test_killing_a_recorder_loses_no_image_that_has_its_name(store: Store) -> None:
    for _ in range(4):
        recorder = subprocess.Popen(
            [sys.executable, "-c", RECORDER, str(store.layout.root)], stdout=subprocess.PIPE
        )
        assert recorder.stdout is not None
        for _ in range(4):
            assert recorder.stdout.readline()
        store.reconcile(1, 2)  # beside the living
        recorder.send_signal(signal.SIGKILL)
        recorder.wait()
        recorder.stdout.close()
        store.reconcile(1, 2)
        rows = {store.layout.image_path(k) for camera in (1, 2) for k in store.index.keys(camera)}
        images = [path for path in store.files() if path.endswith(".jpg")]
        assert rows == {store.layout.captures / path for path in images}
        assert all((store.layout.captures / path).read_bytes() == JPEG for path in images)
        totals = [store.index.totals(camera) for camera in (1, 2)]
        assert sum(total.count for total in totals) == len(images)
        assert sum(total.size for total in totals) == len(images) * len(JPEG)


def test_a_camera_folder_exchanged_meanwhile_is_compared_anew(store: Store) -> None:
    store.put("1/20260320-120000-00.jpg")
    reconciler = Reconciler(store.archive, interval_s=0.02)
    reconciler.start()
    assert reconciler.wait_complete(5)
    store.put("new/20260319/12/20260319-120000-00.jpg")
    shutil.rmtree(store.layout.captures / "1")
    (store.layout.captures / "new").rename(store.layout.captures / "1")
    wait_for(
        lambda: [i.key.second for i in store.index.images(1, *EVER)] == [SECOND - 86400],
        "the other folder's image alone",
    )
    reconciler.close()


@pytest.mark.parametrize(
    ("jpeg", "expected"),
    [
        (make_jpeg(1920, 1080), (1920, 1080)),
        (b"", (0, 0)),
        (b"\xff\xd8", (0, 0)),
        (b"\xff\xd8\xff\xff\xff\xc2\x00\x0b\x08\x00\x10\x00\x20", (32, 16)),
        (b"\xff\xd8\xff\xe0\x00\x00\xff\xc0\x00\x0b\x08\x00\x10\x00\x20", (32, 16)),
        (b"\xff\xd8\xff\xc0\x00\x0b\x08\x00", (0, 0)),
        (b"\xff\xd8\xff\xda\x00\x02\xff\xc0\x00\x0b\x08\x00\x10\x00\x20", (0, 0)),
    ],
)
def test_dimensions_come_from_the_frame_header(jpeg: bytes, expected: tuple[int, int]) -> None:
    assert dimensions(jpeg) == expected


def test_no_descriptor_is_left_open_by_folders_named_like_images(store: Store) -> None:
    for number in range(20):
        store.put(f"1/20260320-120000-{number:02}.jpg/x")
    before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    store.reconcile(1)
    assert len(os.listdir("/proc/self/fd")) <= before  # noqa: PTH208
