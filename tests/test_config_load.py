"""Settings from storage.toml and the environment: right is taken, wrong is named."""

import tomllib
from importlib import resources
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from chimera_storage.config import MotionSettings, Settings
from chimera_storage.config_load import load_settings, serving_is_switched_off
from chimera_storage.errors import ConfigurationError


def load(
    text: str, folder: Path, environ: dict[str, str] | None = None, **overrides: Any
) -> Settings:
    file = folder / "storage.toml"
    file.write_text(text)
    return load_settings(file, environ or {}, overrides=overrides)


def refusal(text: str, folder: Path, environ: dict[str, str] | None = None) -> str:
    with pytest.raises(ConfigurationError) as caught:
        load(text, folder, environ)
    return str(caught.value)


def test_no_file_and_no_camera_is_fine() -> None:
    settings = load_settings(None, {})
    assert settings.camera == ()
    assert (settings.server.host, settings.server.port) == ("127.0.0.1", 8083)


def test_a_camera_needs_only_id_and_url(tmp_path: Path) -> None:
    settings = load('[[camera]]\nid = 3\nurl = "rtsp://a/b"\n', tmp_path)
    assert settings.camera[0].id == 3
    assert settings.camera[0].motion == MotionSettings()


def test_the_example_is_right_and_names_every_key(tmp_path: Path) -> None:
    text = resources.files("chimera_storage").joinpath("storage.example.toml").read_text("utf-8")
    settings = load(text, tmp_path)
    assert settings.camera[0].motion == MotionSettings()
    # Keys without a default value stand in comments: uncommented, the file is still right.
    uncommented = "\n".join(
        line.removeprefix("# ") if is_commented_out(line) else line for line in text.splitlines()
    )
    values = tomllib.loads(uncommented.replace('# url = "https://..."', 'url = "https://x"'))
    Settings.model_validate(values)
    assert unset_keys(Settings, values) == {"camera_names"}


def test_a_camera_differs_from_the_others_in_what_its_retention_says(tmp_path: Path) -> None:
    settings = load(
        "[retention]\ndays = 30\nthin_after_days = 7\n"
        '[[camera]]\nid = 3\nurl = "rtsp://a/b"\n'
        '[camera.retention]\ndays = 0\nthin_keep = "best"\n',
        tmp_path,
    )
    own, other = settings.retention_of(3), settings.retention_of(77)
    assert (own.days, own.thin_after_days, own.thin_keep, own.max_gb) == (0, 7, "best", 0)
    assert (other.days, other.thin_after_days, other.thin_keep) == (30, 7, 10)


def is_commented_out(line: str) -> bool:
    return (" = " in line or line.startswith("# [[")) and not line.startswith("# url")


