"""The data folder's mark: by it a disk that is not mounted is told from an empty folder.

`<data>/.chimera-storage` and `<data>/shared/captures/.chimera-storage` hold the same id, as does
the index; captures may lie on a disk of their own. They are made once, at the first start. When one
of them is missing or of another data folder afterwards, nothing is written, deleted or compared:
what stands at that path is the bare mount point, or somebody else's disk.
"""

import json
import os
import uuid
from contextlib import suppress
from pathlib import Path

from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import MARK_NAME, Layout
from chimera_storage.durable import sync_folder
from chimera_storage.errors import StorageError

_FORMAT = 1
_LARGEST = 4096  # bytes


class Mark:
    """Whether the data folder is the one that it was. Thread-safe.

    A folder that was never marked (`make_marks`) has no problem.
    """

    def __init__(self, layout: Layout) -> None:
        self._marks = (
            (layout.root / MARK_NAME, "the data folder"),
            (layout.captures / MARK_NAME, "captures"),
        )
        self._captures = layout.captures
        self._id = read_id(layout.root)
        self._seen: dict[Path, tuple[int, int, int]] = {}

    def problem(self) -> str | None:
        """In one sentence why nothing may be written; None where all is well. Two `stat` calls."""
        if self._id is None:
            return None
        for path, what in self._marks:
            try:
                status = path.stat()
            except OSError:
                return (
                    f"{what} lacks its mark {MARK_NAME}, so nothing is written there; is its disk "
                    "mounted?"
                )
            stamp = (status.st_dev, status.st_ino, status.st_mtime_ns)
            if self._seen.get(path) != stamp:
                if read_id(path.parent) != self._id:
                    return (
                        f"{what} has the mark {MARK_NAME} of another data folder, so nothing is "
                        "written there; is the right disk mounted?"
                    )
                self._seen[path] = stamp
        return None

    def is_there(self) -> bool:
        """Whether the data folder is marked, and is the right one: what is gone was deleted."""
        return self._id is not None and self.problem() is None

    def check(self) -> None:
        """Raises StorageError where there is a problem."""
        problem = self.problem()
        if problem is not None:
            raise StorageError(problem)

    def obstacle(self) -> str | None:
        """In one sentence why nothing may be written or deleted: `problem`, or a read-only disk.

        Comparing goes on there: it only reads.
        """
        problem = self.problem()
        if problem is None and self._is_read_only():
            return "captures lies on a read-only file system, so nothing is saved or deleted"
        return problem

    def check_writable(self) -> None:
        """Raises StorageError where there is an obstacle."""
        obstacle = self.obstacle()
        if obstacle is not None:
            raise StorageError(obstacle)

    def _is_read_only(self) -> bool:
        try:
            return bool(os.statvfs(self._captures).f_flag & os.ST_RDONLY)
        except OSError:
            return False  # the mark says more


def read_id(folder: Path) -> str | None:
    """The id in a folder's mark; None where there is none that can be read."""
    with suppress(OSError, ValueError, RecursionError):
        with (folder / MARK_NAME).open("rb") as file:
            content = json.loads(file.read(_LARGEST))
        if isinstance(content, dict) and isinstance(content.get("id"), str):
            return content["id"] or None
    return None


def known_id(layout: Layout) -> str | None:
    """The id that either of the marks says; None: this data folder was never marked."""
    return read_id(layout.root) or read_id(layout.captures)


def open_index(layout: Layout) -> Index:
    """The index of this data folder; one of another is set aside. Raises StorageError."""
    return Index(layout.index, known_id(layout))


def make_marks(layout: Layout, id_: str) -> None:
    """Marks a data folder that has no mark, or only that of its captures. Raises OSError.

    Captures first: a mark in the data folder alone means that the disk of captures is missing.
    """
    if read_id(layout.root) is None:
        if read_id(layout.captures) is None:
            _write(layout.captures, id_)
        _write(layout.root, id_)


def _write(folder: Path, id_: str) -> None:
    temporary = folder / f"{MARK_NAME}-{uuid.uuid4().hex[:8]}.tmp"
    with temporary.open("w") as file:
        json.dump({"format": _FORMAT, "id": id_}, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.rename(folder / MARK_NAME)
    sync_folder(folder)
