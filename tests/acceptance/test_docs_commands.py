"""What the documentation tells people to type works: each command is run, or there is a reason."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from chimera_storage.access import Accounts, Role
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import open_index
from chimera_storage.archive.writer import ImageWriter
from chimera_storage.clock import SystemClock, to_us
from chimera_storage.model import Event
from chimera_storage.motion.demo import DemoScene
from tests.support.archive import JPEG
from tests.support.footage import write_scene
from tests.support.server import RunningServer, clean_environment

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

ROOT = Path(__file__).parents[2]
PAGES = [
    "README.md",
    *(f"docs/{name}.md" for name in ("api", "api-guide", "installation", "operations")),
]
# Begin of a line → why it is not run here.
_ROOT = "changes the machine, as root"
NOT_RUN = {
    "apt-get ": "installs packages",
    "useradd ": _ROOT,
    "install -d ": _ROOT,
    "chown ": _ROOT,
    "chmod 600 /etc/": _ROOT,
    "cp packaging/": _ROOT,
    "runuser ": _ROOT,
    "systemctl ": "needs systemd",
    "journalctl ": "needs systemd",
    "python3 -m venv /opt/": _ROOT,
    "/opt/chimera-storage/bin/pip ": "installs from the network",
    "/opt/chimera-storage/bin/chimera-storage ": "was not installed there",
    "docker ": "needs Docker",
    "mkdir -p packaging/": "makes folders for Docker in the repository",
    "git clone ": "needs the network",
    "cd ": "into a folder that the line before would have made",
    "make run": "the server in the foreground; tests/acceptance/test_first_light.py runs it",
    "rsync ": "may not be installed",
    "export B=": "set by the test",
    "export TOKEN=": "set by the test",
}
SERVES = "chimera-storage serve"  # every test here and elsewhere does
EXAMPLE = re.compile(r"k3v9x2a|5jG0hC2m|m3Yc0dWk|3f1c0b7a|[0-9]\.jpg|latest\.jpg|\.mp4")
OPEN_AT = datetime(2026, 1, 31, 18, 0, tzinfo=UTC)
PASSWORD = "correct horse battery"
CURL_TIMED_OUT = 28


@dataclass(frozen=True)
class Line:
    """A line of a block marked sh."""

    page: str
    text: str

    @property
    def is_answer(self) -> bool:
        return self.text.startswith(("{", "["))

    @property
    def why_not(self) -> str | None:
        if SERVES in self.text:
            return "the server in the foreground"
        return next((why for begin, why in NOT_RUN.items() if self.text.startswith(begin)), None)


def blocks(page: str, language: str) -> list[str]:
    path = ROOT / page
    text = path.read_text("utf-8") if path.exists() else ""
    return re.findall(rf"^ *```{language}\n(.*?)^ *```", text, re.DOTALL | re.MULTILINE)


def lines(page: str) -> list[Line]:
    joined = "\n".join(blocks(page, "sh")).replace("\\\n", " ")
    found = (line.strip() for line in joined.splitlines())
    return [Line(page, line) for line in found if line and not line.startswith("#")]


@dataclass(frozen=True)
class Ended:
    """How a line ended: exit code, HTTP status of curl (0: none), standard error."""

    text: str
    code: int
    status: int
    said: str

    @property
    def is_understood(self) -> bool:
        """Done, or nothing there under the name or id of the example."""
        if self.text.startswith("curl"):
            without = self.status == 404 and EXAMPLE.search(self.text)
            endless = self.code == CURL_TIMED_OUT and "-sN" in self.text
            return bool((200 <= self.status < 300 or without) and (self.code == 0 or endless))
        return self.code == 0


def run(script: list[str], folder: Path, env: dict[str, str]) -> list[Ended]:
    """Each line in one shell. curl shows the token where the line does not log in otherwise."""
    curl = """curl() {
        case "$*" in
            *jar*|*Authorization*) ;;
            *) set -- -H "Authorization: Bearer $TOKEN" "$@" ;;
        esac
        case "$*" in *-sN*) limit=2 ;; *) limit=20 ;; esac  # what has no end, and the rest
        command curl --max-time $limit -w '%{stderr}STATUS %{http_code}' "$@"
    }"""
    ends = "code=$?; { echo; echo ENDED $code; } >&2\n"
    marked = "".join(f"{text}\n{ends}" for text in script)
    done = subprocess.run(
        [
            "bash",
            "-c",
            f"{curl}\n{marked}",
        ],
        cwd=folder,
        env=clean_environment() | env,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
        timeout=100,
    )
    parts = re.split(r"^ENDED (\d+)\n", done.stderr, flags=re.MULTILINE)
    assert len(parts) == 2 * len(script) + 1, done.stderr
    return [
        Ended(text, int(code), int((re.findall(r"STATUS (\d+)", said) or ["0"])[-1]), said)
        for text, said, code in zip(script, parts[::2], parts[1::2], strict=False)
    ]


def assert_understood(ended: list[Ended]) -> None:
    wrong = [
        f"{e.status} (exit {e.code}): {e.text}\n{e.said}" for e in ended if not e.is_understood
    ]
    assert not wrong, "\n".join(wrong)


def save(data: Path, times: list[datetime]) -> None:
    """Images of camera 1, in one event."""
    layout = Layout(data, UTC)
    layout.captures.mkdir(parents=True, exist_ok=True)
    index = open_index(layout)
    writer = ImageWriter(layout, index, sync_interval_s=3600)
    start_us, end_us = to_us(times[0]), to_us(times[-1])
    for at in times:
        writer.save(1, to_us(at), JPEG, width=32, height=16, score=0.1, event=start_us)
    writer.note_event(Event(camera=1, start_us=start_us, end_us=end_us))
    writer.close()
    index.close()


@dataclass(frozen=True)
class Served:
    """A server with images, somebody who may log in, and what a shell needs to ask it."""

    server: RunningServer
    env: dict[str, str]


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A camera, and images at the times that the examples name, and of the last hour."""
    folder = tmp_path_factory.mktemp("docs")
    recently = datetime.now(UTC) - timedelta(minutes=30)
    save(folder / "data", [OPEN_AT + timedelta(minutes=n) for n in range(60)])
    save(folder / "data", [recently + timedelta(seconds=n) for n in range(20)])
    with closing(Accounts(folder / "data/accounts.db", SystemClock())) as accounts:
        accounts.add_user("owner", PASSWORD, role=Role.ADMIN)
        token = accounts.add_token("test", role=Role.ADMIN, cameras=None, lasts_s=None)
    config = '[storage]\nmin_free_gb = 0\n[[camera]]\nid = 1\nname = "Front door"\nurl = "demo:"\n'
    with RunningServer(folder, config) as server:
        yield Served(server, {"B": server.url, "TOKEN": token})
        assert server.stop() == 0


