"""Webhooks: JSON to addresses of the owner's, signed, when something moves, is made or goes wrong.

What is sent is put together in a task of its own, as the index and the links block for
milliseconds; nothing that records or converts waits for it. `docs/home-automation.md` says what
each message holds.
"""

import asyncio
import contextlib
import hashlib
import hmac
import time
import uuid
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from chimera_storage.archive.images import Archive
from chimera_storage.clock import Clock, to_us
from chimera_storage.config import WebhookSettings
from chimera_storage.errors import ChimeraStorageError
from chimera_storage.log import get_logger
from chimera_storage.model import (
    CameraNews,
    CameraReport,
    Conversion,
    ConversionStatus,
    EventSummary,
    Image,
)
from chimera_storage.notify.motion import Change, MotionChanges
from chimera_storage.posting import RETRY_DELAYS_S, Poster

LOOK_INTERVAL_S = 0.5
CLOSE_TIMEOUT_S = 3.0
STORED_TIMEOUT_S = 10.0  # so long may the rows of an event that ended stay away
_MAX_WAITING = 1000

log = get_logger()


class Links(Protocol):
    """Addresses that need no account. Both may block, and raise ChimeraStorageError."""

    def image(self, image: Image) -> str: ...
    def conversion(self, conversion: Conversion) -> str: ...


