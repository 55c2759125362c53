"""The settings while the server runs: changed by hand or by request, written back, never lost."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from chimera_storage.config import Settings
from chimera_storage.config_load import load_settings
from chimera_storage.configuration import Configuration
from chimera_storage.errors import (
    ConfigurationError,
    ConflictError,
    InvalidInputError,
    NotFoundError,
)

TEXT = """\
[server]
port = 8083   # the usual

# the door
[[camera]]
id = 1
url = "rtsp://viewer:secret@10.0.0.7/stream1"
name = "Front"   # where the bell is

[[camera]]
id = 2
url = "clips/yard.mp4"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "storage.toml"
    path.write_text(TEXT)
    path.chmod(0o640)
    return path


class Opened:
    """A configuration, and what it told."""

    def __init__(self, path: Path | None, **more: Any) -> None:
        self.configuration = Configuration(path, more.pop("environ", {}), **more)
        self.told: list[Settings] = []
        self.configuration.tell(self.told.append)
        self.told.clear()

    def do(self, act: Callable[[Configuration], Coroutine[Any, Any, Any]]) -> Any:
        return asyncio.run(act(self.configuration))

    def refused(
        self, error: type[Exception], act: Callable[[Configuration], Coroutine[Any, Any, Any]]
    ) -> str:
        """The sentence; nothing may be told or changed."""
        before = self.configuration.settings
        with pytest.raises(error) as raised:
            self.do(act)
        assert self.configuration.settings == before
        return str(raised.value)

    @property
    def cameras(self) -> dict[int, Any]:
        return {camera.id: camera for camera in self.configuration.settings.camera}


def test_a_change_is_told_and_written_with_the_file_before_beside_it(file: Path) -> None:
    opened = Opened(file)
    shown = "rtsp://viewer@10.0.0.7/stream2"
    opened.do(lambda c: c.change_camera(1, {"url": shown, "name": "Front", "loop": True}))
    assert opened.cameras[1].url.get_secret_value() == "rtsp://viewer:secret@10.0.0.7/stream2"
    assert opened.told == [opened.configuration.settings]
    changed = TEXT.replace("stream1", "stream2").replace("bell is\n", "bell is\nloop = true\n")
    assert file.read_text() == changed
    assert (file.parent / "storage.toml.bak").read_text() == TEXT
    for path in (file, file.parent / "storage.toml.bak"):
        assert path.stat().st_mode & 0o777 == 0o640
    assert sorted(p.name for p in file.parent.iterdir()) == [file.name, f"{file.name}.bak"]
    assert load_settings(file, {}).camera == opened.configuration.settings.camera


def test_cameras_are_added_paused_and_removed(file: Path) -> None:
    opened = Opened(file)
    assert opened.do(lambda c: c.add_camera({"id": 9, "url": "demo:"})) == 9
    opened.do(lambda c: c.pause_camera(2, paused=True))
    assert [camera.paused for camera in load_settings(file, {}).camera] == [False, True, False]
    assert 'url = "clips/yard.mp4"\npaused = true\n' in file.read_text()
    opened.do(lambda c: c.pause_camera(2, paused=False))
    opened.do(lambda c: c.pause_camera(2, paused=False))  # as it is: nothing to do
    opened.do(lambda c: c.remove_camera(1))
    assert list(opened.cameras) == [2, 9]
    assert "# the door" not in file.read_text()
    assert len(opened.told) == 4
    with pytest.raises(NotFoundError):
        opened.do(lambda c: c.pause_camera(1, paused=True))
    with pytest.raises(ConflictError, match="already"):
        opened.do(lambda c: c.add_camera({"id": 9, "url": "demo:"}))


def test_all_cameras_are_replaced_at_once_or_none(file: Path) -> None:
    opened = Opened(file)
    wanted = [{"id": 3, "url": "demo:"}, {"id": 1, "name": "Door"}]
    opened.do(lambda c: c.replace_cameras(wanted))
    assert sorted(opened.cameras) == [1, 3]
    assert opened.cameras[1].name == "Door"
    assert "secret" in opened.cameras[1].url.get_secret_value()
    before = file.read_text()
    bad = [{"id": 4, "url": "demo:"}, {"id": 5, "url": "demo:", "interval": -1}]
    assert "interval" in opened.refused(InvalidInputError, lambda c: c.replace_cameras(bad))
    assert file.read_text() == before


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"nmae": "x"}, "did you mean name"),
        ({"motion": {"threshold": 7}}, "motion.threshold"),
        ({"motion": {"zone": [{"polygon": [[0, 0], [1, 1]], "threshold": 1}]}}, "polygon"),
        ({"url": ""}, "rtsp://user:password@"),
        ({"url": 7}, "url"),
        ({"url": "http://10.0.0.7/***"}, "not shown"),
        ({"id": 3}, "keeps its number"),
        ({"name": "Other"}, "stands twice"),
    ],
)
def test_wrong_settings_are_refused_in_the_words_of_the_configuration(
    file: Path, values: dict[str, Any], said: str
) -> None:
    text = TEXT + 'name = "Other"\n'
    file.write_text(text)
    opened = Opened(file)
    assert said in opened.refused(InvalidInputError, lambda c: c.change_camera(1, values))
    assert file.read_text() == text


