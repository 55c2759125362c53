"""What rules would delete, against a plain list of images."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chimera_storage.archive.layout import HOUR_S
from chimera_storage.model import HourTotals
from chimera_storage.upkeep import rules
from chimera_storage.upkeep.rules import Rule, Span

# camera, second, bytes: three hours, few enough seconds that images share them
IMAGES = st.lists(
    st.tuples(
        st.integers(1, 3),
        st.builds(lambda h, s: h * HOUR_S + s, st.integers(0, 2), st.sampled_from([0, 1, 7, 3599])),
        st.integers(1, 1000),
    ),
    max_size=40,
)
PROTECTED = st.dictionaries(
    st.integers(1, 3),
    st.lists(
        st.tuples(st.integers(0, 3 * HOUR_S), st.integers(0, HOUR_S)).map(
            lambda begin_and_length: (begin_and_length[0], sum(begin_and_length))
        ),
        max_size=3,
    ).map(rules.merged),
    max_size=3,
)
Images = Sequence[tuple[int, int, int]]


class Stock:
    """A list of images as the planner sees it: totals of hours, and seconds where it asks."""

    def __init__(self, images: Images) -> None:
        self.images = list(images)
        self.asked: set[tuple[int, int]] = set()

    @property
    def hours(self) -> list[HourTotals]:
        return [
            HourTotals(camera=camera, hour=hour, images=len(sizes), bytes=sum(sizes))
            for camera, hour in {(i[0], i[1] // HOUR_S) for i in self.images}
            if (sizes := [i[2] for i in self.images if i[0] == camera and i[1] // HOUR_S == hour])
        ]

    def seconds(self, camera: int, hour: int) -> list[tuple[int, int, int]]:
        self.asked.add((camera, hour))
        of = [i for i in self.images if i[0] == camera and i[1] // HOUR_S == hour]
        return [
            (second, sum(i[1] == second for i in of), sum(i[2] for i in of if i[1] == second))
            for second in sorted({i[1] for i in of})
        ]

    def taken(self, spans: Sequence[Span]) -> Images:
        """The images in the spans; none twice, and each span says its own sums."""
        taken = []
        for span in spans:
            of = [i for i in self.images if i[0] == span.camera]
            inside = [i for i in of if span.first_s <= i[1] <= span.last_s]
            assert (span.images, span.bytes) == (len(inside), sum(i[2] for i in inside))
            assert span.first_s // HOUR_S == span.last_s // HOUR_S == span.hour
            taken += inside
        assert sorted(taken) == sorted(set_of(taken, self.images))
        return taken


def set_of(taken: Images, images: Images) -> Images:
    """`taken` with no image more often than it is in `images`."""
    left = list(images)
    kept = []
    for image in taken:
        if image in left:
            left.remove(image)
            kept.append(image)
    return kept


def is_protected(image: tuple[int, int, int], protected: rules.Protected) -> bool:
    return any(first <= image[1] <= last for first, last in protected.get(image[0], ()))


@given(
    images=IMAGES,
    protected=PROTECTED,
    before=st.dictionaries(st.integers(1, 3), st.integers(-5, 4 * HOUR_S)),
)
def test_days_take_exactly_what_is_older_and_not_protected(
    images: Images, protected: rules.Protected, before: dict[int, int]
) -> None:
    stock = Stock(images)
    spans = rules.too_old(stock.hours, before, protected=protected, seconds=stock.seconds)
    wanted = [i for i in images if i[1] < before.get(i[0], -9) and not is_protected(i, protected)]
    assert sorted(stock.taken(spans)) == sorted(wanted)


@given(images=IMAGES, protected=PROTECTED, need=st.integers(-5, 20_000))
def test_quotas_take_the_oldest_of_all_cameras_and_not_a_second_more_than_needed(
    images: Images, protected: rules.Protected, need: int
) -> None:
    stock = Stock(images)
    spans = rules.oldest(Rule.MAX_GB, stock.hours, need, protected=protected, seconds=stock.seconds)
    taken = stock.taken(spans)
    assert not any(is_protected(image, protected) for image in taken)
    may_go = [image for image in images if not is_protected(image, protected)]
    size = sum(image[2] for image in taken)
    if need <= 0:
        assert taken == []
    elif sum(image[2] for image in may_go) <= need:
        assert sorted(taken) == sorted(may_go)
    else:
        last = max(image[1] for image in taken)
        assert size >= need > size - sum(image[2] for image in taken if image[1] == last)
        assert sorted(taken) == sorted(image for image in may_go if image[1] <= last)


@given(images=IMAGES, protected=PROTECTED, need=st.integers(1, 5_000), days=st.integers(0, 9_000))
def test_a_second_rule_goes_on_where_the_first_ended(
    images: Images, protected: rules.Protected, need: int, days: int
) -> None:
    stock = Stock(images)
    before = dict.fromkeys((1, 2, 3), days)
    first = rules.too_old(stock.hours, before, protected=protected, seconds=stock.seconds)
    gone = stock.taken(first)
    hours, then_protected = rules.without(stock.hours, first, protected)
    second = rules.oldest(Rule.MAX_GB, hours, need, protected=then_protected, seconds=stock.seconds)
    left = Stock(sorted_without(images, gone))
    direct = rules.oldest(Rule.MAX_GB, left.hours, need, protected=protected, seconds=left.seconds)
    assert sorted(stock.taken([*first, *second])) == sorted([*gone, *left.taken(direct)])


def sorted_without(images: Images, gone: Images) -> Images:
    left = list(images)
    for image in gone:
        left.remove(image)
    return left


@given(images=IMAGES, protected=PROTECTED)
def test_protected_bytes_are_those_of_the_protected_images(
    images: Images, protected: rules.Protected
) -> None:
    stock = Stock(images)
    sizes = rules.protected_totals(stock.hours, protected, stock.seconds)
    for camera in (1, 2, 3):
        inside = [i for i in images if i[0] == camera and is_protected(i, protected)]
        assert sizes.get(camera, 0) == sum(i[2] for i in inside)


def test_whole_hours_are_not_looked_at_second_by_second() -> None:
    stock = Stock([(1, hour * HOUR_S + s, 10) for hour in range(5) for s in range(10)])
    spans = rules.oldest(Rule.MAX_GB, stock.hours, 250, protected={}, seconds=stock.seconds)
    assert sum(span.bytes for span in spans) == 250
    assert stock.asked == {(1, 2)}
    stock.asked.clear()
    rules.too_old(stock.hours, {1: 3 * HOUR_S}, protected={}, seconds=stock.seconds)
    assert stock.asked == set()


@pytest.mark.parametrize(
    ("images", "other", "limit", "over"),
    [
        (100, 0, 100, 0),
        (101, 0, 100, 11),  # down to nine tenths
        (60, 40, 100, 0),
        (70, 40, 100, 20),
        (0, 500, 100, 0),
        (90, 500, 100, 40),  # half of the quota stays for images
        (30, 500, 100, 0),
    ],
)
def test_a_quota_is_brought_down_to_nine_tenths_but_never_costs_all_images(
    images: int, other: int, limit: int, over: int
) -> None:
    assert rules.bytes_over(images, other, limit) == over


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20))), st.integers(0, 60))
def test_what_is_outside_of_ranges(lengths: list[tuple[int, int]], end: int) -> None:
    ranges = rules.merged((first, first + length) for first, length in lengths)
    covered = {s for first, last in ranges for s in range(first, last + 1)}
    parts = rules.outside((10, 10 + end), ranges)
    found = [s for first, last in parts for s in range(first, last + 1)]
    assert found == [s for s in range(10, 11 + end) if s not in covered]
