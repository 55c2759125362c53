"""Alerts: messages to the address of a chat, as of Discord or Slack."""

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
        self._poster = None
        if url is not None and url.get_secret_value():
            self._poster = Poster(url, "alert", retry_delays_s=retry_delays_s, timeout_s=timeout_s)

    async def start(self) -> None:
        """Begin to send."""
        if self._poster is not None:
            await self._poster.start()

    async def close(self, timeout_s: float = CLOSE_TIMEOUT_S) -> None:
        """Send what waits, for at most `timeout_s`, and stop."""
        if self._poster is not None:
            await self._poster.close(timeout_s)

    def send(self, text: str) -> None:
        """Have this sent, after those that wait. Returns at once."""
        if self._poster is not None:
            self._poster.post({"content": text})
