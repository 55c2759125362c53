"""The conversion manager: which videos and archives are asked for, being made, and how they ended.

Each conversion is a row in the index from the moment it is asked for, and a child process while it
is made. Here is what clients can ask for, and which conversion is made when; `ledger` keeps their
state, `runner` makes one. Used from one event loop; `get`, `list` and `count` from any thread.
"""

import asyncio
from collections.abc import AsyncGenerator, Coroutine, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from chimera_storage.archive.images import Archive
from chimera_storage.clock import Clock, to_us
from chimera_storage.config import ConvertSettings
from chimera_storage.convert import output
from chimera_storage.convert.estimate import estimate
from chimera_storage.convert.feed import Listener
from chimera_storage.convert.ids import new_id
from chimera_storage.convert.job import Job, zone_name
from chimera_storage.convert.ledger import Ledger, OnChange, Work
from chimera_storage.convert.process import Children
from chimera_storage.convert.queue import FairQueue
from chimera_storage.convert.runner import MAX_ATTEMPTS, Runner, died
from chimera_storage.convert.streams import Streams
from chimera_storage.errors import ConflictError, InvalidInputError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionStatus, ConversionType, Estimate
from chimera_storage.options import Options

ANIMATIONS = (ConversionType.GIF, ConversionType.WEBP)
MOST_ANIMATED = 500

log = get_logger()


