"""Archives that are sent and stored nowhere: made from a pinned list, in any part, again and again.

The list stands in `downloads` in the data folder under the name that the archive would have, so a
link to it outlives the server; a day after it was last used it goes. No process is started: all
that is to be done is to read images and to put headers between them.
"""

import asyncio
import os
import time
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

from chimera_storage.archive.images import Archive
from chimera_storage.archive.layout import SECOND_US
from chimera_storage.clock import to_us
from chimera_storage.convert.archive_file import read_archive
from chimera_storage.convert.contents import Contents, pin
from chimera_storage.convert.ids import new_id
from chimera_storage.convert.selection import Selection
from chimera_storage.errors import ConflictError, NotFoundError, storage_error
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionType
from chimera_storage.options import ZipOptions

MAX_READERS = 8
KEPT_S = 24 * 3600.0
MOST_KEPT = 100
_BATCH_BYTES = 1 << 20
_PARTS = ("list", "manifest.json", "manifest.csv", "gaps.csv")

log = get_logger()


class Download:
    """One archive that can be asked for in parts."""

    def __init__(self, owner: "Downloads", name: str, contents: Contents) -> None:
        self._owner = owner
        self._contents = contents
        self.name = name
        self.size = contents.pinned.size
        self.images = contents.pinned.images
        self.modified_s = contents.pinned.made_us // SECOND_US
        self.id = name.rpartition("_")[2].partition(".")[0]
        self._ahead: asyncio.Future[bytes] | None = None

    @property
    def etag(self) -> str:
        """With its quotes; what is pinned never changes."""
        return f'"{self.id}"'

    async def parts(self, start: int, length: int) -> AsyncGenerator[bytes, None]:
        """Those bytes of it, in pieces of about a megabyte, read one ahead.

        Raises ConflictError where MAX_READERS read already, or where an image was deleted or
        changed, after which there is no such download any more; OSError or StorageError.
        """
        pieces = _batches(read_archive(self._contents, start, start + length))
        loop = asyncio.get_running_loop()
        with self._owner.reading():
            try:
                self._ahead = loop.run_in_executor(None, next, pieces, b"")
                while piece := await asyncio.shield(self._ahead):
                    self._ahead = loop.run_in_executor(None, next, pieces, b"")
                    self._owner.hold(self)
                    yield piece
            except ConflictError as error:
                log.warning("download_not_possible", download=self.name, reason=str(error))
                self._owner.remove(self.name)
                raise

    def close(self) -> None:
        """Close its files; where a thread still reads the piece ahead, when that is over."""
        if self._ahead is None:
            self._contents.close()
        else:
            self._ahead.add_done_callback(self._close_after)

    def _close_after(self, ahead: "asyncio.Future[bytes]") -> None:
        if not ahead.cancelled():
            ahead.exception()  # looked at, as nobody else will: nobody wants the piece any more
        self._contents.close()

    @property
    def selection(self) -> Selection:
        """The images that were asked for."""
        return self._contents.pinned.selection


class Downloads:
    """All downloads of a data folder. Blocking methods are for threads; thread-safe."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._layout = archive.layout
        self._readers = 0

    def pin(
        self,
        *,
        type: ConversionType,  # noqa: A002
        camera: int,
        start_us: int,
        end_us: int,
        skip: int,
        options: ZipOptions,
    ) -> Download:
        """Decide what is in an archive, from the index as it is now.

        Raises NotFoundError where there is no image, StorageError.
        """
        self._sweep()
        now_us = to_us(self._archive.clock.now())
        name = self._layout.output_name(
            Conversion(
                id=new_id(self._layout, now_us),
                type=type,
                camera=camera,
                start_us=start_us,
                end_us=end_us,
                requested_us=now_us,
            )
        )
        try:
            self._layout.downloads.mkdir(exist_ok=True)
            contents = pin(
                self._archive.index,
                self._layout,
                Selection(camera=camera, start_us=start_us, end_us=end_us, skip=skip),
                type=type,
                manifest=options.manifest,
                made_us=now_us,
                open_part=lambda part: self._path(name, part).open("x+b"),
            )
        except OSError as error:
            self.remove(name)
            raise storage_error("the archive's list cannot be written", error) from None
        except BaseException:
            self.remove(name)
            raise
        download = Download(self, name, contents)
        self.hold(download)
        return download

    def open(self, name: str) -> Download:
        """The download of this name. Raises NotFoundError; InvalidInputError for other names."""
        if self._layout.parse_output(name) is None:
            raise NotFoundError("there is no such download; ask for the archive again")

        def open_part(part: str) -> BinaryIO:
            return self._path(name, part).open("r+b")

        contents = Contents.open(self._layout, open_part)
        with suppress(OSError):
            os.utime(self._path(name, "list"))
        return Download(self, name, contents)

    def remove(self, name: str) -> None:
        """Forget a download."""
        for part in _PARTS:
            with suppress(OSError):
                self._path(name, part).unlink()
        self._archive.holds.release(name)

    def hold(self, download: Download) -> None:
        """Keep its images from the rules for a while."""
        asked = download.selection
        span = (asked.camera, asked.start_us // SECOND_US, asked.end_us // SECOND_US)
        self._archive.holds.hold(download.name, span)

    @contextmanager
    def reading(self) -> Iterator[None]:
        """A place among the readers, all in one event loop. Raises ConflictError: none is free."""
        if self._readers >= MAX_READERS:
            raise ConflictError(
                f"{MAX_READERS} archives are being downloaded already; wait for one to end"
            )
        self._readers += 1
        try:
            yield
        finally:
            self._readers -= 1

    def _path(self, name: str, part: str) -> Path:
        return self._layout.downloads / f"{name}.{part}"

    def _sweep(self) -> None:
        """Remove what was not used for a day, and the oldest of very many."""
        found = []
        for path in self._layout.downloads.glob("output_*.list"):
            with suppress(OSError):
                found.append((path.stat().st_mtime, path.name.removesuffix(".list")))
        found.sort(reverse=True)
        oldest = time.time() - KEPT_S
        for place, (used, name) in enumerate(found, start=1):
            if used < oldest or place >= MOST_KEPT:
                self.remove(name)


def _batches(pieces: Iterator[bytes]) -> Iterator[bytes]:
    batch: list[bytes] = []
    size = 0
    for piece in pieces:
        batch.append(piece)
        size += len(piece)
        if size >= _BATCH_BYTES:
            yield b"".join(batch)
            batch, size = [], 0
    if batch:
        yield b"".join(batch)
