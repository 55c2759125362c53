"""A Motion daemon's configuration as settings of this server."""

import stat
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from chimera_storage.config import CameraSettings, MotionSettings, Settings
from chimera_storage.config_load import load_settings
from chimera_storage.errors import ConfigurationError
from chimera_storage.motion_conf import MotionConf, as_toml, read_motion_conf
from chimera_storage.motion_conf.address import CARRIED as ADDRESS_OPTIONS
from chimera_storage.motion_conf.carry import CARRIED as MOTION_OPTIONS
from tests.support.server import command

CAMERA = "netcam_url rtsp://h/1\n"


def read(text: str, folder: Path) -> MotionConf:
    (folder / "motion.conf").write_text(text)
    return read_motion_conf(folder / "motion.conf")


def motion(text: str, folder: Path) -> MotionSettings:
    (camera,) = read(CAMERA + text, folder).cameras
    return CameraSettings.model_validate(camera.table).motion


def notes(text: str, folder: Path) -> str:
    conf = read(CAMERA + text, folder)
    return "\n".join([*conf.notes, *(note for camera in conf.cameras for note in camera.notes)])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", {}),
        ("threshold 1500", {"threshold": 0.004883}),
        ("threshold 1500\nwidth 1920\nheight 1080", {"threshold": 0.000723}),
        ("threshold=2000\nwidth=1000\nheight=1000", {"threshold": 0.002}),
        ("width 100\nheight 100\nthreshold 10\nthreshold_maximum 500",
         {"threshold": 0.001, "threshold_maximum": 0.05}),
        ("width 100\nheight 100\nthreshold 100\nthreshold_maximum 50", {"threshold": 0.01}),
        ("threshold 999999999", {"threshold": 1.0}),
        ("noise_level 40", {}),
        ("noise_tune off\nnoise_level 40", {"noise_level": 40}),
        ("noise_tune off", {"noise_level": 32}),
        ("despeckle_filter EedDl", {}),
        ("lightswitch_percent 25", {"lightswitch_percent": 25}),
        ("lightswitch 25", {"lightswitch_percent": 25}),
        ("lightswitch_percent 0", {}),
        ("smart_mask_speed 5", {"smart_mask_speed": 5}),
        ("minimum_motion_frames 2", {"minimum_motion_frames": 2}),
        ("minimum_motion_frames 5000", {"minimum_motion_frames": 100}),
        ("event_gap 45", {"event_gap": 45}),
        ("event_gap -1", {"event_gap": 3600}),
        ("gap 30", {"event_gap": 30}),
        ("pre_capture 30\npost_capture 45", {"pre_capture": 2.0, "post_capture": 3.0}),
        ("pre_capture 30\nframerate 10", {"pre_capture": 3.0, "framerate": 10}),
        ("minimum_frame_time 4\npre_capture 2", {"pre_capture": 8.0, "framerate": 0.25}),
        ("pre_capture 99999", {"pre_capture": 30}),
        ("picture_output on", {}),
        ("picture_output first", {"picture_output": "first"}),
        ("output_pictures best", {"picture_output": "best"}),
        ("picture_output center", {"picture_output": "center"}),
        ("picture_output off", {}),
        ("picture_quality 60", {"picture_quality": 60}),
        ("quality 200", {"picture_quality": 100}),
        ("snapshot_interval 300", {"snapshot_interval": 300}),
        ("threshold abc\nevent_gap 1.5", {}),
    ],
)  # fmt: skip
def test_settings_are_carried_over_in_the_units_of_this_server(
    text: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    assert motion(text, tmp_path) == MotionSettings(**expected)


def test_a_mask_file_is_carried_over_where_it_exists(tmp_path: Path) -> None:
    (tmp_path / "mask.pgm").write_bytes(b"P2\n2 1\n255\n0 255\n")
    there = motion("mask_file mask.pgm", tmp_path)
    assert there.mask_file == str(tmp_path / "mask.pgm")
    assert motion(f"mask_file {tmp_path}/mask.pgm", tmp_path) == there
    assert motion("mask_file gone.pgm", tmp_path).mask_file == ""
    assert "mask_file: there is no such file" in notes("mask_file gone.pgm", tmp_path)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("netcam_url rtsp://h/1", {"url": "rtsp://h/1"}),
        (
            "netcam_url rtsp://h/low\nnetcam_high_url rtsp://h/high\nnetcam_userpass a:b@c",
            {"url": "rtsp://a:b%40c@h/high", "detect_url": "rtsp://a:b%40c@h/low"},
        ),
        ("netcam_url rtsp://h/l\nnetcam_highres rtsp://h/h",
         {"url": "rtsp://h/h", "detect_url": "rtsp://h/l"}),
        ("netcam_url rtsp://x:y@h/1\nnetcam_userpass a:b", {"url": "rtsp://x:y@h/1"}),
        ("netcam_url mjpeg://h/v.mjpg", {"url": "http://h/v.mjpg"}),
        ("netcam_url http://h/i.jpg\nminimum_frame_time 5",
         {"url": "http://h/i.jpg", "interval": 5.0}),
        ("netcam_url v4l2:///dev/video2", {"url": "/dev/video2"}),
        ("netcam_url file:///srv/a.mkv", {"url": "/srv/a.mkv", "loop": True}),
        ("video_device /dev/video1", {"url": "/dev/video1"}),
        ("v4l2_device /dev/video1", {"url": "/dev/video1"}),
        ("video_device /dev/video1\nnetcam_url rtsp://h/1", {"url": "rtsp://h/1"}),
        ("netcam_url rtsp://h/1\nnetcam_use_tcp off", {"url": "rtsp://h/1", "transport": "udp"}),
        ("netcam_url rtsp://h/1\nnetcam_params rtsp_transport=udp, capture_rate = 10",
         {"url": "rtsp://h/1", "transport": "udp"}),
        ('netcam_url "rtsp://h/1?a=b&c=d#e"', {"url": "rtsp://h/1?a=b&c=d#e"}),
    ],
)  # fmt: skip
def test_a_cameras_address_is_carried_over(
    text: str, expected: dict[str, Any], tmp_path: Path
) -> None:
    (camera,) = read(text, tmp_path).cameras
    table = {k: v for k, v in camera.table.items() if k not in ("id", "motion")}
    assert table == expected


