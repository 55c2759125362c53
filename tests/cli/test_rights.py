"""A command that may not read or write something says what, in a sentence, and ends."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive import JPEG
from tests.support.server import command

FIRST_PORT = Path("/proc/sys/net/ipv4/ip_unprivileged_port_start")


@pytest.fixture
def locked(tmp_path: Path) -> Iterator[Path]:
    """A data folder with two cameras, of which the folder of the first may not be read."""
    captures = tmp_path / "data/shared/captures"
    for camera in (1, 2):
        (captures / str(camera)).mkdir(parents=True)
        (captures / str(camera) / "20260320-120000-00.jpg").write_bytes(JPEG)
    (captures / "1").chmod(0)
    yield captures.parents[1]
    (captures / "1").chmod(0o700)


def test_cleaning_does_not_wait_for_ever_for_a_folder_that_cannot_be_read(locked: Path) -> None:
    done = command("clean", "--dry-run", "--path", locked, as_root=False)
    assert done.returncode == 2
    assert "files and index cannot be compared" in done.stderr
    assert "captures/1" in done.stderr


def test_migrate_counts_what_it_may_read_and_names_the_rest(locked: Path, tmp_path: Path) -> None:
    """Was a traceback; a volume of Docker's belongs to another user."""
    install = tmp_path / "chimera"
    install.mkdir()
    (install / ".env").write_text(f"storage_FILEPATH = {locked}\n")
    done = command("migrate", install, as_root=False)
    assert done.returncode == 0, done.stderr
    assert "camera 1: its folder cannot be read by this user: Permission denied" in done.stdout
    assert "camera 2: 1 images" in done.stdout
    locked.chmod(0)
    try:
        noted = command("migrate", install, as_root=False)
        given = command("migrate", install, "--footage", locked, as_root=False)
    finally:
        locked.chmod(0o700)
    assert f"footage: {locked} cannot be read by this user" in noted.stdout
    assert given.returncode == 2
    assert "Traceback" not in given.stderr


def test_a_file_in_place_of_the_data_folder_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    done = command("user", "list", "--path", tmp_path / "data")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert str(tmp_path / "data") in done.stderr


@pytest.mark.skipif(int(FIRST_PORT.read_text()) <= 80, reason="anybody may have port 80 here")
def test_a_port_that_only_root_may_have_is_said_to_be_one(tmp_path: Path) -> None:
    done = command("serve", "--path", tmp_path / "data", "--port", "80", as_root=False)
    assert done.returncode == 2
    assert "is not for this user; set one above 1023" in done.stderr
