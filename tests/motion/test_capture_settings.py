"""The settings that say which images are saved, on pictures and on packets."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import pytest

from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.model import Image
from chimera_storage.motion.capture import Capture
from chimera_storage.motion.sources.codec import Codec
from chimera_storage.motion.sources.source import SourcePacket
from tests.motion.clips import HEIGHT, WIDTH, scene, write_clip
from tests.motion.test_capture import START_US, Store, frame, store

__all__ = ["store"]

TWO_PASSES = [(3.0, 5.0), (9.0, 11.0)]


def camera(**motion: object) -> CameraSettings:
    """Of camera 3, with short gaps."""
    short = {"event_gap": 2, "post_capture": 0.5, "pre_capture": 0.5}
    return CameraSettings.model_validate({"id": 3, "url": "x", "motion": {**short, **motion}})


def taken_by(store: Store, seconds: float = 14, **motion: object) -> list[Image]:
    """What is saved of two things that pass one after the other."""
    taken = store.capture(camera(**motion))
    for number, pixels in enumerate(scene(seconds, TWO_PASSES)):
        taken.take(frame(pixels, number))
    taken.finish()
    images = store.images()
    assert taken.images_saved == len(images)
    return images


def packets(path: Path) -> Iterator[SourcePacket]:
    """The packets of a clip, as a camera would send them."""
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = Codec(stream)
        for packet in container.demux(stream):
            if packet.pts is None or packet.time_base is None:
                continue
            time_us = START_US + round(packet.pts * packet.time_base * 1_000_000)
            packet.pts, packet.dts, packet.time_base = time_us, None, Fraction(1, 10**6)
            yield SourcePacket(
                packet=packet,
                time_us=time_us,
                key=packet.is_keyframe,
                size=packet.size,
                codec=codec,
            )


def seconds_of(images: list[Image]) -> list[float]:
    return [(image.taken_at_us - START_US) / 1e6 for image in images]


def test_one_image_of_each_event_is_saved(store: Store) -> None:
    first = seconds_of(taken_by(store, picture_output="first"))
    assert len(first) == 2
    assert 3 <= first[0] <= 3.5
    assert 9 <= first[1] <= 9.5


def test_the_best_image_is_the_one_with_the_highest_score(store: Store) -> None:
    everything = taken_by(store)
    events = sorted({i.event for i in everything if i.event is not None})
    assert len(events) == 2
    best = [
        max((i for i in everything if i.event == e), key=lambda i: i.score or 0) for e in events
    ]
    for image in everything:
        store.layout.image_path(image.key).unlink()
    store.index.remove_images([image.key for image in everything])
    kept = taken_by(store, picture_output="best")
    assert [i.taken_at_us for i in kept] == [i.taken_at_us for i in best]
    assert [i.event for i in kept] == events
    assert all(i.boxes and i.size > 1000 for i in kept)


def test_the_image_with_the_thing_in_the_middle_is_saved(store: Store) -> None:
    for image in taken_by(store, picture_output="center"):
        box = max(image.boxes, key=lambda b: b.w * b.h)
        assert abs(box.x + box.w / 2 - WIDTH / 2) < 12


def test_the_best_image_of_an_event_that_is_open_is_saved_when_the_connection_is_over(
    store: Store,
) -> None:
    assert len(taken_by(store, 4.0, picture_output="best")) == 1


@pytest.mark.parametrize("output", ["best", "center"])
def test_the_best_so_far_is_there_while_the_event_is_still_open(store: Store, output: str) -> None:
    taken = store.capture(camera(picture_output=output))
    seen = set()
    for number, pixels in enumerate(scene(14, [(3.0, 13.0)])):
        taken.take(frame(pixels, number))
        if taken.event_since_us is not None:
            images = store.images()
            assert len(images) == taken.images_saved == 1
            seen.add(images[0].key)
    taken.finish()
    assert 2 <= len(seen) <= 3
    assert len(store.images()) == taken.images_saved == 1
    folder = store.layout.camera_folder(3)
    assert len([path for path in folder.rglob("*.jpg") if path.is_file()]) == 1


def test_no_more_images_a_second_are_saved_than_wanted(store: Store) -> None:
    times = [image.taken_at_us for image in taken_by(store, save_framerate=2)]
    assert 8 <= len(times) <= 14
    assert min(b - a for a, b in pairwise(times)) >= 490_000


def test_periodic_images_are_saved_whatever_moves_and_have_no_number(store: Store) -> None:
    images = taken_by(store, snapshot_interval=2)
    periodic = [image for image in images if image.key.number is None]
    assert [round(t, 1) for t in seconds_of(periodic)] == [0, 2, 4, 6, 8, 10, 12]
    assert {image.event for image in periodic} == {None}
    path = store.layout.image_path(periodic[0].key)
    assert path.name.count("-") == 1
    assert path.stat().st_size > 1000


def test_periodic_images_go_on_after_a_reconnection_as_before(store: Store) -> None:
    taken = store.capture(camera(snapshot_interval=10))
    for number, pixels in enumerate(scene(6, [])):
        taken.take(frame(pixels, number))
        if number % 10 == 0:
            taken.finish()
    assert len(store.images()) == 1


@pytest.mark.parametrize("output", ["first", "best", "center"])
def test_packets_give_one_image_of_each_event(store: Store, tmp_path: Path, output: str) -> None:
    write_clip(tmp_path / "clip.mp4", 20, [(10.0, 12.0), (16.0, 18.0)])
    taken = store.capture(camera(picture_output=output))
    for packet in packets(tmp_path / "clip.mp4"):
        taken.take(packet)
    taken.finish()
    images = store.images()
    assert len(images) == 2
    assert 10 <= seconds_of(images)[0] <= 12.2
    assert {(i.width, i.height) for i in images} == {(WIDTH, HEIGHT)}


def test_periodic_images_are_saved_while_only_key_frames_are_decoded(
    store: Store, tmp_path: Path
) -> None:
    write_clip(tmp_path / "still.mp4", 30, [])
    taken = store.capture(camera(snapshot_interval=5))
    sent = 0
    for packet in packets(tmp_path / "still.mp4"):
        taken.take(packet)
        sent += 1
    decoded = taken.pictures
    taken.finish()
    assert decoded < sent / 2
    assert [round(t) for t in seconds_of(store.images())] == [0, 5, 10, 15, 20, 25]
    assert taken.event_since_us is None


def test_the_hours_of_a_mask_are_those_of_the_time_zone_given(store: Store) -> None:
    """The clip begins at 09:33:20 UTC, 10:33:20 in Berlin."""
    whole = [[0, 0], [1, 0], [1, 1], [0, 1]]
    masked = camera(mask=[{"polygon": whole, "hours": "10:00-11:00"}])
    saved = []
    for zone in ("Europe/Berlin", "UTC"):
        taken = Capture(masked, store.writer, store.archive, SystemClock(), timezone=ZoneInfo(zone))
        for number, pixels in enumerate(scene(7, [(2, 5)])):
            taken.take(frame(pixels, number))
        taken.finish()
        saved.append(taken.images_saved)
    assert saved[0] == 0
    assert saved[1] > 20


def test_an_event_lasts_as_long_as_it_moves_though_one_image_is_saved(store: Store) -> None:
    taken_by(store, picture_output="best")
    with closing(sqlite3.connect(store.layout.index)) as database:
        ends = database.execute("SELECT end_us FROM events ORDER BY start_us").fetchall()
    for (end_us,), (_, last) in zip(ends, TWO_PASSES, strict=True):
        assert last <= (end_us - START_US) / 1e6 <= last + 1.2
