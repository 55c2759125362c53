"""`chimera-storage doctor` finds what is wrong, changes nothing, and says no password."""

import json
import re
import socket
import threading
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from chimera_storage.archive.layout import MARK_NAME, Layout
from chimera_storage.archive.mark import make_marks
from chimera_storage.archive.watch import FLAT_ZONE
from chimera_storage.config import Settings
from chimera_storage.doctor.camera_clock import clock_skew_s
from chimera_storage.doctor.disk import write_speed
from chimera_storage.doctor.storage import look_at_storage
from chimera_storage.errors import StorageError
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.service.opening import data_folder
from tests.support.footage import write_scene
from tests.support.rtsp import RtspServer
from tests.support.saved_images import SavedImages, picture, saved_images
from tests.support.server import RunningServer, command, free_port
from tests.support.small_disk import small_disk


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[SavedImages]:
    with saved_images(tmp_path / "data") as opened:
        opened.save([picture(i) for i in range(5)])
        yield opened


def examined(folder: Path, config: str) -> tuple[int, dict[str, list[dict[str, str]]]]:
    """The exit code, and the findings by topic."""
    file = folder / "storage.toml"
    file.write_text(f'storage.path = "data"\nserver.port = {free_port()}\n{config}')
    file.chmod(0o600)
    done = command("doctor", "--config", file, "--json")
    assert "Traceback" not in done.stderr
    assert "hush" not in done.stdout + done.stderr
    said = json.loads(done.stdout)
    assert said["sound"] == (done.returncode == 0)
    found: dict[str, list[dict[str, str]]] = {}
    for finding in said["findings"]:
        found.setdefault(finding["topic"], []).append(finding)
        assert bool(finding.get("todo")) == (finding["level"] != "good")
    return done.returncode, found


def says(found: Any, topic: str, level: str) -> str:
    return " | ".join(finding["says"] for finding in found[topic] if finding["level"] == level)


def test_cameras_are_connected_to_and_described(tmp_path: Path) -> None:
    write_scene(tmp_path / "street.mp4", DemoScene(320, 180, 10, seed=1), 12)
    cameras = """
        [[camera]]
        id = 1
        url = "{0}"
        detect_url = "demo:"
        [[camera]]
        id = 2
        name = "Gate"
        url = "rtsp://user:hush@127.0.0.1:9/stream"
        [[camera]]
        id = 3
        url = "rtsp://127.0.0.1:9/stream"
        paused = true
    """
    with RtspServer(tmp_path) as rtsp:
        code, found = examined(tmp_path, cameras.format(rtsp.url("street.mp4")))
    assert code == 1
    assert re.match(r"h264 320x180, (9|10)\b", says(found, "camera 1", "good"))
    assert "the second stream: drawn 1280x720" in says(found, "camera 1", "good")
    assert "refuses the connection" in says(found, "camera 2 (Gate)", "wrong")
    (gate,) = found["camera 2 (Gate)"]
    assert gate["todo"].startswith("Is the camera on")
    assert "paused" in says(found, "camera 3", "good")


def test_a_sound_data_folder_is_all_well_and_left_as_it_is(
    saved: SavedImages, tmp_path: Path
) -> None:
    before = {path for path in tmp_path.rglob("*") if "index.db-" not in path.name}
    code, found = examined(tmp_path, "")
    assert code == 0
    assert "5 images of 1 cameras" in says(found, "data folder", "good")
    assert "MB/s, and an image, synced, in" in str(found["data folder"])
    after = {path for path in tmp_path.rglob("*") if "index.db-" not in path.name}
    assert after - before == {tmp_path / "storage.toml"}


def test_a_damaged_index_and_another_zone_are_found(saved: SavedImages, tmp_path: Path) -> None:
    saved.index.set_meta(FLAT_ZONE, "Europe/Berlin")
    assert "time zone Europe/Berlin" in says(examined(tmp_path, "")[1], "data folder", "advice")
    saved.index.close()
    for rest in saved.layout.root.glob("index.db-*"):
        rest.unlink()
    saved.layout.index.write_bytes(b"no index" * 1000)
    code, found = examined(tmp_path, "")
    assert code == 1
    assert "index is damaged" in says(found, "data folder", "wrong")


def test_a_disk_that_is_not_mounted_is_found(saved: SavedImages, tmp_path: Path) -> None:
    make_marks(saved.layout, "an-id")
    (saved.layout.captures / MARK_NAME).unlink()
    code, found = examined(tmp_path, "")
    assert code == 1
    assert "is its disk mounted" in says(found, "data folder", "wrong")
    saved.layout.captures.rename(tmp_path / "away")
    assert "wrong" in looked_at(tmp_path)


def looked_at(folder: Path) -> dict[str, str]:
    """What is said of the data folder, by level; without a process, which takes its time."""
    settings = Settings.model_validate({"storage": {"path": folder / "data"}})
    said: dict[str, str] = defaultdict(str)
    for finding in look_at_storage(settings):
        if finding.topic == "data folder":
            said[finding.level] += f"{finding.says}. "
    return said


def test_before_the_first_start_the_disk_is_looked_at_too(tmp_path: Path) -> None:
    said = looked_at(tmp_path)["good"]
    assert "not there yet" in said
    assert "GB of" in said
    (tmp_path / "data").mkdir()
    assert "MB/s" in "".join(looked_at(tmp_path).values())
    assert list((tmp_path / "data").iterdir()) == []


