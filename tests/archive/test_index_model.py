"""The index against a plain dictionary: whatever was added and removed, the answers are equal."""

from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from chimera_storage.archive.index import Index
from chimera_storage.archive.index.image_rows import IMAGES, Row, image_values
from chimera_storage.model import Event, Image, ImageKey, Totals
from tests.support.archive import EVER, make_image, second_of

BASE = second_of("2026-03-20 12:00:00")
CAMERAS = (1, 2)
# Few hours, few seconds in each, so that images meet, and hours are emptied and filled again.
SECONDS = st.builds(lambda h, s: BASE + h * 3600 + s, st.integers(-1, 3), st.integers(0, 3))
SECOND_US = 1_000_000


@st.composite
def images(draw: st.DrawFn) -> Image:
    """An image, of an event that began up to two seconds (and maybe an hour) before, or of none."""
    second = draw(SECONDS)
    event = draw(st.none() | st.integers(0, 2))
    return make_image(
        draw(st.sampled_from(CAMERAS)),
        second,
        draw(st.none() | st.integers(0, 2)),
        flat=draw(st.booleans()),
        size=draw(st.integers(1, 5)),
        crc32=draw(st.none() | st.integers(0, 9)),
        taken_at_us=second * SECOND_US + draw(st.integers(0, SECOND_US - 1)),
        event=None if event is None else (second - event) * SECOND_US,
    )


def order(image: Image) -> tuple[int, int, bool]:
    key = image.key
    return (key.second, -1 if key.number is None else key.number, key.flat)


def row_of(image: Image) -> Row:
    values = image_values(image)
    return tuple(values[column.name] for column in IMAGES.c)


@dataclass
class Model:
    """What the index should hold."""

    images: dict[ImageKey, Image] = field(default_factory=dict)

    def of(self, camera: int, first: int, last: int) -> list[Image]:
        own = (i for i in self.images.values() if i.key.camera == camera)
        return sorted((i for i in own if first <= i.key.second <= last), key=order)


class IndexMachine(RuleBasedStateMachine):
    """Changes of every kind, in any order."""

    def __init__(self) -> None:
        super().__init__()
        self.folder = TemporaryDirectory()
        self.index = Index(Path(self.folder.name) / "index.db")
        self.model = Model()

    def teardown(self) -> None:
        self.index.close()
        self.folder.cleanup()

    @rule(given=st.lists(images(), max_size=8), replacing=st.booleans())
    def add(self, given: list[Image], replacing: bool) -> None:
        unique = {image.key: image for image in given}
        new = {key: image for key, image in unique.items() if key not in self.model.images}
        added = self.index.add_images(list(unique.values()), replace=replacing)
        assert added == len(new)
        self.model.images.update(unique if replacing else new)

    @rule(given=st.lists(images(), max_size=8), camera=st.sampled_from(CAMERAS))
    def fill(self, given: list[Image], camera: int) -> None:
        unique = {}
        for image in given:
            own = replace(image, key=replace(image.key, camera=camera))
            unique[own.key] = own
        new = {key: image for key, image in unique.items() if key not in self.model.images}
        assert self.index.fill(camera, [row_of(image) for image in unique.values()]) == len(new)
        self.model.images.update(new)
        began = {e.start_us: e.end_us for e in self.index.events(camera, *EVER)}
        for image in new.values():
            if image.event is not None:
                assert (began[image.event] or 0) >= image.taken_at_us

    @precondition(lambda self: self.model.images)
    @rule(data=st.data())
    def remove(self, data: st.DataObject) -> None:
        there = sorted(self.model.images, key=repr)
        keys = data.draw(st.lists(st.sampled_from(there), unique=True))
        absent = ImageKey(camera=3, second=BASE, number=0)
        assert self.index.remove_images([*keys, absent]) == len(keys)
        for key in keys:
            del self.model.images[key]

    @rule(camera=st.sampled_from(CAMERAS), start=SECONDS, length=st.none() | st.integers(0, 3700))
    def event(self, camera: int, start: int, length: int | None) -> None:
        end_us = None if length is None else (start + length) * SECOND_US
        self.index.add_events([Event(camera=camera, start_us=start * SECOND_US, end_us=end_us)])

    @rule(
        camera=st.sampled_from(CAMERAS),
        first=SECONDS,
        length=st.integers(-1, 5 * 3600),
        frames=st.integers(0, 6),
    )
    def ask_about_a_range(self, camera: int, first: int, length: int, frames: int) -> None:
        span = (first * SECOND_US + 5, (first + length) * SECOND_US + 5)
        expected = self.model.of(camera, first, first + length)
        assert self.index.images(camera, *span) == expected
        assert self.index.count(camera, *span) == len(expected)
        keys = self.index.keys(camera, start_us=span[0], end_us=span[1])
        assert list(keys) == [image.key for image in expected]
        sample = self.index.sample(camera, *span, frames)
        assert len(sample) == min(frames, len(expected))
        places = [expected.index(image) for image in sample]
        if len(expected) <= frames:
            assert sample == expected
        elif frames > 1:
            steps = {b - a for a, b in pairwise(places)}
            assert (places[0], places[-1]) == (0, len(expected) - 1)
            assert max(steps) - min(steps) <= 1

    @invariant()
    def totals_are_right(self) -> None:
        there = list(self.model.images.values())
        assert self.index.cameras() == sorted({image.key.camera for image in there})
        for camera in CAMERAS:
            own = self.model.of(camera, 0, 2**40)
            size = sum(image.size for image in own)
            assert self.index.totals(camera) == Totals(count=len(own), size=size)
            assert self.index.hours(camera) == sorted({i.key.second // 3600 for i in own})
            assert self.index.latest(camera) == (own[-1] if own else None)

    @invariant()
    def events_are_counted_in_their_hours(self) -> None:
        with self.index._database.read() as connection:
            counted = connection.exec_driver_sql("SELECT camera, hour, events FROM hours").all()
        events = Counter(
            (camera, event.start_us // SECOND_US // 3600)
            for camera in CAMERAS
            for event in self.index.events(camera, *EVER)
        )
        assert {(camera, hour): n for camera, hour, n in counted if n} == events


TestIndex = IndexMachine.TestCase
TestIndex.settings = settings(max_examples=25, stateful_step_count=15, deadline=None)
