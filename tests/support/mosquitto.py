"""A real MQTT broker of a test's own, on a free port of 127.0.0.1, with a password."""

import asyncio
import socket
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiomqtt
import pytest

from tests.support.server import free_port
from tests.support.waiting import until, wait_for

PROGRAM = Path("/usr/sbin/mosquitto")
USER, PASSWORD = "cameras", "broker-password-0815"

needs_mosquitto = pytest.mark.skipif(
    not PROGRAM.exists(), reason="mosquitto is not installed: apt-get install mosquitto"
)


class Mosquitto:
    """The broker; it forgets everything when it stops."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        passwords = folder / "passwords"
        passwords.touch(0o600)
        made = ["mosquitto_passwd", "-b", str(passwords), USER, PASSWORD]
        subprocess.run(made, check=True, capture_output=True)
        self._config = folder / "mosquitto.conf"
        self._config.write_text(
            f"listener {self.port} 127.0.0.1\nallow_anonymous false\n"
            f"password_file {passwords}\nuser root\n"
        )
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def settings(self) -> dict[str, Any]:
        """As in `[mqtt]`."""
        return {"host": "127.0.0.1", "port": self.port, "user": USER, "password": PASSWORD}

    def start(self) -> None:
        self._process = subprocess.Popen(
            [PROGRAM, "-c", str(self._config)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        wait_for(self._answers, "mosquitto")

    def stop(self) -> None:
        assert self._process is not None
        self._process.terminate()
        self._process.wait(10)

    def _answers(self) -> bool:
        with socket.socket() as probe:
            return probe.connect_ex(("127.0.0.1", self.port)) == 0

    def client(self) -> aiomqtt.Client:
        """Somebody else at the broker."""
        return aiomqtt.Client("127.0.0.1", self.port, username=USER, password=PASSWORD)

    @asynccontextmanager
    async def heard(self) -> AsyncIterator[dict[str, bytes]]:
        """The newest payload of every topic, from now on and what is retained."""
        newest: dict[str, bytes] = {}

        async def listen() -> None:
            async for message in client.messages:
                assert isinstance(message.payload, bytes)
                newest[str(message.topic)] = message.payload

        async with self.client() as client:
            await client.subscribe("#", qos=1)
            listening = asyncio.create_task(listen())
            try:
                yield newest
            finally:
                listening.cancel()
                await asyncio.wait({listening})


async def until_heard(heard: dict[str, bytes], what: Callable[[dict[str, bytes]], object]) -> None:
    """Until that is true of what was heard."""
    await until(lambda: what(heard), "the message")
