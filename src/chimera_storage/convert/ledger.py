"""The state of every conversion: stored before anybody hears of it, then announced and logged.

Changed from one event loop; `get` and `list` from any thread.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

from chimera_storage.archive.index import Index
from chimera_storage.clock import Clock, to_us
from chimera_storage.convert.feed import Feed
from chimera_storage.convert.job import Report
from chimera_storage.convert.process import Child
from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger
from chimera_storage.model import Conversion, ConversionStatus

_STORE_RETRY_DELAYS_S = (0.1, 0.5, 2.0)

OnChange = Callable[[Conversion, Conversion | None], None]

log = get_logger()


@dataclass(slots=True, kw_only=True, eq=False)
class Work:
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


class Ledger:
    """Index, live state, listeners and log of the conversions, in step."""

    def __init__(self, index: Index, clock: Clock, on_change: OnChange | None) -> None:
        """`on_change(conversion, as it was before)` is called in the event loop at each change."""
        self._index = index
        self._clock = clock
        self._on_change = on_change
        self._works: dict[str, Work] = {}
        self.feed = Feed()

    def now_us(self) -> int:
        """The time by the wall."""
        return to_us(self._clock.now())

    def get(self, id_: str) -> Conversion | None:
        """The conversion of exactly this id, as it stands now."""
        if not id_.isascii():  # no id of ours, and not every text can be looked up in the index
            return None
        work = self._works.get(id_)
        return work.conversion if work is not None else self._index.conversion(id_)

    def list(self) -> list[Conversion]:
        """All conversions as they stand now, newest first."""
        live = {work.conversion.id: work.conversion for work in list(self._works.values())}
        # A row that is settled is newer than what was live before it was read.
        return [
            live.get(row.id, row) if row.status.active else row for row in self._index.conversions()
        ]

    def work(self, id_: str) -> Work | None:
        """The live work of this id."""
        return self._works.get(id_)

    def track(self, work: Work) -> None:
        """`work` is the live state of its conversion from now on."""
        self._works[work.conversion.id] = work

    async def add(self, conversion: Conversion) -> None:
        """A new one. Raises ConflictError, StorageError."""
        await asyncio.to_thread(self._index.add_conversion, conversion)
        self._announce(conversion, None)

    async def remove(self, id_: str) -> bool:
        """Forget one. False where there was none. Raises StorageError."""
        self._works.pop(id_, None)
        removed = await asyncio.to_thread(self._index.remove_conversion, id_)
        if removed:
            log.info("conversion_deleted", conversion=id_)
            self.feed.deleted(id_)
        return removed

    def progress(self, work: Work, report: Report) -> None:
        """How far it is: told, not stored."""
        work.conversion = replace(
            work.conversion, frames_done=report.done, missing=report.missing, size=report.size
        )
        self.feed.changed(work.conversion)

    async def change(self, work: Work, **changes: Any) -> bool:
        """Store a change, then announce it. False where there is no row any more; StorageError."""
        before = work.conversion
        changed = replace(work.conversion, **changes)
        stored = await asyncio.to_thread(self._index.update_conversion, changed)
        work.conversion = changed
        if stored:
            self._announce(changed, before)
        else:
            self._works.pop(changed.id, None)
        return stored

    async def settle(self, work: Work, status: ConversionStatus, **changes: Any) -> None:
        """Store how it ended, with patience: a disk that is full or busy may soon be better."""
        changes |= {"status": status, "finished_us": self.now_us()}
        if status is not ConversionStatus.DONE:
            changes["size"] = 0
        for delay_s in (*_STORE_RETRY_DELAYS_S, None):
            try:
                await self.change(work, **changes)
            except StorageError as error:
                log.error("conversion_not_stored", conversion=work.conversion.id, error=str(error))
                if delay_s is None:
                    # Told as it is for as long as this server lives; the next one tries again.
                    work.conversion = replace(work.conversion, **changes)
                    self.feed.changed(work.conversion)
                    return
                await asyncio.sleep(delay_s)
            else:
                self._works.pop(work.conversion.id, None)
                return

    def _announce(self, conversion: Conversion, before: Conversion | None) -> None:
        log.info(
            "conversion_changed",
            conversion=conversion.id,
            status=conversion.status.value,
            attempts=conversion.attempts,
            error=conversion.error,
        )
        self.feed.changed(conversion)
        if self._on_change is not None:
            try:
                self._on_change(conversion, before)
            except Exception:
                log.exception("conversion_listener_failed", conversion=conversion.id)
