"""`chimera-storage scan` as a process: what it prints, writes and exits with."""

import csv
import io
import json
import os
import pty
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.motion.clips import write_clip
from tests.support.server import COMMAND, clean_environment, command


@pytest.fixture(scope="module")
def videos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two videos, of two events and of none."""
    folder = tmp_path_factory.mktemp("videos")
    write_clip(folder / "two.mp4", 20, [(3, 5), (12, 14)])
    write_clip(folder / "still.mp4", 5, [])
    return folder


def test_json_has_every_file_with_its_events(videos: Path, tmp_path: Path) -> None:
    done = command(
        "scan", videos, "--event-gap", "2", "--format", "json", "--thumbnails", tmp_path / "t",
        "--clips", tmp_path / "c",
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    still, two = json.loads(done.stdout)["files"]
    assert (still["file"], still["events"]) == (str(videos / "still.mp4"), [])
    assert (two["frames"], two["duration"], two["problem"]) == (200, 20.0, None)
    first, second = two["events"]
    assert set(first) == {
        "file", "event", "start", "end", "duration", "score", "box", "best", "thumbnail", "clip",
    }  # fmt: skip
    assert 3 <= first["start"] <= first["best"] <= first["end"] <= 5.3
    assert second["event"] == 2
    for event in (first, second):
        assert Path(event["thumbnail"]).read_bytes().startswith(b"\xff\xd8")
        assert Path(event["clip"]).stat().st_size > 1000


def test_json_lines_and_csv_say_the_same(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "bad.mp4").write_bytes(b"no video")
    paths = (videos / "two.mp4", tmp_path / "bad.mp4")
    lines = command("scan", *paths, "--format", "jsonl", "--event-gap", "2")
    rows = command("scan", *paths, "--format", "csv", "--event-gap", "2")
    assert (lines.returncode, rows.returncode) == (1, 1)
    objects: list[dict[str, Any]] = [json.loads(line) for line in lines.stdout.splitlines()]
    table = list(csv.DictReader(io.StringIO(rows.stdout)))
    assert len(objects) == len(table) == 3
    for event, row in zip(objects[:2], table[:2], strict=True):
        assert [float(row[n]) for n in ("start", "end", "duration", "score", "best")] == [
            event[n] for n in ("start", "end", "duration", "score", "best")
        ]
        assert [int(row[f"box_{n}"]) for n in "xywh"] == event["box"]
    assert objects[2]["file"] == table[2]["file"] == str(tmp_path / "bad.mp4")
    assert "cannot be read as a video" in objects[2]["problem"] == table[2]["problem"]


def test_the_table_is_for_people(videos: Path) -> None:
    done = command("scan", videos, videos / "gone.mp4", "--event-gap", "2")
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert lines[0].split()[:2] == ["File", "Start"]
    assert lines[1].split()[0] == "two.mp4"
    assert "2 events in 3 files, 0:25.0 of video" in done.stdout
    assert lines[-1].startswith(str(videos / "gone.mp4"))
    assert "no file" in lines[-1]


def test_detection_settings_are_flags(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "storage.toml").write_text(
        '[[camera]]\nid = 4\nurl = "demo:"\nmotion = { threshold = 0.5 }\n'
    )
    insensitive = command("scan", videos, "--config", tmp_path / "storage.toml", "--camera", "4")
    assert insensitive.stdout.startswith("0 events")
    wrong = command("scan", videos, "--threshold", "7")
    assert wrong.returncode == 2
    assert "threshold" in wrong.stderr


def test_a_folder_that_cannot_be_written_to_is_an_error(videos: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("")
    done = command("scan", videos, "--thumbnails", tmp_path / "taken")
    assert done.returncode == 2
    assert "taken cannot be made" in done.stderr


def test_output_that_finds_no_room_is_said_in_a_sentence(videos: Path) -> None:
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [*COMMAND, "scan", str(videos / "still.mp4")],
            stdout=full, stderr=subprocess.PIPE, text=True, env=clean_environment(), timeout=60,
            check=False,
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == "chimera-storage: there is no room on the disk for the output\n"


def test_a_mask_that_cannot_be_read_is_an_error_and_no_other_result(videos: Path) -> None:
    done = command("scan", videos, "--mask-file", videos / "none.pgm")
    assert (done.returncode, done.stdout) == (2, "")
    assert "none.pgm cannot be read: No such file" in done.stderr


def test_a_folder_without_videos_is_said_to_have_none(tmp_path: Path) -> None:
    done = command("scan", tmp_path, "--format", "jsonl")
    assert done.returncode == 1
    assert json.loads(done.stdout)["problem"] == f"There is no video in the folder {tmp_path}."


def test_progress_is_shown_on_a_terminal_only(videos: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*COMMAND, "scan", str(videos), "--format", "json"],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=clean_environment() | {"TERM": "xterm"},
    ) as process:
        os.close(theirs)
        shown = b""
        try:
            while chunk := os.read(ours, 65536):
                shown += chunk
        except OSError:  # the other end has closed
            pass
        assert process.stdout is not None
        printed = process.stdout.read()
    os.close(ours)
    assert process.returncode == 0
    assert b"%" in shown
    assert b"left" in shown
    assert json.loads(printed)["files"]


def test_the_address_of_a_camera_is_repeated_without_its_password(tmp_path: Path) -> None:
    refused = command("scan", "rtsp://user:secret@192.0.2.1/one")
    assert refused.returncode != 0
    assert "192.0.2.1" in refused.stdout + refused.stderr
    assert "secret" not in refused.stdout + refused.stderr
