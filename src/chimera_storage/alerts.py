"""Alerts: messages to the address of a chat, as of Discord or Slack.

The address holds a secret (whoever has it may post there), so it is in no log line. A message is
sent again only where the receiver surely did not take it: no connection, or an answer that says
so. After a time-out nobody knows, and twice is worse than never.
"""

import asyncio
import logging
from typing import TYPE_CHECKING

from pydantic import SecretStr

from chimera_storage.log import get_logger

if TYPE_CHECKING:
    import httpx  # 45 ms of each start; imported where there is an address to post to

RETRY_DELAYS_S = (1.0, 4.0, 15.0)
TIMEOUT_S = 10.0
CLOSE_TIMEOUT_S = 5.0
_MAX_WAITING = 1000
_TOO_MANY_REQUESTS = 429

log = get_logger()


class AlertSender:
    """Posts alerts one after the other in a task of its own; does nothing without an address."""

    def __init__(
        self,
        url: SecretStr | None,
        *,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url if url is not None and url.get_secret_value() else None
        self._retry_delays_s = retry_delays_s
        self._timeout_s = timeout_s
        self._waiting: asyncio.Queue[str] = asyncio.Queue(_MAX_WAITING)
        self._task: asyncio.Task[None] | None = None
        for name in ("httpx", "httpcore"):  # they log the addresses they call
            logging.getLogger(name).setLevel(logging.WARNING)

    async def start(self) -> None:
        """Begin to send."""
        if self._url is not None:
            self._task = asyncio.create_task(self._send_all(self._url), name="alerts")

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Send what waits, for at most `timeout_s`, and stop."""
        if self._task is None:
            return
        try:
            await asyncio.wait_for(self._waiting.join(), timeout_s)
        except TimeoutError:
            log.warning("alerts_dropped", count=self._waiting.qsize() + 1)
        self._task.cancel()
        await asyncio.wait({self._task})

    def send(self, text: str) -> None:
        """Have this sent, after those that wait. Returns at once."""
        if self._task is None:
            return
        try:
            self._waiting.put_nowait(text)
        except asyncio.QueueFull:
            log.warning("alerts_dropped", count=1)

    async def _send_all(self, url: SecretStr) -> None:
        import httpx

        async with httpx.AsyncClient(timeout=self._timeout_s) as client:
            while True:
                text = await self._waiting.get()
                try:
                    await self._deliver(client, url, text)
                finally:
                    self._waiting.task_done()

    async def _deliver(self, client: "httpx.AsyncClient", url: SecretStr, text: str) -> None:
        for delay_s in (*self._retry_delays_s, None):
            problem, again = await self._post(client, url, text)
            if problem is None:
                return
            if delay_s is None or not again:
                log.warning("alert_not_delivered", problem=problem)
                return
            await asyncio.sleep(delay_s)

    async def _post(
        self, client: "httpx.AsyncClient", url: SecretStr, text: str
    ) -> tuple[str | None, bool]:
        """What went wrong (None: nothing), and whether the receiver surely did not take it."""
        import httpx

        try:
            async with asyncio.timeout(self._timeout_s):
                answer = await client.post(url.get_secret_value(), json={"content": text})
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return type(error).__name__, True
        except Exception as error:  # its text may hold the address
            return type(error).__name__, False
        if answer.is_success:
            return None, False
        again = answer.is_server_error or answer.status_code == _TOO_MANY_REQUESTS
        return f"status {answer.status_code}", again
