"""An index made anew is filled from the sidecars, and says what the lost one said."""

import os
import sys
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from chimera_storage.archive import sidecar
from chimera_storage.archive.index import Index
from chimera_storage.archive.prefill import prefill
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import to_us
from chimera_storage.model import Box, Event, Image
from tests.support.archive import EVER, JPEG, NOW, Store, open_store

HOURS = 50  # enough for processes of their own
CAMERAS = (1, 2)


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[Store]:
    """Two cameras, three images in each of many hours, an event in each, one that ends later."""
    with open_store(tmp_path) as store:
        writer = store.writer()
        for camera in CAMERAS:
            for hour in range(HOURS):
                start_us = to_us(NOW - timedelta(hours=hour)) + 123_456
                for n in range(3):
                    writer.save(
                        camera, start_us + n * 1_500_000, JPEG, width=32, height=16, score=n / 7,
                        boxes=(Box(n, 1, 2, 3),) * n, event=start_us,
                    )  # fmt: skip
                over = Event(camera=camera, start_us=start_us, end_us=start_us + 5_000_000)
                writer.note_event(over)
        writer.close()
        settle(store)
        yield store


def settle(store: Store) -> None:
    """As if nobody had touched the folders for an hour."""
    for folder in store.layout.captures.rglob("*"):
        if folder.is_dir():
            os.utime(folder, (NOW.timestamp() - 3600, NOW.timestamp() - 3600))


def known(index: Index) -> list[tuple[list[Image], list[Event], list[int]]]:
    return [(index.images(c, *EVER), index.events(c, *EVER), index.hours(c)) for c in CAMERAS]


def lose_index(store: Store, tmp_path: Path) -> None:
    store.index.close()
    for path in tmp_path.glob("index.db*"):
        path.unlink()


def test_all_comes_back_and_the_comparison_has_nothing_left_to_do(
    saved: Store, tmp_path: Path
) -> None:
    before = known(saved.index)
    lose_index(saved, tmp_path)
    shares: list[float] = []
    with open_store(tmp_path) as again:
        filled = prefill(again.archive, pause=lambda: None, on_share=shares.append)
        assert filled == len(CAMERAS) * HOURS * 3
        assert known(again.index) == before
        assert shares[-1] == 1.0
        for camera in CAMERAS:
            assert len(again.index.folders(camera)) == HOURS
            assert again.reconcile(camera) == (0, 0)
        assert prefill(again.archive, pause=lambda: None, on_share=shares.append) == 0


def test_what_the_sidecars_do_not_know_is_left_to_the_comparison(
    saved: Store, tmp_path: Path
) -> None:
    before = known(saved.index)
    first, second, third = (image.key for image in before[0][0][:3])
    path = saved.layout.image_path(first)
    os.truncate(path, 100)  # another size than its record says
    saved.layout.image_path(second).unlink()
    foreign = saved.layout.image_path(third).with_name(path.name.replace("-00.", "-07."))
    foreign.write_bytes(JPEG)
    lost = saved.layout.image_path(before[1][0][0].key).parent / sidecar.NAME
    lost.unlink()
    lose_index(saved, tmp_path)
    with open_store(tmp_path) as again:
        filled = prefill(again.archive, pause=lambda: None, on_share=lambda _: None)
        assert filled == len(CAMERAS) * HOURS * 3 - 2 - 3
        assert again.reconcile(*CAMERAS) == (2 + 3, 0)
        found = known(again.index)
        rows = {image.key: image for image in found[0][0]}
        assert rows[first].size == 100
        assert second not in rows
        assert rows[third] == before[0][0][2]
        assert [image.key for image in found[1][0]] == [image.key for image in before[1][0]]
        assert found[1][0][3:] == before[1][0][3:]


def test_it_ends_at_once_when_it_is_told_to(saved: Store, tmp_path: Path) -> None:
    lose_index(saved, tmp_path)

    class StopError(Exception):
        pass

    def stop() -> None:
        raise StopError

    with open_store(tmp_path) as again:
        with pytest.raises(StopError):
            prefill(again.archive, pause=stop, on_share=lambda _: None)
        assert again.reconcile(*CAMERAS)[0] <= len(CAMERAS) * HOURS * 3
        assert [again.index.totals(camera).count for camera in CAMERAS] == [HOURS * 3] * 2


def test_files_of_the_working_folder_are_no_modules_of_its_processes(
    saved: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit(1)")
    monkeypatch.chdir(tmp_path)
    lose_index(saved, tmp_path)
    with open_store(tmp_path) as again:
        filled = prefill(again.archive, pause=lambda: None, on_share=lambda _: None)
        assert filled == len(CAMERAS) * HOURS * 3


def test_processes_that_cannot_work_cost_nothing_but_time(
    saved: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = known(saved.index)
    lose_index(saved, tmp_path)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with open_store(tmp_path) as again:
        reconciler = Reconciler(again.archive)
        reconciler.start()
        assert reconciler.wait_complete(30)
        reconciler.close()
        assert known(again.index) == before
