"""Posting JSON to an address that is a secret: in a queue, with patience, never in anybody's way.

Whoever has such an address may post there, so it is in no log line. A message is sent again where
the receiver surely did not take it: no connection, or an answer that says so. After a time-out
nobody knows; then it is sent again only where the receiver can tell that it came twice.
"""

import asyncio
import json
import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

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


class Poster:
    """Posts messages to one address, one after the other, in a task of its own.

    `what` they are called in the log. `headers(body)` is asked at every try. `may_come_twice`: the
    receiver knows a message that it had.
    """

    def __init__(
        self,
        url: SecretStr,
        what: str,
        *,
        headers: Callable[[bytes], Mapping[str, str]] = lambda _body: {},
        may_come_twice: bool = False,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._url = url
        self._what = what
        self._headers = headers
        self._may_come_twice = may_come_twice
        self._retry_delays_s = retry_delays_s
        self._timeout_s = timeout_s
        self._waiting: asyncio.Queue[bytes] = asyncio.Queue(_MAX_WAITING)
        self._task: asyncio.Task[None] | None = None
        for name in ("httpx", "httpcore"):  # they log the addresses they call
            logging.getLogger(name).setLevel(logging.WARNING)

    async def start(self) -> None:
        """Begin to send."""
        self._task = asyncio.create_task(self._send_all(), name=f"{self._what}s")

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Send what waits, for at most `timeout_s`, and stop."""
        if self._task is None:
            return
        try:
            await asyncio.wait_for(self._waiting.join(), timeout_s)
        except TimeoutError:
            self._dropped(self._waiting.qsize() + 1)
        self._task.cancel()
        await asyncio.wait({self._task})

    def post(self, message: Mapping[str, Any]) -> None:
        """Have this sent, after those that wait. Returns at once."""
        if self._task is None:
            return
        try:
            self._waiting.put_nowait(json.dumps(message).encode())
        except asyncio.QueueFull:
            self._dropped(1)

    def _dropped(self, count: int) -> None:
        log.warning(f"{self._what}s_dropped", count=count)

    async def _send_all(self) -> None:
        import httpx

        async with httpx.AsyncClient(timeout=self._timeout_s) as client:
            while True:
                body = await self._waiting.get()
                try:
                    await self._deliver(client, body)
                finally:
                    self._waiting.task_done()

    async def _deliver(self, client: "httpx.AsyncClient", body: bytes) -> None:
        for delay_s in (*self._retry_delays_s, None):
            problem, again = await self._try(client, body)
            if problem is None:
                return
            if delay_s is None or not again:
                log.warning(f"{self._what}_not_delivered", problem=problem)
                return
            await asyncio.sleep(delay_s)

    async def _try(self, client: "httpx.AsyncClient", body: bytes) -> tuple[str | None, bool]:
        """What went wrong (None: nothing), and whether it may be sent again."""
        import httpx

        headers = {"content-type": "application/json", **self._headers(body)}
        try:
            async with asyncio.timeout(self._timeout_s):
                url = self._url.get_secret_value()
                answer = await client.post(url, content=body, headers=headers)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            return type(error).__name__, True
        except (httpx.TransportError, TimeoutError) as error:
            return type(error).__name__, self._may_come_twice
        except Exception as error:  # its text may hold the address
            return type(error).__name__, False
        if answer.is_success:
            return None, False
        again = answer.is_server_error or answer.status_code == _TOO_MANY_REQUESTS
        return f"status {answer.status_code}", again
