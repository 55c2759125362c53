"""Deleting spans of time: what is asked for, nothing else, and rows and totals with it."""

from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chimera_storage.archive import deleting
from chimera_storage.archive.deleting import Removed
from chimera_storage.clock import to_us
from chimera_storage.model import Event, Totals
from tests.support.archive import EVER, JPEG, NOW, Store, make_image, second_of

SECOND = second_of("2026-03-20 12:00:00")
SIZE = len(JPEG)


def test_a_span_takes_both_its_ends_and_nothing_beside(store: Store) -> None:
    images = store.save(1, *(NOW + timedelta(seconds=s) for s in range(5)))
    store.save(2, NOW + timedelta(seconds=2))
    gone = store.archive.deleter.span(1, SECOND + 1, SECOND + 3)
    assert gone == Removed(count=3, size=3 * SIZE, first_s=SECOND + 1, last_s=SECOND + 3)
    assert store.index.images(1, *EVER) == [images[0], images[4]]
    assert store.index.totals(1) == Totals(count=2, size=2 * SIZE)
    assert len([name for name in store.files() if name.startswith("1/") and "/." not in name]) == 2
    assert store.index.totals(2).count == 1


@given(
    images=st.sets(
        st.tuples(st.integers(-4000, 9000), st.integers(-1, 1), st.booleans()), max_size=30
    ),
    span=st.tuples(st.integers(-4100, 9100), st.integers(0, 9000)),
)
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_span_of_rows_is_what_the_same_keys_are(
    store: Store, images: set[tuple[int, int, bool]], span: tuple[int, int]
) -> None:
    """Also before 1970, where rounding is easily got wrong, and with rows whose file is gone."""
    store.index.remove_images(list(store.index.keys(1)))
    known = [
        make_image(1, second, None if number < 0 else number, flat=flat)
        for second, number, flat in images
    ]
    store.index.add_images(known)
    first, last = span[0], span[0] + span[1]
    inside = [image for image in known if first <= image.key.second <= last]
    gone = store.archive.deleter.span(1, first, last)
    assert gone.count == len(inside)
    assert {i.key for i in store.index.images(1, *EVER)} == {
        i.key for i in known if i not in inside
    }
    hours: dict[int, int] = {}
    for image in known:
        if image not in inside:
            hour = image.key.second // 3600
            hours[hour] = hours.get(hour, 0) + 1
    assert {t.hour: t.images for t in store.index.hourly() if t.camera == 1} == hours


def test_spans_larger_than_a_transaction_go_wholly(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "_CHUNK", 4)
    store.save(1, *([NOW] * 9), *(NOW + timedelta(seconds=s // 3) for s in range(20)))
    assert store.archive.deleter.span(1, SECOND, SECOND + 99).count == 29
    assert store.index.cameras() == []
    assert store.files() == []


def test_a_file_that_cannot_be_deleted_keeps_its_row_and_the_others_go(store: Store) -> None:
    images = store.save(1, NOW, NOW, NOW)
    stuck = store.layout.image_path(images[1].key)
    stuck.unlink()
    stuck.mkdir()  # cannot be deleted as a file, not even by root
    gone = store.archive.deleter.span(1, SECOND, SECOND)
    assert (gone.count, gone.size) == (2, 2 * SIZE)
    assert store.index.images(1, *EVER) == [images[1]]
    assert store.index.totals(1) == Totals(count=1, size=SIZE)


def test_an_image_that_comes_while_its_span_is_deleted_keeps_its_row(store: Store) -> None:
    store.save(1, NOW, NOW)
    assert not store.index.remove_span(1, SECOND, SECOND, expected=1)
    assert store.index.totals(1).count == 2


def test_a_span_is_left_in_good_order_when_it_is_stopped(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deleting, "_CHUNK", 4)
    store.save(1, *(NOW + timedelta(seconds=s) for s in range(20)))
    asked = iter([False, False, True])
    gone = store.archive.deleter.span(1, SECOND, SECOND + 99, stop=lambda: next(asked))
    assert 0 < gone.count < 20
    assert store.index.totals(1).count == 20 - gone.count
    assert len(list(store.archive.files(1))) == 20 - gone.count


def test_hidden_files_of_an_hour_go_with_its_last_image(store: Store) -> None:
    images = store.save(1, NOW, NOW + timedelta(seconds=1))
    folder = store.layout.image_path(images[0].key).parent
    (folder / deleting.THINNED).touch()
    store.archive.deleter.span(1, SECOND, SECOND)
    assert (folder / deleting.THINNED).exists()
    store.archive.deleter.span(1, SECOND + 1, SECOND + 1)
    assert not folder.parent.exists()


def test_events_go_with_the_last_of_their_images(store: Store) -> None:
    start_us = to_us(NOW)
    store.index.add_images(
        [make_image(1, SECOND, event=start_us), make_image(1, SECOND + 9, event=start_us)]
    )
    store.index.add_events([Event(camera=1, start_us=start_us, end_us=start_us + 9_000_000)])
    store.archive.deleter.span(1, SECOND, SECOND)
    assert [totals.events for totals in store.index.hourly()] == [1]
    store.archive.deleter.span(1, SECOND + 9, SECOND + 9)
    assert store.index.events(1, 0, 2 * start_us) == []
    assert store.index.hourly() == []


def test_paths_made_in_bulk_are_those_made_one_by_one(store: Store) -> None:
    images = [
        make_image(1, second, number, flat=flat)
        for second in (SECOND - 1, SECOND, SECOND + 3661, SECOND + 90_000)
        for number in (None, 0, 7, 123)
        for flat in (False, True)
    ]
    rows = [
        (i.key.second, -1 if i.key.number is None else i.key.number, int(i.key.flat), i.size)
        for i in images
    ]
    paths = list(store.layout.image_paths(1, rows))
    assert paths == [str(store.layout.image_path(image.key)) for image in images]