def unset_keys(model: type[BaseModel], values: dict[str, Any]) -> set[str]:
    """The keys of a section and of those below it that the values leave out."""
    missing = set(model.model_fields) - set(values)
    for key, value in values.items():
        table = value[0] if isinstance(value, list) else value
        if isinstance(table, dict):
            annotation = model.model_fields[key].annotation
            kinds = (annotation, *getattr(annotation, "__args__", ()))
            sections = [c for c in kinds if isinstance(c, type) and issubclass(c, BaseModel)]
            for section in sections:  # none: a table of anything, as an export's options
                missing |= {f"{key}.{name}" for name in unset_keys(section, table)}
    return missing


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[sever]\nport = 1\n", "sever is not a known key; did you mean server?"),
        ("[server]\nprot = 1\n", "server.prot is not a known key; did you mean port?"),
        (
            '[[camera]]\nid = 1\nurl = "x:y"\n[camera.motion]\ntreshold = 0.1\n',
            "camera[0].motion.treshold is not a known key; did you mean threshold?",
        ),
        ("[[camera]]\nid = 1\n", "camera[0].url is missing"),
        ('[[camera]]\nurl = "demo:"\n', "camera[0].id is missing"),
        ('[[camera]]\nid = "front"\nurl = "demo:"\n', "camera[0].id: "),
        ('[[camera]]\nid = -1\nurl = "demo:"\n', "camera[0].id: "),
        ('[[camera]]\nid = 1\nurl = " "\n', "camera[0].url: an address such as"),
        (
            '[[camera]]\nid = 1\nurl = "demo:"\ndetect_url = ""\n',
            "camera[0].detect_url: an address such as",
        ),
        ("[server]\nport = 70000\n", "server.port: "),
        ('[server]\ntimezone = "Mars/Olympus"\n', "'Mars/Olympus' is no time zone"),
        ('[server]\ntimezone = "../../etc/passwd"\n', "is no time zone"),
        ('[server]\npublic_url = "cameras.example"\n', "http:// or https://"),
        ('[server]\nroot_path = "cams"\n', "server.root_path: a path such as"),
        ('[server]\nroot_path = "/a/../b"\n', "server.root_path: a path such as"),
        ('[server]\ntrusted_proxies = ["gateway"]\n', "'gateway' is no address"),
        (
            '[server]\nroot_path = "/cams"\npublic_url = "https://a.example"\n',
            "server.public_url must end with server.root_path, /cams",
        ),
        ("[server\n", "not valid TOML"),
        ("camera = 3\n", "camera: "),
        ("[storage]\nsync_interval = nan\n", "storage.sync_interval: "),
        ('[storage]\nmin_free_gb = "some"\n', "storage.min_free_gb: "),
        ("[storage]\nmin_free_gb = -1\n", "storage.min_free_gb: "),
        ("[retention]\ndais = 7\n", "retention.dais is not a known key; did you mean days?"),
        ("[retention]\ndays = -1\n", "retention.days: "),
        ("[retention]\nthin_keep = 1\n", "retention.thin_keep: "),
        ('[retention]\nthin_keep = "worst"\n', "retention.thin_keep: "),
        (
            '[[camera]]\nid = 1\nurl = "x:y"\n[camera.retention]\nconversions_days = 3\n',
            "camera[0].retention.conversions_days is not a known key",
        ),
        (
            '[[camera]]\nid = 1\nurl = "demo:"\n[[camera]]\nid = 1\nurl = "demo:"\n',
            "camera id 1 stands twice",
        ),
        (
            '[[camera]]\nid = 1\nurl = "a:b"\nname = "Yard"\n'
            '[[camera]]\nid = 2\nurl = "a:b"\nname = "yard"\n',
            "camera name 'yard' stands twice",
        ),
    ],
)
def test_what_is_wrong_is_named_with_what_would_be_right(
    text: str, said: str, tmp_path: Path
) -> None:
    assert said in refusal(text, tmp_path)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ('despeckle_filter = "xyz"', "camera[0].motion.despeckle_filter: "),
        ('picture_output = "middle"', "camera[0].motion.picture_output: input should be 'all'"),
        ("threshold_maximum = 0", "camera[0].motion.threshold_maximum: "),
        (
            "threshold = 0.5\nthreshold_maximum = 0.1",
            "camera[0].motion: threshold_maximum is 0.1 and every threshold at least 0.5",
        ),
        ("lightswitch_percent = 101", "camera[0].motion.lightswitch_percent: "),
        ("smart_mask_speed = 11", "camera[0].motion.smart_mask_speed: "),
        ("mask = 3", "camera[0].motion.mask: "),
        ("[[camera.motion.mask]]", "camera[0].motion.mask[0].polygon is missing"),
        (
            "[[camera.motion.zone]]\npolygon = [[0, 0], [1, 0], [1, 1]]",
            "camera[0].motion.zone[0].threshold is missing",
        ),
        (
            "[[camera.motion.mask]]\npoligon = []",
            "camera[0].motion.mask[0].poligon is not a known key; did you mean polygon?",
        ),
        (
            "[[camera.motion.mask]]\npolygon = [[0, 0], [1, 0]]",
            "camera[0].motion.mask[0].polygon: ",
        ),
        (
            "[[camera.motion.mask]]\npolygon = [[0, 0], [100, 0], [1, 1]]",
            "camera[0].motion.mask[0].polygon[1][0]: input should be less than or equal to 1",
        ),
        (
            "[[camera.motion.mask]]\npolygon = [[0, 0], [0.5, 0.5], [1, 1]]",
            "camera[0].motion.mask[0].polygon: the corners lie on a line",
        ),
        *(
            (
                f'[[camera.motion.mask]]\npolygon = [[0, 0], [1, 0], [1, 1]]\nhours = "{hours}"',
                said,
            )
            for hours, said in (
                ("10pm-6am", 'hours: a time of the day such as "22:00-06:00" is right'),
                ("22:00-25:00", "hours: a time of the day"),
                ("22:00-24:30", "hours: a time of the day"),
                ("06:00-06:00", "hours: begin and end are the same"),
                ("00:00-24:00", "hours: begin and end are the same"),
            )
        ),
    ],
)
def test_what_is_wrong_with_a_motion_setting_is_named(
    lines: str, said: str, tmp_path: Path
) -> None:
    assert said in refusal(f'[[camera]]\nid = 1\nurl = "a:b"\n[camera.motion]\n{lines}\n', tmp_path)


