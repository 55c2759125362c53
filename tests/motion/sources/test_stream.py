import os
import threading
import time
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest

from chimera_storage.clock import SystemClock, to_us
from chimera_storage.config import CameraSettings
from chimera_storage.errors import SourceError
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.connect import source_for
from chimera_storage.motion.sources.source import FrameReader, Source
from chimera_storage.motion.sources.stream import FileSource, StreamSource
from tests.motion.clips import HEIGHT, RATE, WIDTH, jpegs, without_tables, write_clip
from tests.motion.reading import drain, read, read_jpegs
from tests.support.http_camera import silent_server
from tests.support.rtsp import RtspServer
from tests.support.waiting import wait_for

CLOCK = SystemClock()


def source(url: str | Path, *, loop: bool = False, timeout_s: float = 10) -> Source:
    address = parse_address(str(url))
    if address.kind == "file":
        return FileSource(address, loop, CLOCK)
    return StreamSource(address, "tcp", CLOCK, timeout_s=timeout_s)


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 1, [])
    return path


def test_a_file_is_played_in_real_time_and_stamped_with_the_present(clip: Path) -> None:
    began_us = to_us(CLOCK.now())
    frames = read(source(clip), 100)
    ended_us = to_us(CLOCK.now())
    assert len(frames) == RATE
    assert {(f.picture.width, f.picture.height) for f in frames} == {(WIDTH, HEIGHT)}
    times = [f.time_us for f in frames]
    assert began_us - 1000 <= times[0] <= times[-1] <= ended_us + 1000
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert all(99_000 <= gap <= 101_000 for gap in gaps)


def test_a_looped_file_goes_on_at_the_same_pace(clip: Path) -> None:
    frames = read(source(clip, loop=True), RATE + 5)
    times = [f.time_us for f in frames]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == RATE + 4
    assert all(99_000 <= gap <= 101_000 for gap in gaps)


def test_times_that_leap_in_a_file_hold_nothing_up(tmp_path: Path) -> None:
    path = tmp_path / "leap.mkv"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = 64, 48, "yuvj420p"
        for n in range(6):
            frame = av.VideoFrame(64, 48, "yuvj420p")
            for packet in stream.encode(frame):
                packet.pts = packet.dts = n * 100 + 2000 + (100_000_000 if n >= 3 else 0)
                packet.time_base = Fraction(1, 1000)
                container.mux(packet)
    times = [f.time_us for f in read_jpegs(source(path), 6)]
    gaps = [later - earlier for earlier, later in pairwise(times)]
    assert len(gaps) == 5
    assert all(99_000 <= gap <= 101_000 for gap in gaps)


def motion_jpeg(path: Path, files: list[bytes]) -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream("mjpeg", rate=RATE)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuvj420p"
        for number, jpeg in enumerate(files):
            packet = av.Packet(jpeg)
            packet.stream, packet.time_base = stream, Fraction(1, RATE)
            packet.pts = packet.dts = number
            packet.is_keyframe = True
            container.mux(packet)
    return path


def test_the_files_of_a_motion_jpeg_stream_come_through_untouched(tmp_path: Path) -> None:
    files = jpegs(0.5, [])
    frames = read_jpegs(source(motion_jpeg(tmp_path / "clip.mkv", files)), 100)
    assert [frame.jpeg for frame in frames] == files
    assert {frame.seen.size for frame in frames} == {(WIDTH, HEIGHT)}


def test_damaged_files_of_a_motion_jpeg_stream_are_left_out_and_counted(tmp_path: Path) -> None:
    files = jpegs(0.5, [])
    damaged = files.copy()
    damaged[2] = files[2][: len(files[2]) // 2] + b"\xff\xd9"
    found = source(motion_jpeg(tmp_path / "clip.mkv", damaged))
    assert [frame.jpeg for frame in read_jpegs(found, 100)] == files[:2] + files[3:]
    assert found.damaged == 1


def test_motion_jpeg_without_huffman_tables_is_decoded_to_be_encoded_anew(tmp_path: Path) -> None:
    files = [without_tables(jpeg) for jpeg in jpegs(0.5, [])]
    frames = read(source(motion_jpeg(tmp_path / "clip.mkv", files)), 100)
    assert len(frames) == len(files)
    assert {(f.picture.width, f.picture.height) for f in frames} == {(WIDTH, HEIGHT)}


def test_a_file_cut_short_gives_the_pictures_that_are_there(clip: Path, tmp_path: Path) -> None:
    cut = tmp_path / "cut.ts"
    with av.open(str(clip)) as whole, av.open(str(cut), "w", format="mpegts") as container:
        out = container.add_stream_from_template(whole.streams.video[0])
        for packet in whole.demux(video=0):
            if packet.dts is not None:
                packet.stream = out
                container.mux(packet)
    data = bytearray(cut.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 4000] = np.random.default_rng(1).bytes(4000)
    cut.write_bytes(data[: -len(data) // 8])
    assert 0 < len(read(source(cut), 100)) < RATE


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("missing.mp4", None, "'missing.mp4' does not exist"),
        ("text.mp4", b"no video at all", "nothing that is video"),
        ("empty.mp4", b"", "nothing that is video"),
        ("list.m3u8", b"#EXTM3U\n#EXTINF:9,\n/etc/passwd\n#EXT-X-ENDLIST\n", "text.mp4|video"),
    ],
)
def test_a_file_that_is_no_video_is_a_sentence(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SourceError, match=said):
        drain(source(path))


def test_a_folder_or_a_pipe_is_no_file_and_does_not_hang(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(SourceError, match="no file"):
            drain(source(path))


def test_sound_without_pictures_is_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "sound.wav"
    with av.open(str(path), "w") as container:
        stream = container.add_stream("pcm_s16le", rate=8000)
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 8000), np.int16), layout="mono")
        frame.sample_rate = 8000
        container.mux(stream.encode(frame))
    with pytest.raises(SourceError, match="no video"):
        drain(source(path))


