"""Syncing files and folders."""

from pathlib import Path

import pytest

from chimera_storage.durable import sync_file, sync_folder


def test_a_file_system_that_cannot_sync_folders_is_none_that_cannot_be_used() -> None:
    sync_folder(Path("/proc"))  # EINVAL, as of some network file systems


def test_what_is_not_there_cannot_be_synced(tmp_path: Path) -> None:
    for sync in (sync_file, sync_folder):
        with pytest.raises(FileNotFoundError):
            sync(tmp_path / "gone")


def test_neither_a_link_is_taken_for_a_file_nor_a_file_for_a_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to("file")
    sync_file(tmp_path / "file")
    with pytest.raises(OSError, match="Too many levels"):
        sync_file(tmp_path / "link")
    with pytest.raises(NotADirectoryError):
        sync_folder(tmp_path / "file")
