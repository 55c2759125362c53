"""What is built and handed out works where the repository is not."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.support.server import clean_environment, free_port
from tests.support.waiting import wait_for

ROOT = Path(__file__).parents[1]
UNIT = ROOT / "packaging/chimera-storage.service"
BUILD = "import flit_core.buildapi as b; b.build_{0}({1!r})"


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist."""
    folder = tmp_path_factory.mktemp("dist")
    for kind in ("wheel", "sdist"):
        code = BUILD.format(kind, str(folder))
        subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True)
    return folder


@pytest.fixture(scope="module")
def program(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The installed command in a fresh venv, which has the dependencies of this one."""
    folder = tmp_path_factory.mktemp("venv")
    venv.create(folder, symlinks=True)
    (wheel,) = built.glob("*.whl")
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", folder / "bin/python", "--quiet", "install",
         "--no-deps", "--no-index", wheel],
        check=True, cwd=folder,
    )  # fmt: skip
    yield folder / "bin/chimera-storage"


def environment() -> dict[str, str]:
    """With the dependencies' folder: as a path of modules its .pth files, such as the one that
    stands for this repository, are not read."""
    kept = {k: v for k, v in clean_environment().items() if not k.startswith(("PYTHON", "VIRTUAL"))}
    return kept | {"PYTHONPATH": sysconfig.get_paths()["purelib"]}


def run(program: Path, *arguments: str, **more: str) -> str:
    done = subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        cwd=program.parent,
        env=environment() | more,
    )
    return done.stdout


def test_wheel_holds_all_of_the_package_and_nothing_else(built: Path) -> None:
    source = ROOT / "src"
    tracked = {
        str(path.relative_to(source))
        for path in (source / "chimera_storage").rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    assert {name for name in names if name.startswith("chimera_storage/")} == tracked
    others = {name for name in names if not name.startswith("chimera_storage/")}
    assert any(name.endswith("data/share/man/man1/chimera-storage.1") for name in others)
    assert all(".dist-info/" in name or ".data/" in name for name in others)


def test_a_wheel_made_of_the_sdist_is_the_same(built: Path, tmp_path: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    (folder,) = tmp_path.iterdir()
    assert (folder / "packaging/chimera-storage.service").is_file()
    assert (folder / "requirements.lock").is_file()
    code = BUILD.format("wheel", str(tmp_path))
    subprocess.run([sys.executable, "-c", code], cwd=folder, check=True, capture_output=True)
    contents = []
    for place in (built, tmp_path):
        (wheel,) = place.glob("*.whl")
        with zipfile.ZipFile(wheel) as opened:
            contents.append({info.filename: info.CRC for info in opened.infolist()})
    assert contents[0] == contents[1]


def test_an_installed_program_serves_and_records_without_the_repository(
    program: Path, tmp_path: Path
) -> None:
    where = run(program.with_name("python"), "-c", "import chimera_storage as c; print(c.__file__)")
    assert where.startswith(str(program.parents[1]))
    assert re.fullmatch(r"\d+\.\d+\.\d+\n", run(program, "version"))
    assert "[server]" in run(program, "config", "example")
    port = free_port()
    with (tmp_path / "log").open("wb") as log:
        server = subprocess.Popen(
            [program, "serve", "--demo", "--path", tmp_path / "data", "--port", str(port)],
            stdout=log, stderr=log, cwd=tmp_path, env=environment(),
        )  # fmt: skip
    try:
        with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=10) as http:

            def answers() -> bool:
                assert server.poll() is None, (tmp_path / "log").read_text()
                try:
                    return http.get("/storage/health").status_code == 200
                except httpx.TransportError:
                    return False

            wait_for(answers, "the server")
            page = http.get("/").text
            for address in re.findall(r'(?:src|href)="(/static/[^"]+)"', page):
                assert http.get(address).status_code == 200, address
            # That is the recorders' process, which has the other libraries.
            wait_for(lambda: "camera_connected" in (tmp_path / "log").read_text(), "the recorder")
    finally:
        server.terminate()
        assert server.wait(20) == 0


def test_the_shell_completes_commands(program: Path) -> None:
    asked = {"_CHIMERA_STORAGE_COMPLETE": "complete_bash", "COMP_CWORD": "1"}
    assert run(program, **asked, COMP_WORDS="chimera-storage do").split() == ["doctor"]
    script = run(program, _CHIMERA_STORAGE_COMPLETE="source_bash")
    assert "complete -o default -F" in script


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="needs systemd-analyze")
def test_the_unit_is_right_and_shut_in(tmp_path: Path) -> None:
    unit = tmp_path / UNIT.name
    # Of its program and its man page, which are not installed here, it would complain.
    text = UNIT.read_text().replace("/opt/chimera-storage/bin/chimera-storage", "/bin/true")
    unit.write_text("".join(row for row in text.splitlines(True) if "Documentation" not in row))
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", unit], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")
    graded = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=17", unit],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert graded.returncode == 0, graded.stdout[-300:]


def test_the_image_is_built_of_what_is_pinned_and_runs_as_nobody() -> None:
    """What can be said without Docker."""
    rows = (ROOT / "packaging/Dockerfile").read_text().splitlines()
    copied = [row.split()[1:-1] for row in rows if row.startswith("COPY") and "--from" not in row]
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    for name in (name for names in copied for name in names):
        assert (ROOT / name).exists()
        assert f"!{name}" in ignored
    assert any("--require-hashes -r requirements.lock" in row for row in rows)
    assert [row for row in rows if row.startswith("USER")] == ["USER 10001:10001"]
    (command,) = (row for row in rows if row.startswith("CMD ["))
    assert "serve" in command
    (port,) = (row.split()[1] for row in rows if row.startswith("EXPOSE"))
    assert f'"--port", "{port}"' in command
    (check,) = (row for row in rows if "urlopen" in row)
    assert f":{port}/storage/health" in check
    # Images and passwords beside the compose file are neither sent to Docker nor committed.
    for folder in (f"packaging/{volume.partition(':')[0]}" for volume in composed()["volumes"]):
        shown = Path(os.path.normpath(folder))
        assert not any(shown.is_relative_to(row.removeprefix("!")) for row in ignored)
        assert f"/{shown}/" in (ROOT / ".gitignore").read_text().splitlines()


def composed() -> dict[str, Any]:
    """The one service of the compose file."""
    yaml = pytest.importorskip("yaml")
    (only,) = yaml.safe_load((ROOT / "packaging/compose.yaml").read_text())["services"].values()
    return dict(only)


def test_the_composed_service_can_write_its_two_folders_alone() -> None:
    only = composed()
    assert only["read_only"] is True
    assert only["cap_drop"] == ["ALL"]
    assert only["user"] == "10001:10001"
    assert [volume.rpartition(":")[2] for volume in only["volumes"]] == ["/data", "/config"]
    assert all(port.startswith("127.0.0.1:") for port in only["ports"])
