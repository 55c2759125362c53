"""Notes every image the moment it has its name, and says afterwards which of them are lost.

It looks at the folders only: neither the recorder nor the index is believed. An image has its name
from the moment that its file stands under it; nothing in the trials deletes any.
"""

import os
import threading
import zlib
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from chimera_storage.archive.jpeg import Wholeness, wholeness

_LOOK_EVERY_S = 0.05
Name = str  # below captures


class Witness:
    """Looks every 50 ms, in a thread of its own, from `start` to `close`."""

    def __init__(self, captures: Path) -> None:
        self._captures = captures
        self._lock = threading.Lock()
        self._known: dict[Name, int] = {}  # → CRC-32 when it was first seen
        self._broken: list[Name] = []  # not whole when it had its name already
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, name="witness", daemon=True)

    def start(self) -> None:
        """Begin to look."""
        self._thread.start()

    def close(self) -> None:
        """Look no more."""
        self._over.set()
        self._thread.join()

    def named(self) -> dict[Name, int]:
        """Every image so far, and its CRC-32."""
        with self._lock:
            return dict(self._known)

    def broken(self) -> list[Name]:
        """Those that were not whole when they had their name."""
        with self._lock:
            return list(self._broken)

    def count(self) -> Counter[int]:
        """How many, by camera."""
        with self._lock:
            return Counter(int(name.partition("/")[0]) for name in self._known)

    def look(self) -> None:
        """Take note of all that has its name now."""
        for name in list(self._new()):
            try:
                data = (self._captures / name).read_bytes()
            except FileNotFoundError:  # gone already: that is a loss
                data = b""
            with self._lock:
                self._known[name] = zlib.crc32(data)
                if wholeness(data) is not Wholeness.WHOLE:
                    self._broken.append(name)

    def _run(self) -> None:
        while not self._over.wait(_LOOK_EVERY_S):
            with suppress(OSError):  # of a disk that is unmounted
                self.look()

    def _new(self) -> Iterator[Name]:
        for camera in _numbers(self._captures):
            for day in _numbers(self._captures / camera):
                for hour in _numbers(self._captures / camera / day):
                    below = f"{camera}/{day}/{hour}"
                    for file in os.listdir(self._captures / below):  # noqa: PTH208  half the time
                        name = f"{below}/{file}"
                        if name not in self._known and file.endswith(".jpg") and file[0] != ".":
                            yield name


def _numbers(folder: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return [name for name in os.listdir(folder) if name.isdecimal()]  # noqa: PTH208
    return []


def lost(
    named: Mapping[Name, int], there: Mapping[Name, int], served: Mapping[Name, int]
) -> dict[Name, str]:
    """Which of the images `named` are lost, and how; each mapping gives the CRC-32 of a name.

    `there`: on disk now. `served`: listed by the server, with what it sent (0: not asked for).
    """
    found = {}
    for name, crc in named.items():
        if name not in there:
            found[name] = "is gone"
        elif there[name] != crc:
            found[name] = "is not what it was"
        elif name not in served:
            found[name] = "is not in the index"
        elif served[name] not in (0, crc):
            found[name] = "is served otherwise than it is"
    return found


def on_disk(captures: Path, names: Mapping[Name, int]) -> dict[Name, int]:
    """Those that are there, and their CRC-32 now."""
    there = {}
    for name in names:
        with suppress(OSError):
            there[name] = zlib.crc32((captures / name).read_bytes())
    return there
