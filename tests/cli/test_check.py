"""`chimera-storage check` as a person at a terminal and a script meet it."""

import json
import os
import pty
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.archive import NOW, Store, open_store
from tests.support.server import COMMAND, clean_environment, command


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    """Sixty images of camera 1."""
    with open_store(tmp_path / "data") as opened:
        opened.save(1, *(NOW + timedelta(seconds=n) for n in range(60)))
        yield opened


def check(store: Store, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return command("check", "--path", store.layout.root, *arguments)


def test_a_sound_archive_is_one_line_and_exit_code_0(store: Store) -> None:
    result = check(store)
    assert result.returncode == 0, result.stderr
    assert result.stdout.startswith("Checked 60 images (")
    assert result.stdout.endswith("all is well.\n")
    assert result.stderr == ""


def test_problems_are_told_in_words_with_examples_and_exit_code_1(store: Store) -> None:
    for path in sorted(store.layout.captures.rglob("*.jpg"))[:7]:
        path.unlink()
    store.put("1/20260320-120000-00.jpg")
    result = check(store)
    assert result.returncode == 1
    lines = result.stdout.splitlines()
    assert "1 image is on disk and not in the index" in lines[1]
    assert lines[2].strip() == "1/20260320-120000-00.jpg"
    assert "7 images are in the index and not on disk" in lines[3]
    assert lines[9].strip() == "and 2 more (--json names them)"
    assert "--repair" in lines[-1]
    repaired = check(store, "--repair", "--max-missing", "20")
    assert repaired.returncode == 0, repaired.stdout
    assert repaired.stdout.endswith("All of it is put right.\n")
    assert check(store).returncode == 0


def test_a_repair_that_would_drop_too_much_says_how_to_go_on(store: Store) -> None:
    for path in sorted(store.layout.captures.rglob("*.jpg"))[:30]:
        path.unlink()
    result = check(store, "--repair")
    assert result.returncode == 1
    assert len(result.stderr.splitlines()) == 1
    assert "30 of 60 images that the index knows of camera 1 are not on disk" in result.stderr
    assert "--max-missing 100" in result.stderr
    assert store.index.totals(1).count == 60
    assert check(store, "--repair", "--max-missing", "100").returncode == 0
    assert store.index.totals(1).count == 30


def test_json_names_every_finding(store: Store) -> None:
    for path in sorted(store.layout.captures.rglob("*.jpg"))[:7]:
        path.unlink()
    result = check(store, "--json")
    said = json.loads(result.stdout)
    assert result.returncode == 1
    assert (said["images"], said["left"], said["stopped"]) == (53, 7, None)
    assert said["found"] == {"missing": 7}
    paths = [f"1/20260320/12/20260320-1200{n:02}-00.jpg" for n in range(7)]
    assert [finding["path"] for finding in said["findings"]] == paths


@pytest.mark.parametrize("arguments", [("--camera", "9"), ("--max-missing", "101"), ("--fast",)])
def test_wrong_arguments_are_exit_code_2(arguments: tuple[str, ...], store: Store) -> None:
    result = check(store, *arguments)
    assert (result.returncode, result.stdout) == (2, "")
    assert "Traceback" not in result.stderr


def test_a_folder_without_footage_is_exit_code_2_and_stays_empty(tmp_path: Path) -> None:
    result = command("check", "--path", tmp_path)
    assert result.returncode == 2
    assert "there is no footage" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_terminal_sees_how_far_it_is(store: Store) -> None:
    ours, its = pty.openpty()
    process = subprocess.Popen(
        [*COMMAND, "check", "--path", str(store.layout.root)],
        stdout=subprocess.DEVNULL,
        stderr=its,
        env=clean_environment() | {"TERM": "xterm", "COLUMNS": "100"},
    )
    os.close(its)
    said = b""
    while True:
        try:
            read = os.read(ours, 4096)
        except OSError:  # the other end is closed
            break
        said += read
    os.close(ours)
    assert process.wait(30) == 0
    assert b"images" in said
    assert b"60/60" in said
    assert b"left" in said
