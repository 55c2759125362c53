"""/users and /tokens: who may come in, for admins. The page of all this is in settings.py.

What has to hold: nobody can lock all admins out. So the last admin who may log in can be neither
removed, disabled nor made less over HTTP; the first user has to be an admin; and there is a user
before there is a token, as from the first of either on everybody has to log in. Who sits at the
machine can do all of it with the command line.

An admin is not asked for his password again: the session's cookie is out of reach of scripts and of
other sites' pages. His own password he changes at /account, where the present one is asked for.
"""

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from chimera_storage.access import (
    Accounts,
    Door,
    Kind,
    Role,
    Token,
    User,
    cameras_named,
    check_password,
    role_named,
)
from chimera_storage.errors import ConflictError, InvalidInputError, NotFoundError
from chimera_storage.web import people_schemas as schemas
from chimera_storage.web.account_schemas import Revoked
from chimera_storage.web.parsing import Body, given, id_of, read_body, shown, whole, yes_or_no
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.sight import who

ReadBody = Annotated[Body, Depends(read_body)]
DAY_S = 86_400
MOST_DAYS = 3650


def people_router(accounts: Accounts, door: Door) -> APIRouter:
    """GET and POST /users, POST /users/change and /users/remove; the same of /tokens."""
    router = APIRouter(tags=["people"])

    def described(name: str) -> schemas.UserInfo:
        return user_info(accounts, _user(accounts, name))

    @router.get("/users", summary="Who may log in, by name", responses=problems())
    def users() -> schemas.Users:
        return schemas.Users(list=[user_info(accounts, user) for user in accounts.users()])

    @router.post(
        "/users",
        summary="Add a user",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=request_body(schemas.NewUser),
    )
    def add_user(body: ReadBody) -> schemas.UserInfo:
        role = _role(body) or Role.VIEWER
        disabled = yes_or_no(body, "disabled", default=False)
        if door.is_open and (role is not Role.ADMIN or disabled):
            raise ConflictError(
                "the first user has to be an admin who may log in: from then on everybody has to"
            )
        user = accounts.add_user(
            _text(body, "name"),
            _text(body, "password"),
            role=role,
            cameras=_cameras(body),
            disabled=disabled,
        )
        return described(user.name)

    @router.post(
        "/users/change",
        summary="Change what a user may do, or set a new password",
        responses=problems(*BODY_PROBLEMS, 404, 409),
        openapi_extra=request_body(schemas.ChangedUser),
    )
    def change_user(body: ReadBody) -> schemas.UserInfo:
        before = _user(accounts, _text(body, "name"))
        role, password = _role(body), given(body, "password")
        disabled = yes_or_no(body, "disabled", default=before.disabled)
        if password is not None:
            check_password(_text(body, "password"))
            if who().kind is Kind.USER and who().name == before.name:
                raise ConflictError("change your own password with POST /account/password")
        if role is not None or given(body, "cameras") is not None:
            limit = before.cameras if given(body, "cameras") is None else _cameras(body)
            role = role or before.role
            if role is Role.ADMIN and given(body, "cameras") is None:
                limit = None
            accounts.set_role(before.name, role, limit, keep_admin=True)
        if disabled != before.disabled:
            accounts.set_disabled(before.name, disabled=disabled, keep_admin=True)
        if password is not None:
            accounts.set_password(before.name, _text(body, "password"))
        return described(before.name)

    @router.post(
        "/users/remove",
        summary="Remove a user, with sessions and links",
        responses=problems(*BODY_PROBLEMS, 404, 409),
        openapi_extra=request_body(schemas.NamedUser),
    )
    def remove_user(body: ReadBody) -> schemas.Removed:
        name = _user(accounts, _text(body, "name")).name
        accounts.remove_user(name, keep_admin=True)
        return schemas.Removed(removed=True, name=name)

    @router.get("/tokens", summary="API tokens, by name", responses=problems())
    def tokens() -> schemas.Tokens:
        return schemas.Tokens(list=[schemas.TokenInfo(**token_info(t)) for t in accounts.tokens()])

    @router.post(
        "/tokens",
        summary="Make an API token; only this answer has it",
        responses=problems(*BODY_PROBLEMS, 409),
        openapi_extra=request_body(schemas.NewToken),
    )
    def add_token(body: ReadBody) -> schemas.MadeToken:
        if door.is_open:
            raise ConflictError("add a user first: from the first token on everybody has to log in")
        days = whole(body, "days", default=0, least=1, most=MOST_DAYS)
        secret = accounts.add_token(
            _text(body, "name"),
            role=_role(body) or Role.VIEWER,
            cameras=_cameras(body),
            lasts_s=days * DAY_S or None,
        )
        made = accounts.token_of(secret)
        return schemas.MadeToken(**token_info(made), token=secret)

    @router.post(
        "/tokens/revoke",
        summary="End an API token, with the links made with it",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=request_body(schemas.RevokedToken),
    )
    def revoke_token(body: ReadBody) -> Revoked:
        token_id = id_of(body)
        name = next((t.name for t in accounts.tokens() if t.id == token_id), None)
        if name is not None:
            accounts.remove_token(name)
        return Revoked(revoked=name is not None, id=token_id)

    return router


def user_info(accounts: Accounts, user: User) -> schemas.UserInfo:
    """What is told of a user."""
    sessions = accounts.sessions(user.name)
    return schemas.UserInfo(
        name=user.name,
        role=user.role.value,
        cameras=None if user.cameras is None else sorted(user.cameras),
        disabled=user.disabled,
        created=user.created_us // 1000,
        sessions=len(sessions),
        current=who().kind is Kind.USER and who().name == user.name,
    )


def token_info(token: Token) -> dict[str, Any]:
    """What is told of a token, after it was made."""
    return {
        "id": token.id,
        "name": token.name,
        "role": token.role.value,
        "cameras": None if token.cameras is None else sorted(token.cameras),
        "created": token.created_us // 1000,
        "expires": None if token.expires_us is None else token.expires_us // 1000,
    }


def _user(accounts: Accounts, name: str) -> User:
    wanted = name.strip().casefold()
    user = next((user for user in accounts.users() if user.name == wanted), None)
    if user is None:
        raise NotFoundError("there is no such user; GET /users lists all")
    return user


def _text(body: Body, name: str) -> str:
    value = given(body, name)
    if not isinstance(value, str):
        raise InvalidInputError(f"{name} is {'missing' if value is None else 'no text'}")
    return value


def _role(body: Body) -> Role | None:
    value = given(body, "role")
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidInputError(f"role is {shown(value)}; right would be one of {', '.join(Role)}")
    return role_named(value)


def _cameras(body: Body) -> frozenset[int] | None:
    """Ids in a list or a text as "1,2"; None: all of them."""
    value = given(body, "cameras")
    if isinstance(value, list):
        value = ",".join(item if isinstance(item, str) else str(item) for item in value)
    if value is not None and not isinstance(value, str):
        raise InvalidInputError(
            f'cameras is {shown(value)}; right would be a list such as [1, 2], or "all"'
        )
    return cameras_named(value)
