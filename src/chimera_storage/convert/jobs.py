"""The conversion manager: which videos and archives are asked for, being made, and how they ended.

Each conversion is a row in the index from the moment it is asked for, and a child process while it
is made. A status is stored before anybody hears of it. One task works on each running conversion
and is the only one to change it, so that of a result, a failure and a cancellation that come at the
same moment exactly one counts. Used from one event loop; `get`, `list` and `count` from any thread.
"""

import asyncio
import secrets
import string
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, Literal

from chimera_storage.archive.images import Archive
from chimera_storage.clock import Clock, to_us
from chimera_storage.config import ConvertSettings
from chimera_storage.convert import output
from chimera_storage.convert.job import EXIT_FAILED, Job, Report, zone_name
from chimera_storage.convert.process import Child
from chimera_storage.convert.streams import Streams
from chimera_storage.errors import (
    ConflictError,
    ConversionError,
    InvalidInputError,
    StorageError,
)
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionStatus, ConversionType
from chimera_storage.options import Options

MAX_ATTEMPTS = 3
MAX_FPS = 60
_ID_ALPHABET = string.ascii_lowercase + string.digits
_ID_LENGTH = 12
_STORE_RETRY_DELAYS_S = (0.1, 0.5, 2.0)

OnChange = Callable[[Conversion, Conversion | None], None]

log = get_logger()


@dataclass(slots=True, kw_only=True, eq=False)
class _Work:
    """A conversion that is queued or running. `conversion` is its newest state."""

    conversion: Conversion
    task: asyncio.Task[None] | None = None
    child: Child | None = None
    stop: Literal["cancel", "close"] | None = None

    def end(self, stop: Literal["cancel", "close"]) -> None:
        """Ask its task to stop. Too late where the process has delivered already."""
        self.stop = stop
        if self.child is not None:
            self.child.kill()


