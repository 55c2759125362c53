import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest
import simplejpeg
from numpy.typing import NDArray

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.model import Image
from chimera_storage.motion import capture
from chimera_storage.motion.capture import Capture
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.source import SourceFrame, SourceJpeg
from tests.motion.clips import HEIGHT, RATE, WIDTH, jpegs, scene
from tests.motion.test_odd_streams import packets

START_US = 1_767_260_000_000_000
CAMERA = CameraSettings.model_validate(
    {"id": 3, "url": "x", "motion": {"event_gap": 2, "post_capture": 0.5, "pre_capture": 0.5}}
)


class Store:
    """A data folder and its writer."""

    def __init__(self, root: Path) -> None:
        self.layout = Layout(root, ZoneInfo("UTC"))
        self.layout.captures.mkdir(parents=True)
        self.index = Index(self.layout.index)
        self.writer = ImageWriter(self.layout, self.index, sync_interval_s=0.05)
        self.archive = Archive(self.layout, self.index, SystemClock())

    def capture(self, camera: CameraSettings = CAMERA) -> Capture:
        return Capture(camera, self.writer, self.archive, SystemClock())

    def images(self) -> list[Image]:
        self.writer.flush()
        return self.index.images(3, 0, 2**53)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "data")
    opened.writer.start()
    with closing(opened.index), closing(opened.writer):
        yield opened


