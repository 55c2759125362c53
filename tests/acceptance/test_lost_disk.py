"""The disk of the images is unmounted under the running server, and mounted again."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive import JPEG
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = pytest.mark.acceptance

CAMERA = '[[camera]]\nid = 1\nurl = "demo:"\n[camera.motion]\nsnapshot_interval = 1\n'


class Disk:
    """A file system of its own at `captures`: a mounted tmpfs for root, else a renamed folder."""

    def __init__(self, captures: Path, away: Path) -> None:
        self.captures = captures
        self._away = away
        captures.mkdir(parents=True)
        away.mkdir()
        self.is_mounted = os.geteuid() == 0 and self._run("mount", "-t", "tmpfs", "tmpfs", away)
        self._on = False

    def mount(self) -> None:
        if self.is_mounted:
            assert self._run("mount", "--bind", self._away, self.captures)
        else:
            self.captures.rmdir()
            self._away.rename(self.captures)
        self._on = True

    def unmount(self) -> None:
        if self.is_mounted:
            assert self._run("umount", "--lazy", self.captures)
        else:
            self.captures.rename(self._away)
            self.captures.mkdir()
        self._on = False

    def make_read_only(self, read_only: bool = True) -> None:
        """What is open for writing has to be closed first, so it is tried again."""
        if not self.is_mounted:
            pytest.skip("a file system can be mounted by root only")
        how = f"remount,bind,{'ro' if read_only else 'rw'}"
        wait_for(lambda: self._run("mount", "-o", how, self.captures), "the mount to change")

    def close(self) -> None:
        if self.is_mounted:
            if self._on:
                self._run("umount", "--lazy", self.captures)
            self._run("umount", "--lazy", self._away)

    @staticmethod
    def _run(*command: str | Path) -> bool:
        return subprocess.run(command, check=False, capture_output=True).returncode == 0


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    made = Disk(tmp_path / "data" / "shared" / "captures", tmp_path / "disk")
    yield made
    made.close()


def count(server: RunningServer) -> int:
    answer = server.http.post("/file/pathFileCount", json={"camera": 1}).json()
    number: int = answer["count"]
    return number


def problems(server: RunningServer) -> tuple[str | None, str | None]:
    """What health and the camera say."""
    health = server.http.get("/storage/health").json()
    (camera,) = server.http.get("/motion/status").json()["cameras"]
    return health["storage"]["problem"], camera["problem"]


def test_nothing_is_written_into_a_bare_mount_point_and_recording_goes_on_when_it_is_back(
    disk: Disk, tmp_path: Path
) -> None:
    disk.mount()
    with RunningServer(tmp_path, CAMERA) as server:
        wait_for(lambda: count(server) > 1, "images")
        disk.unmount()
        wait_for(lambda: all(problems(server)), lambda: f"problems: {problems(server)}")
        assert all("mounted?" in (problem or "") for problem in problems(server))
        assert list(disk.captures.iterdir()) == []
        assert server.http.get("/storage/ready").status_code == 503
        kept = count(server)
        assert kept > 1
        disk.mount()
        wait_for(lambda: count(server) > kept, "recording to go on")
        wait_for(
            lambda: problems(server) == (None, None), lambda: str(problems(server)), timeout_s=90
        )
        assert server.http.get("/storage/ready").status_code == 200
        (disk.captures / "7").mkdir()
        (disk.captures / "7" / "20260320-120000-00.jpg").write_bytes(JPEG)
        wait_for(
            lambda: server.http.post("/file/pathFileCount", json={"camera": 7}).json()["count"],
            "images of others to be heard of again",
        )


def test_a_server_started_without_the_disk_waits_for_it(disk: Disk, tmp_path: Path) -> None:
    disk.mount()
    with RunningServer(tmp_path, CAMERA) as server:
        wait_for(lambda: count(server) > 1, "images")
    disk.unmount()
    with RunningServer(tmp_path, CAMERA) as server:
        wait_for(lambda: all(problems(server)), lambda: f"problems: {problems(server)}")
        assert count(server) > 1
        assert list(disk.captures.iterdir()) == []
        kept = count(server)
        disk.mount()
        wait_for(lambda: count(server) > kept, "recording to begin")


def test_a_disk_that_turns_read_only_is_told_and_recording_goes_on_when_it_can_be_written_to(
    disk: Disk, tmp_path: Path
) -> None:
    disk.mount()
    with RunningServer(tmp_path, CAMERA) as server:
        wait_for(lambda: count(server) > 1, "images")
        disk.make_read_only()
        wait_for(lambda: all(problems(server)), lambda: f"problems: {problems(server)}")
        assert all("read-only" in (problem or "") for problem in problems(server))
        assert server.http.get("/storage/health").status_code == 200
        refused = server.http.post("/file/pathDelete", json={"camera": 1})
        assert (refused.status_code, "read-only" in refused.json()["error"]) == (503, True)
        wait_for(lambda: count(server) == len(server.images(1)) > 1, "all to stay counted")
        kept = count(server)
        disk.make_read_only(False)
        wait_for(lambda: count(server) > kept, "recording to go on")
        wait_for(
            lambda: problems(server) == (None, None), lambda: str(problems(server)), timeout_s=90
        )
        assert server.post("/file/pathDelete", camera=1)["deleted"]
