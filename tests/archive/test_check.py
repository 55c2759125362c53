"""`check`: everything that can be wrong in a data folder is found, and put right by a repair."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from chimera_storage.archive import sidecar
from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.findings import Kind, Report
from chimera_storage.archive.jpeg import Wholeness, wholeness
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError, StorageError
from chimera_storage.model import Box, Event, Image
from tests.support.archive import (
    EVER,
    JPEG,
    NOW,
    FixedClock,
    Store,
    make_image,
    make_jpeg,
    open_store,
    second_of,
)

SECOND = second_of("2026-03-20 12:00:00")
HOUR = SECOND // 3600
OUTPUT = "output_1_20260320-120000_20260320-130000_abc-20260320-140000.mp4"
SILENT = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)


def run(store: Store, *, repair: bool = False, max_missing: float = 1, **more: int) -> Report:
    clock = FixedClock(NOW + timedelta(days=1))  # nothing is young
    return check(store.layout, clock, SILENT, repair=repair, max_missing=max_missing, **more)


def found(store: Store) -> dict[Kind, list[str]]:
    """What is wrong, by kind; a second look without changes must find the same."""
    report, again = run(store), run(store)
    assert report.found == again.found
    kinds = {finding.kind for finding in report.named}
    return {kind: [f.path for f in report.named if f.kind is kind] for kind in kinds}


def repaired(store: Store) -> Report:
    """The report of a repair after which all is well."""
    report = run(store, repair=True)
    assert report.left == 0, report
    assert run(store).found.total() == report.found[Kind.CUT_SHORT]
    return report


def save(store: Store, count: int = 3, camera: int = 1, **values: object) -> list[Image]:
    writer = store.writer()
    images = [
        writer.save(camera, to_us(NOW) + n * 700_000, JPEG, width=32, height=16, **values)  # type: ignore[arg-type]
        for n in range(count)
    ]
    writer.close()
    return images


def test_a_sound_archive_has_no_findings(store: Store) -> None:
    save(store, score=0.5, boxes=(Box(1, 2, 3, 4),))
    store.put("1/20260320-120000-00.jpg")
    store.reconcile(1)
    report = run(store)
    assert not any(kind.is_problem for kind in report.found), report.named
    assert (report.images, report.size, report.left) == (4, 4 * len(JPEG), 0)


def test_an_image_without_a_row_is_taken_in(store: Store) -> None:
    save(store)
    names = ["1/20260320-120000-00.jpg", "1/20260320/12/20260320-120000-77.jpg"]
    for name in names:
        store.put(name)
    assert found(store) == {Kind.ORPHAN: names}
    repaired(store)
    assert store.index.totals(1).count == 5


def test_a_row_without_an_image_goes(store: Store) -> None:
    gone, *kept = save(store)
    store.layout.image_path(gone.key).unlink()
    assert found(store) == {Kind.MISSING: ["1/20260320/12/20260320-120000-00.jpg"]}
    repaired(store)
    assert store.index.images(1, *EVER) == kept


@pytest.mark.parametrize("damage", ["a byte", "cut", "longer"])
def test_an_image_that_is_not_what_was_saved_is_told_once_and_never_deleted(
    store: Store, damage: str
) -> None:
    changed, *others = save(store, score=0.25)
    path = store.layout.image_path(changed.key)
    flipped = bytearray(JPEG)
    flipped[-20] ^= 0x10
    content = {"a byte": bytes(flipped), "cut": JPEG[:-40], "longer": JPEG + b"\0" * 9}[damage]
    path.write_bytes(content)
    kinds = {Kind.CHANGED} | ({Kind.CUT_SHORT} if damage == "cut" else set())
    assert found(store).keys() == kinds
    repaired(store)
    assert path.read_bytes() == content
    row = store.index.get(changed.key)
    assert row is not None
    assert (row.size, row.score, row.taken_at_us) == (len(content), 0.25, changed.taken_at_us)
    assert store.index.images(1, *EVER)[1:] == others


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"\0" * 5000, b"\xff\xd8\xff\xda\0\2"])
def test_what_cannot_be_shown_is_moved_aside_and_kept(store: Store, content: bytes) -> None:
    spoilt, *others = save(store)
    path = store.layout.image_path(spoilt.key)
    path.write_bytes(content)
    flat = store.put("1/20260320-110000-00.jpg", content)
    name = "1/20260320/12/20260320-120000-00.jpg"
    assert found(store) == {Kind.NO_IMAGE: ["1/20260320-110000-00.jpg", name]}
    repaired(store)
    assert not path.exists()
    assert not flat.exists()
    assert (store.layout.captures / ".damaged" / name).read_bytes() == content
    assert store.index.images(1, *EVER) == others
    path.write_bytes(content)  # and again: the first is not replaced
    repaired(store)
    kept = sorted((store.layout.captures / ".damaged/1/20260320/12").iterdir())
    assert [file.read_bytes() for file in kept] == [content, content]


def test_old_temporary_files_go_and_young_ones_stay(store: Store) -> None:
    save(store)
    old = [
        store.put("1/20260320/12/.20260320-120000-00-abcd.tmp"),
        store.put("1/.20260320-120000-00-abcd.tmp"),
        store.put(f".{OUTPUT}.1.tmp"),
    ]
    young = store.put("1/.20260320-120000-01-abcd.tmp", age_s=-24 * 3600)
    paths = [str(path.relative_to(store.layout.captures)) for path in old]
    assert sorted(found(store)[Kind.LEFTOVER]) == sorted(paths)
    repaired(store)
    assert [path.exists() for path in [*old, young]] == [False, False, False, True]


def test_conversions_without_row_or_file_or_of_another_size_are_told(store: Store) -> None:
    path = store.put(OUTPUT, b"video")
    assert found(store) == {Kind.OUTPUT_ORPHAN: [OUTPUT]}
    repaired(store)
    path.write_bytes(b"vid")
    assert found(store) == {Kind.OUTPUT_CHANGED: [OUTPUT]}
    assert run(store, repair=True).left == 1
    path.unlink()
    assert found(store) == {Kind.OUTPUT_MISSING: [OUTPUT]}
    repaired(store)
    assert store.index.conversions() == []


def test_totals_that_are_not_the_sums_of_their_rows_are_counted_anew(store: Store) -> None:
    import sqlite3

    save(store)
    for change in (
        "hours SET images = images + 5",
        "hours SET bytes = 1",
        "hours SET hour = hour + 1",
        "totals SET images = 0",
        "totals SET events = 7",
    ):
        with sqlite3.connect(store.layout.index) as connection:
            connection.execute(f"UPDATE {change}")
        connection.close()
        assert found(store).keys() == {Kind.TOTALS}
        repaired(store)
        assert store.index.totals(1).count == 3
        assert store.index.totals(1).size == 3 * len(JPEG)


# what is kept beside the images


def test_scores_that_the_index_lost_come_back_from_beside_the_images(store: Store) -> None:
    images = save(store, score=0.5, boxes=(Box(1, 2, 3, 4),))
    bare = [replace(image, score=None, boxes=(), taken_at_us=SECOND * 10**6) for image in images]
    store.index.add_images(bare[:1], replace=True)
    assert found(store) == {Kind.SIDECAR: ["1/20260320/12/20260320-120000-00.jpg"]}
    repaired(store)
    assert store.index.images(1, *EVER) == images


def test_what_is_not_kept_beside_the_images_is_written_there(store: Store) -> None:
    images = save(store, score=0.5)
    beside = store.layout.hour_folder(1, HOUR) / sidecar.NAME
    beside.unlink()
    assert len(found(store)[Kind.SIDECAR]) == 3
    repaired(store)
    assert list(sidecar.read(beside.parent, HOUR).as_images(1)) == images


def test_a_damaged_sidecar_is_written_anew_with_what_can_be_read(store: Store) -> None:
    writer = store.writer()
    images = []
    for n in range(2):
        at = to_us(NOW) + n
        writer.note_event(Event(camera=1, start_us=at, end_us=at + 5))
        images.append(writer.save(1, at, JPEG, width=32, height=16, score=0.5, event=at))
        writer.flush()
    writer.close()
    beside = store.layout.hour_folder(1, HOUR) / sidecar.NAME
    content = bytearray(beside.read_bytes())
    content[20] ^= 0xFF
    beside.write_bytes(content)
    os.utime(beside, (SECOND, SECOND))
    assert "1/20260320/12/.images" in found(store)[Kind.SIDECAR]
    repaired(store)
    kept = sidecar.read(beside.parent, HOUR)
    assert sorted(kept.as_images(1), key=lambda i: i.taken_at_us) == images
    assert kept.skipped == 0


def test_an_event_that_the_index_lost_comes_back(store: Store) -> None:
    start_us = to_us(NOW)
    save(store, score=0.5, event=start_us)
    assert found(store).keys() == {Kind.EVENT}
    repaired(store)
    (event,) = store.index.events(1, *EVER)
    assert event == Event(camera=1, start_us=start_us, end_us=start_us + 1_400_000)


# when nothing is changed


def test_without_repair_nothing_changes(store: Store) -> None:
    gone, spoilt, *_ = save(store)
    store.layout.image_path(gone.key).unlink()
    store.layout.image_path(spoilt.key).write_bytes(b"x")
    store.put("1/20260320-120000-00.jpg")
    files, rows = store.files(), store.index.images(1, *EVER)
    assert run(store).left == 3
    assert (store.files(), store.index.images(1, *EVER)) == (files, rows)


def test_a_repair_stops_where_too_many_images_are_missing(store: Store) -> None:
    images = save(store, 40)
    for image in images[:20]:
        store.layout.image_path(image.key).unlink()
    store.put("1/20260320-120000-00.jpg")
    report = run(store, repair=True, max_missing=0.4)
    assert report.stopped is not None
    assert "20 of 40 images" in report.stopped
    assert "--max-missing" in report.stopped
    assert report.mended.total() == 0
    assert store.index.totals(1).count == 40
    assert run(store, repair=True, max_missing=0.5).left == 0
    assert store.index.totals(1).count == 21


def test_a_camera_folder_that_is_gone_stops_a_repair_too(store: Store, tmp_path: Path) -> None:
    save(store, 40)
    save(store, 400, camera=2)
    (store.layout.captures / "1").rename(tmp_path / "unmounted")
    assert run(store, repair=True, max_missing=0.1).stopped is not None
    assert store.index.totals(1).count == 40
    assert run(store, repair=True, max_missing=1).left == 0
    assert store.index.totals(1).count == 0


def test_one_camera_alone_is_checked_and_repaired(store: Store) -> None:
    for camera in (1, 2):
        save(store, camera=camera)
        store.put(f"{camera}/20260320-120000-00.jpg")
    report = run(store, repair=True, camera=2)
    assert (report.images, report.found) == (4, {Kind.ORPHAN: 1})
    assert [store.index.totals(camera).count for camera in (1, 2)] == [3, 4]
    with pytest.raises(InvalidInputError, match="known: 1, 2"):
        run(store, camera=3)


@contextmanager
def server(store: Store) -> Iterator[None]:
    """What a check sees of a running server: its lock."""
    lock = os.open(store.layout.root / ".lock", os.O_RDWR | os.O_CREAT)
    fcntl.flock(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(lock)


def test_what_is_in_motion_beside_a_server_is_no_finding(store: Store) -> None:
    (image,) = save(store, 1)
    young = store.put("1/20260320/12/20260320-120000-77.jpg", age_s=-24 * 3600)
    started = time.monotonic()
    with server(store):
        assert run(store).found.total() == 0
        young.unlink()
        assert time.monotonic() - started < 2
        store.layout.image_path(image.key).unlink()
        assert run(store).found == {Kind.MISSING: 1}
    assert time.monotonic() - started > 2  # it was looked for twice


# the index itself


def test_without_an_index_images_are_read_all_the_same_and_a_repair_makes_it(
    tmp_path: Path,
) -> None:
    with open_store(tmp_path) as store:
        images = save(store, score=0.5)
        store.layout.image_path(images[1].key).write_bytes(b"x")
    for path in tmp_path.glob("index.db*"):
        path.unlink()
    report = run(store)
    assert report.found == {Kind.INDEX: 1, Kind.NO_IMAGE: 1}
    assert not store.layout.index.exists()
    assert run(store, repair=True).left == 0
    with open_store(tmp_path) as store:
        assert store.index.images(1, *EVER) == [images[0], images[2]]


def test_a_damaged_index_is_made_anew_by_a_repair_beside_a_server_too(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        save(store, 200)
    content = bytearray(store.layout.index.read_bytes())
    content[5000:-5000] = b"\xa5" * (len(content) - 10_000)
    store.layout.index.write_bytes(content)
    report = run(store)
    assert report.found == {Kind.INDEX: 1}
    assert list(tmp_path.glob("index.db.corrupt-*")) == []
    with server(store):
        assert run(store, repair=True).left == 0
    assert len(list(tmp_path.glob("index.db.corrupt-*[0-9]"))) == 1
    with open_store(tmp_path) as store:
        assert store.index.totals(1).count == 200


def test_a_folder_without_footage_is_one_sentence(tmp_path: Path) -> None:
    with open_store(tmp_path) as store:
        pass
    store.layout.captures.rmdir()
    with pytest.raises(StorageError, match="is its disk mounted"):
        run(store)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        (make_jpeg(640, 480), Wholeness.WHOLE),
        (make_jpeg() + b"\0" * 100, Wholeness.WHOLE),
        (make_jpeg()[:-2], Wholeness.CUT_SHORT),
        (make_jpeg()[:-2] + b"\0" * 100, Wholeness.CUT_SHORT),
        (make_jpeg()[:30], Wholeness.NONE),
        (b"\xff\xd8", Wholeness.NONE),
        (b"", Wholeness.NONE),
        (b"\x89PNG", Wholeness.NONE),
        # The end of a thumbnail in the headers is not the image's.
        (b"\xff\xd8\xff\xe1\x00\x06\xff\xd8\xff\xd9" + make_jpeg()[2:-2], Wholeness.CUT_SHORT),
    ],
)
def test_wholeness_is_told_from_the_markers(data: bytes, expected: Wholeness) -> None:
    assert wholeness(data) is expected


@pytest.mark.parametrize("length", range(0, len(JPEG), 7))
def test_a_jpeg_cut_anywhere_is_never_whole(length: int) -> None:
    assert wholeness(JPEG[:length]) is not Wholeness.WHOLE


def test_totals_before_1970_are_counted_by_their_hour(store: Store) -> None:
    store.index.add_images([make_image(1, second) for second in (-1, 0, -3600, -3601, 3599)])
    assert store.index.wrong_hours(1) == []
    store.index.recount(1, [-1])
    assert store.index.wrong_hours(1) == []
    assert store.index.hours(1) == [-2, -1, 0]


@pytest.mark.parametrize("is_lost", [False, True], ids=["index there", "index lost"])
def test_a_check_without_the_configured_time_zone_makes_no_flat_image_one_of_another_time(
    tmp_path: Path, is_lost: bool
) -> None:
    """`check --path` knows no storage.toml; the same flat name is another time in another zone."""
    berlin, utc = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")
    with open_store(tmp_path, berlin) as store:
        for minute in range(20):
            store.put(f"1/20260320-12{minute:02}00-00.jpg")
        store.reconcile(1)
        before = store.index.images(1, *EVER)
        assert before[0].key.second == SECOND - 3600
    with open_store(tmp_path, utc) as store:
        if is_lost:
            store.layout.index.unlink()
        report = run(store, repair=True)
        assert report.found.total() == report.found[Kind.INDEX] == is_lost
        assert report.left == 0
    with open_store(tmp_path, berlin) as store:
        reconciler = Reconciler(store.archive)
        reconciler.start()
        assert reconciler.wait_complete(20)
        reconciler.close()
        assert [i.key for i in store.index.images(1, *EVER)] == [i.key for i in before]
