"""Sizes, counts and cleaning by age."""

import os
from datetime import timedelta

import pytest

from chimera_storage.archive.layout import MARK_NAME
from chimera_storage.archive.mark import Mark, make_marks
from chimera_storage.archive.watch import Reconciler
from chimera_storage.errors import InvalidInputError, StorageError
from chimera_storage.model import Totals
from chimera_storage.upkeep import CleanResult, Upkeep
from tests.support.archive import EVER, JPEG, NOW, Store, make_image


@pytest.fixture
def upkeep(store: Store) -> Upkeep:
    return Upkeep(store.archive, store.clock)


def test_totals_and_metrics(store: Store, upkeep: Upkeep) -> None:
    store.save(1, NOW, NOW)
    store.save(12, NOW)
    assert upkeep.totals(1) == Totals(count=2, size=2 * len(JPEG))
    assert upkeep.totals(2) == Totals(count=0, size=0)
    assert upkeep.metrics() == {
        1: Totals(count=2, size=2 * len(JPEG)),
        12: Totals(count=1, size=len(JPEG)),
    }
    assert upkeep.confidence() == 100


def test_deleting_a_camera_says_whether_there_was_anything(store: Store, upkeep: Upkeep) -> None:
    store.save(1, NOW)
    assert upkeep.delete_camera(1)
    assert not upkeep.delete_camera(1)


def test_cleaning_goes_by_the_time_in_the_name(store: Store, upkeep: Upkeep) -> None:
    week = timedelta(days=7)
    images = store.save(
        1, NOW - week - timedelta(seconds=1), NOW - week, NOW - timedelta(days=6), NOW
    )
    store.save(10, NOW - 10 * week)
    path = store.layout.image_path(images[3].key)
    os.utime(path, (0, 0))  # copied here with another time: young all the same
    assert upkeep.clean(1, 7) == CleanResult(deleted=True, confidence=100)
    assert store.index.images(1, *EVER) == images[1:]
    assert upkeep.totals(10).count == 1
    assert upkeep.clean(1, 7) == CleanResult(deleted=False, confidence=100)


def test_while_the_disk_is_not_mounted_nothing_is_deleted_and_no_row_goes(
    store: Store, upkeep: Upkeep
) -> None:
    old = NOW - timedelta(days=9)
    images = store.save(1, old)
    make_marks(store.layout, store.index.data_folder_id)
    store.archive.mark = Mark(store.layout)
    (store.layout.captures / MARK_NAME).unlink()
    store.layout.image_path(images[0].key).unlink()  # as a bare mount point looks
    second = images[0].key.second
    for delete in (
        lambda: upkeep.delete_camera(1),
        lambda: upkeep.clean(1, 1),
        lambda: upkeep.delete_range(1, second, second, kept_too=False, only_ask=False),
    ):
        with pytest.raises(StorageError, match="mounted"):
            delete()
    assert store.index.images(1, *EVER) == images


def test_flat_images_of_an_existing_install_are_cleaned_too(store: Store, upkeep: Upkeep) -> None:
    old, young = store.put("1/20200101-000000-00.jpg"), store.put("1/20260320-115959-00.jpg")
    store.reconcile(1)
    assert upkeep.clean(1, 1).deleted
    assert (old.exists(), young.exists()) == (False, True)


def test_confidence_is_the_share_that_is_gone(store: Store, upkeep: Upkeep) -> None:
    images = store.save(1, *[NOW - timedelta(days=9)] * 3)
    stuck = store.layout.image_path(images[0].key)
    stuck.unlink()
    stuck.mkdir()  # cannot be deleted as a file, not even by root
    assert upkeep.clean(1, 1) == CleanResult(deleted=True, confidence=66.67)
    assert upkeep.clean(1, 1) == CleanResult(deleted=False, confidence=0)
    assert upkeep.totals(1).count == 1


@pytest.mark.parametrize("days", [0, -1, 0.5])
def test_days_below_one_are_refused_and_nothing_goes(
    store: Store, upkeep: Upkeep, days: float
) -> None:
    store.save(1, NOW)
    with pytest.raises(InvalidInputError):
        upkeep.clean(1, days)
    assert upkeep.totals(1).count == 1


def test_a_day_and_a_half_is_36_hours(store: Store, upkeep: Upkeep) -> None:
    images = store.save(1, NOW - timedelta(hours=37), NOW - timedelta(hours=35))
    assert upkeep.clean(1, 1.5) == CleanResult(deleted=True, confidence=100)
    assert store.index.images(1, *EVER) == images[1:]


@pytest.mark.parametrize("days", [800_000, 10**30])
def test_more_days_than_there_were_clean_nothing(store: Store, upkeep: Upkeep, days: int) -> None:
    store.save(1, NOW)
    assert upkeep.clean(1, days) == CleanResult(deleted=False, confidence=100)


def test_while_the_comparison_runs_confidence_is_lower_and_cleaning_sees_the_files(
    store: Store,
) -> None:
    reconciler = Reconciler(store.archive)
    upkeep = Upkeep(store.archive, store.clock, reconciler)
    assert upkeep.confidence() < 100
    old = store.put("1/20200101-000000-00.jpg")
    store.index.add_images([make_image(1, 5)])
    assert upkeep.clean(1, 1) == CleanResult(deleted=True, confidence=100)
    assert not old.exists()
    assert upkeep.totals(1).count == 0
    reconciler.start()
    assert reconciler.wait_complete(10)
    assert upkeep.confidence() == 100
    reconciler.close()
