"""A server that records into a small disk: quota held, the disk kept free, room made when full."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.server import RunningServer, command
from tests.support.small_disk import SmallDisk
from tests.support.waiting import wait_for

pytestmark = pytest.mark.acceptance
MB = 1_000_000
DEMO = """
[[camera]]
id = 1
url = "demo:"
[camera.motion]
picture_quality = 60
snapshot_interval = 1
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 14 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=14m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a file system can be mounted by root only")
    try:
        yield folder
    finally:
        subprocess.run(["umount", str(folder)], check=True)


def stored(server: RunningServer) -> int:
    size: int = server.post("/file/pathSize", camera=1)["bytes"]
    return size


def deleted(server: RunningServer, rule: str) -> int:
    records = server.http.get("/file/listDeletions").json()["list"]
    return sum(record["bytes"] for record in records if record["rule"] == rule)


def test_a_quota_is_held_while_a_camera_records(tmp_path: Path) -> None:
    config = f"[storage]\nmax_gb = 0.002\nmin_free_gb = 0\n{DEMO}"
    with RunningServer(tmp_path, config) as server:
        wait_for(lambda: deleted(server, "max_gb") > 2 * MB, "the quota to cost images twice")
        assert 0 < stored(server) < 6 * MB
        usage = server.http.get("/usage").json()
        assert usage["forecast"]["heldBy"] == "max_gb"
        on_disk = sum(path.stat().st_size for path in server.images(1))
        assert on_disk < 6 * MB
        listed = command("deletions", "--path", server.data)
        assert "max_gb" in listed.stdout
        preview = command("clean", "--dry-run", "--path", server.data)
        assert preview.returncode == 0, preview.stderr
        refused = command("clean", "--path", server.data)
        assert refused.returncode == 2
        assert "another server" in refused.stderr


def test_the_oldest_images_go_before_a_disk_is_full(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "data").symlink_to(small_disk)
    config = f"[storage]\nmin_free_gb = 0.006\n{DEMO}"
    with RunningServer(tmp_path, config) as server:
        wait_for(
            lambda: deleted(server, "min_free_gb") > MB, "the oldest images to go", timeout_s=90
        )
        assert server.http.get("/usage").json()["disk"]["free"] > 4 * MB
        assert "saving_failed" not in server.log


def test_room_is_made_at_once_when_a_write_fails(tmp_path: Path, small_disk: Path) -> None:
    (tmp_path / "data").symlink_to(small_disk)
    config = f"[storage]\nmin_free_gb = 0.004\n{DEMO}"
    with RunningServer(tmp_path, config) as server:
        wait_for(lambda: stored(server) > 3 * MB, "some footage")
        filler = small_disk / "filler"
        with filler.open("wb") as file, pytest.raises(OSError, match="No space"):
            while True:
                file.write(bytes(MB))
                file.flush()
        wait_for(lambda: deleted(server, "min_free_gb") > 3 * MB, "room to be made")
        saved = server.http.get("/motion/status").json()["cameras"][0]["imagesSaved"]
        wait_for(
            lambda: (
                server.http.get("/motion/status").json()["cameras"][0]["imagesSaved"] > saved + 5
            ),
            "recording to go on",
        )


@pytest.mark.parametrize("index", ["none", "there"])
def test_a_server_starts_on_a_disk_that_is_full(
    index: str, tmp_path: Path, small_disk: Path
) -> None:
    """To its last byte: the index cannot even be opened there, so nothing else could make room."""
    (tmp_path / "data").symlink_to(small_disk)
    folder = small_disk / "shared/captures/1/20260101/12"
    folder.mkdir(parents=True)
    for second in range(60):
        image = b"\xff\xd8" + bytes(150_000) + b"\xff\xd9"
        (folder / f"20260101-1200{second:02}-00.jpg").write_bytes(image)
    (small_disk / "keep.json").write_text(
        '{"keep": [{"id": "a", "camera": 1, "start_us": 0, "end_us": 1767268802000000}]}'
    )
    if index == "there":
        with RunningServer(tmp_path) as server:
            wait_for(lambda: server.post("/file/pathFileCount", camera=1)["count"] == 60, "it")
    SmallDisk(small_disk).fill()
    assert os.statvfs(small_disk).f_bavail == 0
    config = f"[storage]\nmin_free_gb = 0.004\n{DEMO}"
    with RunningServer(tmp_path, config) as server:
        assert deleted(server, "min_free_gb") > 4 * MB
        names = [path.name for path in folder.iterdir()]
        assert {f"20260101-12000{n}-00.jpg" for n in range(3)} <= set(names)  # kept
        assert "20260101-120003-00.jpg" not in names
        assert "20260101-120059-00.jpg" in names
        wait_for(
            lambda: len(server.images(1)) == server.post("/file/pathFileCount", camera=1)["count"],
            "the index to know what is left",
        )
        wait_for(
            lambda: server.http.get("/motion/status").json()["cameras"][0]["imagesSaved"] > 0,
            "recording to begin",
        )


def test_rules_without_a_server(tmp_path: Path) -> None:
    data = tmp_path / "data"
    folder = data / "shared/captures/1"
    folder.mkdir(parents=True)
    for name in ("20200101-000000-00", "20200101-000001-00", "29990101-000000-00"):
        (folder / f"{name}.jpg").write_bytes(b"\xff\xd8 an image \xff\xd9")
    config = tmp_path / "storage.toml"
    config.write_text(f'[storage]\npath = "{data}"\n[retention]\ndays = 30\n')
    dry = command("clean", "--dry-run", "--config", config)
    assert dry.returncode == 0, dry.stderr
    assert "To delete: 2, which frees 28 B" in dry.stdout
    assert len(list(folder.glob("*.jpg"))) == 3
    done = command("clean", "--config", config)
    assert done.returncode == 0, done.stderr
    assert "Deleted 2" in done.stdout
    assert [path.name for path in folder.glob("*.jpg")] == ["29990101-000000-00.jpg"]
    assert "days" in command("deletions", "--config", config).stdout
    assert command("clean", "--path", tmp_path / "nowhere").returncode == 2
    assert not (tmp_path / "nowhere").exists()
