"""What no rule may delete: times of cameras that somebody wants to keep, in `<data>/keep.json`.

This is its owner's data, which no file of an image gives back, so it stands in a file of its own
and not in the index, which may be lost. The file is replaced whole, durably, at every change. One
that cannot be read is an error and not an empty list: rules delete nothing until it is mended.
"""

import json
import os
import secrets
import threading
from dataclasses import asdict
from typing import Any

from chimera_storage.archive.layout import SECOND_US, TEMPORARY_SUFFIX, Layout
from chimera_storage.durable import sync_folder
from chimera_storage.errors import ConflictError, StorageError
from chimera_storage.model import KeptRange

NAME = "keep.json"
MOST_RANGES = 10_000
_MOST = 2**62  # what the index can compare with


class KeepFile:
    """The kept ranges of one data folder. Thread-safe; every method raises StorageError."""

    def __init__(self, layout: Layout) -> None:
        self._path = layout.root / NAME
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._ranges: tuple[KeptRange, ...] = ()

    def ranges(self) -> tuple[KeptRange, ...]:
        """All of them, the oldest first. The file is read again only where it changed."""
        with self._lock:
            return self._read()

    def seconds(self) -> dict[int, list[tuple[int, int]]]:
        """Camera → (first, last) second of each range, both included; they may overlap."""
        found: dict[int, list[tuple[int, int]]] = {}
        for kept in self.ranges():
            span = (kept.start_us // SECOND_US, kept.end_us // SECOND_US)
            found.setdefault(kept.camera, []).append(span)
        return found

    def add(
        self, *, camera: int, start_us: int, end_us: int, reason: str, created_us: int
    ) -> KeptRange:
        """Keeps the inclusive range from now on. Raises ConflictError where there are too many."""
        kept = KeptRange(
            id=secrets.token_hex(8),
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            reason=reason,
            created_us=created_us,
        )
        with self._lock:
            ranges = self._read()
            if len(ranges) >= MOST_RANGES:
                raise ConflictError(f"{MOST_RANGES} times are kept already; let go of some first")
            self._write((*ranges, kept))
        return kept

    def remove(self, id_: str) -> bool:
        """Lets the range of exactly this id go; False where there is none."""
        with self._lock:
            ranges = self._read()
            left = tuple(kept for kept in ranges if kept.id != id_)
            if len(left) == len(ranges):
                return False
            self._write(left)
        return True

    def _read(self) -> tuple[KeptRange, ...]:
        try:
            with self._path.open("rb") as file:
                status = os.fstat(file.fileno())
                stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
                if stamp == self._stamp:
                    return self._ranges
                content = json.load(file)
            ranges = tuple(_range(item) for item in content["keep"])
        except FileNotFoundError:
            self._stamp, self._ranges = None, ()
            return ()
        except (OSError, ValueError, LookupError, TypeError, RecursionError) as error:
            raise StorageError(
                f"the data folder's {NAME}, which says what is to be kept, cannot be read "
                f"({type(error).__name__}), so no rule deletes anything; mend it or move it away"
            ) from None
        self._stamp, self._ranges = stamp, ranges
        return ranges

    def _write(self, ranges: tuple[KeptRange, ...]) -> None:
        text = json.dumps({"keep": [asdict(kept) for kept in ranges]}, indent=1)
        temporary = self._path.with_name(f".{NAME}-{secrets.token_hex(4)}{TEMPORARY_SUFFIX}")
        try:
            with temporary.open("x", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            temporary.replace(self._path)
            sync_folder(self._path.parent)
        except OSError as error:
            temporary.unlink(missing_ok=True)
            raise StorageError(f"{NAME} cannot be written: {error.strerror}") from None


def _range(item: dict[str, Any]) -> KeptRange:
    kept = KeptRange(**item)
    numbers = (kept.camera, kept.start_us, kept.end_us, kept.created_us)
    texts = (kept.id, kept.reason)
    if not all(type(n) is int for n in numbers) or not all(isinstance(t, str) for t in texts):
        raise TypeError(item)
    if not all(abs(n) <= _MOST for n in numbers):
        raise ValueError(item)
    return kept