class ConversionManager:
    """Makes videos and archives in child processes, `settings.at_once` at a time."""

    def __init__(
        self,
        archive: Archive,
        settings: ConvertSettings,
        clock: Clock,
        *,
        on_change: OnChange | None = None,
    ) -> None:
        """`on_change(conversion, as it was before)` is called in the event loop at each change."""
        self._archive = archive
        self._layout = archive.layout
        self._index = archive.index
        self._at_once = settings.at_once
        self._clock = clock
        self._on_change = on_change
        self._works: dict[str, _Work] = {}
        self._queue: deque[_Work] = deque()
        self._running: set[_Work] = set()
        self._timezone = zone_name(self._layout.timezone)
        self._streams = Streams()
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

    def _left_over(self) -> tuple[int, list[Conversion]]:
        rows = [row for row in self._index.conversions() if row.status.active]
        return output.sweep(self._layout), sorted(rows, key=lambda row: row.requested_us)

    async def _resume(self, conversion: Conversion) -> None:
        work = _Work(conversion=conversion)
        try:
            final = self._layout.output_path(conversion)
            size = await asyncio.to_thread(_size_of, final)
        except InvalidInputError:
            await self._settle(
                work, ConversionStatus.FAILED, error="its row in the index is broken"
            )
            return
        if size is not None:
            await self._settle(work, ConversionStatus.DONE, size=size)
        elif conversion.status is ConversionStatus.QUEUED:
            self._enqueue(work)
        elif conversion.attempts >= MAX_ATTEMPTS:
            await self._settle(work, ConversionStatus.FAILED, error=_died(None))
        else:
            await self._change(work, status=ConversionStatus.QUEUED, frames_done=0, size=0)
            self._enqueue(work)

    async def close(self) -> None:
        """Stop every process; what is unfinished stays queued for the next start."""
        self._closed = True
        self._queue.clear()
        for work in self._running:
            if work.stop is None:
                work.end("close")
        await self._streams.close()
        while pending := {work.task for work in self._running if work.task} | self._tasks:
            await asyncio.wait(pending)

    # what clients ask for

    def count(self, *, camera: int, start_us: int, end_us: int, skip: int) -> int:
        """How many images a conversion of this range takes, after skip."""
        return -(-self._index.count(camera, start_us, end_us) // skip)

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
        conversion = replace(conversion, frames=frames)
        if frames:
            # A client that goes away between row and queue must not leave a row nobody works on.
            await asyncio.shield(self._track(self._add(conversion)))
        return conversion

    def _new(self, *, start_us: int, end_us: int, fps: int, skip: int, **rest: Any) -> Conversion:
        if self._closed:
            raise ConflictError("the server is stopping; ask again when it is back")
        if not 1 <= fps <= MAX_FPS:
            raise InvalidInputError(f"fps is a whole number from 1 to {MAX_FPS}")
        if skip < 1:
            raise InvalidInputError("skip is a whole number from 1")
        if start_us > end_us:
            raise InvalidInputError("start lies after end; it has to come first")
        now_us = to_us(self._clock.now())
        random = "".join(secrets.choice(_ID_ALPHABET) for _ in range(_ID_LENGTH))
        conversion = Conversion(
            id=f"{random}-{self._layout.stamp(now_us)}",
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
        await asyncio.to_thread(self._index.add_conversion, conversion)
        self._announce(conversion, None)
        if not self._closed:
            self._enqueue(_Work(conversion=conversion))

    def get(self, id: str) -> Conversion | None:  # noqa: A002
        """The conversion of exactly this id, as it stands now."""
        if not id.isascii():  # no id of ours, and not every text can be looked up in the index
            return None
        work = self._works.get(id)
        return work.conversion if work is not None else self._index.conversion(id)

    def list(self) -> list[Conversion]:
        """All conversions as they stand now, newest first."""
        live = {work.conversion.id: work.conversion for work in list(self._works.values())}
        # A row that is settled is newer than what was live before it was read.
        return [
            live.get(row.id, row) if row.status.active else row for row in self._index.conversions()
        ]

    async def cancel(self, id: str) -> bool:  # noqa: A002
        """True only where it was queued or running and is now stopped, nothing left on disk."""
        work = self._works.get(id)
        if work is None or not work.conversion.status.active:
            return False
        work.end("cancel")
        with suppress(ValueError):
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
        self._works.pop(id, None)
        return await asyncio.to_thread(self._index.remove_conversion, id)

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

    def _enqueue(self, work: _Work) -> None:
        self._works[work.conversion.id] = work
        self._queue.append(work)
        self._pump()

    def _pump(self) -> None:
        while self._queue and len(self._running) < self._at_once and not self._closed:
            self._work_on(self._queue.popleft())

    def _work_on(self, work: _Work) -> "asyncio.Task[None]":
        self._running.add(work)
        work.task = asyncio.create_task(self._run(work), name=f"conversion-{work.conversion.id}")
        return work.task

    async def _run(self, work: _Work) -> None:
        try:
            await self._convert(work)
        except Exception as error:
            log.exception("conversion_fault", conversion=work.conversion.id)
            await self._settle(work, ConversionStatus.FAILED, error=output.reason(error))
        finally:
            self._running.discard(work)
            self._pump()

    async def _convert(self, work: _Work) -> None:
        """Try until it is made, has failed, or is to stop. Ends with a status stored."""
        while work.stop is None:
            stored = await self._change(
                work,
                status=ConversionStatus.RUNNING,
                attempts=work.conversion.attempts + 1,
                started_us=to_us(self._clock.now()),
                frames_done=0,
                size=0,
            )
            if not stored:  # deleted in the moment between its row and its place in the queue
                self._works.pop(work.conversion.id, None)
                return
            if work.stop is None and await self._attempt(work):
                return
        if work.stop == "cancel":
            await self._settle(work, ConversionStatus.CANCELLED)
        elif work.conversion.status is ConversionStatus.RUNNING:
            # An orderly stop is no fault of this one: the next life has as many tries left.
            await self._change(
                work,
                status=ConversionStatus.QUEUED,
                attempts=work.conversion.attempts - 1,
                frames_done=0,
                size=0,
            )

    async def _attempt(self, work: _Work) -> bool:
        """Run one process. True: it is settled; False: it is to stop, or to be tried again."""
        temporary = output.temporary_path(self._layout, work.conversion)
        try:
            report, code = await self._watch(work, self._job(work.conversion, temporary))
            if work.stop is not None:
                return False
            if report.finished:
                size = await asyncio.to_thread(
                    output.publish, temporary, self._layout.output_path(work.conversion)
                )
        except (OSError, ConversionError) as error:
            log.error("conversion_not_published", conversion=work.conversion.id, error=str(error))
            report, code = Report(error=output.reason(error)), EXIT_FAILED
        finally:
            await asyncio.to_thread(_discard, temporary)

        if report.finished:
            await self._settle(
                work,
                ConversionStatus.DONE,
                frames=report.done,
                frames_done=report.done,
                missing=report.missing,
                size=size,
            )
        elif report.error is not None:
            await self._settle(work, ConversionStatus.FAILED, error=report.error)
        elif work.conversion.attempts >= MAX_ATTEMPTS:
            await self._settle(work, ConversionStatus.FAILED, error=_died(code))
        else:
            log.warning("conversion_process_died", conversion=work.conversion.id, code=code)
            return False
        return True

    async def _watch(self, work: _Work, job: Job) -> tuple[Report, int]:
        """The last word of a process and its exit code, when it has ended."""
        child = work.child = await Child.start(job)
        if work.stop is not None:
            child.kill()
        last = Report()
        try:
            async for report in child.reports():
                last = report
                if not report.finished and report.error is None:
                    work.conversion = replace(
                        work.conversion,
                        frames_done=report.done,
                        missing=report.missing,
                        size=report.size,
                    )
        finally:
            child.kill()
            code = await child.wait()
            work.child = None
        return last, code

    def _job(self, conversion: Conversion, target: Path | None) -> Job:
        return Job(
            id=conversion.id,
            type=conversion.type,
            camera=conversion.camera,
            start_us=conversion.start_us,
            end_us=conversion.end_us,
            fps=conversion.fps,
            skip=conversion.skip,
            options=conversion.options,
            root=self._layout.root,
            timezone=self._timezone,
            output=target,
        )

    # its state

    async def _settle(self, work: _Work, status: ConversionStatus, **changes: Any) -> None:
        """Store how it ended, with patience: a disk that is full or busy may soon be better."""
        changes |= {"status": status, "finished_us": to_us(self._clock.now())}
        if status is not ConversionStatus.DONE:
            changes["size"] = 0
        for delay_s in (*_STORE_RETRY_DELAYS_S, None):
            try:
                await self._change(work, **changes)
            except StorageError as error:
                log.error("conversion_not_stored", conversion=work.conversion.id, error=str(error))
                if delay_s is None:
                    # Told as it is for as long as this server lives; the next one tries again.
                    work.conversion = replace(work.conversion, **changes)
                    return
                await asyncio.sleep(delay_s)
            else:
                self._works.pop(work.conversion.id, None)
                return

    async def _change(self, work: _Work, **changes: Any) -> bool:
        """Store a change, then announce it. False where there is no row any more."""
        before = work.conversion
        changed = replace(work.conversion, **changes)
        stored = await asyncio.to_thread(self._index.update_conversion, changed)
        work.conversion = changed
        if stored:
            self._announce(changed, before)
        return stored

    def _announce(self, conversion: Conversion, before: Conversion | None) -> None:
        log.info(
            "conversion_changed",
            conversion=conversion.id,
            status=conversion.status.value,
            attempts=conversion.attempts,
            error=conversion.error,
        )
        if self._on_change is not None:
            try:
                self._on_change(conversion, before)
            except Exception:
                log.exception("conversion_listener_failed", conversion=conversion.id)

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


def _discard(temporary: Path) -> None:
    try:
        output.remove(temporary)
    except OSError as error:
        log.error("unfinished_file_not_removed", file=temporary.name, error=str(error))


def _died(code: int | None) -> str:
    """Why it is not tried again; `code` of its process, None where the server died with it."""
    if code is None:
        return f"it was tried {MAX_ATTEMPTS} times, and each time the server or its process died"
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"it was tried {MAX_ATTEMPTS} times, and each time its process died; the last one {how}"