def test_a_maximum_below_the_threshold_is_right_where_a_zone_has_a_smaller_one(
    tmp_path: Path,
) -> None:
    text = (
        '[[camera]]\nid = 1\nurl = "demo:"\n'
        "[camera.motion]\nthreshold = 1.0\nthreshold_maximum = 0.5\n"
        "[[camera.motion.zone]]\npolygon = [[0, 0], [1, 0], [1, 1]]\nthreshold = 0.01\n"
    )
    assert load(text, tmp_path).camera[0].motion.threshold_maximum == 0.5


def test_a_mask_file_is_relative_to_the_configuration(tmp_path: Path) -> None:
    text = '[[camera]]\nid = 1\nurl = "a:b"\n[camera.motion]\nmask_file = "masks/yard.pgm"\n'
    assert load(text, tmp_path).camera[0].motion.mask_file == str(tmp_path / "masks/yard.pgm")
    hours = 'hours = "18:00-24:00"\npolygon = [[0, 0], [1, 0], [1, 1]]\n'
    assert load(f"{text}[[camera.motion.mask]]\n{hours}", tmp_path).camera[0].motion.mask


def test_all_problems_are_told_at_once(tmp_path: Path) -> None:
    said = refusal("[server]\nprot = 1\nport = 0\n", tmp_path)
    assert len(said.splitlines()) == 2


def test_a_refusal_does_not_repeat_the_password(tmp_path: Path) -> None:
    said = refusal('[[camera]]\nid = "x"\nurl = "rtsp://u:hunter2@h/"\nnam = "a"\n', tmp_path)
    assert "hunter2" not in said


def test_a_password_is_not_shown_by_the_settings(tmp_path: Path) -> None:
    settings = load('[[camera]]\nid = 1\nurl = "rtsp://u:hunter2@h/"\n', tmp_path)
    assert "hunter2" not in repr(settings)
    assert "hunter2" not in settings.model_dump_json()


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load('[storage]\npath = "footage"\n[[camera]]\nid = 1\nurl = "a.mp4"\n', tmp_path)
    assert settings.storage.path == tmp_path / "footage"
    assert settings.camera[0].url.get_secret_value() == str(tmp_path / "a.mp4")


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="config example"):
        load_settings(tmp_path / "none.toml", {})


def test_the_environment_of_a_2021_install_is_understood(tmp_path: Path) -> None:
    settings = load_settings(
        None,
        {
            "storage_PORT": "8090",
            "storage_FILEPATH": str(tmp_path),
            "storage_MAX_GB": "250",
            "command_HOST": "http://10.0.0.2",
            "command_PORT": "8081",
            "alert_URL": "https://hooks.example/x",
            "SECRETKEY": "s3cret",
            "cameras": '["Front", "Yard"]',
        },
    )
    assert settings.server.port == 8090
    assert settings.storage.path == tmp_path
    assert settings.storage.max_gb == 250
    assert settings.server.login_url == "http://10.0.0.2:8081"
    assert settings.alerts.url is not None
    assert settings.alerts.url.get_secret_value() == "https://hooks.example/x"
    assert settings.server.secret_key is not None
    assert settings.names() == {1: "Front", 2: "Yard"}


