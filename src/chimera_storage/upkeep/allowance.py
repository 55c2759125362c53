"""How many bytes may be deleted so that the disk has room. Pure.

Where another program fills the disk, deleting images only makes room for that program, until no
footage is left. So what goes for the disk's sake is bounded: twice what cameras saved meanwhile
(files take more room than their bytes), and the floor itself once an hour.
"""

from collections.abc import Iterable

from chimera_storage.model import HourTotals

_PER_BYTE_SAVED = 2
_CLEARING = 1.1  # the floor, and the tenth more that it is cleared by
_REFILL_S = 3600

_Sizes = dict[tuple[int, int], int]  # camera, hour → bytes


class Allowance:
    """For one disk. Begins with the floor once."""

    def __init__(self) -> None:
        self._left: float | None = None
        self._asked_at_s = 0.0
        self._sizes: _Sizes = {}

    def left(self, floor: int, recent: Iterable[HourTotals], now_s: float) -> int:
        """What may go now. `recent`: this hour and the last of every camera; `now_s`: monotonic.

        Older hours are not asked for: they grow where footage is taken in, which is not saved now.
        """
        most = floor * _CLEARING
        sizes = {(totals.camera, totals.hour): totals.bytes for totals in recent}
        if self._left is None:
            self._left = most
        else:
            saved = sum(max(0, size - self._sizes.get(name, 0)) for name, size in sizes.items())
            passed_s = max(0.0, now_s - self._asked_at_s)
            self._left += saved * _PER_BYTE_SAVED + most * passed_s / _REFILL_S
        self._left = min(self._left, most)
        self._asked_at_s, self._sizes = now_s, sizes
        return int(self._left)

    def spend(self, size: int) -> None:
        """So many bytes went."""
        self._left = max(0.0, (self._left or 0.0) - size)