def test_what_a_hand_changed_meanwhile_is_taken_in_and_not_overwritten(file: Path) -> None:
    opened = Opened(file)
    by_hand = TEXT.replace('name = "Front"', 'name = "Door"')
    file.write_text(f"{by_hand}loop = true\n[retention]\ndays = 3\n")
    opened.do(lambda c: c.add_camera({"id": 9, "url": "demo:"}))
    assert [camera.loop for camera in opened.cameras.values()] == [False, True, False]
    assert opened.cameras[1].name == "Door"
    assert opened.configuration.settings.retention.days == 3
    assert "# where the bell is" in file.read_text()


def test_a_camera_that_a_hand_changed_is_looked_at_again_before_it_is_changed(file: Path) -> None:
    opened = Opened(file)
    by_hand = TEXT.replace('name = "Front"', 'name = "Door"')
    file.write_text(by_hand)
    with pytest.raises(ConflictError, match="meanwhile"):
        opened.do(lambda c: c.change_camera(1, {"name": "Bell"}))
    assert file.read_text() == by_hand
    assert opened.cameras[1].name == "Door"
    opened.do(lambda c: c.change_camera(1, {"name": "Bell"}))
    assert opened.cameras[1].name == "Bell"


def test_a_file_that_a_hand_broke_is_left_alone(file: Path) -> None:
    opened = Opened(file)
    file.write_text("[[camera]\n")
    said = opened.refused(ConflictError, lambda c: c.pause_camera(1, paused=True))
    assert "not right as it stands" in said
    with pytest.raises(ConfigurationError):
        opened.do(lambda c: c.reload())
    assert file.read_text() == "[[camera]\n"
    assert sorted(opened.cameras) == [1, 2]


def test_a_file_that_cannot_be_written_changes_nothing(file: Path) -> None:
    opened = Opened(file)
    (file.parent / "storage.toml.bak").mkdir()
    said = opened.refused(ConflictError, lambda c: c.pause_camera(1, paused=True))
    assert "cannot be written" in said
    assert file.read_text() == TEXT


def test_cameras_that_stand_in_one_line_are_not_changed_from_here(file: Path) -> None:
    file.write_text('camera = [{ id = 1, url = "demo:" }]\n')
    said = Opened(file).refused(ConflictError, lambda c: c.pause_camera(1, paused=True))
    assert "storage.toml" in said


def test_a_reload_says_what_waits_for_a_restart_and_keeps_that_as_it_was(file: Path) -> None:
    opened = Opened(file, overrides={"server": {"host": "127.0.0.2"}})
    more = (
        '[storage]\nmax_gb = 5\nsync_interval = 9\n[mqtt]\nhost = "x"\n[alerts]\nurl = "http://a"\n'
    )
    file.write_text(TEXT.replace("8083", "9000") + more)
    assert opened.do(lambda c: c.reload()) == ["server.port", "storage.sync_interval", "mqtt.host"]
    now = opened.configuration.settings
    assert (now.server.port, now.server.host) == (8083, "127.0.0.2")
    assert (now.storage.max_gb, now.storage.sync_interval) == (5, 1.0)
    assert now.alerts.url is not None


def test_without_a_file_the_first_change_makes_one_in_the_data_folder(tmp_path: Path) -> None:
    overrides = {"storage": {"path": str(tmp_path)}}
    opened = Opened(None, overrides=overrides, demo=True)
    assert [camera.name for camera in opened.cameras.values()] == ["Demonstration"]
    opened.do(lambda c: c.add_camera({"id": 5, "url": "rtsp://a:b@h/x"}))
    file = tmp_path / "storage.toml"
    assert file.stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "storage.toml.bak").exists()
    again = Configuration(None, {}, overrides=overrides, demo=True)
    assert again.settings == opened.configuration.settings
    assert sorted(opened.cameras) == [1, 5]
    assert load_settings(file, {}).storage.path == tmp_path


def test_cameras_of_a_motion_conf_are_written_down_with_the_first_change(tmp_path: Path) -> None:
    conf = tmp_path / "motion.conf"
    conf.write_text("camera_id 4\nnetcam_url rtsp://10.0.0.9/a\nnetcam_userpass u:p\n")
    environ = {"storage_MOTION_CONFPATH": str(conf), "storage_FOLDERPATH": str(tmp_path)}
    opened = Opened(None, environ=environ)
    assert list(opened.cameras) == [4]
    opened.do(lambda c: c.add_camera({"id": 5, "url": "demo:"}))
    assert sorted(load_settings(None, environ).names() or opened.cameras) == [4, 5]
    assert opened.cameras[4].url.get_secret_value() == "rtsp://u:p@10.0.0.9/a"
    opened.do(lambda c: c.remove_camera(4))
    assert [camera.id for camera in load_settings(None, environ).camera] == [5]


def test_changes_at_the_same_time_are_all_made(file: Path) -> None:
    async def run(configuration: Configuration) -> None:
        await asyncio.gather(
            *(configuration.add_camera({"id": n, "url": "demo:"}) for n in range(10, 16)),
            configuration.pause_camera(1, paused=True),
        )

    opened = Opened(file)
    opened.do(run)
    assert len(load_settings(file, {}).camera) == 8
    assert opened.cameras[1].paused


def test_a_camera_without_a_name_is_shown_by_its_number(file: Path) -> None:
    names = Opened(file).configuration.names
    assert names.of_configured() == {1: "Front", 2: "Camera 2"}
    assert names.shown(7) == "Camera 7"