def test_the_names_of_version_6_are_understood(tmp_path: Path) -> None:
    settings = load_settings(
        None, {"storage_FOLDERPATH": str(tmp_path), "command_HOST": "http://127.0.0.1:7822"}
    )
    assert settings.storage.path == tmp_path
    assert settings.server.login_url == "http://127.0.0.1:7822"


def test_empty_names_count_as_unset() -> None:
    assert load_settings(None, {"storage_MAX_GB": "", "alert_URL": " ", "SECRETKEY": ""}) == (
        load_settings(None, {})
    )


def test_the_environment_wins_over_the_file_and_flags_over_both(tmp_path: Path) -> None:
    text = "[server]\nport = 1001\n"
    assert load(text, tmp_path, {"storage_PORT": "1002"}).server.port == 1002
    settings = load(text, tmp_path, {"storage_PORT": "1002"}, server={"port": 1003})
    assert settings.server.port == 1003


@pytest.mark.parametrize("value", ["[1]", "Front", '{"a": 1}', "["])
def test_camera_names_that_are_no_array_of_names_are_refused(value: str) -> None:
    with pytest.raises(ConfigurationError, match="cameras"):
        load_settings(None, {"cameras": value})


def test_storage_on_false_switches_off() -> None:
    assert serving_is_switched_off({"storage_ON": "false"})
    assert not serving_is_switched_off({"storage_ON": "true"})
    assert not serving_is_switched_off({})


def test_cameras_of_a_motion_conf_are_taken_over(tmp_path: Path) -> None:
    (tmp_path / "cams").mkdir()
    (tmp_path / "motion.conf").write_text(
        "# main\nthreshold 1500\nnetcam_userpass admin:p@ss/1\ncamera one.conf\ncamera_dir cams\n"
    )
    (tmp_path / "one.conf").write_text("camera_id 4\ncamera_name Yard\nnetcam_url rtsp://h/1?a=b\n")
    (tmp_path / "cams" / "two.conf").write_text("netcam_url=http://h2/v.mjpg\nrtsp_uses_tcp off\n")
    (tmp_path / "cams" / "usb.conf").write_text("; usb\nvideodevice /dev/video0\n")
    conf = str(tmp_path / "motion.conf")
    for name in ("storage_MOTION_CONFPATH", "storage_MOTION_CONF_FILEPATH"):
        yard, two, usb = load_settings(None, {name: conf}).camera
        assert (yard.id, yard.name) == (4, "Yard")
        assert yard.url.get_secret_value() == "rtsp://admin:p%40ss%2F1@h/1?a=b"
        assert (two.id, two.transport) == (1, "udp")
        assert two.url.get_secret_value() == "http://admin:p%40ss%2F1@h2/v.mjpg"
        assert (usb.id, usb.url.get_secret_value()) == (2, "/dev/video0")


def test_a_motion_conf_that_is_not_there_leaves_a_server_without_cameras(tmp_path: Path) -> None:
    settings = load_settings(None, {"storage_MOTION_CONFPATH": str(tmp_path / "motion.conf")})
    assert settings.camera == ()


def test_cameras_of_the_file_win_over_those_of_motion_conf(tmp_path: Path) -> None:
    (tmp_path / "motion.conf").write_text("netcam_url rtsp://h/1\n")
    settings = load(
        '[[camera]]\nid = 9\nurl = "demo:"\n',
        tmp_path,
        {"storage_MOTION_CONFPATH": str(tmp_path / "motion.conf")},
    )
    assert [camera.id for camera in settings.camera] == [9]
