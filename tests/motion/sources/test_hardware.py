"""The choice of a device and the way back to software; no machine of ours has such a device."""

import os
import threading
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import pytest
from av.codec.hwaccel import hwdevices_available
from structlog.testing import capture_logs

from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.motion.decoding import Decoder
from chimera_storage.motion.sources import hardware
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.codec import Codec, VideoPacket
from chimera_storage.motion.sources.connect import source_for
from chimera_storage.motion.sources.hardware import Device, Kind, devices
from chimera_storage.motion.sources.source import SourcePacket
from chimera_storage.motion.sources.stream import FileSource
from tests.motion.clips import RATE, write_clip

ALL = (
    Device(Kind.CUDA, "/dev/nvidia0"),
    Device(Kind.VAAPI, "/dev/dri/renderD128"),
    Device(Kind.V4L2, "/dev/video0"),
)
none_here = pytest.mark.skipif(bool(devices()), reason="this machine has a device")


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "clip.mp4"
    write_clip(path, 3, [])
    return path


def packets(path: Path, found: tuple[Device, ...]) -> list[SourcePacket]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = Codec(stream, found)
        kept = []
        for number, packet in enumerate(p for p in container.demux(stream) if p.size):
            time_us = number * 100_000
            packet.pts, packet.dts, packet.time_base = time_us, None, Fraction(1, 10**6)
            kept.append(
                SourcePacket(
                    packet=packet,
                    time_us=time_us,
                    key=packet.is_keyframe,
                    size=packet.size,
                    codec=codec,
                )
            )
    return kept


def test_without_nodes_there_is_no_device(tmp_path: Path) -> None:
    assert devices(tmp_path) == ()


def test_a_node_is_used_where_ffmpeg_knows_its_kind(tmp_path: Path) -> None:
    (tmp_path / "nvidia0").touch()
    (tmp_path / "dri").mkdir()
    for name in ("card0", "renderD129", "renderD128"):
        (tmp_path / "dri" / name).touch()
    known = hwdevices_available()
    expected = ["nvidia0"] if "cuda" in known else []
    expected += ["renderD128", "renderD129"] if "vaapi" in known else []
    assert [Path(device.node).name for device in devices(tmp_path)] == expected
    assert "cuda" in known, "PyPI's wheels have it"


def test_a_video_node_that_is_no_codec_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "video0").touch()
    os.mkfifo(tmp_path / "video1")
    (tmp_path / "video2").symlink_to("/dev/null")
    assert devices(tmp_path) == ()


@none_here
@pytest.mark.parametrize("found", [ALL, ALL[:1], ALL[2:]], ids=["all", "cuda", "v4l2"])
def test_devices_that_fail_cost_no_picture(clip: Path, found: tuple[Device, ...]) -> None:
    decoder = Decoder()
    with capture_logs() as logs:
        pictures = [p.pts for packet in packets(clip, found) for p in decoder.feed(packet)]
    assert pictures == [number * 100_000 for number in range(3 * RATE)]
    assert (decoder.name, decoder.damaged) == ("software", 0)
    failed = [log["device"] for log in logs if log["event"] == "hardware_decoding_failed"]
    usable = [d for d in found if d.kind is not Kind.VAAPI or "vaapi" in hwdevices_available()]
    assert failed == [device.node for device in usable]


@none_here
def test_a_key_frame_by_itself_comes_out_though_the_device_fails(clip: Path) -> None:
    """As while nothing moves: each decoded and drained, then the next."""
    decoder = Decoder()
    for packet in packets(clip, ALL):
        if packet.key:
            decoder.restart()
            pictures = decoder.feed(packet) + decoder.drain()
            assert [picture.pts for picture in pictures] == [packet.time_us]
            assert pictures[0].key_frame


@none_here
def test_a_device_that_failed_is_not_tried_again_by_another_decoder(clip: Path) -> None:
    sent = packets(clip, ALL)
    with capture_logs() as logs:
        for _ in range(3):
            Decoder().feed(sent[0])
    assert len({log["device"] for log in logs}) == len(logs) > 0


def test_a_stream_that_is_damaged_is_not_the_devices_fault(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither on it nor in software does a picture come: the device is kept."""
    monkeypatch.setattr(
        hardware, "opened", lambda _device, codec: av.CodecContext.create(codec, "r")
    )
    whole = packets(clip, ALL[:1])
    decoder = Decoder()
    damaged = cast(VideoPacket, av.Packet(bytes(60)))
    damaged.pts, damaged.time_base = 0, Fraction(1, 10**6)
    first = SourcePacket(packet=damaged, time_us=0, key=True, size=60, codec=whole[0].codec)
    with capture_logs() as logs:
        assert decoder.feed(first) == []
        pictures = [picture for packet in whole for picture in decoder.feed(packet)]
    assert len(pictures) == len(whole)
    assert (decoder.name, logs) == ("cuda", [])
    assert decoder.damaged == 1


def test_a_device_without_pictures_is_left_with_nothing_lost(
    clip: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that takes everything and answers nothing."""
    monkeypatch.setattr(
        hardware, "opened", lambda _device, _codec: av.CodecContext.create("h263", "r")
    )
    sent = packets(clip, ALL[:1])
    decoder = Decoder()
    pictures = [picture.pts for packet in sent for picture in decoder.feed(packet)]
    pictures += [picture.pts for picture in decoder.drain()]
    assert pictures == [packet.time_us for packet in sent]
    assert decoder.name == "software"


@none_here
def test_a_file_is_read_with_devices_that_fail(clip: Path) -> None:
    source = FileSource(parse_address(str(clip)), False, SystemClock(), devices=ALL)
    decoder = Decoder()
    stop = threading.Event()
    for item in source.frames(stop):
        if isinstance(item, SourcePacket) and decoder.feed(item):
            stop.set()
    assert decoder.decoded >= 1


def test_none_looks_for_no_device(clip: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("chimera_storage.motion.sources.connect.devices", lambda: ALL)
    found = {}
    for hwaccel in ("auto", "none"):
        camera = CameraSettings.model_validate({"id": 1, "url": str(clip), "hwaccel": hwaccel})
        stop = threading.Event()
        first = next(iter(source_for(camera, SystemClock()).frames(stop)))
        assert isinstance(first, SourcePacket)
        found[hwaccel] = tuple(first.codec.devices)
    assert found == {"auto": ALL, "none": ()}
