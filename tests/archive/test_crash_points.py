"""Killed at every call between an image's first byte and its row, and while it is deleted.

The table in docs/storage.md names these tests, row by row.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC
from pathlib import Path

import pytest

from chimera_storage.archive import sidecar
from chimera_storage.archive.check import Listener, check
from chimera_storage.archive.findings import Kind
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import SystemClock
from chimera_storage.model import Image
from tests.support.archive import EVER, JPEG
from tests.support.stopping import CALLS, EVENT_US, SAVED, START, Stopper

HOUR = int(START.timestamp()) // 3600
SILENT = Listener(total=lambda _: None, progress=lambda _: None, step=lambda _: None)


@pytest.fixture(scope="module")
def stopper() -> Iterator[Stopper]:
    with Stopper() as running:
        yield running


@dataclass(frozen=True, kw_only=True)
class Left:
    """What a crash left on disk and in the index."""

    names: list[str]
    temporary: int
    kept: int  # images that the sidecar tells of
    rows: int
    folder: bool


def layout_in(root: Path) -> Layout:
    layout = Layout(root, UTC)
    layout.captures.mkdir(parents=True)
    return layout


def left(layout: Layout) -> Left:
    folder = layout.hour_folder(1, HOUR)
    names = sorted(path.name for path in folder.iterdir()) if folder.exists() else []
    index = Index(layout.index)
    try:
        rows = len(index.images(1, *EVER))
    finally:
        index.close()
    return Left(
        names=[name for name in names if name.endswith(".jpg")],
        temporary=sum(name.endswith(".tmp") for name in names),
        kept=len(sidecar.read(folder, HOUR).images),
        rows=rows,
        folder=folder.exists(),
    )


def restart(layout: Layout) -> list[Image]:
    """What the start of a server does; afterwards nothing is wrong and everything is whole."""
    index = Index(layout.index)
    try:
        reconciler = Reconciler(Archive(layout, index, SystemClock()))
        reconciler.start()
        assert reconciler.wait_complete(20)
        reconciler.close()
        images = index.images(1, *EVER)
    finally:
        index.close()
    paths = sorted(layout.captures.rglob("*.jpg"))
    assert paths == [layout.image_path(image.key) for image in images]
    assert all(path.read_bytes() == JPEG for path in paths)
    report = check(layout, SystemClock(), SILENT)
    wrong = {kind for kind in report.found if kind.is_problem}
    assert not wrong, report
    return images


@pytest.mark.parametrize("scenario", ["save", "delete", "empty"])
def test_killed_after_any_call_nothing_is_lost_or_broken(
    scenario: str, stopper: Stopper, tmp_path: Path
) -> None:
    layout_in(tmp_path / "whole")
    counts = stopper.run(tmp_path / "whole", scenario, "never")
    points = [(call, number + 1) for call in CALLS for number in range(counts[call])]
    assert len(points) > 5
    for call, number in points:
        root = tmp_path / f"{call}-{number}"
        layout = layout_in(root)
        assert stopper.run(root, scenario, f"after {call} {number}") == {}, (call, number)
        after_crash = left(layout)
        images = restart(layout)
        assert len(images) == len(after_crash.names), (call, number)
        if scenario == "delete":
            assert 1 <= len(images) <= SAVED
            assert images[-1].score == 0.5  # the one that was not to go
        # What was beside the images or in the index is not forgotten.
        known = sum(image.score is not None for image in images)
        assert known >= min(after_crash.kept, len(images)), (call, number)
        if known:
            index = Index(layout.index)
            assert [event.start_us for event in index.events(1, *EVER)] == [EVENT_US]
            index.close()


def crash(stopper: Stopper, root: Path, scenario: str, point: str) -> tuple[Left, list[Image]]:
    """What a crash leaves, and the images after a restart."""
    layout = layout_in(root)
    assert stopper.run(root, scenario, point) == {}
    return left(layout), restart(layout)


def test_killed_before_the_link_there_is_a_temporary_file_and_no_image(
    stopper: Stopper, tmp_path: Path
) -> None:
    found, images = crash(stopper, tmp_path, "save", "before link 1")
    assert found == Left(names=[], temporary=1, kept=0, rows=0, folder=True)
    assert images == []


def test_killed_after_the_link_the_image_is_there_without_a_row(
    stopper: Stopper, tmp_path: Path
) -> None:
    found, images = crash(stopper, tmp_path, "save", "after link 1")
    assert (found.names, found.temporary, found.rows) == (["20260320-120000-00.jpg"], 1, 0)
    assert [image.score for image in images] == [None]  # only its recorder knew


def test_killed_while_a_batch_is_synced_images_are_there_without_rows(
    stopper: Stopper, tmp_path: Path
) -> None:
    found, images = crash(stopper, tmp_path, "save", "after fsync 1")
    assert (len(found.names), found.kept, found.rows) == (3, 0, 0)
    assert len(images) == 3


def test_killed_after_the_sidecar_rows_come_back_with_their_scores(
    stopper: Stopper, tmp_path: Path
) -> None:
    found, images = crash(stopper, tmp_path, "save", "before execute 1")
    assert (len(found.names), found.kept, found.rows) == (3, 3, 0)
    assert [image.score for image in images] == [0.5] * 3
    assert [image.taken_at_us % 10**6 for image in images] == [5000] * 3


def test_killed_before_the_commit_rows_come_back_with_their_scores(
    stopper: Stopper, tmp_path: Path
) -> None:
    found, images = crash(stopper, tmp_path, "save", "before commit 2")
    assert (found.kept, found.rows) == (3, 0)
    assert [image.score for image in images] == [0.5] * 3


def test_killed_after_the_commit_all_is_there(stopper: Stopper, tmp_path: Path) -> None:
    found, images = crash(stopper, tmp_path, "save", "after commit 2")
    assert (len(found.names), found.temporary, found.kept, found.rows) == (3, 0, 3, 3)
    assert [image.event for image in images] == [EVENT_US] * 3


def test_killed_before_a_file_is_deleted_nothing_happened(stopper: Stopper, tmp_path: Path) -> None:
    found, images = crash(stopper, tmp_path, "delete", "before unlink 1")
    assert (len(found.names), found.rows, len(images)) == (3, 3, 3)


def test_killed_between_files_and_rows_the_rows_go_at_the_next_start(
    stopper: Stopper, tmp_path: Path
) -> None:
    found, images = crash(stopper, tmp_path, "delete", "after unlink 2")
    assert (len(found.names), found.rows, len(images)) == (1, 3, 1)


def test_killed_after_the_rows_the_empty_folder_is_left(stopper: Stopper, tmp_path: Path) -> None:
    found, images = crash(stopper, tmp_path, "empty", "before rmdir 1")
    assert found == Left(names=[], temporary=0, kept=0, rows=0, folder=True)
    assert images == []


def test_a_torn_sidecar_costs_the_scores_of_its_last_batch_and_no_image(
    stopper: Stopper, tmp_path: Path
) -> None:
    layout = layout_in(tmp_path)
    assert stopper.run(tmp_path, "save", "before execute 1") == {}
    beside = layout.hour_folder(1, HOUR) / sidecar.NAME
    beside.write_bytes(beside.read_bytes()[:-50])  # a power cut while it was appended to
    index = Index(layout.index)
    reconciler = Reconciler(Archive(layout, index, SystemClock()))
    assert reconciler.reconcile_camera(1)[0] == 3
    index.close()
    report = check(layout, SystemClock(), SILENT)
    assert report.found[Kind.SIDECAR] <= 1  # the torn end, once it is a minute old
    assert report.left == report.found[Kind.SIDECAR]
