"""`doctor --bench` measures with the real recorder, leaves nothing, and counts as it says."""

import fcntl
import signal
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import av
import pytest

from chimera_storage.cli.doctor_bench import table
from chimera_storage.config_load import load_settings
from chimera_storage.doctor.bench.clips import Kind, write_clip
from chimera_storage.doctor.bench.measure import Measured, disturbed, size
from chimera_storage.doctor.bench.recording import Use, measure_clip
from chimera_storage.doctor.bench.saving import images_per_s, video_images_per_s
from chimera_storage.doctor.bench.sizing import Cost, Machine, carried
from chimera_storage.doctor.disk import Speed
from chimera_storage.doctor.scratch import scratch_folder
from chimera_storage.errors import ChimeraStorageError, StorageError
from tests.support.server import COMMAND, clean_environment
from tests.support.waiting import wait_for

SMALL = Kind(codec="h264", width=320, height=240, fps=10)
USE = Use(cameras=1, processor=0.02, memory=10**8, images_per_s=0, image_bytes=200_000, kept_up=1.0)
COST = Cost(
    kind=SMALL,
    still=USE,
    moving=replace(USE, processor=0.2, images_per_s=10.0),
    memory=25_000_000,
)
PLENTY = Machine(cores=4, memory=10**12, writes=1e12, saves=1e9)


@pytest.mark.parametrize("codec", ["h264", "h265", "mjpeg"])
def test_clips_are_what_a_camera_would_send(codec: str, tmp_path: Path) -> None:
    path = tmp_path / "clip.mkv"
    write_clip(path, replace(SMALL, codec=codec), moving=True, seconds=1)
    with av.open(str(path)) as clip:
        frames = list(clip.decode(video=0))
        assert clip.streams.video[0].codec_context.name == {"h265": "hevc"}.get(codec, codec)
    assert [(frame.width, frame.height) for frame in frames] == [(320, 240)] * 10


def test_a_clip_that_takes_too_long_is_given_up(tmp_path: Path) -> None:
    with pytest.raises(TimeoutError, match=r"A clip of H\.264 240p 10/s"):
        write_clip(tmp_path / "clip.mkv", SMALL, moving=False, until_s=lambda: 0.0)


def test_what_moves_is_saved_what_is_still_is_not_and_a_video_is_made_of_it(
    tmp_path: Path,
) -> None:
    def measured(moving: bool) -> Use:
        clip = tmp_path / f"{moving}.mkv"
        write_clip(clip, SMALL, moving=moving, seconds=8)
        data = tmp_path / f"data-{moving}"
        return measure_clip(data, clip, SMALL.fps, cameras=1, moving=moving, seconds=2)

    with ThreadPoolExecutor(2) as pool:
        still, moving = pool.map(measured, (False, True))
    assert still.images_per_s == 0
    assert moving.images_per_s > 1
    assert moving.image_bytes > 1000
    assert moving.processor > 0
    assert moving.memory > 10**7
    assert 0 < moving.kept_up <= 1
    speed = video_images_per_s(tmp_path / "data-True")
    assert speed is not None
    assert speed > 0
    assert video_images_per_s(tmp_path / "data-False") is None


def test_a_clip_that_cannot_be_played_is_said(tmp_path: Path) -> None:
    (tmp_path / "clip.mkv").write_bytes(b"no video")
    with pytest.raises(ChimeraStorageError, match="does not play a clip"):
        measure_clip(
            tmp_path / "data", tmp_path / "clip.mkv", 10, cameras=1, moving=False, seconds=1
        )


def test_saving_is_tried_by_the_recorders_own_way(tmp_path: Path) -> None:
    assert images_per_s(tmp_path / "data") > 1
    assert list((tmp_path / "data/shared/captures").glob("4/*/*/*.jpg"))


@pytest.mark.parametrize(
    ("machine", "moving_share", "cameras", "limit"),
    [
        (PLENTY, 1.0, 15, "processor"),  # 0.75 of 4 cores, 0.2 each
        (PLENTY, 0.1, 78, "processor"),  # 0.9 * 0.02 + 0.1 * 0.2
        (replace(PLENTY, memory=10**9), 1.0, 14, "memory"),  # 0.75 GB, less 0.4 for others
        (replace(PLENTY, memory=10**8), 1.0, 0, "memory"),
        (replace(PLENTY, writes=20e6), 1.0, 5, "disk"),  # half of it, 2 MB/s each
        (replace(PLENTY, saves=60), 1.0, 3, "disk"),  # half of it, 10 images a second each
        (replace(PLENTY, saves=60), 0.1, 30, "disk"),
    ],
)
def test_so_many_cameras_are_carried(
    machine: Machine, moving_share: float, cameras: int, limit: str
) -> None:
    found = carried(COST, machine, moving_share)
    assert (found.cameras, found.limit) == (cameras, limit)


def test_where_fewer_cameras_hold_than_reckoned_all_numbers_are_scaled_down() -> None:
    asked = []

    def attempt(cameras: int) -> Use:
        asked.append(cameras)
        return replace(USE, cameras=cameras, kept_up=1.0 if cameras < 10 else 0.5)

    speed = Speed(bytes_per_s=1e12, image_s=0.001, longest_image_s=0.001)
    found = Measured(cores=4, memory=10**12, disk=speed, saves=1e9)
    large = replace(COST, kind=Kind(codec="h264", width=1920, height=1080, fps=15))
    size(found, [COST, large], attempt)
    assert asked == [15, 7]
    assert [sized.moving.cameras for sized in found.kinds] == [7, 7]
    assert [sized.still_mostly.cameras for sized in found.kinds] == [36, 36]  # of 78
    shown = table(found)
    assert sum("36 (p)" in line and "7 (p)" in line for line in shown) == 2
    assert sum("saw 50% of the pictures in time" in line for line in shown) == 1
    assert sum("kept up" in line for line in shown) == 1


def test_a_server_beside_it_is_said(tmp_path: Path) -> None:
    settings = load_settings(None, {}, overrides={"storage": {"path": str(tmp_path)}})
    with (tmp_path / ".lock").open("w") as lock:
        assert "A server works" not in " ".join(disturbed(settings))
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "A server works" in " ".join(disturbed(settings))


def test_the_scratch_folder_is_beside_the_images_and_gone_afterwards(tmp_path: Path) -> None:
    settings = load_settings(None, {}, overrides={"storage": {"path": str(tmp_path / "data")}})
    (tmp_path / "data/shared/captures").mkdir(parents=True)
    with pytest.raises(KeyboardInterrupt), scratch_folder(settings, 1) as folder:
        assert folder.parent == tmp_path / "data"
        (folder / "some").mkdir()
        raise KeyboardInterrupt
    assert [path.name for path in (tmp_path / "data").iterdir()] == ["shared"]
    with pytest.raises(StorageError, match="less is free"), scratch_folder(settings, 10**18):
        pass


@pytest.mark.parametrize(
    ("what", "number"), [("--bench", signal.SIGINT), ("--chaos", signal.SIGTERM)]
)
def test_nothing_is_left_where_it_is_ended(
    what: str, number: signal.Signals, tmp_path: Path
) -> None:
    process = subprocess.Popen(
        [*COMMAND, "doctor", what, "--path", str(tmp_path)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    try:
        wait_for(lambda: list(tmp_path.glob(".doctor-*/*")), "it to begin")
        process.send_signal(number)
        assert process.wait(60) not in (0, 1)
    finally:
        process.kill()
        process.wait()
    assert list(tmp_path.iterdir()) == []
