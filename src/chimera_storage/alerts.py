"""Alerts: messages to the address of a chat, as of Discord or Slack."""

import asyncio

from pydantic import SecretStr

from chimera_storage.posting import CLOSE_TIMEOUT_S, RETRY_DELAYS_S, TIMEOUT_S, Poster


class AlertSender:
    """Posts alerts one after the other; does nothing without an address.

    A chat shows a message that came twice as two, and twice is worse than never.
    """

    def __init__(
        self,
        url: SecretStr | None,
        *,
        retry_delays_s: tuple[float, ...] = RETRY_DELAYS_S,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._retry_delays_s = retry_delays_s
        self._timeout_s = timeout_s
        self._url = url
        self._exchanges: set[asyncio.Task[None]] = set()
        self._poster = self._made(url)

    async def start(self) -> None:
        """Begin to send."""
        if self._poster is not None:
            await self._poster.start()

    def use(self, url: SecretStr | None) -> None:
        """Send to this address from now on; what waits for the one before is still sent there."""
        if url != self._url:
            before, self._poster = self._poster, self._made(url)
            self._url = url
            task = asyncio.create_task(self._exchange(before, self._poster), name="alerts-address")
            self._exchanges.add(task)
            task.add_done_callback(self._exchanges.discard)

    @staticmethod
    async def _exchange(before: Poster | None, after: Poster | None) -> None:
        if after is not None:
            await after.start()
        if before is not None:
            await before.close()

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Send what waits, for at most `timeout_s`, and stop."""
        if self._poster is not None:
            await self._poster.close(timeout_s)

    def send(self, text: str) -> None:
        """Have this sent, after those that wait. Returns at once."""
        if self._poster is not None:
            self._poster.post({"content": text})

    def _made(self, url: SecretStr | None) -> Poster | None:
        if url is None or not url.get_secret_value():
            return None
        return Poster(url, "alert", retry_delays_s=self._retry_delays_s, timeout_s=self._timeout_s)