class ConversionManager:
    """Makes videos and archives in child processes, `settings.at_once` at a time."""

    def __init__(
        self,
        archive: Archive,
        settings: ConvertSettings,
        clock: Clock,
        *,
        on_change: OnChange | None = None,
        names: Mapping[int, str] | None = None,
        keep_spare: bool = False,
    ) -> None:
        """`on_change(conversion, as it was before)` is called in the event loop at each change.

        `names` of the cameras, for what is drawn into pictures. `keep_spare`: a process is kept
        ready, so that what is sent while it is made begins at once.
        """
        self._layout = archive.layout
        self._index = archive.index
        self._at_once = settings.at_once
        self._clock = clock
        self._ledger = Ledger(archive.index, clock, on_change)
        self._queue = FairQueue()
        self._running: set[Work] = set()
        self._timezone = zone_name(self._layout.timezone)
        self._names = names or {}
        self._children = Children(keep_spare=keep_spare)
        self._runner = Runner(self._ledger, self._children, self._layout, self._job)
        self._streams = Streams(self._children)
        self._tasks: set[asyncio.Task[Any]] = set()
        self._closed = False

    async def start(self) -> None:
        """Go on with what a former life of the server left queued or running.

        What was whole is done, what had died MAX_ATTEMPTS times has failed, the rest is queued.
        """
        swept, rows = await asyncio.to_thread(self._left_over)
        if rows or swept:
            log.info("conversions_resumed", unfinished=len(rows), files_removed=swept)
        for conversion in rows:
            await self._resume(conversion)
        self._children.prepare()

    def _left_over(self) -> tuple[int, list[Conversion]]:
        rows = [row for row in self._index.conversions() if row.status.active]
        return output.sweep(self._layout), sorted(rows, key=lambda row: row.requested_us)

    async def _resume(self, conversion: Conversion) -> None:
        work = Work(conversion=conversion)
        try:
            final = self._layout.output_path(conversion)
            size = await asyncio.to_thread(_size_of, final)
        except InvalidInputError:
            await self._ledger.settle(
                work, ConversionStatus.FAILED, error="its row in the index is broken"
            )
            return
        if size is not None:
            await self._ledger.settle(work, ConversionStatus.DONE, size=size)
        elif conversion.status is ConversionStatus.QUEUED:
            self._enqueue(work)
        elif conversion.attempts >= MAX_ATTEMPTS:
            await self._ledger.settle(work, ConversionStatus.FAILED, error=died(None))
        else:
            await self._ledger.change(work, status=ConversionStatus.QUEUED, frames_done=0, size=0)
            self._enqueue(work)

    async def close(self) -> None:
        """Stop every process; what is unfinished stays queued for the next start."""
        self._closed = True
        self.end_changes()
        self._queue.clear()
        for work in self._running:
            if work.stop is None:
                work.end("close")
        await self._streams.close()
        await self._children.close()
        while pending := {work.task for work in self._running if work.task} | self._tasks:
            await asyncio.wait(pending)

    # what clients ask for

    def count(self, *, camera: int, start_us: int, end_us: int, skip: int) -> int:
        """How many images a conversion of this range takes, after skip."""
        return -(-self._index.count(camera, start_us, end_us) // skip)

    def estimate(
        self,
        *,
        type: ConversionType,  # noqa: A002
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options,
    ) -> Estimate:
        """What such a conversion will come to. Raises StorageError."""
        return estimate(
            self._index,
            self._layout,
            type=type,
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            fps=fps,
            skip=skip,
            options=options,
        )

    async def request(
        self,
        *,
        type: ConversionType,  # noqa: A002
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options | None = None,
    ) -> Conversion:
        """Store and queue a conversion. One without any image is returned but not stored.

        `options`: those of `type`; None: its defaults.

        Raises InvalidInputError, StorageError, and ConflictError while the server stops.
        """
        conversion = self._new(
            type=type,
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            fps=fps,
            skip=skip,
            options=options,
        )
        frames = await asyncio.to_thread(
            partial(self.count, camera=camera, start_us=start_us, end_us=end_us, skip=skip)
        )
        if type in ANIMATIONS and frames > MOST_ANIMATED:
            raise InvalidInputError(
                f"{frames} images are too many for a {type.value}; right would be at most"
                f" {MOST_ANIMATED}: a shorter range, a larger skip, or format mp4"
            )
        conversion = replace(conversion, frames=frames)
        if frames:
            # A client that goes away between row and queue must not leave a row nobody works on.
            await asyncio.shield(self._track(self._add(conversion)))
        return conversion

    def _new(
        self,
        *,
        type: ConversionType,  # noqa: A002
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        **rest: Any,
    ) -> Conversion:
        if self._closed:
            raise ConflictError("the server is stopping; ask again when it is back")
        if not 1 <= fps <= type.highest_fps:
            raise InvalidInputError(f"fps is a whole number from 1 to {type.highest_fps}")
        if skip < 1:
            raise InvalidInputError("skip is a whole number from 1")
        if start_us > end_us:
            raise InvalidInputError("start lies after end; it has to come first")
        now_us = to_us(self._clock.now())
        conversion = Conversion(
            id=new_id(self._layout, now_us),
            type=type,
            start_us=start_us,
            end_us=end_us,
            requested_us=now_us,
            fps=fps,
            skip=skip,
            **rest,
        )
        self._layout.output_name(conversion)  # raises for what no file can be named after
        return conversion

    async def _add(self, conversion: Conversion) -> None:
        await self._ledger.add(conversion)
        if not self._closed:
            self._enqueue(Work(conversion=conversion))

    def get(self, id: str) -> Conversion | None:  # noqa: A002
        """The conversion of exactly this id, as it stands now."""
        return self._ledger.get(id)

    def list(self) -> list[Conversion]:
        """All conversions as they stand now, newest first."""
        return self._ledger.list()

    def changes(self) -> AbstractContextManager[Listener]:
        """Hears of every change from now until it is left."""
        return self._ledger.feed.listen()

    def end_changes(self) -> None:
        """End all listening, so that no open answer holds up the stop of the server."""
        self._ledger.feed.close()

    async def cancel(self, id: str) -> bool:  # noqa: A002
        """True only where it was queued or running and is now stopped, nothing left on disk."""
        work = self._ledger.work(id)
        if work is None or not work.conversion.status.active:
            return False
        work.end("cancel")
        self._queue.remove(work)
        await asyncio.wait({work.task or self._work_on(work)})
        return work.conversion.status is ConversionStatus.CANCELLED

    async def delete(self, id: str) -> bool:  # noqa: A002
        """Remove a conversion and its file; a running one is cancelled first. False: unknown.

        Raises StorageError where the file cannot be removed; the row then stays.
        """
        await self.cancel(id)
        conversion = await asyncio.to_thread(self.get, id)
        if conversion is None:
            return False
        path = self._layout.output_path(conversion)
        try:
            await asyncio.to_thread(output.remove, path)
        except OSError as error:
            log.error("conversion_not_deleted", conversion=id, error=str(error))
            raise StorageError("the file could not be deleted; the server's log says why") from None
        return await self._ledger.remove(id)

    def stream(
        self,
        *,
        type: ConversionType,  # noqa: A002
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options | None = None,
    ) -> AsyncGenerator[bytes, None]:
        """The file's bytes while it is made; closing the generator kills the process.

        Raises InvalidInputError at once. The generator raises ConflictError before the first piece
        where too many are under way, NotFoundError where no image can be read, and ConversionError
        where the file cannot be made.
        """
        conversion = self._new(
            type=type,
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            fps=fps,
            skip=skip,
            options=options,
        )
        return self._streams.read(self._job(conversion, None))

    # the work

    def _enqueue(self, work: Work) -> None:
        self._ledger.track(work)
        self._queue.add(work)
        self._pump()

    def _pump(self) -> None:
        while len(self._running) < self._at_once and not self._closed:
            work = self._queue.take()
            if work is None:
                return
            self._work_on(work)

    def _work_on(self, work: Work) -> "asyncio.Task[None]":
        self._running.add(work)
        work.task = asyncio.create_task(self._run(work), name=f"conversion-{work.conversion.id}")
        return work.task

    async def _run(self, work: Work) -> None:
        try:
            await self._runner.run(work)
        finally:
            self._running.discard(work)
            self._pump()

    def _job(self, conversion: Conversion, target: Path | None) -> Job:
        return Job(
            id=conversion.id,
            type=conversion.type,
            camera=conversion.camera,
            name=self._names.get(conversion.camera, f"Camera {conversion.camera}"),
            start_us=conversion.start_us,
            end_us=conversion.end_us,
            fps=conversion.fps,
            skip=conversion.skip,
            options=conversion.options.to_json(),
            root=self._layout.root,
            timezone=self._timezone,
            output=target,
        )

    def _track(self, work: Coroutine[Any, Any, None]) -> "asyncio.Task[None]":
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


def _size_of(path: Path) -> int | None:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return None
