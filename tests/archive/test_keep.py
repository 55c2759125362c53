"""keep.json: what somebody keeps outlives everything but its own deletion."""

import json

import pytest

from chimera_storage.archive.keep import NAME, KeepFile
from chimera_storage.errors import ConflictError, StorageError
from chimera_storage.model import KeptRange
from tests.support.archive import Store


def keep(file: KeepFile, camera: int = 1, start_us: int = 10, end_us: int = 20) -> KeptRange:
    return file.add(camera=camera, start_us=start_us, end_us=end_us, reason="thief", created_us=5)


def test_what_is_kept_is_there_after_a_restart_and_without_the_index(store: Store) -> None:
    first, second = keep(store.archive.keep), keep(store.archive.keep, camera=2)
    store.layout.index.unlink()
    again = KeepFile(store.layout)
    assert again.ranges() == (first, second)
    assert again.seconds() == {1: [(0, 0)], 2: [(0, 0)]}
    assert [p.name for p in store.layout.root.iterdir() if "keep" in p.name] == [NAME]


def test_letting_go_takes_exactly_that_one(store: Store) -> None:
    first, second = keep(store.archive.keep), keep(store.archive.keep)
    assert not store.archive.keep.remove(first.id[:-1])
    assert store.archive.keep.remove(first.id)
    assert not store.archive.keep.remove(first.id)
    assert store.archive.keep.ranges() == (second,)


def test_another_process_sees_a_change_at_once(store: Store) -> None:
    other = KeepFile(store.layout)
    assert other.ranges() == ()
    kept = keep(store.archive.keep)
    assert other.ranges() == (kept,)
    other.remove(kept.id)
    assert store.archive.keep.ranges() == ()


@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"keep": {"id": 1}}',
        '{"keep": [{"id": "a", "camera": "1", "start_us": 1, "end_us": 2}]}',
        '{"keep": [{"id": "a"}]}',
        f'{{"keep": [{{"id": "a", "camera": 1, "start_us": 1, "end_us": {2**63}}}]}}',
    ],
)
def test_a_file_that_cannot_be_read_is_an_error_and_not_an_empty_list(
    store: Store, content: str
) -> None:
    (store.layout.root / NAME).write_text(content)
    with pytest.raises(StorageError, match="no rule deletes anything"):
        store.archive.keep.ranges()
    with pytest.raises(StorageError):
        keep(store.archive.keep)
    assert (store.layout.root / NAME).read_text() == content


def test_there_is_an_end_to_how_many_are_kept(store: Store) -> None:
    many = [
        {"id": str(n), "camera": 1, "start_us": n, "end_us": n, "reason": "", "created_us": 0}
        for n in range(10_000)
    ]
    (store.layout.root / NAME).write_text(json.dumps({"keep": many}))
    with pytest.raises(ConflictError):
        keep(store.archive.keep)
    assert store.archive.keep.remove("77")
    keep(store.archive.keep)