def test_each_camera_has_what_was_set_before_its_file_was_named_and_its_own(
    tmp_path: Path,
) -> None:
    (tmp_path / "cams").mkdir()
    (tmp_path / "one.conf").write_text("netcam_url rtsp://h/1\nevent_gap 20\ncamera_id 7\n")
    (tmp_path / "cams" / "b.conf").write_text("netcam_url rtsp://h/2\ncamera_name Yard\n")
    (tmp_path / "cams" / "a.conf.off").write_text("netcam_url rtsp://h/3\n")
    conf = read(
        "event_gap 30\npost_capture 15\ncamera one.conf\ncamera_dir cams\nevent_gap 40\n", tmp_path
    )
    one, two = (CameraSettings.model_validate(table) for table in conf.tables())
    assert (one.id, one.motion.event_gap, one.motion.post_capture) == (7, 20, 1.0)
    assert (two.id, two.name, two.motion.event_gap) == (1, "Yard", 30)


def test_camera_files_that_are_missing_are_named_and_the_others_are_taken(tmp_path: Path) -> None:
    (tmp_path / "one.conf").write_text(CAMERA)
    conf = read("camera gone.conf\ncamera_dir nowhere\ncamera one.conf\n", tmp_path)
    assert len(conf.cameras) == 1
    assert "gone.conf" in conf.notes[0]
    assert "nowhere is no folder" in conf.notes[1]


