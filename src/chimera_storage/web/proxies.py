"""What a reverse proxy in front says of a request, where it is believed; and the path it shows.

From the addresses in `server.trusted_proxies` X-Forwarded-For, -Proto and -Host are taken as what
the client did, and X-Sendfile-Type as what the proxy can do; from others they are dropped, so
nothing behind this can be misled by them.
With `server.root_path` a request may come with or without that path before the route's own: some
proxies cut it off. Plain ASGI, see security.py.
"""

import re
from collections.abc import Awaitable
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from starlette.types import ASGIApp, Receive, Scope, Send

from chimera_storage.config import ServerSettings

SENDFILE = b"x-sendfile-type"
FORWARDED = frozenset({b"x-forwarded-for", b"x-forwarded-proto", b"x-forwarded-host", SENDFILE})
# What other proxies say of who asks. Not believed, but it tells that there is one.
TOLD_BY_OTHERS = frozenset({b"x-real-ip", b"forwarded"})
FROM_AFAR = "chimera.from_afar"  # in the scope: somebody on another machine asks through a proxy
# In the scope: below which address a trusted proxy sends files itself if told to.
SENDS_FILES = "chimera.sends_files"

_HOST = re.compile(rb"[A-Za-z0-9.:\[\]_-]{1,255}")


class TrustedProxies:
    """Rewrites client, scheme, Host and path of the scope."""

    def __init__(self, app: ASGIApp, *, server: ServerSettings) -> None:
        self._app = app
        self._networks = [ip_network(address) for address in server.trusted_proxies]
        self._root = server.root_path
        self._x_accel_redirect = server.x_accel_redirect

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope["type"] != "http":
            return self._app(scope, receive, send)
        said = _said(scope)
        if said:
            scope["headers"] = [pair for pair in scope["headers"] if pair[0] not in FORWARDED]
            chain = said.get(b"x-forwarded-for", b"").decode("latin-1").split(",")
            real = said.get(b"x-real-ip", b"").decode("latin-1").split(",")
            asking = [part for part in chain + real if part.strip()]
            scope[FROM_AFAR] = b"forwarded" in said or not all(map(_is_here, asking))
            if self._is_trusted((scope.get("client") or ("",))[0]):
                self._believe(scope, chain, said)
        if self._root:
            path = scope["path"].removeprefix(self._root) or "/"
            path = path if path.startswith("/") else scope["path"]
            scope["path"] = self._root + path
            scope["root_path"] = self._root
        return self._app(scope, receive, send)

    def _believe(self, scope: Scope, chain: list[str], said: dict[bytes, bytes]) -> None:
        # From the right: each proxy adds who asked it, and what stands further left anybody can
        # have written.
        for part in reversed(chain):
            address = _address(part)
            if address is None:
                break
            scope["client"] = (str(address), 0)
            if not self._is_trusted(str(address)):
                break
        proto = said.get(b"x-forwarded-proto", b"").rpartition(b",")[2].strip().lower()
        if proto in {b"http", b"https"}:
            scope["scheme"] = proto.decode()
        if said.get(SENDFILE, b"").strip().lower() == b"x-accel-redirect":
            scope[SENDS_FILES] = self._x_accel_redirect
        host = said.get(b"x-forwarded-host", b"").rpartition(b",")[2].strip()
        if _HOST.fullmatch(host):
            others = [pair for pair in scope["headers"] if pair[0] != b"host"]
            scope["headers"] = [*others, (b"host", host)]

    def _is_trusted(self, text: str) -> bool:
        address = _address(text)
        return address is not None and any(address in network for network in self._networks)


def _said(scope: Scope) -> dict[bytes, bytes]:
    """What proxies say that is there; several headers of a name as one list (RFC 9110)."""
    said: dict[bytes, bytes] = {}
    for name, value in scope["headers"]:
        if name in FORWARDED or name in TOLD_BY_OTHERS:
            said[name] = said[name] + b"," + value if name in said else value
    return said


def _address(text: str) -> IPv4Address | IPv6Address | None:
    """The address of what may have a port and brackets."""
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def _is_here(text: str) -> bool:
    address = _address(text)
    return address is not None and address.is_loopback