def test_a_file_in_place_of_the_data_folder_is_found(tmp_path: Path) -> None:
    (tmp_path / "data").touch()
    assert "is a file, no folder" in looked_at(tmp_path)["wrong"]


def test_a_link_to_a_disk_that_is_not_there_is_found(tmp_path: Path) -> None:
    (tmp_path / "data/shared").mkdir(parents=True)
    (tmp_path / "data/shared/captures").symlink_to(tmp_path / "unmounted/captures")
    said = looked_at(tmp_path)
    assert "a link to where none is" in said["wrong"]
    assert "the server makes it" not in said["good"]
    with (
        pytest.raises(StorageError, match="mount its disk"),
        data_folder(Layout(tmp_path / "data", UTC)),
    ):
        pass


def test_a_full_disk_is_found(tmp_path: Path) -> None:
    with small_disk(tmp_path / "data"):
        (tmp_path / "data/shared/captures").mkdir(parents=True)
        assert "the disk is full" in looked_at(tmp_path)["wrong"]


@pytest.mark.parametrize("place", ["shared/captures/7", "."])
def test_a_folder_that_this_user_may_not_read_is_a_finding(tmp_path: Path, place: str) -> None:
    """Was a traceback."""
    folder = tmp_path / "data" / place
    file = tmp_path / "storage.toml"
    file.write_text(f'storage.path = "data"\nserver.port = {free_port()}\n')
    (tmp_path / "data/shared/captures/7").mkdir(parents=True)
    folder.chmod(0)
    try:
        done = command("doctor", "--config", file, "--json", as_root=False)
    finally:
        folder.chmod(0o700)
    assert done.returncode == 1, done.stderr
    found = json.loads(done.stdout)["findings"]
    wrong = [f["says"] for f in found if (f["topic"], f["level"]) == ("data folder", "wrong")]
    assert len(wrong) == 1
    assert "this user" in wrong[0]
    assert found[-1]["topic"] == "server"


def test_a_port_of_another_program_and_an_open_door_are_found(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        file = tmp_path / "taken.toml"
        file.write_text(f'server.port = {port}\nstorage.path = "data"\n')
        done = command("doctor", "--config", file)
    assert done.returncode == 1
    assert f"WRONG server: port {port} of 127.0.0.1 is in use by another program" in done.stdout
    assert "1 wrong" in done.stdout.splitlines()[-1]
    code, found = examined(tmp_path, 'server.host = "0.0.0.0"\n')
    assert code == 1
    assert "nobody would have to log in" in says(found, "server", "wrong")


def test_beside_a_running_server_its_port_is_no_fault(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        done = command(
            "doctor", "--config", tmp_path / "storage.toml", "--path", server.data, "--json"
        )
    assert "a server works on this data folder" in done.stdout
    assert done.returncode == 0, done.stdout


def test_a_configuration_that_cannot_be_read_is_a_finding_and_the_machine_is_looked_at_too(
    tmp_path: Path,
) -> None:
    code, found = examined(tmp_path, "retention.dayz = 1\n")
    assert code == 1
    assert "dayz" in says(found, "configuration", "wrong")
    assert "Python" in says(found, "machine", "good")


def test_a_file_with_passwords_that_others_may_read_is_said(tmp_path: Path) -> None:
    file = tmp_path / "storage.toml"
    file.write_text('[[camera]]\nid = 1\nurl = "rtsp://u:hush@127.0.0.1:9/"\npaused = true\n')
    file.chmod(0o644)
    done = command("doctor", "--config", file, "--path", tmp_path / "data")
    assert f"chmod 600 {file}" in done.stdout
    assert "hush" not in done.stdout


@contextmanager
def answering(answer: str) -> Iterator[int]:
    """A server that gives one answer to whatever it is asked; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer.encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
@pytest.mark.parametrize("hours", [-26, 0, 3])
def test_a_cameras_clock_is_read_off_its_answers(scheme: str, hours: int) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(hours=hours), usegmt=True)
    protocol = "RTSP/1.0" if scheme == "rtsp" else "HTTP/1.1"
    answer = f"{protocol} 401 Unauthorized\r\nCSeq: 1\r\nDate: {date}\r\nContent-Length: 0\r\n\r\n"
    with answering(answer) as port:
        skew_s = clock_skew_s(parse_address(f"{scheme}://u:hush@127.0.0.1:{port}/x"))
    assert skew_s == pytest.approx(hours * 3600, abs=3)


@pytest.mark.parametrize("date", ["", "Date: yesterday\r\n"])
def test_a_camera_that_does_not_say_the_time_is_no_fault(date: str) -> None:
    with answering(f"RTSP/1.0 200 OK\r\n{date}\r\n") as port:
        assert clock_skew_s(parse_address(f"rtsp://127.0.0.1:{port}/")) is None
    assert clock_skew_s(parse_address("demo:")) is None


def test_trying_a_disk_leaves_nothing(tmp_path: Path) -> None:
    speed = write_speed(tmp_path)
    assert speed.bytes_per_s > 0
    assert 0 < speed.image_s < 60
    assert list(tmp_path.iterdir()) == []
