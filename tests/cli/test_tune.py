"""`chimera-storage tune` as a process."""

import json
import tomllib
from pathlib import Path
from zoneinfo import ZoneInfo

import cv2
import pytest

from chimera_storage.archive.layout import Layout
from chimera_storage.archive.marks import MarksFile
from tests.motion.clips import HEIGHT, WIDTH, jpegs, write_clip
from tests.support.saved_images import saved_images
from tests.support.server import command


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A long and a short pass."""
    path = tmp_path_factory.mktemp("video") / "a.mp4"
    write_clip(path, 24, [(4, 8), (16, 17.1)])
    return path


def test_settings_are_compared_in_words_and_in_a_picture(video: Path, tmp_path: Path) -> None:
    picture = tmp_path / "a.png"
    done = command("tune", video, "--threshold", "0.5", "--event-gap", "2", "--picture", picture)
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line[:24].strip(): line[24:].split() for line in done.stdout.splitlines()}
    assert rows["events"][1] == "0"
    assert int(rows["events"][0]) >= 1
    assert "No longer caught: 2" in done.stdout
    assert "Newly caught: nothing" in done.stdout
    assert cv2.imread(str(picture)) is not None
    pasted = tomllib.loads(done.stdout[done.stdout.index("[camera.motion]") :])
    assert pasted["camera"]["motion"] == {"threshold": 0.5, "event_gap": 2.0}


def test_a_search_prints_lines_to_paste(video: Path, tmp_path: Path) -> None:
    (tmp_path / "cat.txt").write_text("15.5..17.5\n")
    done = command(
        "tune", video, "--wanted", "4..8", "--not-wanted", tmp_path / "cat.txt", "--search",
        "--picture", tmp_path / "a.png", "--event-gap", "2",
    )  # fmt: skip
    assert done.returncode == 0
    rows = {line[:24].strip(): line[24:].split() for line in done.stdout.splitlines()}
    assert rows["wanted, of 1 caught"] == ["1", "1"]
    assert rows["not wanted, of 1 caught"] == ["1", "0"]
    assert "settings tried these do best." in done.stdout
    pasted = tomllib.loads(done.stdout[done.stdout.index("[camera.motion]") :])["camera"]["motion"]
    assert set(pasted) == {"noise_level", "threshold", "minimum_motion_frames", "event_gap"}
    flags = [f"--{name.replace('_', '-')}={value}" for name, value in pasted.items()]
    again = command("detect", video, "--format", "jsonl", *flags)
    saved = [v["time"] for v in map(json.loads, again.stdout.splitlines()) if v["saved"]]
    assert any(4 <= time <= 8 for time in saved)
    assert not any(16 <= time <= 17 for time in saved)


def test_json_has_all_of_it(video: Path, tmp_path: Path) -> None:
    done = command(
        "tune", video, "--threshold", "0.5", "--format", "json", "--wanted", "6",
        "--picture", tmp_path / "a.png",
    )  # fmt: skip
    values = json.loads(done.stdout)
    assert values["present"]["tally"]["wanted_caught"] == 1
    assert values["other"]["tally"]["wanted_caught"] == 0
    assert values["other"]["settings"]["threshold"] == 0.5
    assert len(values["no_longer_caught"]) == 2
    assert values["limits"]


def test_a_cameras_saved_images_are_replayed_with_its_settings(tmp_path: Path) -> None:
    with saved_images(tmp_path / "data") as saved:
        saved.save(jpegs(6, [(1.5, 4.5)]), camera=3, width=WIDTH, height=HEIGHT)
        saved.save(jpegs(6, []), camera=3, start_us=1_767_263_600_000_000, width=WIDTH)
    (tmp_path / "storage.toml").write_text(
        'storage.path = "data"\nserver.timezone = "Europe/Berlin"\n'
        '[[camera]]\nid = 3\nurl = "demo:"\nmotion = { event_gap = 2 }\n'
    )
    config = ("--config", tmp_path / "storage.toml", "--picture", tmp_path / "a.png")
    done = command("tune", "3", *config, "--threshold", "0.5", "--wanted", "20260101-103323.jpg")
    assert (done.returncode, done.stderr) == (0, "")
    rows = {line[:24].strip(): line[24:].split() for line in done.stdout.splitlines()}
    assert rows["events"] == ["1", "0"]
    assert rows["wanted, of 1 caught"] == ["1", "0"]
    assert "Only saved images are there" in done.stdout
    assert "20260101-103320 to " in done.stdout
    later = command("tune", "3", *config, "--from", "20260101-110000")
    assert {line[:24].strip(): line[24:].split() for line in later.stdout.splitlines()}[
        "events"
    ] == ["0", "0"]
    none = command("tune", "3", *config, "--answers")
    assert (none.returncode, "nothing was answered" in none.stderr) == (2, True)
    marks = MarksFile(Layout(tmp_path / "data", ZoneInfo("UTC")))
    marks.put(3, 1_767_260_002_000_000, 1_767_260_004_000_000, wanted=True)
    answered = command("tune", "3", *config, "--threshold", "0.5", "--answers")
    rows = {line[:24].strip(): line[24:].split() for line in answered.stdout.splitlines()}
    assert rows["wanted, of 1 caught"] == ["1", "0"]
    never = command("tune", "3", *config, "--to", "20250101-110000")
    assert never.returncode == 1
    assert "no saved image" in never.stderr


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (("gone.mp4",), 1, "no file"),
        (("a.mp4", "--search"), 2, "--search needs marks"),
        (("a.mp4", "--wanted", "soon"), 2, "is no time"),
        (("a.mp4", "--from", "20260101-000000"), 2, "for a camera"),
        (("7",), 2, "camera 7 is not configured"),
    ],
)
def test_wrong_use_is_said_in_a_sentence(
    arguments: tuple[str, ...], code: int, words: str, video: Path
) -> None:
    given = [str(video) if a == "a.mp4" else a for a in arguments]
    done = command("tune", *given)
    assert done.returncode == code
    assert words in done.stderr
    assert "Traceback" not in done.stderr
