"""Who asks: a session of our own, an API token, or the token that a Chimera install signs.

A Chimera install signs a JSON web token with SECRETKEY (HS256) and sends it as the cookie
`bearertoken=Bearer%20<token>` or as `Authorization: Bearer <token>`. Only HS256 is read, so neither
`alg: none` nor another algorithm's signature is ever looked at. Where nothing is configured and
only this machine can ask, everybody is let in.
"""

import asyncio
from collections.abc import Awaitable, Iterator
from urllib.parse import quote, unquote

import jwt
from starlette._utils import get_route_path
from starlette.datastructures import Headers
from starlette.responses import RedirectResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from chimera_storage.access import ANYBODY_HERE, CHIMERA, NOBODY, Accounts, Door, Kind, Who
from chimera_storage.config import ServerSettings
from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger
from chimera_storage.web import sight
from chimera_storage.web.errors import BrokenOffError, error_answer
from chimera_storage.web.threads import in_thread

CHIMERA_COOKIE = "bearertoken"
SESSION_COOKIE = "chimera_storage_session"
HMAC_BLOCK_BYTES = 64
SHORT_KEY_BYTES = 16
OPEN_PATHS = frozenset({"/storage/health", "/storage/ready", "/favicon.ico", "/language", "/login"})
OPEN_FOLDERS = ("/static/", "/link/")
READ_WAIT_S = 0.3
MAX_CREDENTIALS = 10
MAX_NEXT = 2000

log = get_logger()


class TokenCheck:
    """Says whether a token was signed with the key and has not expired."""

    def __init__(self, secret_key: str) -> None:
        key = secret_key.encode()
        if len(key) < SHORT_KEY_BYTES:
            log.warning("secret_key_short", bytes=len(key), right=f"{SHORT_KEY_BYTES} or more")
        # HMAC fills a short key up with zeros itself; doing it here gives the same signatures and
        # spares a warning with each request.
        self._key = key.ljust(HMAC_BLOCK_BYTES, b"\0")

    def __call__(self, token: str) -> bool:
        try:
            jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                # `aud`, `sub`, `jti` and `iat` mean nothing here and are free in form.
                options={
                    "verify_aud": False,
                    "verify_sub": False,
                    "verify_jti": False,
                    "verify_iat": False,
                },
            )
        except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
            return False
        return True


class Auth:
    """Says who asks; nobody known gets 401, or the way to the log-in page.

    What somebody known may do is for permissions.py to say, with the route that was found.
    """

    def __init__(
        self, app: ASGIApp, *, server: ServerSettings, accounts: Accounts, door: Door
    ) -> None:
        self._app = app
        self._login_url = server.login_url
        self._accounts = accounts
        self._door = door
        key = server.secret_key
        self._check = TokenCheck(key.get_secret_value()) if key is not None else None
        self._reading: asyncio.Task[None] | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            return await self._app(scope, receive, send)
        if scope["type"] != "http":
            return await send({"type": "websocket.close", "code": 1008})
        await self._refresh()
        headers = Headers(scope=scope)
        who = self._who(headers)
        if who is NOBODY and not _is_open(get_route_path(scope)):
            return await self._refusal(scope, headers)(scope, receive, send)

        async def send_while_allowed(message: Message) -> None:
            # A stream of events or a long download ends when its session or token is revoked.
            await self._refresh()
            if not self._accounts.is_still(who):
                raise BrokenOffError
            await send(message)

        def sending(message: Message) -> Awaitable[None]:
            return send_while_allowed(message) if message.get("more_body") else send(message)

        has_own = who.kind in {Kind.USER, Kind.TOKEN}
        with sight.asked_by(who):
            return await self._app(scope, receive, sending if has_own else send)

    async def _refresh(self) -> None:
        """Look whether the file changed; one that cannot be read now holds nobody up for long."""
        if self._reading is not None and not self._reading.done():
            return
        if self._accounts.is_due():
            self._reading = asyncio.create_task(self._read())
            await asyncio.wait({self._reading}, timeout=READ_WAIT_S)

    async def _read(self) -> None:
        try:
            await in_thread(self._accounts.refresh)
        except StorageError as error:  # those who were known still are
            log.error("accounts_not_read", reason=str(error))

    def _who(self, headers: Headers) -> Who:
        if self._door.is_open:
            return ANYBODY_HERE
        for token in _tokens(headers):
            if (who := self._accounts.of_token(token)) is not None:
                return who
            if self._check is not None and self._check(token):
                return CHIMERA
        for secret in session_secrets(headers):
            if (who := self._accounts.of_session(secret)) is not None:
                return who
        return NOBODY

    def _refusal(self, scope: Scope, headers: Headers) -> Response:
        answer: Response
        if scope["method"] in {"GET", "HEAD"} and "text/html" in headers.get("accept", ""):
            if self._login_url:
                where = f"{self._login_url}/?loginForm"
            else:
                query = scope["query_string"].decode("latin-1")
                path = get_route_path(scope) + (f"?{query}" if query else "")
                after = f"?next={quote(path, safe='/', errors='replace')}" if path != "/" else ""
                where = f"{scope.get('root_path', '')}/login{after[:MAX_NEXT]}"
            answer = RedirectResponse(where, status_code=302)
        else:
            answer = error_answer(
                401,
                "not logged in, or the log-in has expired; right would be the cookie bearertoken of"
                " a Chimera log-in, a session of /login, or the header Authorization: Bearer"
                " <token>",
            )
            answer.headers["www-authenticate"] = 'Bearer realm="chimera-storage"'
        answer.headers["cache-control"] = "no-store"
        return answer


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDERS) and ".." not in path)


def _cookies(headers: Headers, name: str) -> Iterator[str]:
    """The values of every cookie of this name, wherever they stand."""
    for header in headers.getlist("cookie"):
        for cookie in header.split(";"):
            found, _, value = cookie.strip().partition("=")
            if found == name:
                yield value.strip('"')


def session_secrets(headers: Headers) -> list[str]:
    """The secrets of sessions of our own; few."""
    return list(_cookies(headers, SESSION_COOKIE))[:MAX_CREDENTIALS]


def _tokens(headers: Headers) -> list[str]:
    """The tokens of a request; few, as each costs a signature to check."""
    values = headers.getlist("authorization")
    values += map(unquote, _cookies(headers, CHIMERA_COOKIE))
    tokens = []
    for value in values[:MAX_CREDENTIALS]:
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() == "bearer" and token:
            tokens.append(token.strip())
    return tokens
