"""A conversion manager on real images, and a look at its processes from outside."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any, TypedDict

from chimera_storage.clock import SystemClock
from chimera_storage.config import ConvertSettings
from chimera_storage.convert.jobs import ConversionManager
from chimera_storage.model import Conversion, ConversionStatus, ConversionType
from tests.support.saved_images import SECOND_US, START_US, SavedImages
from tests.support.waiting import until

Change = tuple[ConversionStatus | None, ConversionStatus]


class Query(TypedDict):
    """What the manager is asked for."""

    type: ConversionType
    camera: int
    start_us: int
    end_us: int
    fps: int
    skip: int


def query(kind: ConversionType = ConversionType.MP4, **changes: Any) -> Query:
    """All images of camera 1, unless changed."""
    whole = Query(
        type=kind, camera=1, start_us=START_US, end_us=START_US + 3600 * SECOND_US, fps=20, skip=1
    )
    return whole | changes  # type: ignore[return-value]


class Managed:
    """A started manager and all that it announced."""

    def __init__(self, saved: SavedImages, at_once: int) -> None:
        self.changes: list[tuple[Conversion | None, Conversion]] = []
        self.manager = ConversionManager(
            saved.archive,
            ConvertSettings(at_once=at_once),
            SystemClock(),
            on_change=lambda conversion, before: self.changes.append((before, conversion)),
        )

    def statuses(self, id_: str) -> list[ConversionStatus]:
        """The announced statuses of a conversion, in order."""
        return [conversion.status for _, conversion in self.changes if conversion.id == id_]

    def now(self, id_: str) -> Conversion:
        """A conversion as it stands."""
        conversion = self.manager.get(id_)
        assert conversion is not None
        return conversion

    async def settled(self, id_: str) -> Conversion:
        """The conversion, when it is over."""
        await until(lambda: not self.now(id_).status.active, "the conversion to end")
        return self.now(id_)

    async def underway(self, id_: str) -> int:
        """The process id of the only running conversion, when it has begun to write."""
        await until(lambda: self.now(id_).frames_done > 0, "the first images")
        (pid,) = conversion_processes()
        return pid


@asynccontextmanager
async def managed(saved: SavedImages, at_once: int = 1) -> AsyncIterator[Managed]:
    """A manager that is started, and closed at the end."""
    opened = Managed(saved, at_once)
    await opened.manager.start()
    try:
        yield opened
    finally:
        await opened.manager.close()
        assert not conversion_processes()


def conversion_processes() -> list[int]:
    """The ids of this process's conversion processes that are alive."""
    found = []
    for folder in Path("/proc").iterdir():
        with suppress(OSError):  # gone meanwhile
            if folder.name.isdecimal() and _is_conversion_of(folder, os.getpid()):
                found.append(int(folder.name))
    return found


def _is_conversion_of(folder: Path, parent: int) -> bool:
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    command = (folder / "cmdline").read_bytes()
    return int(fields[1]) == parent and fields[0] != "Z" and b"chimera_storage.convert" in command