def test_each_curl_line_of_the_guide_is_understood(served: Served, tmp_path: Path) -> None:
    asked = [line.text for line in lines("docs/api-guide.md") if line.why_not is None]
    assert len(asked) > 10
    assert_understood(run(asked, tmp_path, served.env))


def test_the_python_of_the_guide_does_what_it_says(served: Served, tmp_path: Path) -> None:
    script = "\n".join(blocks("docs/api-guide.md", "python"))
    done = subprocess.run(
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=clean_environment() | served.env,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "1 Front door" in done.stdout
    assert "404 " in done.stdout
    for name, begins in (("small.jpg", b"\xff\xd8"), ("day.zip", b"PK")):
        assert (tmp_path / name).read_bytes().startswith(begins)
    assert b"ftyp" in (tmp_path / "hour.mp4").read_bytes()[:12]


def test_each_curl_line_of_the_api_is_understood(served: Served, tmp_path: Path) -> None:
    """Last of those that ask this server, as the examples delete and log out."""
    asked, password = [], PASSWORD
    for line in lines("docs/api.md"):
        if not line.is_answer:
            asked.append(line.text)
            if "/account/password" in line.text:
                password = re.findall(r'"new": "(.+?)"', line.text)[0]
            if "/logout" in line.text:  # what follows takes it that somebody is logged in
                asked.append(f"curl -s -c jar $B/login -d name=owner -d 'password={password}'")
    assert len(asked) > 60
    assert_understood(run(asked, tmp_path, served.env))


def test_the_commands_in_readme_and_operations_do_what_they_say(tmp_path: Path) -> None:
    """In a folder that has what a reader has: a data folder, a video, a motion.conf."""
    asked = [
        line.text
        for page in ("README.md", "docs/operations.md", "docs/installation.md")
        for line in lines(page)
        if line.why_not is None
    ]
    assert len(asked) > 4
    save(tmp_path / "data", [datetime.now(UTC) - timedelta(minutes=n) for n in range(9, 0, -1)])
    (tmp_path / "backup").mkdir()
    accounts = Accounts(tmp_path / "data/accounts.db", SystemClock())
    accounts.add_token("test", role=Role.VIEWER, cameras=None, lasts_s=None)
    accounts.close()
    (tmp_path / "recordings").mkdir()
    scene = DemoScene(width=320, height=180, fps=10)
    write_scene(tmp_path / "recording.mp4", scene, 3)
    (tmp_path / "recordings/one.mp4").write_bytes((tmp_path / "recording.mp4").read_bytes())
    (tmp_path / "motion.conf").write_text("netcam_url rtsp://127.0.0.1:1/s\n")
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    assert_understood(run(asked, tmp_path, {"PATH": path}))


def test_every_reason_for_not_running_a_line_is_needed() -> None:
    found = [line for page in PAGES for line in lines(page)]
    unused = [b for b in NOT_RUN if not any(line.text.startswith(b) for line in found)]
    assert unused == []
