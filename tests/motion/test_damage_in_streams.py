"""Streams of which something was lost on the way: what moves in them, and what is saved."""

import random
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from zoneinfo import ZoneInfo

import av
import numpy as np
import pytest
from av.video.stream import VideoStream

from chimera_storage.archive.images import Archive, ImageWriter
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import SystemClock
from chimera_storage.config import CameraSettings
from chimera_storage.model import Health
from chimera_storage.motion.capture import Capture
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.ffmpeg import Opened
from tests.motion.clips import HEIGHT, RATE, WIDTH, scene

START_US = 1_767_260_000_000_000
KEY_EVERY = 20
CAMERA = CameraSettings.model_validate(
    {"id": 3, "url": "x", "motion": {"event_gap": 2, "post_capture": 0.5, "pre_capture": 0.5}}
)
ENCODERS = {"h264": "libx264", "h265": "libx265"}
OPTIONS = {
    "h264": {"preset": "ultrafast", "tune": "zerolatency", "slices": "4"},
    "h265": {
        "preset": "ultrafast",
        "tune": "zerolatency",
        "x265-params": "log-level=none:keyint=20",
    },
}
Damage = Callable[[list[bytes]], list[bytes]]


def stream(path: Path, codec: str, passes: list[tuple[float, float]]) -> list[bytes]:
    """The packets of 20 s, written to `path` one after the other too."""
    with av.open(str(path), "w") as container:
        added = container.add_stream(ENCODERS[codec], rate=RATE, options=OPTIONS[codec])
        assert isinstance(added, VideoStream)
        added.width, added.height, added.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        added.codec_context.gop_size = KEY_EVERY
        for pixels in scene(20, passes):
            frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")
            container.mux(added.encode(frame))
        container.mux(added.encode(None))
    with av.open(str(path)) as container:
        return [bytes(packet) for packet in container.demux(container.streams.video[0])][:200]


def holes(packets: list[bytes]) -> list[bytes]:
    """Bytes are missing out of the middle of every seventh picture."""
    return [p[: len(p) // 3] + p[len(p) // 2 :] if n % 7 == 3 else p for n, p in enumerate(packets)]


def flipped(packets: list[bytes]) -> list[bytes]:
    """Some bytes arrive as others."""
    chance = random.Random(5)
    damaged = []
    for number, packet in enumerate(packets):
        data = bytearray(packet)
        if number % 5 == 4:
            for _ in range(4):
                data[chance.randrange(len(data) // 4, len(data))] = chance.randrange(256)
        damaged.append(bytes(data))
    return damaged


def without_pictures(packets: list[bytes]) -> list[bytes]:
    """Two in each group of pictures never arrive."""
    return [p for n, p in enumerate(packets) if n % KEY_EVERY not in (6, 13)]


def without_key_frames(packets: list[bytes]) -> list[bytes]:
    """Each key frame but the first is cut short."""
    return [p[: len(p) // 4] if n and n % KEY_EVERY == 0 else p for n, p in enumerate(packets)]


class Taken:
    """A capture and what it saved."""

    def __init__(self, root: Path) -> None:
        self._root = root
        layout = Layout(root, ZoneInfo("UTC"))
        layout.captures.mkdir(parents=True)
        self.index = Index(layout.index)
        self.writer = ImageWriter(layout, self.index, sync_interval_s=0.05)
        self.archive = Archive(layout, self.index, SystemClock())
        self.capture = Capture(CAMERA, self.writer, self.archive, SystemClock())
        self.healths: set[Health] = set()

    def play(self, packets: list[bytes], codec: str) -> None:
        path = self._root / f"damaged.{codec}"
        path.write_bytes(b"".join(packets))
        container = {"h264": "h264", "h265": "hevc"}[codec]
        with Opened(parse_address(str(path)), {"format": container}, 10) as opened:
            for number, packet in enumerate(opened.packets(threading.Event())):
                item = opened.item(packet, START_US + number * 1_000_000 // RATE)
                assert item is not None
                self.capture.take(item)
                self.healths.add(self.capture.health.health)
        self.capture.finish()

    def images(self) -> list[Path]:
        self.writer.flush()
        return sorted((self._root / "shared/captures/3").rglob("[!.]*.jpg"))


@pytest.fixture
def taken(tmp_path: Path) -> Iterator[Taken]:
    made = Taken(tmp_path / "data")
    made.writer.start()
    with closing(made.index), closing(made.writer):
        yield made


@pytest.mark.parametrize(
    ("codec", "damage"),
    [
        ("h264", holes),
        ("h264", flipped),  # in H.265 the decoder notices nothing; a network does not do this
        ("h264", without_pictures),
        ("h264", without_key_frames),
        ("h265", holes),
        ("h265", without_pictures),
        ("h265", without_key_frames),
    ],
)
def test_damage_is_no_motion(tmp_path: Path, taken: Taken, codec: str, damage: Damage) -> None:
    packets = stream(tmp_path / f"clip.{codec}", codec, [])
    taken.play(damage(packets), codec)
    assert taken.images() == []


@pytest.mark.parametrize("codec", ["h264", "h265"])
def test_a_passer_is_still_found_where_a_little_is_lost(
    tmp_path: Path, taken: Taken, codec: str
) -> None:
    packets = stream(tmp_path / f"clip.{codec}", codec, [(10, 16)])
    taken.play(without_pictures(packets), codec)
    assert len(taken.images()) > 15


@pytest.mark.parametrize(
    ("codec", "damage"), [("h264", holes), ("h264", without_pictures), ("h265", without_pictures)]
)
def test_lasting_damage_is_said(tmp_path: Path, taken: Taken, codec: str, damage: Damage) -> None:
    packets = stream(tmp_path / f"clip.{codec}", codec, [(1, 19)])
    taken.play(damage(packets), codec)
    assert Health.DAMAGED in taken.healths


def test_a_whole_stream_is_well(tmp_path: Path, taken: Taken) -> None:
    packets = stream(tmp_path / "clip.h264", "h264", [(10, 16)])
    taken.play(packets, "h264")
    assert taken.healths == {Health.OK}
    assert len(taken.images()) > 50


def test_random_bytes_give_no_image_and_no_fault(taken: Taken) -> None:
    noise = np.random.default_rng(1).bytes(300_000)
    starts = [b"\0\0\0\1\x67", b"\0\0\0\1\x68", b"\0\0\0\1\x65"]
    taken.play([starts[n % 3] + noise[n * 1000 : n * 1000 + 1000] for n in range(300)], "h264")
    assert taken.images() == []
