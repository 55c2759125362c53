"""Keeps one recorder process alive: starts, watches, restarts and ends it.

It is started anew with a growing delay when it ends, and killed when one of its cameras has not
reported for half a minute, which a camera's thread does every second whatever its camera does. A
machine that has far too much to do needs longer than that to start a process: killing it then would
only make more to do, so until the first report four times as long is waited.
Changes are told to the running process; there is none while no camera is to be recorded.
"""

import asyncio
import contextlib
import dataclasses
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections import deque
from collections.abc import Sequence
from typing import Literal

from chimera_storage.clock import Clock, to_us
from chimera_storage.config import CameraRetentionSettings, CameraSettings, Settings
from chimera_storage.log import get_logger
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.backoff import Backoff
from chimera_storage.motion.messages import Order, Watch, Work, decode_said, encode_order
from chimera_storage.motion.views import View, Views

HANG_TIMEOUT_S = 30.0
WATCH_LASTS_S = 5.0
MAX_SIGHTS = 2000  # a minute at 30 a second
_STARTING_TAKES = 4  # times as long
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
            cameras=(),
        )
        self._orders: dict[type[Order], Order] = {}  # the newest of each kind but the work
        self._reports: dict[int, CameraReport] = {}
        self._reported_at_s: dict[int, float] = {}
        self._watchers: dict[int, float] = {}  # camera: until when
        self._sights: dict[int, deque[tuple[int, float]]] = {}
        self._closing = asyncio.Event()
        self._changed = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._process: Process | None = None
        self._restarts = 0
        self._backoff = Backoff(first_s=0.5, most_s=30, good_s=60)
        self._is_heard = False  # of the running process
        self._views = Views(self.tell)
        self.record(settings.camera)

    def record(self, cameras: Sequence[CameraSettings]) -> None:
        """Record these from now on and no others; a paused one is listed and not recorded.

        One whose settings are as before goes on untouched, whatever becomes of the others.
        """
        work = dataclasses.replace(
            self._work, cameras=tuple(_recorded(c) for c in cameras if not c.paused)
        )
        before = {camera.id: camera for camera in self._work.cameras}
        same = {camera.id for camera in work.cameras if before.get(camera.id) == camera}
        is_changed = work.cameras != self._work.cameras
        now_us, now_s = to_us(self._clock.now()), self._clock.monotonic()
        reports, times = self._reports, self._reported_at_s
        self._reports = {
            camera.id: reports[camera.id]
            if camera.id in same or (camera.paused and _is_paused(reports.get(camera.id)))
            else CameraReport(
                camera=camera.id,
                state=CameraState.PAUSED if camera.paused else CameraState.STARTING,
                since_us=now_us,
            )
            for camera in cameras
        }
        self._reported_at_s = {
            camera.id: times[camera.id] if camera.id in same else now_s for camera in work.cameras
        }
        self._work = work
        if is_changed:
            self._send(work)
            self._changed.set()

    def tell(self, order: Order) -> None:
        """Tell the process this, and every later one too. Not for what is recorded: `record`."""
        self._orders[type(order)] = order
        self._send(order)

    def watch(self, camera: int) -> None:
        """Somebody looks at the camera: for five seconds it reports what each picture shows."""
        self._watchers[camera] = self._clock.monotonic() + WATCH_LASTS_S
        self._tell_of_watchers()

    def sights(self, camera: int, since_us: int) -> list[tuple[int, float]]:
        """Time and score of the pictures after `since_us` while somebody looked."""
        return [sight for sight in self._sights.get(camera, ()) if sight[0] > since_us]

    def _tell_of_watchers(self) -> None:
        now_s = self._clock.monotonic()
        self._watchers = {c: until for c, until in self._watchers.items() if until > now_s}
        watch = Watch(cameras=tuple(sorted(self._watchers)))
        if watch != self._orders.get(Watch, Watch(cameras=())):
            self.tell(watch)

    def look(self, camera: int) -> contextlib.AbstractContextManager[View]:
        """Somebody looks at the camera until this is left: pictures are made for that."""
        return self._views.look(camera)

    def end_views(self) -> None:
        """End all looking, so that no open answer holds up the stop of the server."""
        self._views.close()

    def reports(self) -> list[CameraReport]:
        """The newest report of each configured camera, in the order of the settings."""
        return list(self._reports.values())

    def status(self) -> Status:
        """stopped: nothing to record, not started or closed. errored: it ends again and again."""
        if self._task is None or self._closing.is_set() or not self._work.cameras:
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
        """Start recording, as soon as there is a camera to record."""
        self._task = asyncio.create_task(self._supervise(), name="recorder-supervisor")

    async def run(self) -> None:
        """Wait until it is over; raises what ended it."""
        assert self._task is not None, "started"  # noqa: S101
        await asyncio.shield(self._task)

    def end(self) -> None:
        """Begin what `close` waits for."""
        self._closing.set()
        self._changed.set()

    async def close(self) -> None:
        """Drain and end the process; killed where it takes more than 10 s."""
        self.end()
        if self._task is not None:
            await self._task

    async def _supervise(self) -> None:
        while not self._closing.is_set():
            if not self._work.cameras:
                await self._changed.wait()
                self._changed.clear()
                continue
            started_at_s = self._clock.monotonic()
            why = await self._one_life()
            if self._closing.is_set() or not self._work.cameras:
                continue
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
        self._is_heard = False
        log.info("recorder_started", pid=process.pid, cameras=len(self._work.cameras))
        reading = asyncio.create_task(self._read_reports(process), name="recorder-reports")
        try:
            self._reported_at_s = dict.fromkeys(self._reported_at_s, self._clock.monotonic())
            for order in (self._work, *self._orders.values()):
                self._send(order)
            hung = await self._watch(reading)
            if self._closing.is_set() or not (self._work.cameras or reading.done()):
                await self._drain(process)
                return "nothing to record"
        finally:
            await self._end(process, reading)
            self._process = None
        return "it hung and was killed" if hung else f"exit code {process.returncode}"

    def _send(self, order: Order) -> None:
        """Returns at once; a process that ended is told when it is begun anew."""
        if self._process is None or self._process.stdin is None:
            return
        with contextlib.suppress(ConnectionError, RuntimeError):
            self._process.stdin.write(encode_order(order))

    async def _watch(self, reading: "asyncio.Task[None]") -> bool:
        """Until the process ends, hangs (True), has nothing to do or the server closes."""
        while not (reading.done() or self._closing.is_set()) and self._work.cameras:
            self._changed.clear()
            changed = asyncio.create_task(self._changed.wait())
            await asyncio.wait(
                {reading, changed},
                timeout=_CHECK_INTERVAL_S,
                return_when=asyncio.FIRST_COMPLETED,
            )
            changed.cancel()
            self._tell_of_watchers()
            oldest_s = min(self._reported_at_s.values(), default=self._clock.monotonic())
            patience_s = self._hang_timeout_s * (1 if self._is_heard else _STARTING_TAKES)
            if self._clock.monotonic() - oldest_s > patience_s:
                return not reading.done()
        return False

    async def _read_reports(self, process: Process) -> None:
        """Take in reports until the process closes its end."""
        assert process.stdout is not None, "a pipe"  # noqa: S101
        while line := await process.stdout.readline():
            try:
                said = decode_said(line)
            except (ValueError, TypeError, LookupError):
                log.warning("recorder_said_something_else", bytes=len(line))
                continue
            self._is_heard = True
            if isinstance(said, tuple):
                picture, size = said
                try:
                    jpeg = await process.stdout.readexactly(size)
                except asyncio.IncompleteReadError:  # the process has ended
                    return
                self._views.show(dataclasses.replace(picture, jpeg=jpeg))
                continue
            report = said
            if report.camera in self._reported_at_s:
                self._reports[report.camera] = dataclasses.replace(report, sights=())
                if report.sights:
                    seen = self._sights.setdefault(report.camera, deque(maxlen=MAX_SIGHTS))
                    seen.extend(report.sights)
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
        for camera in self._reported_at_s:
            report = self._reports[camera]
            self._reports[camera] = dataclasses.replace(
                report,
                state=CameraState.FAILED,
                since_us=report.since_us if report.state is CameraState.FAILED else now_us,
                problem=problem,
                fps=0.0,
                recording=False,
                event_since_us=None,
            )


def _recorded(camera: CameraSettings) -> CameraSettings:
    """What of the settings is the recorder's; what is not must not disturb it."""
    return camera.model_copy(update={"name": "", "retention": CameraRetentionSettings()})


def _is_paused(report: CameraReport | None) -> bool:
    return report is not None and report.state is CameraState.PAUSED
