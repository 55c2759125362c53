"""Small files read from the kernel's memory: only what is surely below the folder and at hand."""

import os
from pathlib import Path

import pytest

from chimera_storage.archive.at_hand import MOST_BYTES, read_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    below = tmp_path / "captures" / "1" / "20260131"
    below.mkdir(parents=True)
    (below / "a.jpg").write_bytes(b"\xff\xd8 an image \xff\xd9")
    (tmp_path / "secret").write_bytes(b"outside")
    return tmp_path / "captures"


def test_a_file_that_was_just_written_is_read_with_what_its_inode_says(folder: Path) -> None:
    found = read_file(folder, "1/20260131/a.jpg")
    stat = (folder / "1/20260131/a.jpg").stat()
    assert found is not None
    assert found.content == b"\xff\xd8 an image \xff\xd9"
    assert (found.inode, found.modified_ns) == (stat.st_ino, stat.st_mtime_ns)


def test_the_folder_itself_may_be_a_link_to_another_disk(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").symlink_to(folder)
    assert read_file(tmp_path / "elsewhere", "1/20260131/a.jpg") is not None


def test_nothing_leads_out_of_the_folder(folder: Path, tmp_path: Path) -> None:
    (folder / "1" / "link.jpg").symlink_to(tmp_path / "secret")
    (folder / "1" / "inside.jpg").symlink_to(folder / "1/20260131/a.jpg")
    (folder / "2").symlink_to(tmp_path)
    for name in (
        "../secret",
        "1/../../secret",
        str(tmp_path / "secret"),
        "1/link.jpg",
        "1/inside.jpg",
        "2/secret",
        "1/20260131/a.jpg\0",
        "1/20260131/\udcff\ud800.jpg",
    ):
        assert read_file(folder, name) is None, name


def test_what_is_no_regular_small_file_is_left_to_others_and_holds_nobody_up(folder: Path) -> None:
    os.mkfifo(folder / "1" / "pipe.jpg")
    (folder / "1" / "empty.jpg").touch()
    with (folder / "1" / "large.jpg").open("wb") as file:
        file.truncate(MOST_BYTES)
    names = ("1", "1/pipe.jpg", "1/empty.jpg", "1/large.jpg", "1/none.jpg")
    before = len(list(Path("/proc/self/fd").iterdir()))
    assert [read_file(folder, name) for name in names] == [None] * len(names)
    assert len(list(Path("/proc/self/fd").iterdir())) == before


def test_a_file_system_whose_opening_may_wait_is_not_asked() -> None:
    assert read_file(Path("/proc/self"), "status") is None
