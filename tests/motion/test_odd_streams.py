"""Streams as no camera should send them: no crash, no hang, and what moves is still found."""

from collections.abc import Iterator
from fractions import Fraction
from typing import cast

import av
import numpy as np
import pytest
from av.video.codeccontext import VideoCodecContext
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.motion.looking import Looker
from chimera_storage.motion.sources.codec import Codec, VideoPacket
from chimera_storage.motion.sources.source import SourcePacket
from tests.motion.clips import scene


class Known(Codec):
    """A codec of which only this is known beforehand, as where parameters come in the stream."""

    def __init__(self, name: str, width: int, height: int) -> None:
        self.name = name
        self.width, self.height = width, height
        self._pix_fmt = self._extradata = None
        self._tag = ""
        self.devices = []


def packets(
    pictures: list[NDArray[np.uint8]],
    fps: float,
    *,
    encoder: str = "libx264",
    gop: int = 10,
    begin_us: int = 0,
) -> Iterator[SourcePacket]:
    """Pictures, uint8 of shape (h, w), as compressed ones without extradata."""
    height, width = pictures[0].shape
    context = av.CodecContext.create(encoder, "w")
    assert isinstance(context, VideoCodecContext)
    context.width, context.height, context.pix_fmt = width, height, "yuv420p"
    context.time_base, context.framerate = Fraction(1, 10**6), Fraction(fps).limit_denominator(1000)
    context.gop_size = gop
    context.options = {"preset": "ultrafast", "tune": "zerolatency"}
    if encoder == "libx265":
        context.options |= {"x265-params": f"log-level=none:keyint={gop}"}
    names = {"libx264": "h264", "libx265": "hevc", "mpeg4": "mpeg4"}
    codec = Known(names[encoder], width, height)
    if encoder == "mpeg4":
        context.options = {}
        context.time_base = Fraction(1, round(fps))
    encoded: list[VideoPacket] = []
    for number, pixels in enumerate(pictures):
        frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")
        frame.time_base = context.time_base
        frame.pts = round(number / fps / context.time_base)
        encoded += context.encode(frame)
    encoded += context.encode(None)
    for number, packet in enumerate(encoded):
        time_us = begin_us + round(number / fps * 1_000_000)
        copy = cast(VideoPacket, av.Packet(bytes(packet)))
        copy.pts, copy.time_base, copy.is_keyframe = time_us, Fraction(1, 10**6), packet.is_keyframe
        yield SourcePacket(
            packet=copy, time_us=time_us, key=packet.is_keyframe, size=packet.size, codec=codec
        )


def moving(items: list[SourcePacket]) -> tuple[list[float], Looker]:
    """The seconds at which something moved."""
    looker = Looker(MotionSettings())
    found = [shot.time_us / 1e6 for item in items for shot, m in looker.take(item) if m.moving]
    return found + [shot.time_us / 1e6 for shot, m in looker.finish() if m.moving], looker


def test_a_camera_that_changes_its_resolution_and_codec_in_mid_stream_is_followed() -> None:
    pictures = scene(9, [(6, 8)])
    half = [np.ascontiguousarray(p[::2, ::2]) for p in pictures]
    items = list(packets(pictures, 10))
    items += packets(half, 10, begin_us=9_000_000)
    items += packets(pictures, 10, encoder="libx265", begin_us=18_000_000)
    items += packets(half, 10, encoder="mpeg4", begin_us=27_000_000)
    found, looker = moving(items)
    for begin in (6, 15, 24, 33):
        assert any(begin <= t <= begin + 1 for t in found), begin
        assert not [t for t in found if begin - 6 <= t < begin], "a change is no motion"
    assert looker.size == (160, 120)


def test_a_stream_that_begins_without_a_key_frame_is_watched_from_the_next_one_on() -> None:
    items = list(packets(scene(9, [(6, 8)]), 10, gop=20))[7:]
    found, _ = moving(items)
    assert found
    assert 6 <= found[0] <= 6.7


def test_key_frames_thirty_seconds_apart_hide_nothing() -> None:
    found, _ = moving(list(packets(scene(70, [(40, 42), (63, 65)]), 10, gop=300)))
    assert any(40 <= t <= 40.7 for t in found)
    assert any(63 <= t <= 63.7 for t in found)


@pytest.mark.parametrize("fps", [0.1, 240])
def test_very_slow_and_very_fast_streams_are_watched(fps: float) -> None:
    pictures = scene(12, [(6, 9)])
    if fps > 1:
        small = [np.ascontiguousarray(p[::2, ::2]) for p in pictures[:80]]
        items = list(packets([p for p in small for _ in range(24)], fps, gop=480))
    else:
        items = list(packets(pictures[:50] + pictures[70:80] + pictures[100:], fps))
    found, looker = moving(items)
    assert looker.items == len(items)
    begins = 6.0 if fps > 1 else 500.0
    assert found
    assert begins <= found[0] <= begins + (0.7 if fps > 1 else 100)


def test_a_clock_that_leaps_either_way_does_not_stop_the_watch() -> None:
    items: list[SourcePacket] = []
    for begin_us in (10**12, 10**12 + 3_600_000_000, 5 * 10**11, 5 * 10**11 + 9_000_000):
        items += packets(scene(9, [(6, 8)]), 10, begin_us=begin_us)
    found, _ = moving(items)
    for begin_s in (10**6, 10**6 + 3600, 5 * 10**5, 5 * 10**5 + 9):
        assert any(begin_s + 6 <= t <= begin_s + 7 for t in found), begin_s


@pytest.mark.parametrize("size", [(2, 2), (16, 4), (4320, 7680)])
def test_tiny_and_huge_pictures_are_looked_at(size: tuple[int, int]) -> None:
    random = np.random.default_rng(1)
    still = random.integers(100, 110, size, dtype=np.uint8)
    found, looker = moving(list(packets([still] * 4, 2)))
    assert found == []
    assert looker.pictures >= 1
    assert looker.size == (size[1], size[0])
