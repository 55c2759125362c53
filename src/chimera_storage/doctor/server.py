"""The server's address, and who may come in."""

from collections.abc import Iterator
from contextlib import closing

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Door
from chimera_storage.archive.check import server_runs
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import Clock
from chimera_storage.config import LOOPBACK_HOSTS, Settings
from chimera_storage.doctor.findings import Finding, advice, good, wrong
from chimera_storage.errors import ChimeraStorageError, ConfigurationError
from chimera_storage.service.http import free_address
from chimera_storage.service.opening import layout_of

_TOPIC = "server"


def look_at_server(settings: Settings, clock: Clock) -> Iterator[Finding]:
    """A running one is left alone."""
    layout = layout_of(settings)
    where = f"{settings.server.host} port {settings.server.port}"
    if server_runs(layout):
        yield good(_TOPIC, "a server works on this data folder")
    else:
        try:
            free_address(settings.server)
            yield good(_TOPIC, f"{where} is free")
        except ConfigurationError as error:
            says, _, todo = str(error).partition("; ")
            yield wrong(_TOPIC, says, f"{todo[:1].upper()}{todo[1:]}.")
    yield from _door(settings, layout, clock)


def _door(settings: Settings, layout: Layout, clock: Clock) -> Iterator[Finding]:
    try:
        has_accounts = (layout.root / ACCOUNTS_NAME).exists()
    except OSError:  # which was said of the data folder
        return
    if not has_accounts:
        if settings.server.host in LOOPBACK_HOSTS or settings.server.secret_key is not None:
            yield good(_TOPIC, "only this machine can reach it, or a key is set")
            return
        yield wrong(
            _TOPIC,
            f"server.host is {settings.server.host!r}, which others can reach, but nobody would"
            " have to log in",
            "chimera-storage user add, or set server.host to 127.0.0.1.",
        )
        return
    try:
        with closing(Accounts(layout.root / ACCOUNTS_NAME, clock)) as accounts:
            door = Door(settings.server, accounts)
            door.check()
            is_open = door.is_open
    except ChimeraStorageError as error:
        says, _, todo = str(error).partition("; ")
        yield wrong(_TOPIC, says, f"{todo[:1].upper()}{todo[1:]}.")
        return
    if is_open:
        yield good(_TOPIC, "only this machine can reach it, and nobody has to log in")
    else:
        yield good(_TOPIC, "who comes in has to log in")
    is_http = settings.server.public_url.startswith("http:")
    if settings.server.host not in LOOPBACK_HOSTS and (is_http or not settings.server.public_url):
        yield advice(
            _TOPIC,
            "passwords and images cross the network unencrypted",
            "Put a reverse proxy with HTTPS in front, as docs/security.md says.",
        )
