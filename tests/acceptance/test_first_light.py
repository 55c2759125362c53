"""The main job from end to end: two RTSP cameras → images → video, zip, links, numbers, deletion.

The cameras are a real RTSP server playing generated street scenes over and over; the server is the
real one, as a process of its own. The tests build on one recording and run in the order they stand.
"""

import io
import shutil
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import av
import pytest

from chimera_storage.motion.demo import DemoScene
from tests.support.footage import Footage, write_scene
from tests.support.rtsp import RtspServer
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(240)]

CLIP_S = 14.0
# Pre-capture, post-capture and the frames until an event opens surround what passes.
MARGIN_S = 4.0
PASSWORD = "s3cr3t-w0rd"
CONFIG = """
[[camera]]
id = 1
name = "Street"
url = "{street}"
[[camera]]
id = 2
name = "Gate"
url = "{gate}"
"""


@dataclass
class Recording:
    """A server that has recorded two passes on each of two cameras and goes on."""

    server: RunningServer
    rtsp: RtspServer
    clips: dict[int, Footage]


@pytest.fixture(scope="module")
def recording(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    folder = tmp_path_factory.mktemp("first-light")
    clips = {
        1: write_scene(folder / "street.mp4", DemoScene(640, 360, 10, seed=1), CLIP_S),
        2: write_scene(folder / "gate.mp4", DemoScene(640, 360, 10, seed=2), CLIP_S),
    }
    with RtspServer(folder) as rtsp:
        config = CONFIG.format(
            street=rtsp.url("street.mp4", user=f"cam:{PASSWORD}"),
            gate=rtsp.url("gate.mp4", user=f"cam:{PASSWORD}"),
        )
        with RunningServer(folder, config) as server:
            recording = Recording(server, rtsp, clips)
            for camera in clips:
                wait_for(
                    lambda camera=camera: len(bursts(times(server, camera))) > 1,  # type: ignore[misc]
                    lambda: f"two passes to be recorded; the log:\n{server.log}",
                )
            yield recording
            assert PASSWORD not in server.log
            assert "Traceback" not in server.log


def times(server: RunningServer, camera: int) -> list[datetime]:
    """When the saved images were taken, to the second, as their names say."""
    stamps = [path.name[:15] for path in server.images(camera)]
    return [datetime.strptime(stamp, "%Y%m%d-%H%M%S").replace(tzinfo=UTC) for stamp in stamps]


def bursts(moments: list[datetime]) -> list[tuple[datetime, datetime]]:
    """First and last moment of each stretch without a gap of 3 s."""
    found: list[tuple[datetime, datetime]] = []
    for moment in moments:
        if found and moment - found[-1][1] < timedelta(seconds=3):
            found[-1] = (found[-1][0], moment)
        else:
            found.append((moment, moment))
    return found


def range_of(recording: Recording, camera: int) -> dict[str, Any]:
    """Camera, start and end of the first pass that is recorded whole."""
    start, end = bursts(times(recording.server, camera))[0]
    return {
        "camera": camera,
        "start": f"{start:%Y%m%d-%H%M%S}",
        "end": f"{end:%Y%m%d-%H%M%S}",
    }


def images_in(recording: Recording, wanted: dict[str, Any]) -> list[Path]:
    return [
        path
        for path in recording.server.images(wanted["camera"])
        if wanted["start"] <= path.name[:15] <= wanted["end"]
    ]


def finished(server: RunningServer, process: str) -> dict[str, Any]:
    def done() -> bool:
        return not server.post("/convert/statusProcess", id=process)["running"]

    wait_for(done, f"conversion {process} to finish")
    status: dict[str, Any] = server.post("/convert/statusProcess", id=process)
    assert status["status"] == "done", status
    return status


@pytest.mark.parametrize("camera", [1, 2])
def test_images_appear_while_things_pass_and_none_in_the_quiet(
    camera: int, recording: Recording
) -> None:
    (busy,) = recording.clips[camera].busy
    passing_s = (busy.last - busy.first) / recording.clips[camera].fps
    whole = bursts(times(recording.server, camera))[:-1]  # the last may still be going on
    for start, end in whole:
        assert passing_s - 1 <= (end - start).total_seconds() <= passing_s + MARGIN_S
    for (first, _), (second, _) in pairwise(bursts(times(recording.server, camera))):
        assert abs((second - first).total_seconds() - CLIP_S) <= 3


def test_every_image_is_whole_and_of_the_cameras_size(recording: Recording) -> None:
    for path in recording.server.images(1):
        with av.open(str(path), "r") as picture:
            (frame,) = picture.decode(video=0)
        assert (frame.width, frame.height) == (640, 360)


@pytest.mark.parametrize("camera", [1, 2])
def test_a_video_has_exactly_as_many_frames_as_there_are_images(
    camera: int, recording: Recording
) -> None:
    wanted = range_of(recording, camera)
    images = images_in(recording, wanted)
    asked = recording.server.post("/convert/createVideo", **wanted, fps=20)
    assert asked["frames"] == len(images)
    assert asked["frameLimitMet"] is False
    status = finished(recording.server, asked["id"])
    assert status["frames"] == len(images)
    content = recording.server.http.get(asked["url"]).content
    with av.open(io.BytesIO(content), "r") as video:
        frames = sum(1 for _ in video.decode(video=0))
        assert video.duration is not None
        assert video.duration / av.time_base == pytest.approx(len(images) / 20, abs=0.01)
    assert frames == len(images)


def test_a_zip_holds_every_image_unchanged(recording: Recording, tmp_path: Path) -> None:
    wanted = range_of(recording, 1)
    images = images_in(recording, wanted)
    asked = recording.server.post("/convert/createZip", **wanted)
    finished(recording.server, asked["id"])
    content = recording.server.http.get(asked["url"]).content
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        assert archive.testzip() is None
        assert [Path(name).name for name in archive.namelist()] == [path.name for path in images]
        for name, path in zip(archive.namelist(), images, strict=True):
            assert archive.read(name) == path.read_bytes()
    if unzip := shutil.which("unzip"):
        (tmp_path / "images.zip").write_bytes(content)
        subprocess.run([unzip, "-tq", tmp_path / "images.zip"], check=True)


@pytest.mark.parametrize(("route", "magic"), [("createVideo", b"ftyp"), ("createZip", b"PK")])
def test_an_unsaved_one_comes_as_a_download_and_leaves_nothing(
    route: str, magic: bytes, recording: Recording
) -> None:
    server = recording.server
    captures = server.data / "shared" / "captures"
    before = sorted(captures.glob("*output*")), server.post("/convert/listProcess")
    response = server.http.post(f"/convert/{route}", json={**range_of(recording, 1), "save": False})
    assert response.status_code == 200
    assert "attachment" in response.headers["content-disposition"]
    assert magic in response.content[:12]
    assert (sorted(captures.glob("*output*")), server.post("/convert/listProcess")) == before


def test_links_for_scrubbing_are_spread_over_the_range_and_open(recording: Recording) -> None:
    wanted = range_of(recording, 1)
    images = images_in(recording, wanted)
    links = recording.server.post("/convert/listFramesVideo", **wanted, frames=5)["list"]
    names = [Path(link).name for link in links]
    assert len(names) == 5
    assert names == sorted(names)
    assert (names[0], names[-1]) == (images[0].name, images[-1].name)
    for link in links:
        response = recording.server.http.get(link)
        assert response.headers["content-type"] == "image/jpeg"
        assert response.content.startswith(b"\xff\xd8")


def test_the_cameras_are_online_and_say_what_they_see(recording: Recording) -> None:
    status = recording.server.http.get("/motion/status").json()
    assert status["processList"] == [{"name": "motion", "status": "online", "restarts": 0}]
    for camera in status["cameras"]:
        assert (camera["state"], camera["width"], camera["height"]) == ("connected", 640, 360)
        assert camera["fps"] == pytest.approx(10, abs=2)


def test_recording_goes_on_by_itself_when_the_cameras_come_back(recording: Recording) -> None:
    server = recording.server
    recording.rtsp.stop()
    wait_for(lambda: states(server) == {"failed"}, "both cameras to be noticed as gone")
    for camera in server.http.get("/motion/status").json()["cameras"]:
        assert camera["problem"]
        assert PASSWORD not in camera["problem"]
    before = {camera: len(server.images(camera)) for camera in recording.clips}
    recording.rtsp.start()
    for camera, count in before.items():
        wait_for(
            lambda camera=camera, count=count: len(server.images(camera)) > count,  # type: ignore[misc]
            lambda: f"camera to record again; the log:\n{server.log}",
        )


def states(server: RunningServer) -> set[str]:
    return {camera["state"] for camera in server.http.get("/motion/status").json()["cameras"]}


def test_sizes_and_counts_are_those_of_the_files(recording: Recording) -> None:
    recording.rtsp.stop()  # so that the numbers stand still
    server = recording.server
    wait_for(lambda: states(server) == {"failed"}, "both cameras to be noticed as gone")
    for camera, name in ((1, "Street"), (2, "2")):
        images = server.images(camera)

        def counted(name: str = name, images: list[Path] = images) -> bool:
            return bool(server.post("/file/pathFileCount", camera=name)["count"] == len(images))

        wait_for(counted, "the count")
        size = sum(path.stat().st_size for path in images)
        answer = server.post("/file/pathSize", camera=name)
        assert (answer["size"], answer["bytes"]) == (str(size), size)


def test_clean_leaves_what_is_young_and_takes_what_is_old(recording: Recording) -> None:
    server = recording.server
    young = len(server.images(1))
    old_day = datetime.now(UTC) - timedelta(days=9)
    old = server.data / "shared/captures/1" / f"{old_day:%Y%m%d}" / f"{old_day:%H}"
    old.mkdir(parents=True)
    shutil.copy(server.images(1)[0], old / f"{old_day:%Y%m%d-%H%M%S}-00.jpg")
    server.stop()
    server.start()  # takes in what another program left
    wait_for(
        lambda: server.post("/file/pathFileCount", camera=1)["count"] == young + 1, "its image"
    )
    assert server.post("/file/pathClean", camera=1, days=7) == {"deleted": True, "confidence": 100}
    assert len(server.images(1)) == young
    assert server.post("/file/pathClean", camera=1, days=7) == {"deleted": False, "confidence": 100}


def test_delete_takes_all_of_one_camera_and_nothing_of_the_other(recording: Recording) -> None:
    server = recording.server
    others = server.images(2)
    assert server.post("/file/pathDelete", camera=1)["deleted"] is True
    assert server.images(1) == []
    assert server.post("/file/pathFileCount", camera=1)["count"] == 0
    assert server.images(2) == others
    assert server.post("/convert/listProcess")["list"], "videos stay"
    recording.rtsp.start()
    wait_for(lambda: server.images(1), "the camera to go on recording")
