"""A camera's own folder, which may hold a million flat files, listed within bounded memory.

NumPy is imported where such a folder is listed: that takes 65 ms, and a start at which no camera's
folder changed needs none.
"""

import os
from array import array
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from chimera_storage.archive.layout import HOUR_S
from chimera_storage.archive.walk import Name, Names, looks_like_an_image, parse_hour

if TYPE_CHECKING:
    from numpy.typing import NDArray

_PAUSE_EVERY = 2000  # names


class FlatFiles:
    """The names of flat images as numbers, in order: 16 bytes for each.

    `seconds` and `numbers`: int64, one for each file, unordered. `nowhere`: how many files have an
    image's name whose local time does not exist.
    """

    def __init__(self, seconds: "array[int]", numbers: "array[int]", nowhere: int) -> None:
        import numpy as np

        all_seconds = np.frombuffer(seconds, dtype=np.int64)
        all_numbers = np.frombuffer(numbers, dtype=np.int64)
        order = np.lexsort((all_numbers, all_seconds))
        self._seconds: NDArray[np.int64] = all_seconds[order]
        self._numbers: NDArray[np.int64] = all_numbers[order]
        self.nowhere = nowhere

    def __len__(self) -> int:
        return len(self._seconds)

    def hours(self) -> set[int]:
        """The hours since 1970 that have files."""
        import numpy as np

        return set(np.unique(self._seconds // HOUR_S).tolist())

    def of_hour(self, hour: int) -> list[Name]:
        """The names of one hour, in order."""
        first, last = self._seconds.searchsorted((hour * HOUR_S, hour * HOUR_S + HOUR_S))
        return list(
            zip(self._seconds[first:last].tolist(), self._numbers[first:last].tolist(), strict=True)
        )


def list_camera(
    folder: Path, camera: int, names: Names, pause: Callable[[], None]
) -> tuple[FlatFiles, list[str]]:
    """The flat files and the days' folders of a camera. Raises OSError."""
    seconds, numbers, days = array("q"), array("q"), []
    nowhere = 0
    with os.scandir(folder) as entries:
        for count, entry in enumerate(entries):
            if count % _PAUSE_EVERY == 0:
                pause()
            file = entry.name
            if file.endswith(".jpg"):
                name = names.flat(camera, file)
                if name is not None:
                    seconds.append(name[0])
                    numbers.append(name[1])
                elif looks_like_an_image(file):
                    nowhere += 1
            elif parse_hour(file, "00") is not None and entry.is_dir(follow_symlinks=False):
                days.append(file)
    return FlatFiles(seconds, numbers, nowhere), days
