"""The server's side of one conversion process: start, listen, kill."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

from chimera_storage.convert.job import Job, Report
from chimera_storage.log import get_logger

_CHUNK_BYTES = 256 * 1024
_SPARE_DELAY_S = 2.0

log = get_logger()


class Child:
    """A running conversion process. Used from one event loop."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        if process.stdin is None or process.stdout is None:
            raise ValueError("a process with pipes at its input and output is right")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._handle = _open_handle(process.pid)
        self._reaper: asyncio.Task[int] | None = None

    @classmethod
    async def start(cls, *arguments: str) -> "Child":
        """A new interpreter (never a fork of this threaded process) that waits for its job.

        With the argument `video` it has loaded by then what only a video needs.

        -P keeps the working directory out of the module path. The session of its own keeps a
        Ctrl-C in a terminal away from it: whether it goes on is the server's decision.
        """
        starting = asyncio.create_task(
            asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "chimera_storage.convert", *arguments,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        )  # fmt: skip
        try:
            return cls(await asyncio.shield(starting))
        except asyncio.CancelledError:  # it may be there already, and nobody would end it
            child = cls(await starting)
            child.kill()
            await child.wait()
            raise

    async def give(self, job: Job) -> None:
        """Hand it its job; once."""
        self._stdin.write(job.to_line())
        try:
            with suppress(ConnectionError):  # it died at once; its exit code will say so
                await self._stdin.drain()
        except BaseException:
            self.kill()
            await self.wait()
            raise

    @property
    def is_alive(self) -> bool:
        """As far as is known."""
        return self._process.returncode is None

    @property
    def pid(self) -> int:
        """The process id."""
        return self._process.pid

    async def reports(self) -> AsyncIterator[Report]:
        """Its reports until it ends; what is no report is passed over."""
        while line := await self._stdout.readline():
            with suppress(ValueError, TypeError):
                yield Report.from_line(line)

    async def read(self) -> bytes:
        """The next piece of the file it streams; empty at the end."""
        return await self._stdout.read(_CHUNK_BYTES)

    def kill(self) -> None:
        """Send SIGKILL, at once and without waiting; nothing where it has ended.

        Not with `Process.kill`: that one looks first whether the process has ended, which takes its
        exit code away from asyncio ("unknown child process, will report returncode 255").
        """
        if self._process.returncode is not None:
            return
        with suppress(ProcessLookupError):
            if self._handle is None:
                self._process.kill()
            else:
                signal.pidfd_send_signal(self._handle, signal.SIGKILL)

    async def wait(self) -> int:
        """Its exit code, when it has ended (negative: the signal that killed it).

        Goes on in a task of its own: whoever waits may be cancelled, the process is reaped.
        """
        if self._reaper is None:
            self._reaper = asyncio.create_task(self._reap(), name=f"reap-{self.pid}")
        return await asyncio.shield(self._reaper)

    async def _reap(self) -> int:
        # A pipe with unread data would keep the transport, and with it `wait`, from ending.
        while await self._stdout.read(_CHUNK_BYTES):
            pass
        code = await self._process.wait()
        self._stdin.close()
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
        return code


class Children:
    """Starts processes, and keeps one ready for a video where that is wanted.

    A new interpreter needs 0.4 s (two cores, idle) until it can begin, most of it imports; one that
    is ready begins at once, as a video that is sent while it is made has to. An archive's process
    is a new one: nobody waits for its first byte, and it does without the libraries of videos.
    Used from one event loop.
    """

    def __init__(self, *, keep_spare: bool) -> None:
        self._keep_spare = keep_spare
        self._spare: Child | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._preparing: asyncio.Task[None] | None = None
        self._closed = False

    async def start(self, job: Job) -> Child:
        """A process that has its job."""
        spare = None
        if job.type.is_video:
            spare, self._spare = self._spare, None
        child = spare if spare is not None and spare.is_alive else await Child.start()
        self.prepare()
        await child.give(job)
        return child

    def prepare(self) -> None:
        """Have one ready in a moment: not while others need the processor to begin."""
        is_coming = self._timer is not None or self._preparing is not None
        if self._keep_spare and not is_coming and not self._closed:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(_SPARE_DELAY_S, self._begin_to_prepare)

    def _begin_to_prepare(self) -> None:
        self._timer = None
        self._preparing = asyncio.create_task(self._prepare(), name="spare-conversion-process")

    async def _prepare(self) -> None:
        try:
            if self._spare is None or not self._spare.is_alive:
                self._spare = await Child.start("video")
        except OSError as error:
            log.warning("no_spare_conversion_process", error=str(error))
        finally:
            self._preparing = None

    async def close(self) -> None:
        """End the one that is ready."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._preparing is not None:
            await asyncio.wait({self._preparing})
        if self._spare is not None:
            self._spare.kill()
            await self._spare.wait()


def _open_handle(pid: int) -> int | None:
    """A descriptor that stands for the process, also when its number is given to another one.

    None where the process is over already, or the system does not offer it (Linux before 5.3, some
    containers).
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
