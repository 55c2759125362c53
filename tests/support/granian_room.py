"""A `Room` behind the real HTTP server, in a thread of its own, on a free port of 127.0.0.1."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from granian.constants import Interfaces
from granian.server.embed import Server

from tests.support.server import free_port
from tests.support.waiting import wait_for
from tests.support.web import Room


@contextmanager
def served(room: Room) -> Iterator[int]:
    """The port that the room answers at until the context is left."""
    port = free_port()
    stop = threading.Event()

    async def run() -> None:
        server = Server(
            room.app,
            address="127.0.0.1",
            port=port,
            interface=Interfaces.ASGINL,
            log_enabled=False,
            websockets=False,
        )
        serving = asyncio.create_task(server.serve())
        await asyncio.to_thread(stop.wait)
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({serving}, timeout=10)

    thread = threading.Thread(target=asyncio.run, args=(run(),))
    thread.start()
    try:
        wait_for(lambda: _answers(port), "the server to listen")
        yield port
    finally:
        stop.set()
        thread.join(20)


def _answers(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def exchange(port: int, request: bytes, *, timeout_s: float = 10) -> bytes:
    """What the server sends for these bytes until it closes the connection."""
    received = b""
    with socket.create_connection(("127.0.0.1", port), timeout=timeout_s) as connection:
        connection.sendall(request)
        try:
            while part := connection.recv(65536):
                received += part
        except ConnectionResetError:
            pass
    return received
