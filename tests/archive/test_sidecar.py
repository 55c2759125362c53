"""What is kept beside the images comes back, whatever a crash or a bad disk left of it."""

import os
import random
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from chimera_storage.archive import sidecar
from chimera_storage.archive.index.image_rows import image_values
from chimera_storage.clock import to_us
from chimera_storage.model import Box, Event, Image
from tests.support.archive import NOW, Store, make_image, second_of

START = second_of("2026-03-20 12:00:00")
HOUR = START // 3600
SIDE = st.integers(0, 0xFFFF)
IMAGES = st.lists(
    st.builds(
        lambda second, number, fraction, **values: make_image(
            1, START + second, number, taken_at_us=(START + second) * 1_000_000 + fraction, **values
        ),
        st.integers(0, 3599),
        st.none() | st.integers(0, 999_999_999),
        st.integers(0, 999_999),
        size=st.integers(1, 2**32 - 1),
        crc32=st.integers(0, 2**32 - 1),
        width=SIDE,
        height=SIDE,
        score=st.none() | st.floats(0, 1),
        boxes=st.lists(st.builds(Box, SIDE, SIDE, SIDE, SIDE), max_size=3).map(tuple),
        event=st.none() | st.integers(1, 2**62),
    ),
    max_size=6,
)


def facts(images: list[Image]) -> dict[sidecar.Name, sidecar.Facts]:
    """What an index would hold of them."""
    rows = [image_values(image) for image in images]
    names = ("fraction_us", "size", "crc32", "width", "height", "score", "boxes", "event")
    return {(row["second"], row["number"]): tuple(row[n] for n in names) for row in rows}


@given(batches=st.lists(IMAGES, max_size=4))
@settings(deadline=None)
def test_all_that_a_row_holds_comes_back_and_the_later_record_counts(
    tmp_path_factory: object, batches: list[list[Image]]
) -> None:
    folder = tmp_path_factory.mktemp("hour")  # type: ignore[attr-defined]
    for batch in batches:
        assert sidecar.append(folder, sidecar.encode_images(batch))
    found = sidecar.read(folder, HOUR)
    assert found == sidecar.Sidecar(images=facts([i for batch in batches for i in batch]))


def make_blocks(count: int) -> tuple[list[list[Image]], list[bytes]]:
    chosen = random.Random(1)
    batches = [
        [
            make_image(1, START + n, i, crc32=chosen.getrandbits(32), boxes=(Box(1, 2, n, i),) * i)
            for i in range(3)
        ]
        for n in range(count)
    ]
    return batches, [sidecar.encode_images(batch) for batch in batches]


def test_a_torn_tail_is_skipped_wherever_it_was_torn_and_what_follows_is_read(
    tmp_path: Path,
) -> None:
    (before, torn, after), blocks = make_blocks(3)
    for cut in range(len(blocks[1])):
        (tmp_path / sidecar.NAME).write_bytes(blocks[0] + blocks[1][:cut] + blocks[2])
        found = sidecar.read(tmp_path, HOUR)
        assert found.images == facts([*before, *after]), cut
        assert found.skipped == cut
    assert facts(torn).keys().isdisjoint(found.images)


def test_a_changed_byte_costs_its_block_and_no_other(tmp_path: Path) -> None:
    batches, blocks = make_blocks(3)
    whole = b"".join(blocks)
    for at in range(len(blocks[0]), len(blocks[0] + blocks[1])):
        damaged = bytearray(whole)
        damaged[at] ^= 0x40
        (tmp_path / sidecar.NAME).write_bytes(damaged)
        assert sidecar.read(tmp_path, HOUR).images == facts([*batches[0], *batches[2]]), at


@given(st.binary(max_size=400))
def test_any_bytes_are_read_as_nothing_or_what_they_hold(
    tmp_path_factory: object, junk: bytes
) -> None:
    folder = tmp_path_factory.mktemp("junk")  # type: ignore[attr-defined]
    (batch,), (block,) = make_blocks(1)
    (folder / sidecar.NAME).write_bytes(junk + block)
    assert sidecar.read(folder, HOUR).images == facts(batch)


def test_a_missing_or_foreign_thing_in_its_place_is_an_empty_one(tmp_path: Path) -> None:
    _, (block,) = make_blocks(1)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.write_bytes(block)
    for make in (
        lambda _: None,
        lambda path: path.mkdir(),
        lambda path: path.symlink_to(elsewhere),
        os.mkfifo,
    ):
        folder = tmp_path / f"hour-{len(list(tmp_path.iterdir()))}"
        folder.mkdir()
        make(folder / sidecar.NAME)
        assert sidecar.read(folder, HOUR) == sidecar.Sidecar()
    assert not sidecar.append(tmp_path / "gone", block)


def test_the_writer_keeps_scores_boxes_and_events_beside_the_images(store: Store) -> None:
    writer = store.writer()
    start_us = to_us(NOW) + 123_456
    event = Event(camera=1, start_us=start_us)
    writer.note_event(event)
    saved = [
        writer.save(
            1, start_us + n * 1_000_000, b"jpeg", width=32, height=16, score=0.25,
            boxes=(Box(1, 2, 3, n),), event=start_us,
        )
        for n in range(3)
    ]  # fmt: skip
    writer.flush()
    assert store.index.events(1, start_us, start_us) == [event]
    over = Event(camera=1, start_us=start_us, end_us=start_us + 2_500_000)
    writer.note_event(over)
    writer.close()
    assert store.index.events(1, start_us, start_us) == [over]
    found = sidecar.read(store.layout.hour_folder(1, HOUR), HOUR)
    assert found.images == facts(saved)
    assert found.events == [(over.start_us, over.end_us)]


def test_the_sidecar_goes_with_the_last_image_of_its_hour(store: Store) -> None:
    first, last = store.save(1, NOW, NOW)
    store.archive.delete([first.key])
    assert (store.layout.hour_folder(1, HOUR) / sidecar.NAME).exists()
    store.archive.delete([last.key])
    assert list(store.layout.camera_folder(1).iterdir()) == []


def test_images_deleted_before_their_batch_leave_no_folder_behind(store: Store) -> None:
    writer = store.writer()
    image = writer.save(1, to_us(NOW), b"jpeg", width=1, height=1)
    writer.note_event(Event(camera=1, start_us=to_us(NOW), end_us=to_us(NOW)))
    store.archive.delete([image.key])
    writer.close()
    assert list(store.layout.camera_folder(1).iterdir()) == []
    assert store.index.totals(1).count == 0
