"""What moves in an ignored area costs little, and hides nothing that moves elsewhere."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
import pytest
from av.video.stream import VideoStream
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.motion.glance import Glance
from chimera_storage.motion.looking import Looker
from chimera_storage.motion.sources.codec import Codec
from chimera_storage.motion.sources.source import SourcePacket

WIDTH, HEIGHT, RATE, SECONDS = 320, 180, 10, 50
PASS_S = (30.3, 32.5)
TREE = (slice(8, 110), slice(190, 310))
OVER_TREE = {"polygon": [[0.55, 0], [1, 0], [1, 0.7], [0.55, 0.7]]}
Picture = NDArray[np.int16]


def ground() -> Picture:
    random = np.random.default_rng(3)
    coarse = random.integers(60, 180, (9, 16)).astype(np.uint8)
    return np.asarray(cv2.resize(coarse, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC), np.int16)


def picture(number: int, still: Picture, leaves: NDArray[np.float32]) -> Picture:
    """A tree that sways all the time, and one passer far from it."""
    random = np.random.default_rng(number)
    time_s = number / RATE
    shift = 4 * np.sin(5.6 * time_s) + 2 * np.sin(14 * time_s + 1)
    moved = cv2.warpAffine(
        leaves,
        np.array([[1, 0, shift], [0, 1, shift / 3]], np.float32),
        (WIDTH, HEIGHT),
        borderMode=cv2.BORDER_REFLECT,
    )
    drawn = still + random.normal(0, 1.5, still.shape).round().astype(np.int16)
    drawn[TREE] = np.asarray(moved, np.float32)[TREE]
    share = (time_s - PASS_S[0]) / (PASS_S[1] - PASS_S[0])
    if 0 <= share <= 1:
        left = round(share * (WIDTH - 20))
        drawn[125:165, left : left + 16] = 30
    return drawn


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("clips") / "tree.mp4"
    leaves = np.random.default_rng(4).integers(0, 255, (HEIGHT, WIDTH)).astype(np.float32)
    leaves = np.asarray(cv2.GaussianBlur(leaves, (0, 0), 2), np.float32)
    leaves = np.clip((leaves - leaves.mean()) * 5 + 90, 0, 255)
    still = ground()
    options = {"preset": "ultrafast", "crf": "23", "x264-params": "scenecut=0:bframes=0"}
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=RATE, options=options)
        assert isinstance(stream, VideoStream)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        stream.codec_context.gop_size = 2 * RATE
        for number in range(SECONDS * RATE):
            pixels = np.clip(picture(number, still, leaves), 0, 255).astype(np.uint8)
            frame = av.VideoFrame.from_ndarray(pixels, format="gray").reformat(format="yuv420p")
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def looked_at(path: Path, settings: MotionSettings) -> tuple[float, list[float]]:
    """The share of the pictures that was decoded, and the seconds at which something moved."""
    looker = Looker(settings)
    moving: list[float] = []
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = Codec(stream)
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            time_us = round(packet.pts * packet.time_base * 1_000_000)
            packet.pts, packet.dts, packet.time_base = time_us, None, Fraction(1, 10**6)
            item = SourcePacket(
                packet=packet,
                time_us=time_us,
                key=packet.is_keyframe,
                size=packet.size,
                codec=codec,
            )
            moving += [shot.time_us / 1e6 for shot, found in looker.take(item) if found.moving]
        moving += [shot.time_us / 1e6 for shot, found in looker.finish() if found.moving]
    return looker.pictures / looker.items, moving


def test_a_tree_under_a_mask_lets_the_decoder_sleep_and_a_passer_wakes_it(clip: Path) -> None:
    without, _ = looked_at(clip, MotionSettings())
    masked = MotionSettings.model_validate({"mask": [OVER_TREE]})
    share, moving = looked_at(clip, masked)
    assert without > 0.8
    assert share < 0.8 * without
    assert moving
    assert PASS_S[0] <= moving[0] <= PASS_S[0] + 0.7
    assert moving[-1] <= PASS_S[1] + 0.3


def plane(level: float = 120.0) -> NDArray[np.uint8]:
    noise = np.random.default_rng(1).normal(0, 1, (180, 320))
    return np.clip(level + 20 * np.sin(np.arange(320) / 9) + noise, 0, 255).astype(np.uint8)


def used_to(ignored: NDArray[np.uint8] | None) -> Glance:
    glance = Glance()
    for _ in range(5):
        glance.differs(plane(), ignored)
    return glance


def ignoring(part: tuple[slice, slice]) -> NDArray[np.uint8]:
    mask = np.zeros((180, 320), np.uint8)
    mask[part] = 1
    return mask


def test_a_key_frame_that_differs_only_where_it_is_ignored_shows_nothing_new() -> None:
    changed = plane()
    changed[40:80, 100:140] = 250
    mask = ignoring((slice(36, 84), slice(96, 144)))
    assert used_to(None).differs(changed)
    assert not used_to(mask).differs(changed, mask)


def test_what_sticks_out_of_an_ignored_area_is_new() -> None:
    changed = plane()
    changed[40:80, 100:152] = 250
    mask = ignoring((slice(36, 84), slice(96, 144)))
    assert used_to(mask).differs(changed, mask)


def test_light_that_changes_everywhere_shows_nothing_new_beside_an_ignored_area() -> None:
    mask = ignoring((slice(0, 90), slice(0, 320)))
    brighter = plane(135.0)
    brighter[:90] = 0
    assert not used_to(mask).differs(brighter, mask)


def test_a_mask_of_another_size_ignores_nothing() -> None:
    changed = plane()
    changed[40:80, 100:140] = 250
    assert used_to(None).differs(changed, np.ones((90, 160), np.uint8))
