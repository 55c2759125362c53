"""How long everything is decoded after packets that were larger than usual."""

import sys
from dataclasses import replace

import av
import numpy as np
import pytest
from numpy.typing import NDArray

from chimera_storage.config import MotionSettings
from chimera_storage.motion.looking import Looker
from chimera_storage.motion.watch import Watch
from tests.motion.clips import scene
from tests.motion.test_odd_streams import packets

RATE = 10
BURST = slice(203, 205)  # pictures with more noise, between two key frames


def still_scene() -> list[NDArray[np.uint8]]:
    random = np.random.default_rng(5)
    pictures = scene(22, [])
    for number in range(BURST.start, BURST.stop):
        noise = random.integers(-4, 5, pictures[number].shape)
        pictures[number] = np.clip(pictures[number] + noise, 0, 255).astype(np.uint8)
    return pictures


def awake_s(pictures: list[NDArray[np.uint8]]) -> float:
    """For how many of the seconds after the burst everything was decoded."""
    looker = Looker(MotionSettings())
    awake = 0
    for number, packet in enumerate(packets(pictures, RATE)):
        list(looker.take(packet))
        awake += number >= BURST.start and not looker.asleep
    return awake / RATE


def test_larger_packets_without_anything_new_in_them_wake_for_a_moment() -> None:
    assert 0.1 <= awake_s(still_scene()) <= 0.5


@pytest.mark.parametrize("height", [40, 100])
def test_what_may_turn_out_to_move_is_watched_for_longer(height: int) -> None:
    pictures = still_scene()
    for picture in pictures[BURST.start :]:
        picture[80 : 80 + height, 100:140] = 230
    assert awake_s(pictures) >= 0.8


def test_of_packets_that_never_give_a_picture_only_the_newest_are_kept() -> None:
    watch = Watch()
    (whole, *_) = packets(scene(0.2, []), RATE)
    given = [
        replace(
            whole,
            packet=av.Packet(bytes(200)),  # type: ignore[arg-type]
            time_us=whole.time_us + number * 100_000,
            key=number % 10 == 0,
            size=200,
        )
        for number in range(400)
    ]
    references = [sys.getrefcount(packet) for packet in given]
    shots = [shot for packet in given for shot in watch.take(packet, _is_new)]
    references_now = [sys.getrefcount(packet) for packet in given]
    kept = [now > before for now, before in zip(references_now, references, strict=True)]
    assert not shots
    assert sum(kept) <= 80
    assert kept[-1]


def _is_new(_picture: av.VideoFrame, _time_us: int) -> bool:
    return True
