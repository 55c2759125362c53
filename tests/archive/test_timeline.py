"""A stretch of time in the index: counts of its parts, its events, its totals."""

import random

import pytest

from chimera_storage.archive.index import Index
from chimera_storage.archive.index.timeline import EventRow
from chimera_storage.model import Event, Totals
from tests.support.archive import NOW, Store, make_image

BEGIN = int(NOW.timestamp()) // 3600 * 3600
US = 1_000_000


@pytest.fixture
def index(store: Store) -> Index:
    return store.index


def test_parts_count_their_own_images_and_the_last_part_may_be_short(index: Index) -> None:
    index.add_images([make_image(1, BEGIN + s) for s in (0, 59, 60, 60 + 59, 125, 130)])
    index.add_images([make_image(1, BEGIN + 60, 1), make_image(2, BEGIN)])

    assert index.counts(1, BEGIN, BEGIN + 129, every_s=60) == [2, 3, 1]
    assert index.counts(1, BEGIN + 130, BEGIN + 130, every_s=1) == [1]
    assert index.counts(3, BEGIN, BEGIN + 119, every_s=60) == [0, 0]


def test_events_have_their_images_and_the_one_in_which_most_moves(index: Index) -> None:
    start, later, empty = (BEGIN * US, (BEGIN + 60) * US, (BEGIN + 90) * US)
    index.add_images(
        [
            make_image(1, BEGIN, 0, event=start, score=0.1),
            make_image(1, BEGIN + 1, 0, event=start, score=0.5),
            make_image(1, BEGIN + 1, 1, event=start, score=0.4),
            make_image(1, BEGIN + 2, 0, score=0.9),
            make_image(1, BEGIN + 61, 3, event=later),
            make_image(2, BEGIN + 1, 7, event=start, score=1.0),
        ]
    )
    index.add_events(
        [
            Event(camera=1, start_us=start, end_us=start + 5 * US),
            Event(camera=1, start_us=later, end_us=later + 5 * US),
            Event(camera=1, start_us=empty),
            Event(camera=2, start_us=start, end_us=start + 5 * US),
        ]
    )

    rows = index.event_rows(1, BEGIN * US, (BEGIN + 100) * US, limit=10)

    assert rows == [
        EventRow(start, start + 5 * US, 3, 0.5, BEGIN + 1, 0, 0),
        EventRow(later, later + 5 * US, 1, -1, BEGIN + 61, 3, 0),
        EventRow(empty, None, 0, -1, None, None, None),
    ]
    assert index.event_rows(1, BEGIN * US, (BEGIN + 100) * US, limit=1) == rows[:1]


def test_an_event_that_began_before_the_range_is_there_as_long_as_it_reaches_into_it(
    index: Index,
) -> None:
    start = BEGIN * US
    index.add_events([Event(camera=1, start_us=start, end_us=start + 100 * US)])

    def begins(first: int, last: int) -> list[int]:
        return [e.start_us for e in index.event_rows(1, first, last, limit=9)]

    assert begins(start + 50 * US, start + 60 * US) == [start]
    assert begins(start + 101 * US, start + 160 * US) == []
    index.add_events([Event(camera=1, start_us=start + 200 * US)])
    assert begins(start + 300 * US, start + 400 * US) == [start + 200 * US]


def test_totals_of_a_span_are_those_of_its_images(index: Index) -> None:
    dice = random.Random(7)
    images = [
        make_image(1, BEGIN + second, size=dice.randint(1, 999))
        for second in sorted(dice.sample(range(4 * 3600), 300))
    ]
    index.add_images(images)
    edges = [0, 1, 3599, 3600, 3601, 7199, 7200, *dice.sample(range(4 * 3600), 20)]
    for one, other in zip(edges, reversed(edges), strict=True):
        first, last = sorted((BEGIN + one, BEGIN + other))
        inside = [image.size for image in images if first <= image.key.second <= last]
        expected = Totals(count=len(inside), size=sum(inside))
        assert index.totals_of(1, first, last) == expected, (one, other)


def test_first_and_last_are_those_of_one_camera(index: Index) -> None:
    assert index.first_and_last(1) is None
    index.add_images([make_image(1, BEGIN + s) for s in (5, 9)] + [make_image(2, BEGIN)])
    assert index.first_and_last(1) == (BEGIN + 5, BEGIN + 9)