def test_ids_and_names_that_stand_twice_are_given_once(tmp_path: Path) -> None:
    for name in "abc":
        text = CAMERA + "camera_id 1\ncamera_name Yard\n"
        (tmp_path / f"{name}.conf").write_text(text)
    conf = read("camera a.conf\ncamera b.conf\ncamera c.conf\n", tmp_path)
    settings = Settings.model_validate({"camera": conf.tables()})
    assert [camera.id for camera in settings.camera] == [1, 2, 3]
    assert settings.names() == {1: "Yard"}
    assert "camera_id: another camera has it" in conf.cameras[1].notes[0]


def test_a_target_folder_of_a_chimera_install_is_its_data_folder(tmp_path: Path) -> None:
    for folder in ("/srv/chimera/shared/captures", "/srv/chimera/shared/captures/1/"):
        assert read(f"{CAMERA}target_dir {folder}\n", tmp_path).storage_path == "/srv/chimera"
    other = read(f"{CAMERA}target_dir /var/lib/motion\n", tmp_path)
    assert other.storage_path is None
    assert any(note.startswith("target_dir:") for note in other.notes)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("on_event_start /bin/mail", "on_event_start: no commands are run"),
        ("webcontrol_port 8080\nstream_port 8081", "webcontrol_port, stream_port: this server has"),
        ("webcontrol_localhost off", "webcontrol_localhost: "),
        ("mask_privacy /p.pgm", "mask_privacy: IMPORTANT"),
        ("rotate 90", "rotate: "),
        ("movie_output on", "movie_output: no movies are recorded"),
        ("database_password hunter2", "database_password: "),
        ("picture_type webp", "picture_type: images are JPEG"),
        ("emulate_motion on", "emulate_motion: "),
        ("netcam_params capture_rate=10", "netcam_params: not carried over: capture_rate"),
        (
            "threshold 1500",
            "threshold: 1500 pixels of 640x480 are 0.004883 of the picture; the default here is"
            f" {MotionSettings().threshold:g}",
        ),
        ("pre_capture 1", "pre_capture: 1 frames are 0.067 s"),
        ("picture_output off", "picture_output: "),
        ("despeckle_filter EedDl", 'despeckle_filter: "auto"'),
        ("treshold 100", "treshold: it is no option that is known here"),
        ("Hunter2!hunter2 1", "a line: it is no option"),
    ],
)
def test_what_cannot_be_carried_over_is_named_with_the_reason(
    text: str, said: str, tmp_path: Path
) -> None:
    assert said in notes(text, tmp_path)


@pytest.mark.parametrize(
    "text", ["daemon off", "picture_output_motion off", "rotate 0", "picture_type jpeg", "; x 1"]
)
def test_what_was_not_used_is_no_loss(text: str, tmp_path: Path) -> None:
    assert notes(text, tmp_path) == ""


def test_a_note_holds_no_password(tmp_path: Path) -> None:
    text = (
        "netcam_userpass u:hunter2\ndatabase_password hunter2\nwebcontrol_authentication u:hunter2"
    )
    assert "hunter2" not in notes(text + "\nnetcam_params proxy=http://u:hunter2@p", tmp_path)


_OPTIONS = sorted(
    MOTION_OPTIONS | ADDRESS_OPTIONS | {"camera_id", "camera_name", "target_dir", "on_x", "rotate"}
)
_VALUES = st.one_of(
    st.text(max_size=30),
    st.integers(-(10**20), 10**20).map(str),
    st.sampled_from(["on", "off", "best", "rtsp://h/1", "/dev/video0", "http://[::1", "EedDl"]),
)


@given(lines=st.lists(st.tuples(st.sampled_from(_OPTIONS), _VALUES), max_size=15))
@hypothesis_settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_whatever_a_motion_conf_says_the_outcome_is_a_right_configuration(
    lines: list[tuple[str, str]], tmp_path: Path
) -> None:
    text = "".join(f"{key} {value}\n" for key, value in lines)
    (tmp_path / "any.conf").write_text(text, encoding="utf-8", errors="replace")
    conf = read_motion_conf(tmp_path / "any.conf")
    Settings.model_validate({"camera": conf.tables()})
    written = tomllib.loads(as_toml(conf, "any\n.conf"))
    assert written.get("camera", []) == conf.tables()


