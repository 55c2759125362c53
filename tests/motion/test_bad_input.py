"""What no camera should send and no file should hold: no crash, no hang, nothing saved of it."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
import simplejpeg
from av.video.stream import VideoStream

from chimera_storage.config import MotionSettings
from chimera_storage.model import CameraState
from chimera_storage.motion.replay import replay
from chimera_storage.motion.scan import Scanner
from chimera_storage.motion.seen import Seen
from chimera_storage.motion.sources.jpeg_files import JpegFiles
from chimera_storage.motion.sources.source import SourceJpeg
from tests.motion.clips import jpegs, scene, write_clip
from tests.motion.test_damage_in_streams import START_US, Taken
from tests.motion.test_recorder import Running, recording
from tests.support.http_camera import HttpCamera

NOISE = np.random.default_rng(1).bytes(200_000)
SETTINGS = MotionSettings(event_gap=2)


@contextmanager
def server_of(answer: bytes) -> Iterator[int]:
    """A port that gives everybody who asks for something these bytes, and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    client, _ = listener.accept()
                    with client, contextlib.suppress(OSError):
                        client.settimeout(5)
                        client.recv(4096)
                        client.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join(10)


def write_video(path: Path, pictures: list[np.ndarray], rate: Fraction, codec: str) -> None:
    """Grey pictures, uint8 of one shape (h, w)."""
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate)
        assert isinstance(stream, VideoStream)
        stream.height, stream.width = pictures[0].shape
        stream.pix_fmt = "yuvj420p" if codec == "mjpeg" else "yuv420p"
        if codec == "libx264":
            stream.options = {"preset": "ultrafast", "tune": "zerolatency"}
        for number, pixels in enumerate(pictures):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray")
            frame = frame.reformat(format=stream.pix_fmt)
            frame.pts, frame.time_base = number, 1 / rate
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def is_refused(running: Running) -> None:
    """It becomes a state with a sentence, and nothing is saved."""
    running.wait(lambda report: report.state is CameraState.FAILED)
    assert running.reports[-1].problem
    assert running.reports[-1].images_saved == 0


@pytest.mark.parametrize(
    "kind",
    [
        "application/octet-stream",
        "video/mp4",
        "image/jpeg",
        "multipart/x-mixed-replace; boundary=x",
    ],
)
def test_random_bytes_over_http_are_a_failed_camera(kind: str, tmp_path: Path) -> None:
    head = f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nConnection: close\r\n\r\n".encode()
    with (
        server_of(head + NOISE) as port,
        recording(tmp_path / "data", f"http://127.0.0.1:{port}/x") as running,
    ):
        is_refused(running)


def test_random_bytes_instead_of_http_are_a_failed_camera(tmp_path: Path) -> None:
    with (
        server_of(NOISE) as port,
        recording(tmp_path / "data", f"http://127.0.0.1:{port}/x") as running,
    ):
        is_refused(running)


def test_random_bytes_instead_of_rtsp_are_a_failed_camera(tmp_path: Path) -> None:
    with (
        server_of(NOISE) as port,
        recording(tmp_path / "data", f"rtsp://127.0.0.1:{port}/x") as running,
    ):
        is_refused(running)


