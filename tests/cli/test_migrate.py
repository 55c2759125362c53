"""`chimera-storage migrate` on folders as Chimera's installs have them; no footage is touched."""

import os
import stat
import tomllib
from pathlib import Path
from typing import Protocol

import jwt
import pytest

from chimera_storage.chimera_install import read_install
from chimera_storage.cli import main
from chimera_storage.config import Settings
from chimera_storage.config_load import load_settings
from tests.support.archive import JPEG
from tests.support.server import RunningServer, clean_environment
from tests.support.waiting import wait_for

SECRET = "a key of thirty-two bytes or more"
PASSWORDS = (SECRET, "hush", "hook-secret", "pg-secret")
OUTPUTS = (
    "output_1_20260320-120000_20260320-130000_k3v9x2ab-20260320-140000.mp4",
    "output_2_20260320-120000_20260320-130000_k3v9x2ac-20260320-140000.zip",
)
# As Motion names them: a number in each second, snapshots without one.
IMAGES = {
    1: ("20260320-115959-00", "20260320-120000-00", "20260320-120000-01", "20260320-130000"),
    2: ("20260319-080000-00",),
    9: ("20250101-000000-00",),
}
MOTION_CONF = """
daemon off
target_dir {target}
width 1280
height 720
framerate 15
picture_output on
movie_output off
picture_filename %t/%Y%m%d-%H%M%S-%q
threshold 1500
text_left CAMERA%t
on_picture_save psql -c "INSERT INTO frame_files ..."
camera_dir {cameras}
"""
CAMERAS = {
    "cam1.conf": "camera_id 1\ncamera_name Front door\nnetcam_url rtsp://127.0.0.1:1/s\n"
    "netcam_userpass admin:hush\n",
    "cam2.conf": "camera_id 2\nnetcam_url rtsp://127.0.0.1:1/t\nmask_file gone.pgm\n",
}


def write_footage(folder: Path) -> None:
    captures = folder / "shared/captures"
    for camera, names in IMAGES.items():
        (captures / str(camera)).mkdir(parents=True)
        for name in names:
            (captures / str(camera) / f"{name}.jpg").write_bytes(JPEG)
    for name in OUTPUTS:
        (captures / name).write_bytes(b"a file")
    (captures / "timelapses").mkdir()


