"""Logging in and out, who one is, and the sessions that are open; as pages and as JSON.

The pages work without scripts: forms, answered with the page to go on with. Passwords are compared
one at a time in a thread of their own, with few waiting, so that guesses slow nobody else down.
"""

from typing import Annotated

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Depends, Request
from starlette.responses import RedirectResponse, Response

from chimera_storage.access import (
    Accounts,
    Door,
    Kind,
    Role,
    Session,
    TooManyAttemptsError,
    check_password,
)
from chimera_storage.access.accounts import SESSION_US
from chimera_storage.errors import InvalidInputError, NotFoundError
from chimera_storage.web import account_schemas as schemas
from chimera_storage.web.auth import SESSION_COOKIE, session_secrets
from chimera_storage.web.error_page import wants_page
from chimera_storage.web.errors import JSONAnswer, NotAllowedError, NotLoggedInError
from chimera_storage.web.file_schemas import EmptyRequest
from chimera_storage.web.pages import page
from chimera_storage.web.parsing import Body, given, read_body, shown
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.sight import who
from chimera_storage.web.threads import in_thread

ReadBody = Annotated[Body, Depends(read_body)]
MOST_WAITING = 8


class LoggingIn:
    """Checks names and passwords, one after the other."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts
        self._one = CapacityLimiter(1)
        self._waiting = 0

    async def secret(
        self, request: Request, name: str, password: str, *, new: str | None = None
    ) -> str:
        """The secret of a new session; `new`: a password that is set and ends all others before.

        Raises TooManyAttemptsError, NotLoggedInError.
        """
        if self._waiting >= MOST_WAITING:
            raise TooManyAttemptsError(1, "too many are logging in just now")
        address = request.client.host if request.client else ""
        self._accounts.attempt(name, address=address)
        agent = request.headers.get("user-agent", "")
        self._waiting += 1
        try:
            return await to_thread.run_sync(
                lambda: self._secret(name, password, new, address=address, agent=agent),
                limiter=self._one,
            )
        except NotFoundError as error:
            raise NotLoggedInError(str(error)) from None
        finally:
            self._waiting -= 1

    def _secret(self, name: str, password: str, new: str | None, **client: str) -> str:
        _, secret = self._accounts.log_in(name, password, **client)
        if new is not None:
            self._accounts.set_password(name, new)
            _, secret = self._accounts.log_in(name, new, **client)
        return secret


def account_router(services: Services, accounts: Accounts, door: Door) -> APIRouter:
    """/login, /logout, /account/password, /me and /sessions."""
    router = APIRouter(tags=["account"])
    root = services.root
    logging_in = LoggingIn(accounts)

    def login_page(
        request: Request, next_path: str, problem: str = "", status: int = 200
    ) -> Response:
        return page(
            request,
            services,
            "login.html",
            status=status,
            has_users=accounts.has_users,
            is_open=door.is_open,
            login_url=services.settings.server.login_url,
            next=next_path,
            problem=problem,
        )

    @router.get("/login", include_in_schema=False)
    def login_form(request: Request) -> Response:
        return login_page(request, safe_next(request.query_params.get("next")))

    @router.post(
        "/login",
        summary="Log in as a user",
        responses=problems(*BODY_PROBLEMS, 429),
        openapi_extra=request_body(schemas.LogIn),
        response_model=schemas.LoggedIn,
    )
    async def login(request: Request, body: ReadBody) -> Response:
        is_page = wants_page(request)
        next_path = safe_next(body.get("next"))
        try:
            secret = await logging_in.secret(request, _text(body, "name"), _text(body, "password"))
        except (NotLoggedInError, TooManyAttemptsError) as error:
            if not is_page:
                raise
            status = 429 if isinstance(error, TooManyAttemptsError) else 401
            return await in_thread(login_page, request, next_path, str(error), status)
        for old in session_secrets(request.headers):  # one browser, one session
            if (before := accounts.of_session(old)) is not None:
                await in_thread(accounts.revoke_session, before.credential)
        known = accounts.of_session(secret)
        if known is None:
            raise NotLoggedInError("this user was removed meanwhile")
        answer = (
            RedirectResponse(root + next_path, status_code=303)
            if is_page
            else JSONAnswer(
                {
                    "name": known.name,
                    "role": known.role.value,
                    "cameras": None if known.cameras is None else sorted(known.cameras),
                }
            )
        )
        return with_session(answer, request, secret)

    def with_session(answer: Response, request: Request, secret: str) -> Response:
        answer.headers["cache-control"] = "no-store"
        answer.set_cookie(
            SESSION_COOKIE,
            secret,
            max_age=SESSION_US // 1_000_000,
            path=root or "/",
            secure=_is_https(request),
            httponly=True,
            samesite="lax",
        )
        return answer

    @router.post(
        "/account/password",
        summary="Change one's own password; ends one's other sessions",
        responses=problems(*BODY_PROBLEMS, 429),
        openapi_extra=request_body(schemas.NewPassword),
        response_model=schemas.PasswordChanged,
    )
    async def change_password(request: Request, body: ReadBody) -> Response:
        known = who()
        if known.kind is not Kind.USER:
            raise NotAllowedError("only a user who is logged in has a password to change")
        old, new = _text(body, "old"), _text(body, "new")
        check_password(new)
        secret = await logging_in.secret(request, known.name, old, new=new)
        answer = (
            RedirectResponse(f"{root}/account", status_code=303)
            if wants_page(request)
            else JSONAnswer({"changed": True})
        )
        return with_session(answer, request, secret)

    @router.post(
        "/logout",
        summary="End the session",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=request_body(EmptyRequest, required=False),
        response_model=schemas.LoggedOut,
    )
    async def logout(request: Request, _: ReadBody) -> Response:
        gone = False
        for secret in session_secrets(request.headers):
            if (known := accounts.of_session(secret)) is not None:
                gone |= await in_thread(accounts.revoke_session, known.credential)
        answer = (
            RedirectResponse(f"{root}/login", status_code=303)
            if wants_page(request)
            else JSONAnswer({"loggedOut": gone})
        )
        answer.delete_cookie(SESSION_COOKIE, path=root or "/", httponly=True, samesite="lax")
        answer.headers["clear-site-data"] = '"cache"'
        return answer

    @router.get("/me", summary="Who am I, and what may I do?", responses=problems())
    def me() -> schemas.Me:
        known = who()
        return schemas.Me(
            kind=known.kind.value,
            name=known.name,
            role=known.role.value,
            cameras=None if known.cameras is None else sorted(known.cameras),
        )

    def mine() -> str | None:
        """Whose sessions may be seen and revoked: one's own, an admin's all (None)."""
        known = who()
        return None if known.role is Role.ADMIN else known.name

    def shown_session(session: Session) -> schemas.OpenSession:
        return schemas.OpenSession(
            id=session.id,
            user=session.user,
            created=session.created_us // 1000,
            expires=session.expires_us // 1000,
            address=session.address,
            agent=session.agent,
            current=session.id == who().credential,
        )

    @router.get("/sessions", summary="Who is logged in, the newest first", responses=problems())
    def sessions() -> schemas.Sessions:
        return schemas.Sessions(list=[shown_session(s) for s in accounts.sessions(mine())])

    @router.post(
        "/sessions/revoke",
        summary="End a session, from the next request on",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=request_body(schemas.RevokeSession),
        response_model=schemas.Revoked,
    )
    def revoke(request: Request, body: ReadBody) -> Response:
        session_id = _text(body, "id")
        revoked = accounts.revoke_session(session_id, user=mine())
        if wants_page(request):
            return RedirectResponse(f"{root}/account", status_code=303)
        return JSONAnswer({"revoked": revoked, "id": session_id})

    return router


def safe_next(value: object) -> str:
    """The path of this server to go on at after logging in; "/" for what could be another's."""
    if not isinstance(value, str) or not value.startswith("/") or len(value) > 2000:
        return "/"
    if value.startswith(("//", "/\\")) or not value.isprintable() or "\\" in value:
        return "/"
    return value if value.isascii() else "/"


def _text(body: Body, name: str) -> str:
    value = given(body, name)
    if value is None:
        raise InvalidInputError(f"{name} is missing")
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is {shown(value) if name == 'id' else 'no text'}")
    return value


def _is_https(request: Request) -> bool:
    """Whether the browser came by HTTPS; its Origin knows, also where a proxy does not say."""
    origin = request.headers.get("origin", "")
    return request.url.scheme == "https" or origin.startswith("https://")