def frame(pixels: NDArray[np.uint8], number: int) -> SourceFrame:
    picture = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")
    return SourceFrame(picture=picture, time_us=START_US + number * 1_000_000 // RATE)


def file(jpeg: bytes, number: int) -> SourceJpeg:
    time_us = START_US + number * 1_000_000 // RATE
    return SourceJpeg(jpeg=jpeg, seen=Seen.of_jpeg(jpeg), time_us=time_us)


def test_a_passer_is_kept_with_the_moments_before_and_after_and_nothing_else(store: Store) -> None:
    taken = store.capture()
    for number, pixels in enumerate(scene(8, [(3, 5)])):
        taken.take(frame(pixels, number))
    taken.finish()
    images = store.images()
    seconds = [(image.taken_at_us - START_US) / 1e6 for image in images]
    assert 2.3 <= seconds[0] <= 3.0
    assert 5.0 <= seconds[-1] <= 6.0
    assert len(images) == round((seconds[-1] - seconds[0]) * RATE) + 1 == taken.images_saved
    assert {(image.width, image.height) for image in images} == {(WIDTH, HEIGHT)}
    assert len({image.event for image in images}) == 1
    assert max(image.score or 0 for image in images) > 0.01
    assert any(image.boxes for image in images)


def test_every_saved_file_is_a_jpeg_that_decodes(store: Store) -> None:
    taken = store.capture()
    for number, pixels in enumerate(scene(5, [(2, 4)])):
        taken.take(frame(pixels, number))
    for image in store.images():
        with av.open(str(store.layout.image_path(image.key)), format="jpeg_pipe") as file:
            picture = next(file.decode(video=0))
        assert (picture.width, picture.height) == (WIDTH, HEIGHT)


def test_a_cameras_own_jpeg_is_saved_byte_for_byte(store: Store) -> None:
    taken = store.capture()
    files = jpegs(5, [(2, 4)])
    for number, jpeg in enumerate(files):
        taken.take(file(jpeg, number))
    images = store.images()
    assert len(images) > 10
    for image in images:
        assert store.layout.image_path(image.key).read_bytes() in files


def test_boxes_of_a_large_jpeg_are_in_its_own_pixels(store: Store) -> None:
    taken = store.capture()
    by = 6
    for number, pixels in enumerate(scene(5, [(2, 4)])):
        large = np.kron(pixels, np.ones((by, by), np.uint8))
        taken.take(file(simplejpeg.encode_jpeg(large[:, :, None], colorspace="GRAY"), number))
    taken.finish()
    images = store.images()
    assert {(image.width, image.height) for image in images} == {(by * WIDTH, by * HEIGHT)}
    boxes = [image.boxes[0] for image in images if image.boxes]
    assert boxes
    for box in boxes:  # the passer is 40 pixels wide and 100 high, from row 80 on
        assert abs(box.y - by * 80) < 60
        assert abs(box.h - by * 100) < 120
    assert max(box.x + box.w for box in boxes) > by * WIDTH * 0.8


def test_nothing_is_kept_of_a_quiet_scene(store: Store) -> None:
    taken = store.capture()
    for number, pixels in enumerate(scene(6, [])):
        taken.take(frame(pixels, number))
    assert store.images() == []
    assert taken.event_since_us is None


def test_a_change_of_resolution_in_mid_stream_goes_on_with_a_new_detector(store: Store) -> None:
    taken = store.capture()
    pictures = scene(5, [(2, 4)])
    for number, pixels in enumerate(pictures):
        taken.take(frame(pixels, number))
    before = taken.images_saved
    for number, pixels in enumerate(pictures, start=len(pictures)):
        taken.take(frame(np.ascontiguousarray(pixels[::2, ::2]), number))
    taken.finish()
    sizes = {(image.width, image.height) for image in store.images()}
    assert sizes == {(WIDTH, HEIGHT), (WIDTH // 2, HEIGHT // 2)}
    assert taken.images_saved > before > 0


def test_an_event_that_is_open_is_closed_when_the_connection_is_over(store: Store) -> None:
    taken = store.capture()
    for number, pixels in enumerate(scene(3, [(1.5, 3)])):
        taken.take(frame(pixels, number))
    assert taken.event_since_us is not None
    taken.finish()
    assert taken.event_since_us is None
    assert taken.images_saved == len(store.images()) > 0


def test_a_folder_that_cannot_be_written_to_is_a_problem_and_no_crash(store: Store) -> None:
    taken = store.capture()
    moved = store.layout.captures.rename(store.layout.captures.with_name("away"))
    pictures = scene(6, [(2, 5)])
    for number, pixels in enumerate(pictures[:35]):
        taken.take(frame(pixels, number))
    assert taken.problem
    assert taken.images_saved == 0
    moved.rename(store.layout.captures)
    for number, pixels in enumerate(pictures[35:], start=35):
        taken.take(frame(pixels, number))
    assert taken.problem is None
    assert taken.images_saved == len(store.images()) > 0


def test_what_waits_for_motion_is_bounded_in_bytes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = WIDTH * HEIGHT * 3 // 2
    monkeypatch.setattr(capture, "MAX_BUFFER_BYTES", 4 * size)
    camera = CAMERA.model_copy(
        update={"motion": CAMERA.motion.model_copy(update={"pre_capture": 30.0})}
    )
    taken = store.capture(camera)
    for number, pixels in enumerate(scene(6, [(4, 5.5)])):
        taken.take(frame(pixels, number))
    first_s = (store.images()[0].taken_at_us - START_US) / 1e6
    assert 3.5 < first_s < 4.5


def test_jpegs_that_await_the_second_stream_are_not_held_decoded(store: Store) -> None:
    taken = store.capture()
    files = [file(jpeg, number) for number, jpeg in enumerate(jpegs(3, []))]
    references = [sys.getrefcount(item.seen.luma) for item in files]
    for item in files:
        taken.take(item, [])
    assert [sys.getrefcount(item.seen.luma) for item in files] == references
    taken.finish()


def test_a_capture_sleeps_while_nothing_moves_in_the_stream_that_is_looked_at(store: Store) -> None:
    moving, quiet = packets(scene(8, [(3, 8)]), RATE), packets(scene(8, []), RATE)
    with_passer, with_quiet_second = store.capture(), store.capture()
    for packet, other in zip(moving, quiet, strict=True):
        with_passer.take(packet)
        with_quiet_second.take(packet, [other])
    assert not with_passer.asleep
    assert with_quiet_second.asleep


def test_a_clock_that_is_set_back_does_not_stop_what_a_second_stream_looks_for(
    store: Store,
) -> None:
    taken = store.capture()
    waiting = []
    before: SourceFrame | None = None
    for number, pixels in enumerate(scene(8, [(4, 8)])):
        item = frame(pixels, number)
        if number >= 3 * RATE:
            item = replace(item, time_us=item.time_us - 3_600_000_000)
        # It comes later: its picture of before the clock was set has a time of after.
        late = [] if before is None else [replace(before, time_us=item.time_us - 1)]
        taken.take(item, late)
        before = item
        waiting.append(taken.tally.read - taken.tally.let_go - taken.images_saved)
    taken.finish()
    assert max(waiting) <= 2 * RATE
    after = [i for i in store.images() if i.taken_at_us < START_US]
    assert len(after) >= 3 * RATE