@pytest.mark.parametrize("name", ["noise.mp4", "noise.264", "noise.mkv", "noise"])
def test_a_file_of_random_bytes_is_a_failed_camera(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(NOISE)
    with recording(tmp_path / "data", str(tmp_path / name)) as running:
        is_refused(running)


def test_a_truncated_file_is_recorded_as_far_as_it_goes(tmp_path: Path) -> None:
    write_clip(tmp_path / "whole.mkv", 4, [(0.8, 1.8)])
    data = (tmp_path / "whole.mkv").read_bytes()
    (tmp_path / "cut.mkv").write_bytes(data[: 3 * len(data) // 4])
    with recording(tmp_path / "data", str(tmp_path / "cut.mkv")) as running:
        running.wait(lambda report: report.state is CameraState.ENDED)
        assert running.reports[-1].images_saved > 5


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """The file with another size in its header (SOF0, ITU-T T.81, B.2.2)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[at + 4 :]


@pytest.mark.parametrize(("width", "height"), [(0, 0), (0, 240), (320, 0)])
def test_pictures_of_no_size_are_a_failed_camera(width: int, height: int, tmp_path: Path) -> None:
    files = [with_size(jpeg, width, height) for jpeg in jpegs(1, [])]
    with (
        HttpCamera(files) as camera,
        recording(tmp_path / "data", camera.url("/mjpeg")) as running,
    ):
        is_refused(running)


def test_pictures_smaller_than_their_header_says_are_not_saved(tmp_path: Path) -> None:
    files = [with_size(jpeg, 65_000, 65_000) for jpeg in jpegs(1, [])]
    with (
        HttpCamera(files) as camera,
        recording(tmp_path / "data", camera.url("/mjpeg")) as running,
    ):
        is_refused(running)


@pytest.mark.parametrize(("width", "height"), [(1, 1), (7680, 4320)])
def test_tiny_and_huge_pictures_of_a_camera_are_looked_at(
    width: int, height: int, tmp_path: Path
) -> None:
    grey = np.full((height, width, 1), 90, np.uint8)
    files = [simplejpeg.encode_jpeg(grey, colorspace="GRAY")]
    with (
        HttpCamera(files, rate=4) as camera,
        recording(tmp_path / "data", camera.url("/mjpeg")) as running,
    ):
        running.wait(lambda report: report.state is CameraState.CONNECTED and report.fps > 0)
        last = running.reports[-1]
        assert (last.width, last.height, last.problem) == (width, height, None)
        assert last.images_saved == 0


@pytest.mark.parametrize(
    ("width", "height", "codec"), [(1, 1, "mjpeg"), (7680, 4320, "mjpeg"), (2, 2, "libx264")]
)
def test_tiny_and_huge_recordings_are_scanned(
    width: int, height: int, codec: str, tmp_path: Path
) -> None:
    pictures = [np.full((height, width), 90, np.uint8)] * 4
    write_video(tmp_path / "odd.mkv", pictures, Fraction(10), codec)
    result = Scanner(SETTINGS).scan(tmp_path / "odd.mkv")
    assert (result.frames, result.events, result.problem) == (4, (), None)
    assert not any(verdict.motion for verdict in replay(tmp_path / "odd.mkv", SETTINGS))


@pytest.mark.parametrize("rate", [Fraction(1, 10), Fraction(240)])
@pytest.mark.parametrize("passes", [[], [(2.0, 5.0)]])
def test_recordings_of_any_frame_rate_are_scanned(
    rate: Fraction, passes: list[tuple[float, float]], tmp_path: Path
) -> None:
    pictures = scene(8, passes)
    if rate > 100:
        pictures = [pixels for pixels in pictures for _ in range(24)]  # the same in real time
    write_video(tmp_path / "odd.mkv", pictures, rate, "libx264")
    settings = MotionSettings(event_gap=60)
    result = Scanner(settings).scan(tmp_path / "odd.mkv")
    assert (result.frames, result.problem) == (len(pictures), None)
    assert len(result.events) == len(passes)
    assert any(v.saved for v in replay(tmp_path / "odd.mkv", settings)) == bool(passes)


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Taken]:
    made = Taken(tmp_path / "data")
    made.writer.start()
    with closing(made.index), closing(made.writer):
        yield made


@pytest.mark.parametrize(
    ("rate", "passes"), [(0.1, []), (240, []), (0.1, [(2, 5)]), (240, [(2, 5)])]
)
def test_cameras_of_any_frame_rate_are_recorded(
    rate: float, passes: list[tuple[float, float]], taken: Taken
) -> None:
    decoder = JpegFiles()
    repeat = 24 if rate > 100 else 1
    files = [jpeg for jpeg in jpegs(8, passes) for _ in range(repeat)]
    for number, jpeg in enumerate(files):
        seen = decoder.decode(jpeg)
        assert isinstance(seen, Seen)
        time_us = START_US + round(number * 1e6 / rate)
        taken.capture.take(SourceJpeg(seen=seen, time_us=time_us, jpeg=jpeg))
    taken.capture.finish()
    assert bool(taken.images()) == bool(passes)
