"""The server's side of one conversion process: start, listen, kill."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import suppress

from chimera_storage.convert.job import Job, Report

_CHUNK_BYTES = 256 * 1024


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
    async def start(cls, job: Job) -> "Child":
        """A new interpreter (never a fork of this threaded process) that has its job.

        -P keeps the working directory out of the module path. The session of its own keeps a
        Ctrl-C in a terminal away from it: whether it goes on is the server's decision.
        """
        child = cls(
            await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", "chimera_storage.convert",
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        )  # fmt: skip
        child._stdin.write(job.to_line())
        try:
            with suppress(ConnectionError):  # it died at once; its exit code will say so
                await child._stdin.drain()
        except BaseException:
            child.kill()
            raise
        return child

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


def _open_handle(pid: int) -> int | None:
    """A descriptor that stands for the process, also when its number is given to another one.

    None where the process is over already, or the system does not offer it (Linux before 5.3, some
    containers).
    """
    try:
        return os.pidfd_open(pid)
    except OSError:
        return None
