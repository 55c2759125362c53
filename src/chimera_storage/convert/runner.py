"""Making one saved conversion: processes are tried until it is made, has failed, or is to stop.

One task works on each running conversion and is the only one to change it, so that of a result, a
failure and a cancellation that come at the same moment exactly one counts.
"""

import asyncio
from collections.abc import Callable
from pathlib import Path

from chimera_storage.archive.layout import Layout
from chimera_storage.convert import output
from chimera_storage.convert.job import EXIT_FAILED, Job, Report
from chimera_storage.convert.ledger import Ledger, Work
from chimera_storage.convert.process import Children
from chimera_storage.errors import ConversionError
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionStatus

MAX_ATTEMPTS = 3

log = get_logger()


class Runner:
    """Runs works to their ends."""

    def __init__(
        self,
        ledger: Ledger,
        children: Children,
        layout: Layout,
        job_of: Callable[[Conversion, Path], Job],
    ) -> None:
        """`job_of(conversion, file)`: what its process is to do."""
        self._ledger = ledger
        self._children = children
        self._layout = layout
        self._job_of = job_of

    async def run(self, work: Work) -> None:
        """Ends with a status stored: done, failed, cancelled, or queued again."""
        try:
            await self._convert(work)
        except Exception as error:
            log.exception("conversion_fault", conversion=work.conversion.id)
            await self._ledger.settle(work, ConversionStatus.FAILED, error=output.reason(error))

    async def _convert(self, work: Work) -> None:
        while work.stop is None:
            stored = await self._ledger.change(
                work,
                status=ConversionStatus.RUNNING,
                attempts=work.conversion.attempts + 1,
                started_us=self._ledger.now_us(),
                frames_done=0,
                size=0,
            )
            if not stored:  # deleted in the moment between its row and its place in the queue
                return
            if work.stop is None and await self._attempt(work):
                return
        if work.stop == "cancel":
            await self._ledger.settle(work, ConversionStatus.CANCELLED)
        elif work.conversion.status is ConversionStatus.RUNNING:
            # An orderly stop is no fault of this one: the next life has as many tries left.
            await self._ledger.change(
                work,
                status=ConversionStatus.QUEUED,
                attempts=work.conversion.attempts - 1,
                frames_done=0,
                size=0,
            )

    async def _attempt(self, work: Work) -> bool:
        """Run one process. True: it is settled; False: it is to stop, or to be tried again."""
        temporary = output.temporary_path(self._layout, work.conversion)
        try:
            report, code = await self._watch(work, temporary)
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
            # Those that the index had forgotten before the process looked are missing too.
            gone = work.conversion.frames - report.done
            await self._ledger.settle(
                work,
                ConversionStatus.DONE,
                frames=report.done,
                frames_done=report.done,
                missing=max(report.missing, gone),
                size=size,
            )
        elif report.error is not None:
            await self._ledger.settle(work, ConversionStatus.FAILED, error=report.error)
        elif work.conversion.attempts >= MAX_ATTEMPTS:
            await self._ledger.settle(work, ConversionStatus.FAILED, error=died(code))
        else:
            log.warning("conversion_process_died", conversion=work.conversion.id, code=code)
            return False
        return True

    async def _watch(self, work: Work, temporary: Path) -> tuple[Report, int]:
        """The last word of a process and its exit code, when it has ended."""
        job = self._job_of(work.conversion, temporary)
        child = work.child = await self._children.start(job)
        if work.stop is not None:
            child.kill()
        last = Report()
        try:
            async for report in child.reports():
                last = report
                if not report.finished and report.error is None:
                    self._ledger.progress(work, report)
        finally:
            child.kill()
            code = await child.wait()
            work.child = None
        return last, code


def died(code: int | None) -> str:
    """Why it is not tried again; `code` of its process, None where the server died with it."""
    if code is None:
        return f"it was tried {MAX_ATTEMPTS} times, and each time the server or its process died"
    how = f"was killed by signal {-code}" if code < 0 else f"ended with code {code}"
    return f"it was tried {MAX_ATTEMPTS} times, and each time its process died; the last one {how}"


def _discard(temporary: Path) -> None:
    try:
        output.remove(temporary)
    except OSError as error:
        log.error("unfinished_file_not_removed", file=temporary.name, error=str(error))
