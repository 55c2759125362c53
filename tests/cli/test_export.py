"""`chimera-storage export`: videos and archives into any file, without a server and beside one."""

import json
import signal
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path

import av
import pytest

from chimera_storage.archive.watch import FLAT_ZONE
from chimera_storage.model import ConversionType
from tests.support.saved_images import SavedImages, picture, saved_images
from tests.support.server import COMMAND, RunningServer, clean_environment, command
from tests.support.waiting import wait_for

RANGE = ("--from", "20260101-093320", "--to", "20260101-093322")


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[SavedImages]:
    with saved_images(tmp_path / "data") as opened:
        opened.save([picture(i) for i in range(40)])
        yield opened


def export(
    saved: SavedImages, output: Path, *more: str | Path
) -> "subprocess.CompletedProcess[str]":
    return command(
        "export", "--path", saved.layout.root, "--camera", "1", *RANGE, *more, "-o", output
    )


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_a_zip_and_a_video_are_made_without_a_server(saved: SavedImages, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()

    done = export(saved, out / "a.bin", "--zip", "--manifest", "--skip", "2")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{out / 'a.bin'}: 15 images, ")
    with zipfile.ZipFile(out / "a.bin") as archive:
        assert archive.testzip() is None
        assert len(json.loads(archive.read("manifest.json"))["images"]) == 15

    done = export(saved, out / "a.mp4", "--fps", "10", "--height", "32")
    assert done.returncode == 0, done.stderr
    with av.open(out / "a.mp4") as video:
        assert video.streams.video[0].height == 32
        assert sum(1 for _ in video.decode(video=0)) == 30
    assert left(out) == {"a.bin", "a.mp4"}
    assert saved.outputs() == [".chimera-storage"] or saved.outputs() == []


def test_beside_a_server_nothing_of_it_is_touched(saved: SavedImages, tmp_path: Path) -> None:
    images = saved.index.images(1, 0, 2**60)
    saved.path(images[1]).unlink()
    with RunningServer(tmp_path) as server:
        done = export(saved, tmp_path / "a.tar")
        assert done.returncode == 0, done.stderr
        assert server.post("/convert/listProcess") == {"list": []}
        assert server.http.get("/storage/health").status_code == 200
    assert (tmp_path / "a.tar").stat().st_size > 30 * 512


def test_a_file_that_is_there_is_not_overwritten(saved: SavedImages, tmp_path: Path) -> None:
    (tmp_path / "a.zip").write_text("mine")

    done = export(saved, tmp_path / "a.zip")

    assert done.returncode == 1
    assert "is there already" in done.stderr
    assert (tmp_path / "a.zip").read_text() == "mine"


@pytest.mark.parametrize(
    ("more", "code", "said"),
    [
        (("--camera", "7"), 1, "no camera '7'; known: 1"),
        (("--from", "yesterday"), 2, "start is 'yesterday'"),
        (("--from", "20250101-000000", "--to", "20250102-000000"), 1, "no image in this time"),
        (("--zip", "--format", "tar"), 2, "different things"),
        (("--zip", "--height", "100"), 2, "--height is no option of a zip"),
        (("--height", "7"), 2, "height is 7"),
        (("--format", "gif", "--fps", "51"), 2, "--fps of a gif is at most 50"),
        (("--codec", "mjpeg", "--quality", "low"), 2, "mjpeg copies"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_sentence(
    saved: SavedImages, tmp_path: Path, more: tuple[str, ...], code: int, said: str
) -> None:
    done = export(saved, tmp_path / "out", *more)

    assert (done.returncode, said in done.stderr) == (code, True), done.stderr
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out").exists()


def test_another_time_zone_than_that_of_the_server_is_refused(
    saved: SavedImages, tmp_path: Path
) -> None:
    saved.index.set_meta(FLAT_ZONE, "Europe/Berlin")

    done = export(saved, tmp_path / "a.zip")

    assert done.returncode == 2
    assert "works in the time zone Europe/Berlin, this command in UTC" in done.stderr
    assert saved.index.meta(FLAT_ZONE) == "Europe/Berlin"  # nothing was taken in anew
    config = tmp_path / "storage.toml"
    config.write_text('server.timezone = "Europe/Berlin"\n')
    range_ = ("--from", "20260101-103320", "--to", "20260101-103322")
    done = export(saved, tmp_path / "a.zip", "--config", config, *range_)
    assert done.returncode == 0, done.stderr


def test_a_folder_that_is_not_there_is_said(saved: SavedImages, tmp_path: Path) -> None:
    done = export(saved, tmp_path / "no" / "where" / "a.zip")
    assert done.returncode != 0
    assert "there is no folder" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL])
def test_an_interrupted_export_leaves_nothing(tmp_path: Path, number: signal.Signals) -> None:
    out = tmp_path / "out"
    out.mkdir()
    with saved_images(tmp_path / "data") as saved:
        saved.save([picture(i, 1280, 720) for i in range(400)], width=1280, height=720)
        running = subprocess.Popen(
            [*COMMAND, "export", "--path", str(saved.layout.root), "--camera", "1",
             "--from", "20260101-000000", "--to", "20260102-000000", "-o", str(out / "a.mp4")],
            stderr=subprocess.DEVNULL,
            env=clean_environment(),
        )  # fmt: skip
        wait_for(lambda: left(out) or running.poll() is not None, "the export to begin")
        running.send_signal(number)
        assert running.wait(20) != 0
        wait_for(lambda: not left(out), "the unfinished file to go")


def test_every_option_of_the_api_is_a_flag() -> None:
    text = command("export", "--help", env={"COLUMNS": "300", "TERMINAL_WIDTH": "300"}).stdout
    for kind in ConversionType:
        for name in kind.options_type.model_fields:
            assert f"--{name.replace('_', '-')}" in text