def write_conf(path: Path, cameras: Path, *, target: str, camera_dir: str) -> None:
    cameras.mkdir(parents=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(MOTION_CONF.format(target=target, cameras=camera_dir))
    for name, text in CAMERAS.items():
        (cameras / name).write_text(text)


@pytest.fixture
def of_2021(tmp_path: Path) -> Path:
    """On the machine itself, with paths of the machine."""
    folder = tmp_path / "chimera"
    footage = tmp_path / "footage"
    write_footage(footage)
    conf = tmp_path / "etc/motion.conf"
    write_conf(conf, conf.parent / "cams", target=f"{footage}/shared/captures", camera_dir="cams")
    folder.mkdir()
    (folder / ".env").write_text(
        f"""
# Note: *** indicates optional field
NODE_ENV = production
chimeraInstances = 1
cameras = "["Front door", "Yard", "Cellar"]"
alert_URL = https://chat.example.org/hook-secret
SECRETKEY={SECRET}
command_ON = true
command_PORT = 8081
command_HOST = http://127.0.0.1
gateway_HOST = https://cams.example.org
storage_ON = true
storage_PORT = 8083
storage_FILEPATH = {footage}/
storage_MOTION_CONFPATH = {conf}
"""
    )
    return folder


@pytest.fixture
def of_version_6(tmp_path: Path) -> Path:
    """In Docker: paths are those of the container, footage is in a volume."""
    folder = tmp_path / "chimera"
    write_footage(tmp_path / "volume/_data")
    write_conf(
        folder / "motion.conf",
        folder / "cameraconf",
        target="/mnt/storage/shared/captures",
        camera_dir="/etc/motion/cameraconf",
    )
    (folder / "docker-compose.yml").write_text("services: {}\n")
    (folder / ".env").write_text(
        f"""
NODE_ENV = production
alert_URL =
SECRETKEY = '{SECRET}'
gateway_PORT = 8080
command_HOST = http://127.0.0.1:8081
scheduler_AUTH = pg-secret
storage_ON = true
storage_PORT = 8083
storage_HOST = http://127.0.0.1:8083
storage_FOLDERPATH = /mnt/storage/  # default; base shared file path, leave as is under docker
storage_MOTION_CONF_FILEPATH = /etc/motion/motion.conf  # default; motion conf path
storage_MAX_GB = 50
ffmpeg_FILEPATH = /usr/bin/ffmpeg  # default
database_PASSWORD = pg-secret
"""
    )
    return folder


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """All there is, with times, hidden files too."""
    return {
        str(path.relative_to(folder)): (
            path.lstat().st_mtime_ns,
            path.lstat().st_ino,
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
    }


class Migrate(Protocol):
    """Runs the command and returns what it said on both outputs."""

    def __call__(self, *arguments: str | Path, code: int = 0) -> str: ...


@pytest.fixture
def migrate(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Migrate:
    """In this process, as starting one takes longer than all that it does."""
    for name in (*os.environ,):
        if name not in clean_environment():
            monkeypatch.delenv(name)
    monkeypatch.setenv("TZ", "Europe/Berlin")

    def run(*arguments: str | Path, code: int = 0) -> str:
        monkeypatch.setattr("sys.argv", ["chimera-storage", "migrate", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = "".join(capfd.readouterr())
        assert (ended.value.code or 0) == code, said
        assert not any(password in said for password in PASSWORDS), said
        return said

    return run


def written(file: Path) -> Settings:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    return load_settings(file, {})


def test_without_write_it_says_what_it_found_and_changes_nothing(
    migrate: Migrate, of_2021: Path, tmp_path: Path
) -> None:
    before = snapshot(tmp_path)
    said = migrate(of_2021, "--output", tmp_path / "storage.toml")
    assert snapshot(tmp_path) == before
    for line in (
        "A Chimera install with the names of 2021",
        f"Footage in {tmp_path}/footage/shared/captures",
        "camera 1 Front door: 4 images, 20260320-115959 to 20260320-130000",
        "camera 2 Yard: 1 images",
        "camera 3 Cellar: no images; motion.conf does not have it",
        "camera 9: 1 images, 20250101-000000 to 20250101-000000; motion.conf does not have it",
        "finished mp4: 1",
        "finished zip: 1",
        "served, but neither counted nor cleaned: timelapses",
        "storage_PORT → server.port",
        "SECRETKEY → server.secret_key",
        "alert_URL → alerts.url",
        "storage_ON: set it to false",
        "gateway_HOST",
        "camera 2: mask_file: there is no such file",
        "server.timezone: Europe/Berlin",
        "Nothing was written",
    ):
        assert line in said, line


def test_what_it_writes_is_the_install_of_2021_as_a_configuration(
    migrate: Migrate, of_2021: Path, tmp_path: Path
) -> None:
    footage = snapshot(tmp_path / "footage")
    file = tmp_path / "storage.toml"
    said = migrate(of_2021, "--write", "--output", file)
    assert "Stop Motion before you start this server" in said
    settings = written(file)
    assert settings.server.port == 8083
    assert settings.server.timezone == "Europe/Berlin"
    assert settings.server.login_url == "http://127.0.0.1:8081"
    assert settings.server.secret_key is not None
    assert settings.server.secret_key.get_secret_value() == SECRET
    assert settings.storage.path == tmp_path / "footage"
    assert settings.names() == {1: "Front door", 2: "Yard", 3: "Cellar"}
    assert [camera.id for camera in settings.camera] == [1, 2]
    assert settings.camera[0].url.get_secret_value() == "rtsp://admin:hush@127.0.0.1:1/s"
    assert snapshot(tmp_path / "footage") == footage
    assert "exists already" in migrate(of_2021, "--write", "--output", file, code=2)


def test_an_install_of_version_6_is_found_though_its_paths_are_those_of_a_container(
    migrate: Migrate, of_version_6: Path, tmp_path: Path
) -> None:
    said = migrate(of_version_6)
    assert "the names of version 6" in said
    assert "1  Front door" in said  # in cameraconf beside motion.conf
    assert "docker volume inspect" in said
    assert "server.timezone: UTC" in said
    assert "scheduler_AUTH: the scheduler's own header opens nothing here" in said
    file = tmp_path / "storage.toml"
    missing = migrate(of_version_6, "--write", "-o", file, code=2)
    assert "name it with --footage" in missing
    assert not file.exists()
    volume = tmp_path / "volume/_data"
    migrate(of_version_6, "--write", "-o", file, "--footage", volume)
    settings = written(file)
    assert settings.storage.path == volume
    assert settings.storage.max_gb == 50
    assert settings.server.secret_key is not None
    assert settings.server.secret_key.get_secret_value() == SECRET
    assert settings.alerts.url is None
    assert [camera.id for camera in settings.camera] == [1, 2]


def test_beside_motion_cameras_are_named_and_not_recorded_and_no_quota_deletes(
    migrate: Migrate, of_version_6: Path, tmp_path: Path
) -> None:
    file = tmp_path / "beside.toml"
    volume = tmp_path / "volume/_data"
    migrate(of_version_6, "--write", "--beside-motion", "-o", file, "--footage", volume)
    settings = written(file)
    assert settings.camera == ()
    assert settings.names() == {1: "Front door"}
    assert settings.storage.max_gb == 0
    assert "storage.max_gb: left to Chimera's scheduler" in file.read_text()


def test_a_value_that_cannot_be_used_is_named_and_costs_no_other(
    migrate: Migrate, of_version_6: Path, tmp_path: Path
) -> None:
    env = of_version_6 / ".env"
    text = env.read_text().replace("= 50", "= Storage quota in GB. WARNING: arms an hourly job")
    env.write_text(text)
    said = migrate(of_version_6, "--footage", tmp_path / "volume/_data")
    assert "storage_MAX_GB: storage.max_gb: input should be a valid number" in said
    assert "hourly job" not in said
    assert "storage_PORT → server.port" in said


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["gone"], "which should be the environment file of a Chimera install, cannot be read"),
        (["chimera", "--footage", "chimera"], "holds no shared/captures"),
        (["chimera", "--motion-conf", "gone.conf"], "which should be a motion.conf"),
        (["chimera", "--timezone", "Mars/Crater"], "is no time zone"),
    ],
)
def test_what_is_not_there_is_one_sentence(
    migrate: Migrate, of_2021: Path, arguments: list[str], sentence: str
) -> None:
    folder = of_2021.parent
    given = [a if a.startswith("--") or "/" in a else str(folder / a) for a in arguments]
    said = migrate(*given, code=2)
    assert sentence in said
    assert "Traceback" not in said


@pytest.mark.parametrize(
    ("line", "secret"),
    [
        (f"SECRETKEY={SECRET}", SECRET),
        (f"  export SECRETKEY = {SECRET}  ", SECRET),
        (f"SECRETKEY='{SECRET}'\r", SECRET),
        (f"SECRETKEY = {SECRET}  # of the web app", SECRET),
        (f'SECRETKEY = "{SECRET} # and more"', f"{SECRET} # and more"),
        (f"SECRETKEY = `{SECRET}`", SECRET),
        (f"#SECRETKEY = {SECRET}", None),
        ("SECRETKEY =", None),
        ("SECRETKEY = # ***", None),
        (f"SECRETKEY={SECRET}=", f"{SECRET}="),
    ],
)
def test_values_of_the_environment_file_are_read_as_chimera_reads_them(
    line: str, secret: str | None, tmp_path: Path
) -> None:
    (tmp_path / ".env").write_bytes(f"storage_PORT=1\n{line}\nstorage_ON=true\n".encode())
    server = read_install(tmp_path, timezone="UTC").sections["server"]
    assert server.get("secret_key") == secret
    assert server["port"] == 1


def test_a_server_beside_motion_serves_the_footage_and_what_motion_goes_on_writing(
    migrate: Migrate, of_2021: Path, tmp_path: Path
) -> None:
    file = tmp_path / "beside.toml"
    migrate(of_2021, "--write", "--beside-motion", "-o", file, "--timezone", "UTC")
    footage = tmp_path / "footage"
    before = {k: v for k, v in snapshot(footage).items() if v[2]}
    text = file.read_text()
    server = RunningServer(tmp_path, text)
    server.data = footage
    with server:
        token = jwt.encode({"username": "owner"}, SECRET, algorithm="HS256")
        server.http.headers["authorization"] = f"Bearer {token}"

        def counts() -> dict[str, int]:
            told: dict[str, int] = server.post("/file/pathMetrics")["count"]
            return told

        wait_for(lambda: counts().get("Front door") == 4, "the images of camera 1")
        assert len(server.post("/convert/listProcess")["list"]) == len(OUTPUTS)
        (footage / "shared/captures/1/20260320-140000-00.jpg").write_bytes(JPEG)
        wait_for(lambda: counts()["Front door"] == 5, "the image that Motion wrote")
        assert server.stop() == 0
    after = snapshot(footage)
    assert {name: after[name] for name in before} == before
    assert tomllib.loads(text)["camera_names"]["1"] == "Front door"
