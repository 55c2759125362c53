"""Who may come in: the token that a Chimera install signs with SECRETKEY (HS256).

It comes as the cookie `bearertoken=Bearer%20<token>` or as `Authorization: Bearer <token>`. Only
HS256 is read, so neither `alg: none` nor another algorithm's signature is ever looked at. Without
a secret key everybody is let in, and security.py and config.py see to it that only this machine is.
"""

from urllib.parse import unquote

import jwt
from starlette.datastructures import Headers
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send

from chimera_storage.config import ServerSettings
from chimera_storage.log import get_logger
from chimera_storage.web.errors import error_answer
from chimera_storage.web.pages import render

COOKIE = "bearertoken"
HMAC_BLOCK_BYTES = 64
SHORT_KEY_BYTES = 16
OPEN_PATHS = frozenset({"/storage/health", "/favicon.ico"})
OPEN_FOLDER = "/static/"
MAX_CREDENTIALS = 10

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
    """Lets a valid token through; the others get 401, or the way to the log-in page."""

    def __init__(self, app: ASGIApp, *, server: ServerSettings) -> None:
        self._app = app
        self._login_url = server.login_url
        key = server.secret_key
        self._check = TokenCheck(key.get_secret_value()) if key is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or self._check is None or _is_open(scope["path"]):
            return await self._app(scope, receive, send)
        headers = Headers(scope=scope)
        if any(self._check(token) for token in _tokens(headers)):
            return await self._app(scope, receive, send)
        return await self._refusal(scope["method"], headers)(scope, receive, send)

    def _refusal(self, method: str, headers: Headers) -> Response:
        answer: Response
        if method in {"GET", "HEAD"} and "text/html" in headers.get("accept", ""):
            if self._login_url:
                answer = RedirectResponse(f"{self._login_url}/?loginForm", status_code=302)
            else:
                answer = HTMLResponse(render("login.html"), status_code=401)
        else:
            answer = error_answer(
                401,
                "not logged in, or the log-in has expired; right would be the cookie bearertoken of"
                " a Chimera log-in, or the header Authorization: Bearer <token>",
            )
        answer.headers["cache-control"] = "no-store"
        if answer.status_code == 401:
            answer.headers["www-authenticate"] = 'Bearer realm="chimera-storage"'
        return answer


def _is_open(path: str) -> bool:
    return path in OPEN_PATHS or (path.startswith(OPEN_FOLDER) and ".." not in path)


def _tokens(headers: Headers) -> list[str]:
    """The tokens of a request; few, as each costs a signature to check."""
    values = headers.getlist("authorization")
    for header in headers.getlist("cookie"):
        for cookie in header.split(";"):
            name, _, value = cookie.strip().partition("=")
            if name == COOKIE:
                values.append(unquote(value.strip('"')))
    tokens = []
    for value in values[:MAX_CREDENTIALS]:
        scheme, _, token = value.strip().partition(" ")
        if scheme.lower() == "bearer" and token:
            tokens.append(token.strip())
    return tokens