class Webhooks:
    """Tells the addresses in the settings; does nothing where there is none."""

    def __init__(
        self,
        settings: Sequence[WebhookSettings],
        archive: Archive,
        clock: Clock,
        links: Links,
        *,
        reports: Callable[[], Sequence[CameraReport]],
        name: Callable[[int], str],
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
    ) -> None:
        self._posters = [(_poster(one, retry_delays_s), one.events) for one in settings]
        self._archive = archive
        self._clock = clock
        self._links = links
        self._reports = reports
        self._name = name
        self._motion = MotionChanges()
        self._waiting: asyncio.Queue[Callable[[], Any]] = asyncio.Queue(_MAX_WAITING)
        self._tasks: list[asyncio.Task[None]] = []
        self._ending: set[asyncio.Task[None]] = set()  # events whose rows are waited for

    async def start(self) -> None:
        """Begin to look and to send."""
        if self._posters:
            for poster, _ in self._posters:
                await poster.start()
            self._tasks = [
                asyncio.create_task(self._look(), name="webhook-motion"),
                asyncio.create_task(self._prepare(), name="webhook-messages"),
            ]

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Send what waits, for so long at most twice, and stop."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                if self._ending:
                    await asyncio.wait(self._ending)
                await self._waiting.join()
        tasks = [*self._tasks, *self._ending]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await asyncio.gather(*(poster.close(timeout_s) for poster, _ in self._posters))

    def conversion_changed(self, conversion: Conversion, before: Conversion | None) -> None:
        """Tell of a conversion's new status. Returns at once."""
        status = conversion.status
        if status is ConversionStatus.QUEUED or (before is not None and before.status is status):
            return
        if status is ConversionStatus.RUNNING and before is not None and before.started_us:
            return  # another try
        self._later(lambda: asyncio.to_thread(self._of_conversion, conversion), "conversions")

    def health_changed(self, news: CameraNews) -> None:
        """Tell what the alerts say of a camera. Returns at once."""
        message = {
            "event": "health",
            "camera": news.camera,
            "name": self._name(news.camera),
            "state": news.state,
            "since": news.since_us // 1000,
            "text": news.text,
        }
        self._later(lambda: asyncio.sleep(0, message), "health")

    def _later(self, make: Callable[[], Any], kind: str) -> None:
        async def tell() -> None:
            self._post(kind, await make())

        if not self._tasks:
            return
        try:
            self._waiting.put_nowait(tell)
        except asyncio.QueueFull:
            log.warning("webhooks_dropped", count=1)

    async def _prepare(self) -> None:
        while True:
            tell = await self._waiting.get()
            try:
                await tell()
            except ChimeraStorageError as error:
                log.warning("webhook_not_made", problem=str(error))
            except Exception:  # of ours; the next may be well
                log.exception("webhook_fault")
            finally:
                self._waiting.task_done()

    async def _look(self) -> None:
        while True:
            for change in self._motion.since(self._reports()):
                if change.begins:
                    self._tell_of_motion(change)
                else:
                    task = asyncio.create_task(self._ended(change), name="webhook-end")
                    self._ending.add(task)
                    task.add_done_callback(self._ending.discard)
            await asyncio.sleep(LOOK_INTERVAL_S)

    async def _ended(self, change: Change) -> None:
        """Tell of it once its rows are stored; a bad disk holds up no other message."""
        deadline_s = self._clock.monotonic() + STORED_TIMEOUT_S
        while not await asyncio.to_thread(self._is_stored, change):
            if self._clock.monotonic() > deadline_s:
                break
            await asyncio.sleep(LOOK_INTERVAL_S)
        self._tell_of_motion(change)

    def _is_stored(self, change: Change) -> bool:
        with contextlib.suppress(ChimeraStorageError):
            summary = self._summary(change)
            return summary is not None and summary.event.end_us is not None
        return False

    def _tell_of_motion(self, change: Change) -> None:
        self._later(lambda: asyncio.to_thread(self._of_motion, change), "motion")

    def _post(self, kind: str, message: dict[str, Any]) -> None:
        message |= {"id": uuid.uuid4().hex, "time": to_us(self._clock.now()) // 1000}
        for poster, kinds in self._posters:
            if kind in kinds:
                poster.post(message)

    def _of_motion(self, change: Change) -> dict[str, Any]:
        message = {
            "event": "motion.start" if change.begins else "motion.end",
            "camera": change.camera,
            "name": self._name(change.camera),
            "start": change.start_us // 1000,
        }
        return message if change.begins else message | self._described(self._summary(change))

    def _summary(self, change: Change) -> EventSummary | None:
        at = change.start_us
        found = self._archive.index.event_summaries(change.camera, at, at, limit=1)
        return found[0] if found else None

    def _described(self, summary: EventSummary | None) -> dict[str, Any]:
        if summary is None:
            return {"end": None, "images": 0, "score": None, "best": None}
        best, end_us = summary.best, summary.event.end_us
        return {
            "end": None if end_us is None else end_us // 1000,
            "images": summary.images,
            "score": summary.score,
            "best": best
            and {
                "url": self._links.image(best),
                "taken": best.taken_at_us // 1000,
                "width": best.width,
                "height": best.height,
                "boxes": [list(box) for box in best.boxes],
            },
        }

    def _of_conversion(self, conversion: Conversion) -> dict[str, Any]:
        done = conversion.status is ConversionStatus.DONE
        return {
            "event": f"conversion.{conversion.status.value}",
            "process": conversion.id,
            "type": conversion.type.value,
            "camera": conversion.camera,
            "name": self._name(conversion.camera),
            "start": conversion.start_us // 1000,
            "end": conversion.end_us // 1000,
            "frames": conversion.frames,
            "missing": conversion.missing,
            "size": conversion.size,
            "error": conversion.error,
            "url": self._links.conversion(conversion) if done else None,
        }


def signature(secret: str, at_s: int, body: bytes) -> str:
    """What X-Chimera-Signature says: the Unix time, and the HMAC-SHA256 (RFC 2104) in hexadecimal,
    with the secret's UTF-8 as key, of that time in decimal, a dot and the body.
    """
    digest = hmac.new(secret.encode(), f"{at_s}.".encode() + body, hashlib.sha256)
    return f"t={at_s},v1={digest.hexdigest()}"


def _poster(settings: WebhookSettings, retry_delays_s: tuple[float, ...]) -> Poster:
    secret = settings.secret.get_secret_value()

    def headers(body: bytes) -> dict[str, str]:
        return {"x-chimera-signature": signature(secret, int(time.time()), body)}

    return Poster(
        settings.url,
        "webhook",
        headers=headers,
        may_come_twice=True,
        retry_delays_s=retry_delays_s,
    )
