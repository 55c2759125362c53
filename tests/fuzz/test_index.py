"""Index and sidecars with anything in them: no image is lost, and a repair puts them right."""

import shutil
import struct
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from chimera_storage.archive import sidecar
from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.errors import StorageError
from chimera_storage.model import Box, Event
from tests.support.archive import EVER, NOW, FixedClock, make_jpeg, open_store
from tests.support.fuzzing import FEW, damaged, examples

CAMERAS = (1, 7)
IMAGES = 12  # of each camera
SILENT = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder with images, events and sidecars."""
    root = tmp_path_factory.mktemp("original") / "data"
    with open_store(root) as store:
        writer = store.writer()
        for camera in CAMERAS:
            for number in range(IMAGES):
                writer.save(
                    camera,
                    to_us(NOW - timedelta(hours=2, minutes=-number)),
                    make_jpeg(brightness=number),
                    width=32,
                    height=16,
                    score=number / 100,
                    boxes=(Box(1, 2, 3, 4),),
                    event=to_us(NOW),
                )
            writer.note_event(Event(camera=camera, start_us=to_us(NOW), end_us=to_us(NOW) + 1))
        writer.close()
        store.reconcile(*CAMERAS)
    return root


@contextmanager
def copied(original: Path) -> Iterator[Layout]:
    with TemporaryDirectory(prefix="fuzz-") as name:
        root = Path(name) / "data"
        shutil.copytree(original, root)
        yield Layout(root, UTC)


def images(layout: Layout) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in layout.captures.rglob("[!.]*.jpg")}


def started(layout: Layout) -> None:
    """What a start of the server does to the index; each call may refuse in a sentence."""
    try:
        with closing(Index(layout.index)) as index:
            reconciler = Reconciler(Archive(layout, index, FixedClock()))
            reconciler.start()
            reconciler.wait_complete(10)
            reconciler.close()
            for camera in CAMERAS:
                index.images(camera, *EVER)
                index.events(camera, *EVER)
                index.totals(camera)
    except StorageError as error:
        assert str(error)


def counted(layout: Layout) -> dict[int, int]:
    with closing(Index(layout.index)) as index:
        return {camera: len(index.images(camera, *EVER)) for camera in CAMERAS}


def is_repaired(layout: Layout) -> None:
    clock = FixedClock(NOW + timedelta(days=1))
    report = check(layout, clock, SILENT, repair=True, max_missing=1)
    assert report.left == 0, report
    assert check(layout, clock, SILENT).left == 0
    assert counted(layout) == dict.fromkeys(CAMERAS, IMAGES)


@pytest.mark.parametrize(
    ("there", "then"),
    [
        (
            b"\x00\x00\x00\x04\x00\x00\x00",
            b"\x00\x00\x00\x14\x00\x00\x00",
        ),  # unsupported file format
        (b"CREATE TABLE images (", b"CREATE TABLE imagez ("),
        (b"fraction_us", b"fraction_uz"),
        (b"schema_version", b"schema_versioz"),
    ],
)
def test_an_index_with_one_byte_wrong_is_made_anew(
    original: Path, there: bytes, then: bytes
) -> None:
    with copied(original) as layout:
        content = layout.index.read_bytes()
        assert there in content, "the byte is there"
        layout.index.write_bytes(content.replace(there, then, 1))
        started(layout)
        assert counted(layout) == dict.fromkeys(CAMERAS, IMAGES)


@examples(FEW)
@given(data=st.data())
def test_whatever_happens_to_the_index_no_image_is_lost(original: Path, data: Any) -> None:
    content = (original / "index.db").read_bytes()
    broken = data.draw(st.one_of(damaged(content), st.binary(max_size=300)))
    with copied(original) as layout:
        before = images(layout)
        layout.index.write_bytes(broken)
        started(layout)
        assert images(layout) == before
        try:
            is_repaired(layout)
        except StorageError as error:
            assert "newer version" in str(error)  # its number was hit: left as it is
        assert images(layout) == before


@examples(FEW)
@given(data=st.data())
def test_whatever_happens_to_a_sidecar_no_image_is_lost(original: Path, data: Any) -> None:
    with copied(original) as layout:
        before = images(layout)
        for path in sorted(layout.captures.rglob(sidecar.NAME)):
            path.write_bytes(data.draw(damaged(path.read_bytes())))
        layout.index.unlink()
        started(layout)
        assert counted(layout) == dict.fromkeys(CAMERAS, IMAGES)
        is_repaired(layout)
        assert images(layout) == before


RECORD = st.tuples(
    st.integers(0, 2**16 - 1),
    st.integers(-(2**31), 2**31 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**32 - 1),
    st.integers(0, 2**16 - 1),
    st.integers(0, 2**16 - 1),
    st.floats(),
    st.integers(0, 2**16 - 1),
    st.integers(-(2**63), 2**63 - 1),
)


@examples(FEW)
@given(records=st.lists(RECORD, min_size=1, max_size=3), boxes=st.binary(max_size=24))
@example(records=[(0, 0, 0, 100, 0, 1, 1, 0.5, 3, 1)], boxes=b"12345")
def test_a_sidecar_that_lies_in_whole_blocks_costs_no_image(
    original: Path, records: list[tuple[Any, ...]], boxes: bytes
) -> None:
    packed = b"".join(struct.pack("<HiIIIHHdHq", *record) for record in records)
    lie = sidecar._block(b"CSi1", len(records), packed + boxes)
    lie += sidecar._block(b"CSe1", 1, struct.pack("<qq", records[0][9], -records[0][2]))
    with copied(original) as layout:
        before = images(layout)
        assume(lie)
        for path in sorted(layout.captures.rglob(sidecar.NAME)):
            with path.open("ab") as file:
                file.write(lie)
        layout.index.unlink()
        started(layout)
        assert counted(layout) == dict.fromkeys(CAMERAS, IMAGES)
        assert images(layout) == before