DISTRIBUTED = """\
# This config file was generated by motion 4.5.1
daemon off
target_dir /var/lib/motion
width 640
height 480
framerate 15
text_right %Y-%m-%d\\n%T-%q
threshold 1500
; noise_level 32
despeckle_filter EedDl
minimum_motion_frames 1
event_gap 60
pre_capture 3
picture_output off
movie_codec mkv
webcontrol_port 8080
netcam_userpass admin:hunter2
camera_dir conf.d
"""


@pytest.fixture
def install(tmp_path: Path) -> Path:
    """A motion.conf with two cameras in its camera_dir."""
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "motion.conf").write_text(DISTRIBUTED)
    (tmp_path / "conf.d" / "1.conf").write_text('camera_name "Fr\\"ö\tnt"\nnetcam_url rtsp://a/1\n')
    (tmp_path / "conf.d" / "2.conf").write_text("netcam_url rtsp://b/1\nrotate 180\n")
    return tmp_path / "motion.conf"


def test_the_command_writes_a_file_for_its_owner_alone_that_config_check_takes(
    install: Path, tmp_path: Path
) -> None:
    output = tmp_path / "storage.toml"
    done = command("import-motion", install, "-o", output)
    assert done.returncode == 0, done.stderr
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert "hunter2" not in done.stdout + done.stderr
    assert "webcontrol_port" in done.stderr
    assert "camera 2: rotate" in done.stderr
    text = output.read_text()
    assert "rtsp://admin:hunter2@a/1" in text
    for line in done.stderr.splitlines():
        assert f"# - {line.split(': ', 1)[1] if line.startswith('camera ') else line}" in text
    checked = command("config", "check", "--config", output)
    assert (checked.returncode, checked.stderr) == (0, "")
    assert "2 camera(s)" in checked.stdout
    first, second = load_settings(output, {}).camera
    assert second.url.get_secret_value() == "rtsp://admin:hunter2@b/1"
    assert first.motion == MotionSettings(
        threshold=0.004883, minimum_motion_frames=1, event_gap=60, pre_capture=0.2, framerate=15
    )


def test_a_file_that_is_there_is_not_written_over(install: Path, tmp_path: Path) -> None:
    output = tmp_path / "storage.toml"
    output.write_text("mine")
    done = command("import-motion", install, "-o", output)
    assert done.returncode == 2
    assert "exists already" in done.stderr
    assert output.read_text() == "mine"
    assert [path.name for path in tmp_path.glob(".*.tmp")] == []


def test_a_configuration_without_cameras_or_that_is_not_there_is_refused(tmp_path: Path) -> None:
    (tmp_path / "motion.conf").write_text("threshold 100\n")
    done = command("import-motion", tmp_path / "motion.conf", "-o", tmp_path / "out.toml")
    assert done.returncode == 2
    assert "names no camera" in done.stderr
    assert not (tmp_path / "out.toml").exists()
    with pytest.raises(ConfigurationError, match="cannot be read"):
        read_motion_conf(tmp_path / "none.conf")


def test_the_environments_motion_conf_carries_settings_over_too(install: Path) -> None:
    cameras = load_settings(None, {"storage_MOTION_CONFPATH": str(install)}).camera
    assert [camera.motion.event_gap for camera in cameras] == [60, 60]


def test_config_check_names_a_mask_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "m.png").write_bytes(b"no picture")
    (tmp_path / "storage.toml").write_text(
        '[[camera]]\nid = 4\nurl = "demo:"\n[camera.motion]\nmask_file = "m.png"\n'
    )
    done = command("config", "check", "--config", tmp_path / "storage.toml")
    assert done.returncode == 2
    assert "camera 4: mask_file" in done.stderr
    assert "is no picture that can be read" in done.stderr