def test_rtsp_pictures_come_evenly_stamped(clip: Path) -> None:
    with RtspServer(clip.parent) as server:
        began_us = to_us(CLOCK.now())
        frames = read(source(server.url("clip.mp4")), 15)
        assert began_us <= frames[0].time_us
        assert frames[-1].time_us <= to_us(CLOCK.now())
        times = [f.time_us for f in frames]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert all(90_000 < gap < 110_000 for gap in gaps[1:])  # RTP's first picture has no pts
        assert frames[0].picture.key_frame


def test_an_rtsp_stream_that_ends_is_an_error_for_a_camera_does_not_end(clip: Path) -> None:
    with RtspServer(clip.parent) as server, pytest.raises(SourceError, match="ended the stream"):
        read(source(server.url("clip.mp4", plays=1)), 1000)


def test_an_rtsp_server_that_goes_away_is_noticed(clip: Path) -> None:
    with RtspServer(clip.parent) as server:
        reader = FrameReader(source(server.url("clip.mp4")), "test")
        reader.start()
        wait_for(lambda: reader.get_all(0.01), "a picture")
        server.stop()
        with pytest.raises(SourceError):
            wait_for(lambda: reader.get_all(1) and False, "the end")
        assert reader.join(5)


def test_an_rtsp_path_that_does_not_exist_is_a_sentence(clip: Path) -> None:
    with RtspServer(clip.parent) as server, pytest.raises(SourceError, match="404"):
        drain(source(server.url("other.mp4")))


@pytest.mark.parametrize("scheme", ["rtsp", "http"])
def test_a_server_that_stays_silent_is_given_up(scheme: str) -> None:
    with silent_server() as port:
        began = time.monotonic()
        with pytest.raises(SourceError, match="did not answer"):
            drain(source(f"{scheme}://cam:secret@127.0.0.1:{port}/x", timeout_s=0.5))
        assert time.monotonic() - began < 3


def test_closing_a_reader_does_not_wait_for_a_read_in_progress() -> None:
    with silent_server() as port:
        reader = FrameReader(source(f"rtsp://127.0.0.1:{port}/x", timeout_s=1), "test")
        reader.start()
        assert reader.get_all(0.2) == []
        began = time.monotonic()
        reader.close()
        assert time.monotonic() - began < 0.1
        assert reader.join(8), "the thread ends with the read's time-out"


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("rtsp://cam:secret@127.0.0.1:1/x", "refuses the connection"),
        ("rtsp://cam:secret@no-such-host.invalid/x", "No host is known"),
        ("rtsp://cam:secret@0.0.0.0:99999/x", "not of the form"),
        ("rtmp://cam:secret@127.0.0.1/x", "rtmp:// are not supported"),
        ("/dev/video99", "/dev/video99 does not exist"),
        ("demo:x", "no whole number"),
    ],
)
def test_what_is_wrong_with_an_address_is_said_without_the_password(url: str, said: str) -> None:
    camera = CameraSettings.model_validate({"id": 1, "url": url})
    with pytest.raises(SourceError, match=said) as raised:
        drain(source_for(camera, CLOCK))
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None
    assert raised.value.__suppress_context__ or raised.value.__context__ is None


def test_the_demonstration_camera_gives_pictures() -> None:
    camera = CameraSettings.model_validate({"id": 1, "url": "demo:"})
    frames = read(source_for(camera, CLOCK), 3)
    assert len(frames) == 3


def test_a_stopped_source_ends_within_its_pace(clip: Path) -> None:
    stop = threading.Event()
    frames = source(clip).frames(stop)
    next(frames)
    stop.set()
    assert list(frames) == []
