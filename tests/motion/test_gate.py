"""What packet sizes say: about cameras whose groups are given here as lists of sizes."""

import random

from chimera_storage.motion.gate import Gate

GROUP = 29  # packets between two key frames: 2 s at 15 a second


def group(noise: random.Random, *, burst: float = 1.0, length: int = 8) -> list[int]:
    """Sizes of a group; in the middle `length` packets are `burst` times as large."""
    sizes = [round(1000 * noise.uniform(0.95, 1.05)) for _ in range(GROUP)]
    for place in range(10, 10 + length):
        sizes[place] = round(sizes[place] * burst)
    return sizes


def play(gate: Gate, sizes: list[int], *, moving: bool = False) -> bool:
    """Whether the group surprised the gate; it learns from it where nothing moved."""
    gate.begin_group()
    surprises = [gate.surprising(size) for size in sizes]  # all of them are to be taken in
    if not moving:
        gate.learn()
    return any(surprises)


def settled(noise: random.Random) -> Gate:
    gate = Gate()
    for _ in range(12):
        play(gate, group(noise))
    return gate


def test_several_large_packets_in_a_row_are_news_and_a_single_one_is_not() -> None:
    noise = random.Random(1)
    gate = settled(noise)
    assert not play(gate, group(noise, burst=3.0, length=1))
    assert play(gate, group(noise, burst=1.5))


def test_bursts_that_were_looked_at_in_vain_become_no_news() -> None:
    noise = random.Random(2)
    gate = settled(noise)
    surprises = 0
    for _ in range(20):  # rate control does it again and again, but seldom
        for _ in range(5):
            assert not play(gate, group(noise))
        surprises += play(gate, group(noise, burst=1.5))
    assert 1 <= surprises <= 3


def test_after_a_vain_burst_a_larger_one_is_still_news() -> None:
    noise = random.Random(3)
    gate = settled(noise)
    assert play(gate, group(noise, burst=1.5))
    assert play(gate, group(noise, burst=1.8))


def test_what_moved_teaches_the_gate_no_patience() -> None:
    noise = random.Random(4)
    gate = settled(noise)
    assert play(gate, group(noise, burst=1.5), moving=True)
    assert play(gate, group(noise, burst=1.5))


def test_groups_shorter_than_a_window_teach_and_are_judged() -> None:
    gate = Gate()
    for _ in range(6):
        play(gate, [1000, 1010, 990, 1005])
    assert not play(gate, [1000, 1010, 990, 1005])
    assert play(gate, [1000, 2000, 2000, 2000])


def test_groups_of_single_packets_teach_nothing() -> None:
    gate = Gate()
    for _ in range(6):
        play(gate, [1000])
    assert not gate.knows
    assert not play(gate, [9000])
