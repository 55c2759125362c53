"""Saving, deleting, crashing, meddling, checking and restarting in any order, against a model.

The model is a dictionary: name → bytes and score. Images that were saved and not yet flushed may
lose their score in a crash, never themselves.
"""

import shutil
import tempfile
from datetime import UTC, timedelta
from pathlib import Path

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.watch import Reconciler
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.model import ImageKey, Totals
from tests.support.archive import NOW, make_jpeg

CAMERAS = (1, 2)
EVER = (-(2**62), 2**62)
JPEGS = [make_jpeg(16, 8, brightness) for brightness in range(0, 250, 10)]
SILENT = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)


class ArchiveMachine(RuleBasedStateMachine):
    """One data folder; `bytes` and `scores` are what it has to hold."""

    images: "Bundle[ImageKey]" = Bundle("images")

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp())
        self.layout = Layout(self.root, UTC)
        self.layout.captures.mkdir(parents=True)
        self.bytes: dict[ImageKey, bytes] = {}
        self.scores: dict[ImageKey, float | None] = {}
        self.unflushed: set[ImageKey] = set()
        self.settled = True  # files and rows agree: nothing was done behind the index's back
        self.open()

    def open(self) -> None:
        self.index = Index(self.layout.index)
        self.archive = Archive(self.layout, self.index, SystemClock())
        self.writer = ImageWriter(self.layout, self.index, sync_interval_s=3600)

    @initialize()
    def begin(self) -> None:
        self.compare()

    @rule(
        target=images,
        camera=st.sampled_from(CAMERAS),
        second=st.integers(0, 7300),
        score=st.floats(0, 1, width=32),
        jpeg=st.sampled_from(JPEGS),
    )
    def save(self, camera: int, second: int, score: float, jpeg: bytes) -> ImageKey:
        at_us = to_us(NOW + timedelta(seconds=second)) + 7
        image = self.writer.save(camera, at_us, jpeg, width=16, height=8, score=score)
        assert image.key not in self.bytes  # nothing is ever replaced
        self.bytes[image.key], self.scores[image.key] = jpeg, score
        self.unflushed.add(image.key)
        return image.key

    @rule()
    def flush(self) -> None:
        self.writer.flush()
        self.unflushed.clear()

    @rule(key=images)
    def delete(self, key: ImageKey) -> None:
        asked, gone = self.archive.delete([key])
        assert asked == gone == 1
        self.forget(key)

    @rule(camera=st.sampled_from(CAMERAS))
    def delete_camera(self, camera: int) -> None:
        self.archive.delete_camera(camera)
        for key in [key for key in self.bytes if key.camera == camera]:
            self.forget(key)

    def forget(self, key: ImageKey) -> None:
        self.bytes.pop(key, None)
        self.scores.pop(key, None)
        self.unflushed.discard(key)

    # behind the index's back

    @rule(target=images, camera=st.sampled_from(CAMERAS), second=st.integers(0, 7300))
    def another_program_writes(self, camera: int, second: int) -> ImageKey:
        key = ImageKey(camera=camera, second=to_us(NOW) // 10**6 + second, number=50, flat=True)
        path = self.layout.image_path(key)
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(JPEGS[0])
        self.bytes[key], self.scores[key] = JPEGS[0], None
        self.settled = False
        return key

    @rule(key=images)
    def another_program_deletes(self, key: ImageKey) -> None:
        self.layout.image_path(key).unlink(missing_ok=True)
        self.forget(key)
        self.settled = False

    @rule()
    def crash(self) -> None:
        """The process is gone: what was in its memory too."""
        for key in self.unflushed:
            self.scores[key] = None
        self.unflushed.clear()
        self.index.close()
        self.settled = False
        self.open()

    @rule()
    def lose_the_index(self) -> None:
        self.crash()
        self.index.close()
        for path in self.root.glob("index.db*"):
            path.unlink()
        self.open()

    # putting right

    @rule()
    def compare(self) -> None:
        """What the start of a server does."""
        reconciler = Reconciler(self.archive)
        reconciler.start()
        assert reconciler.wait_complete(30)
        reconciler.close()
        self.settled = True

    @precondition(lambda self: not self.unflushed)
    @rule()
    def repair(self) -> None:
        report = check(self.layout, SystemClock(), SILENT, repair=True, max_missing=1)
        assert report.left == 0, report
        assert report.images == len(self.bytes)
        self.settled = True

    @rule(key=images)
    def save_again_where_a_name_is_taken(self, key: ImageKey) -> None:
        """A clock set back: the next number is taken."""
        if key.number is not None and not key.flat:
            self.save(key.camera, key.second - to_us(NOW) // 10**6, 0.25, JPEGS[1])

    # what holds

    @invariant()
    def every_image_is_there_and_whole(self) -> None:
        for key, content in self.bytes.items():
            assert self.layout.image_path(key).read_bytes() == content
        on_disk = set(self.layout.captures.rglob("*.jpg"))
        assert on_disk == {self.layout.image_path(key) for key in self.bytes}

    @invariant()
    def rows_and_totals_are_those_of_the_images(self) -> None:
        if not self.settled:
            return
        for camera in CAMERAS:
            rows = {row.key: row for row in self.index.images(camera, *EVER)}
            of_camera = {key for key in self.bytes if key.camera == camera}
            assert of_camera - self.unflushed <= rows.keys() <= of_camera
            assert self.index.totals(camera) == Totals(
                count=len(rows), size=sum(len(self.bytes[key]) for key in rows)
            )
            for key, row in rows.items():
                assert row.size == len(self.bytes[key])
                if key not in self.unflushed:
                    assert row.score == self.scores[key]

    def teardown(self) -> None:
        self.writer.close()
        self.unflushed.clear()
        self.compare()
        self.rows_and_totals_are_those_of_the_images()
        report = check(self.layout, SystemClock(), SILENT)
        assert report.left == 0, report
        self.index.close()
        shutil.rmtree(self.root)


TestArchive = ArchiveMachine.TestCase
TestArchive.settings = settings(
    max_examples=15,
    stateful_step_count=25,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)
