"""Keeps one recorder process alive: starts, watches, restarts and ends it.

It is started anew with a growing delay when it ends, and killed when one of its cameras has not
reported for half a minute, which a camera's thread does every second whatever its camera does.
"""

import asyncio
import contextlib
import dataclasses
import signal
import sys
from asyncio.subprocess import PIPE, Process
from typing import Literal

from chimera_storage.clock import Clock, to_us
from chimera_storage.config import Settings
from chimera_storage.log import get_logger
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.backoff import Backoff
from chimera_storage.motion.messages import Work, decode_report, encode_work

HANG_TIMEOUT_S = 30.0
DRAIN_TIMEOUT_S = 10.0
_CHECK_INTERVAL_S = 1.0
_KILLED_TIMEOUT_S = 5.0
_FAILURES_TO_GIVE_WORD = 3
_LONGEST_LINE = 4 * 1024 * 1024

log = get_logger()

Status = Literal["online", "stopped", "errored"]


class RecorderSupervisor:
    """The recorder process of a server and what it says of the cameras."""

    def __init__(
        self, settings: Settings, clock: Clock, *, hang_timeout_s: float = HANG_TIMEOUT_S
    ) -> None:
        self._clock = clock
        self._hang_timeout_s = hang_timeout_s
        self._work = Work(
            data=settings.storage.path.absolute(),
            timezone=settings.server.timezone,
            sync_interval_s=settings.storage.sync_interval,
            cameras=settings.camera,
        )
        now_us = to_us(clock.now())
        self._reports = {
            camera.id: CameraReport(camera=camera.id, state=CameraState.STARTING, since_us=now_us)
            for camera in settings.camera
        }
        self._reported_at_s: dict[int, float] = {}
        self._closing = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._restarts = 0
        self._backoff = Backoff(first_s=0.5, most_s=30, good_s=60)

    def reports(self) -> list[CameraReport]:
        """The newest report of each configured camera, in the order of the settings."""
        return list(self._reports.values())

    def status(self) -> Status:
        """stopped: no cameras, not started or closed. errored: the process ends again and again."""
        if self._task is None or self._closing.is_set():
            return "stopped"
        if self._task.done() or self._backoff.failures >= _FAILURES_TO_GIVE_WORD:
            return "errored"
        return "online"

    def restarts(self) -> int:
        """How often the process had to be started anew."""
        return self._restarts

    @property
    def pid(self) -> int | None:
        """Of the running process; None where none runs."""
        return self._process.pid if self._process else None

    async def start(self) -> None:
        """Start recording; nothing to do without cameras."""
        if self._work.cameras:
            self._task = asyncio.create_task(self._supervise(), name="recorder-supervisor")

    async def run(self) -> None:
        """Wait until it is over; raises what ended it."""
        if self._task is None:
            await self._closing.wait()
        else:
            await asyncio.shield(self._task)

    async def close(self) -> None:
        """Drain and end the process; killed where it takes more than 10 s."""
        self._closing.set()
        if self._task is not None:
            await self._task

    async def _supervise(self) -> None:
        while not self._closing.is_set():
            started_at_s = self._clock.monotonic()
            why = await self._one_life()
            if self._closing.is_set():
                break
            self._restarts += 1
            delay_s = self._backoff.failed(self._clock.monotonic() - started_at_s)
            log.error("recorder_ended", why=why, restart_in_s=round(delay_s, 1))
            self._mark_failed("The recorder process ended; it is being started again.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._closing.wait(), delay_s)

    async def _one_life(self) -> str:
        """Start the process and stay with it to its end; returns why it ended."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-P",
                "-m",
                "chimera_storage.motion",
                stdin=PIPE,
                stdout=PIPE,
                start_new_session=True,
                limit=_LONGEST_LINE,
            )
        except OSError as error:
            return f"it could not be started: {error.strerror}"
        self._process = process
        log.info("recorder_started", pid=process.pid, cameras=len(self._work.cameras))
        reading = asyncio.create_task(self._read_reports(process), name="recorder-reports")
        try:
            await self._give_work(process)
            hung = await self._watch(reading)
            if self._closing.is_set():
                await self._drain(process)
                return "closed"
        finally:
            await self._end(process, reading)
            self._process = None
        return "it hung and was killed" if hung else f"exit code {process.returncode}"

    async def _give_work(self, process: Process) -> None:
        now_s = self._clock.monotonic()
        self._reported_at_s = dict.fromkeys(self._reports, now_s)
        assert process.stdin is not None, "a pipe"  # noqa: S101
        with contextlib.suppress(ConnectionError):
            process.stdin.write(encode_work(self._work))
            await process.stdin.drain()

    async def _watch(self, reading: "asyncio.Task[None]") -> bool:
        """Until the process ends, hangs (True) or the server closes."""
        closing = asyncio.create_task(self._closing.wait())
        try:
            while not (reading.done() or closing.done()):
                await asyncio.wait(
                    {reading, closing},
                    timeout=_CHECK_INTERVAL_S,
                    return_when=asyncio.FIRST_COMPLETED,
                )
                oldest_s = min(self._reported_at_s.values())
                if self._clock.monotonic() - oldest_s > self._hang_timeout_s:
                    return not reading.done()
        finally:
            closing.cancel()
        return False

    async def _read_reports(self, process: Process) -> None:
        """Take in reports until the process closes its end."""
        assert process.stdout is not None, "a pipe"  # noqa: S101
        while line := await process.stdout.readline():
            try:
                report = decode_report(line)
            except (ValueError, TypeError, LookupError):
                log.warning("recorder_said_something_else", bytes=len(line))
                continue
            if report.camera in self._reports:
                self._reports[report.camera] = report
                self._reported_at_s[report.camera] = self._clock.monotonic()

    async def _drain(self, process: Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), DRAIN_TIMEOUT_S)
            return
        log.error("recorder_did_not_end", pid=process.pid, after_s=DRAIN_TIMEOUT_S)

    async def _end(self, process: Process, reading: "asyncio.Task[None]") -> None:
        """Whatever happened: no process and no task is left."""
        if reading.done() and process.returncode is None:
            with contextlib.suppress(TimeoutError):  # its pipe is closed, so it is about to end
                await asyncio.wait_for(process.wait(), _CHECK_INTERVAL_S)
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(process.wait(), _KILLED_TIMEOUT_S)
        reading.cancel()
        await asyncio.wait({reading})
        if not reading.cancelled() and (error := reading.exception()):
            log.error("recorder_reports_failed", error=repr(error))

    def _mark_failed(self, problem: str) -> None:
        now_us = to_us(self._clock.now())
        for camera, report in self._reports.items():
            self._reports[camera] = dataclasses.replace(
                report,
                state=CameraState.FAILED,
                since_us=report.since_us if report.state is CameraState.FAILED else now_us,
                problem=problem,
                fps=0.0,
                recording=False,
                event_since_us=None,
            )
