"""What was freed does not stay with the process."""

from pathlib import Path

from chimera_storage.memory import give_back

BLOCK, COUNT = b"x" * 60_000, 1000


def resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096 / 1e6


def test_what_was_freed_between_things_still_in_use_goes_back_to_the_system() -> None:
    blocks = [bytearray(BLOCK) for _ in range(COUNT)]
    kept = blocks[::50]  # so that nothing goes back by itself
    del blocks
    before = resident_mb()
    give_back()
    assert resident_mb() < before - 0.8 * len(BLOCK) * COUNT / 1e6
    assert kept[0] == BLOCK
