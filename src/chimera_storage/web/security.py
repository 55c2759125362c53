"""The guards in front of every route: which hosts and sites may ask, what browsers may do.

- While nobody has to log in only loopback is listened on. A page of another site could still reach
  it by a name of its own that resolves to 127.0.0.1 (DNS rebinding), so `Host` must then be this
  machine; and a proxy could let others in, so whoever asks through one must be this machine too.
- A cookie is sent along from any page, so requests that change something are refused where the
  browser says that they come from another site.
Plain ASGI, as these run for each request and a chunk of a download should pass through nothing.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from chimera_storage.access import Door
from chimera_storage.config import LOOPBACK_HOSTS, ServerSettings
from chimera_storage.web.errors import error_answer
from chimera_storage.web.proxies import FROM_AFAR

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; img-src 'self' data: blob:; media-src 'self' blob:; script-src 'self';"
    " style-src 'self'; connect-src 'self'; font-src 'self'; manifest-src 'self';"
    " form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
SECURITY_HEADERS = {
    "cache-control": "no-cache",
    "content-security-policy": CONTENT_SECURITY_POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-resource-policy": "same-site",
    "cross-origin-opener-policy": "same-origin",
}


class SiteGuard:
    """Refuses (403) requests for another host and changes asked for by another site."""

    def __init__(self, app: ASGIApp, *, server: ServerSettings, door: Door) -> None:
        self._app = app
        self._door = door
        own = _places([server.public_url])
        self._hosts = LOOPBACK_HOSTS | {server.host.casefold()} | {_name(place) for place in own}
        self._origins = own | _places([server.login_url])

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            headers = Headers(scope=scope)
            if self._door.is_open:
                if not self._is_this_machine(headers):
                    answer = error_answer(
                        403,
                        "the Host of this request is not this machine; while nobody has to log in"
                        " only localhost and the host of server.public_url are answered",
                    )
                    return await answer(scope, receive, send)
                if scope.get(FROM_AFAR):
                    answer = error_answer(
                        403,
                        "a proxy lets others in, but nobody would have to log in; add a user"
                        " (chimera-storage user add) or set server.secret_key",
                    )
                    return await answer(scope, receive, send)
            if scope["method"] not in SAFE_METHODS and not self._is_own_site(headers):
                answer = error_answer(
                    403,
                    "a page of another site asked for this; right would be a page of this server,"
                    " or of the address in server.public_url or server.login_url",
                )
                return await answer(scope, receive, send)
        return await self._app(scope, receive, send)

    def _is_this_machine(self, headers: Headers) -> bool:
        hosts = headers.getlist("host")
        # Without any Host (HTTP/1.0) it is no browser, so nobody was led here.
        return all(not host or _name(host.casefold()) in self._hosts for host in hosts)

    def _is_own_site(self, headers: Headers) -> bool:
        # Sec-Fetch-Site is set by the browser alone and knows the address it really asked, also
        # where a gateway in between rewrote Host.
        site = headers.get("sec-fetch-site")
        if site in {"same-origin", "none"}:
            return True
        origin = headers.get("origin")
        if origin is None:
            return site is None  # no browser: nothing that could be misled
        here = {headers.get("host", "").casefold()} - {""}
        return bool(_places([origin]) & (self._origins | here))


def _places(urls: Iterable[str]) -> frozenset[str]:
    """host[:port] of each address."""
    places = set()
    for url in urls:
        try:
            places.add(urlsplit(url).netloc.casefold())
        except ValueError:
            continue
    return frozenset(places - {""})


def _name(place: str) -> str:
    """The host of host[:port], an IPv6 address without its brackets."""
    if place.startswith("["):
        return place[1:].partition("]")[0]
    return place.rpartition(":")[0] if place.count(":") == 1 else place
