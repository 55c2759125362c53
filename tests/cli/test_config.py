"""`chimera-storage config check` names what serving would only show as a failed camera."""

import subprocess
import sys
from pathlib import Path

import pytest


def check(text: str, folder: Path) -> subprocess.CompletedProcess[str]:
    file = folder / "storage.toml"
    file.write_text(text)
    return subprocess.run(
        [sys.executable, "-m", "chimera_storage", "config", "check", "--config", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("key", ["url", "detect_url"])
def test_an_address_that_is_none_is_named_without_its_password(key: str, tmp_path: Path) -> None:
    other = 'url = "demo:"\n' if key == "detect_url" else ""
    done = check(f'[[camera]]\nid = 4\n{other}{key} = "rtsp://u:hush#x@10.0.0.2/s"\n', tmp_path)
    assert done.returncode == 2
    assert f"camera 4: {key}: The camera's address is not of the form" in done.stderr
    assert "hush" not in done.stderr


ALERTS = 'alerts.url = "https://chat.example/hook"\n'


@pytest.mark.parametrize(
    ("text", "is_said"),
    [(ALERTS, True), (ALERTS + 'server.public_url = "https://cams.example"\n', False), ("", False)],
)
def test_links_in_alerts_that_nobody_could_follow_are_said(
    text: str, is_said: bool, tmp_path: Path
) -> None:
    done = check(text, tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("server.public_url makes them whole" in done.stdout) == is_said


def test_a_file_that_is_not_there_yet_is_no_mistake(tmp_path: Path) -> None:
    assert check('[[camera]]\nid = 1\nurl = "later.mp4"\n', tmp_path).returncode == 0
