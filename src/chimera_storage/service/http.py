"""The HTTP server: its address, and how it opens and closes."""

import asyncio
import errno
import resource
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from chimera_storage.config import ServerSettings
from chimera_storage.errors import ConfigurationError

_BUFFER_BYTES = 65_536  # of headers, and of what a client is slow to take
_MOST_DESCRIPTORS = 16_384
_OTHER_DESCRIPTORS = 256  # of the index, conversions, pipes
_OPEN_TIMEOUT_S = 10.0
_LAST_ANSWERS_S = 2.0  # a client that reads nothing would never have the rest of a download


def free_address(server: ServerSettings) -> str:
    """The address that the server will answer at, on this machine where it listens on all of its
    own. Raises ConfigurationError where it is taken."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {server.port} of {server.host} is in use by another program;"
                " stop that one, or set another with server.port or --port"
            ) from None
        if error.errno == errno.EACCES:
            raise ConfigurationError(
                f"port {server.port} of {server.host} is not for this user; set one above 1023, and"
                " put a reverse proxy in front of it where it has to be that one (docs/security.md)"
            ) from None
        raise ConfigurationError(
            f"the server cannot listen on {server.host} port {server.port}:"
            f" {error.strerror}; set server.host and server.port to an address of this machine"
        ) from None
    host = _reached(server.host)
    return f"http://{f'[{host}]' if ':' in host else host}:{server.port}"


def _reached(host: str) -> str:
    """Where on this machine a server answers that listens there."""
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104


@asynccontextmanager
async def answering(app: object, settings: ServerSettings) -> AsyncIterator["asyncio.Task[None]"]:
    """The HTTP server, answering when entered, closed when left."""
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        log_enabled=False,
        websockets=False,
        # HTTP/2 without TLS is nobody's, and looking for it waits for ever for who says nothing.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_BUFFER_BYTES),
        backlog=1024,
        # Connections at a time; Granian's own 128 are used up by as many who listen to events.
        backpressure=_allow_connections(),
    )
    task = asyncio.create_task(server.serve(), name="http")
    try:
        await _until_answering(settings, task)
        yield task
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({task}, timeout=_LAST_ANSWERS_S)


def _allow_connections() -> int:
    """How many there may be at a time: each takes a descriptor, and one more for a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else _MOST_DESCRIPTORS
    wanted = max(soft, min(allowed, _MOST_DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(64, (wanted - _OTHER_DESCRIPTORS) // 2)


async def _until_answering(settings: ServerSettings, task: "asyncio.Task[None]") -> None:
    deadline = asyncio.get_running_loop().time() + _OPEN_TIMEOUT_S
    while True:
        try:
            _, writer = await asyncio.open_connection(_reached(settings.host), settings.port)
        except OSError:
            if task.done() or asyncio.get_running_loop().time() > deadline:
                raise ConfigurationError(
                    f"the server could not open {settings.host} port {settings.port}"
                ) from None
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return
