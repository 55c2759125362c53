"""The data folder's mark: nothing is written where its disk is missing, or another one is."""

import json
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import MARK_NAME
from chimera_storage.archive.mark import Mark, known_id, make_marks, read_id
from chimera_storage.clock import to_us
from chimera_storage.errors import StorageError
from tests.support.archive import EVER, JPEG, NOW, Store, open_store
from tests.support.waiting import wait_for


@pytest.fixture
def marked(store: Store) -> Store:
    make_marks(store.layout, store.index.data_folder_id)
    return store


def test_a_folder_that_was_never_marked_has_no_problem(store: Store) -> None:
    assert Mark(store.layout).problem() is None
    assert known_id(store.layout) is None


def test_both_marks_hold_the_id_of_the_index(marked: Store) -> None:
    for folder in (marked.layout.root, marked.layout.captures):
        content = json.loads((folder / MARK_NAME).read_text())
        assert content == {"format": 1, "id": marked.index.data_folder_id}
    assert Mark(marked.layout).problem() is None
    assert not list(marked.layout.captures.glob("*.tmp"))


def test_marks_that_are_there_are_left_as_they_are(marked: Store) -> None:
    make_marks(marked.layout, "another")
    assert known_id(marked.layout) == marked.index.data_folder_id


def test_a_data_folder_that_was_made_anew_takes_the_id_of_its_captures(marked: Store) -> None:
    """Captures lie on a disk of their own, the rest was lost."""
    id_ = marked.index.data_folder_id
    (marked.layout.root / MARK_NAME).unlink()
    assert known_id(marked.layout) == id_
    make_marks(marked.layout, id_)
    assert Mark(marked.layout).problem() is None


@pytest.mark.parametrize("which", ["root", "captures"])
@pytest.mark.parametrize("how", ["missing", "foreign", "damaged"])
def test_a_mark_that_is_missing_or_of_another_folder_is_a_problem(
    marked: Store, which: str, how: str
) -> None:
    watched = Mark(marked.layout)
    assert watched.problem() is None
    path = (marked.layout.root if which == "root" else marked.layout.captures) / MARK_NAME
    before = path.read_text()
    if how == "missing":
        path.unlink()
    else:
        path.write_text('{"format": 1, "id": "other"}' if how == "foreign" else "{")
    assert "mounted?" in (watched.problem() or "")
    with pytest.raises(StorageError, match="nothing is written"):
        watched.check()
    path.write_text(before)
    assert watched.problem() is None


def test_a_recorder_writes_nothing_into_a_bare_mount_point_and_goes_on_when_it_is_back(
    marked: Store, tmp_path: Path
) -> None:
    writer = marked.writer()
    before = writer.save(1, to_us(NOW), JPEG, width=32, height=16, score=0.5)
    captures, away = marked.layout.captures, tmp_path / "disk"
    captures.rename(away)
    captures.mkdir()  # what stands under the mount
    with pytest.raises(StorageError, match="mounted"):
        writer.save(1, to_us(NOW), JPEG, width=32, height=16)
    with pytest.raises(StorageError, match="mounted"):
        writer.flush()
    assert list(captures.iterdir()) == []
    captures.rmdir()
    away.rename(captures)
    after = writer.save(1, to_us(NOW), JPEG, width=32, height=16)
    writer.close()
    assert marked.index.images(1, *EVER) == [before, after]  # the score was not lost


def test_an_index_of_another_data_folder_is_set_aside(marked: Store, tmp_path: Path) -> None:
    with open_store(tmp_path / "other") as other:
        other.save(7, NOW)
        other_id = other.index.data_folder_id
    marked.save(1, NOW)
    marked.index.close()
    for path in marked.layout.root.glob("index.db*"):
        path.unlink()
    shutil.copy(tmp_path / "other" / "index.db", marked.layout.index)
    index = Index(marked.layout.index, known_id(marked.layout))
    assert index.cameras() == []
    assert index.data_folder_id == read_id(marked.layout.root) != other_id
    (aside,) = marked.layout.root.glob("index.db.foreign-*")
    index.close()
    foreign = Index(aside)
    assert foreign.cameras() == [7]
    foreign.close()


def test_an_index_deleted_under_its_users_is_made_anew_without_a_restart(store: Store) -> None:
    (image,) = store.save(1, NOW)
    other = Index(store.layout.index)  # as the recorder process has it
    assert other.cameras() == [1]
    for path in store.layout.root.glob("index.db*"):
        path.unlink()
    wait_for(lambda: not (store.index.cameras() or other.cameras()), "the new index")
    assert (store.index.generation, other.generation) == (1, 1)
    store.index.add_images([image])
    assert other.get(image.key) == image
    other.close()


def test_an_index_put_back_from_a_backup_under_its_users_is_used(store: Store) -> None:
    store.save(1, NOW)
    backup = store.layout.root / "backup.db"
    with closing(sqlite3.connect(store.layout.index)) as index:
        index.execute("VACUUM INTO ?", [str(backup)])
    store.save(2, NOW)
    backup.rename(store.layout.index)
    wait_for(lambda: store.index.cameras() == [1], "the index of the backup")


def test_an_index_that_is_gone_with_its_disk_is_not_made_anew(tmp_path: Path) -> None:
    root, away = tmp_path / "data", tmp_path / "disk"
    with open_store(root) as store:
        make_marks(store.layout, store.index.data_folder_id)
        store.save(1, NOW)
    with open_store(root) as store:
        root.rename(away)
        root.mkdir()
        with pytest.raises(StorageError, match="mounted"):
            wait_for(lambda: not store.index.cameras(), "a refusal")
        assert list(root.iterdir()) == []
        root.rmdir()
        away.rename(root)
        assert store.index.cameras() == [1]
