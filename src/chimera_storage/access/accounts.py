"""Users, sessions and API tokens, as they are now.

All of them are held in memory and looked up there by the SHA-256 of the secret that came; the
secrets themselves (256 random bits) are stored nowhere. Every half second it is looked whether
another process, such as the command line, has changed the file.
"""

import hashlib
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from chimera_storage.access.attempts import Attempts
from chimera_storage.access.links import Links
from chimera_storage.access.passwords import LONGEST, Passwords
from chimera_storage.access.people import (
    LOCK,
    Kind,
    Role,
    Session,
    Token,
    User,
    Who,
    check_limit,
    new_user_name,
    user_name,
)
from chimera_storage.access.store import Store
from chimera_storage.clock import Clock, to_us
from chimera_storage.errors import NotFoundError, StorageError
from chimera_storage.log import get_logger

TOKEN_PREFIX = "cs_"  # noqa: S105 - so that people and scanners know one when they see it
SESSION_US = 30 * 24 * 3_600_000_000
LOOK_S = 0.5
MAX_AGENT = 200
_WRONG = "the name or the password is wrong"

T = TypeVar("T")

log = get_logger()


@dataclass(frozen=True, slots=True)
class _Known:
    revision: int = -1
    users: dict[str, User] = field(default_factory=dict)
    sessions: dict[str, Session] = field(default_factory=dict)
    tokens: dict[str, Token] = field(default_factory=dict)


class Accounts:
    """What is in the accounts' file. Thread-safe; changes block for some ten milliseconds.

    Changes raise StorageError, InvalidInputError, and NotFoundError or ConflictError where a name
    is unknown or taken.
    """

    def __init__(self, path: Path, clock: Clock, passwords: Passwords | None = None) -> None:
        self._store = Store(path)
        self._clock = clock
        self._passwords = passwords or Passwords()
        self._attempts = Attempts(clock)
        self._refreshing = threading.Lock()
        self._known = _Known()
        self._was_configured = False
        self._look_at_s = 0.0
        self.links = Links(self._store, clock)
        self.refresh()

    def close(self) -> None:
        """Close the file."""
        self._store.close()

    # what is there

    @property
    def configured(self) -> bool:
        """Whether anybody can be told apart, now or (if the file went away) before."""
        return bool(self._known.users or self._known.tokens) or self._was_configured

    @property
    def has_users(self) -> bool:
        """Whether anybody could log in with a password."""
        return bool(self._known.users)

    def is_due(self) -> bool:
        """Whether it is time for `refresh`; says so to one of many that ask at once."""
        now_s = self._clock.monotonic()
        if now_s < self._look_at_s:
            return False
        self._look_at_s = now_s + LOOK_S
        return True

    def refresh(self) -> None:
        """Take up what changed in the file. Raises StorageError; then all stays as it was."""
        with self._refreshing:
            self._look_at_s = self._clock.monotonic() + LOOK_S
            self._load()

    def _load(self) -> None:
        if self._known.users or self._known.tokens:
            self._was_configured = True
        revision = self._store.revision()
        if revision == self._known.revision:
            return
        self._known = _Known(
            revision=revision,
            users={user.name: user for user in self._store.users()},
            sessions={session.digest: session for session in self._store.sessions()},
            tokens={token.digest: token for token in self._store.tokens()},
        )
        if self._store.exists():  # the last user was removed, and no file went away
            self._was_configured = False

    def users(self) -> list[User]:
        """By name."""
        return sorted(self._known.users.values(), key=lambda user: user.name)

    def sessions(self, user: str | None = None) -> list[Session]:
        """Of all or of one user, the newest first; expired ones are left out."""
        now_us = to_us(self._clock.now())
        found = [s for s in self._known.sessions.values() if s.expires_us > now_us]
        found = [s for s in found if user in {None, s.user}]
        return sorted(found, key=lambda session: -session.created_us)

    def tokens(self) -> list[Token]:
        """By name, expired ones too."""
        return sorted(self._known.tokens.values(), key=lambda token: token.name)

    # who is it?

    def of_session(self, secret: str) -> Who | None:
        """Whose session this is."""
        session = self._known.sessions.get(_digest(secret))
        if session is None or session.expires_us <= to_us(self._clock.now()):
            return None
        user = self._known.users.get(session.user)
        return None if user is None or user.disabled else _as_who(user, session.id)

    def of_token(self, secret: str) -> Who | None:
        """Whose API token this is."""
        token = self._known.tokens.get(_digest(secret))
        if token is None:
            return None
        if token.expires_us is not None and token.expires_us <= to_us(self._clock.now()):
            return None
        return Who(
            kind=Kind.TOKEN,
            name=f"token:{token.name}",
            role=token.role,
            cameras=token.cameras,
            credential=token.id,
        )

    def ends_us(self, who: Who) -> int | None:
        """When the API token that asks expires; None: never, or who asks has none."""
        if who.kind is not Kind.TOKEN:
            return None
        tokens = self._known.tokens.values()
        return next((token.expires_us for token in tokens if token.id == who.credential), None)

    def is_still(self, who: Who) -> bool:
        """Whether who came in before would still come in, with the same rights; not by time."""
        match who.kind:
            case Kind.USER:
                user = self._known.users.get(who.name)
                held = any(s.id == who.credential for s in self._known.sessions.values())
                if user is None or user.disabled or not held:
                    return False
                return _as_who(user, who.credential) == who
            case Kind.TOKEN:
                return any(t.id == who.credential for t in self._known.tokens.values())
            case Kind.OPEN:
                return not self.configured
            case _:
                return True

    def attempt(self, name: str, *, address: str) -> None:
        """Count an attempt to log in; `log_in` forgets it where it was right.

        At once, so that who may not try now does not wait in line with those who may. Raises
        TooManyAttemptsError.
        """
        _, counted = self._counted(name)
        self._attempts.begin(address, counted)

    def _counted(self, name: str) -> tuple[User | None, tuple[str, int]]:
        """The user, and what attempts are counted by."""
        name = name.strip().casefold()[:LONGEST]
        user = self._known.users.get(name)
        # With the time of the last change: a password set anew from the command line counts anew.
        return user, (name, user.changed_us if user else 0)

    def log_in(self, name: str, password: str, *, address: str, agent: str) -> tuple[Who, str]:
        """Who it is, and the secret of a new session.

        Takes as long whether there is such a user or not. Raises NotFoundError where name or
        password is wrong.
        """
        user, counted = self._counted(name)
        if not self._passwords.matches(password, user.password if user else None) or user is None:
            log.warning("login_failed", address=address)
            raise NotFoundError(_WRONG)
        self._attempts.succeeded(address, counted)
        outdated = self._passwords.is_outdated(user.password)
        renewed = self._passwords.hash(password) if outdated else None
        secret = secrets.token_urlsafe(32)
        now_us = to_us(self._clock.now())
        session = Session(
            id=secrets.token_urlsafe(9),
            digest=_digest(secret),
            user=user.name,
            created_us=now_us,
            expires_us=now_us + SESSION_US,
            address=address,
            agent="".join(c for c in agent if c.isprintable())[:MAX_AGENT],
        )
        # Comparing took a while: who was disabled or got another password meanwhile stays outside.
        if not self._changed(lambda: self._store.add_session(session, user.password, renewed)):
            raise NotFoundError(_WRONG)
        log.info("login", user=user.name, address=address)
        return _as_who(user, session.id), secret

    # changes

    def add_user(
        self,
        name: str,
        password: str,
        *,
        role: Role,
        cameras: frozenset[int] | None = None,
        disabled: bool = False,
    ) -> User:
        """A new user; `disabled`: who may not log in for now."""
        check_limit(role, cameras)
        now_us = to_us(self._clock.now())
        user = User(
            name=new_user_name(name),
            role=role,
            cameras=cameras,
            password=(LOCK if disabled else "") + self._passwords.hash(password),
            changed_us=now_us,
            created_us=now_us,
        )
        self._changed(lambda: self._store.add_user(user))
        return user

    def remove_user(self, name: str, *, keep_admin: bool = False) -> None:
        """With all sessions and links.

        keep_admin: ConflictError where no admin who may log in would be left, here and below.
        """
        self._of_user(name, lambda name: self._store.remove_user(name, keep_admin=keep_admin))

    def set_password(self, name: str, password: str) -> None:
        """Ends all sessions of the user; who is disabled stays so."""
        hashed = self._passwords.hash(password)
        now_us = to_us(self._clock.now())
        self._of_user(name, lambda name: self._store.set_password(name, hashed, now_us))

    def set_role(
        self, name: str, role: Role, cameras: frozenset[int] | None, *, keep_admin: bool = False
    ) -> None:
        """Also revokes the links that the user made, which may be of what is no longer seen."""
        check_limit(role, cameras)

        def change(name: str) -> bool:
            changed = self._store.change_user(
                name, keep_admin=keep_admin, role=role.value, cameras=cameras
            )
            self._store.remove_links(made_by=name)
            return changed

        self._of_user(name, change)

    def set_disabled(self, name: str, *, disabled: bool, keep_admin: bool = False) -> None:
        """Whether the user may not log in for now; ends sessions and links where not."""

        def change(name: str) -> bool:
            changed = self._store.lock_user(name, locked=disabled, keep_admin=keep_admin)
            if disabled:
                self._store.remove_sessions(user=name)
                self._store.remove_links(made_by=name)
            return changed

        self._of_user(name, change)

    def revoke_session(self, id: str, *, user: str | None = None) -> bool:  # noqa: A002
        """False where there is none of this id (of that user)."""
        return self._changed(lambda: self._store.remove_sessions(id=id, user=user)) > 0

    def log_out(self, name: str) -> int:
        """End all sessions of a user; how many."""
        return self._changed(lambda: self._store.remove_sessions(user=user_name(name)))

    def add_token(
        self, name: str, *, role: Role, cameras: frozenset[int] | None, lasts_s: float | None
    ) -> str:
        """The secret of a new API token, which is shown this once."""
        check_limit(role, cameras)
        secret = TOKEN_PREFIX + secrets.token_urlsafe(32)
        now_us = to_us(self._clock.now())
        token = Token(
            id=secrets.token_urlsafe(9),
            name=user_name(name),
            digest=_digest(secret),
            role=role,
            cameras=cameras,
            created_us=now_us,
            expires_us=None if lasts_s is None else now_us + int(lasts_s * 1_000_000),
        )
        self._changed(lambda: self._store.add_token(token))
        return secret

    def token_of(self, secret: str) -> Token:
        """What is known of a token. Raises NotFoundError."""
        token = self._known.tokens.get(_digest(secret))
        if token is None:
            raise NotFoundError("there is no such token, or not any more")
        return token

    def remove_token(self, name: str) -> None:
        """With the links that were made with it."""
        name = user_name(name)
        if not self._store.exists() or not self._changed(lambda: self._store.remove_token(name)):
            raise NotFoundError(f"there is no token {name}; `token list` shows all")

    def _of_user(self, name: str, change: Callable[[str], bool]) -> None:
        if not self._store.exists() or not self._changed(lambda: change(user_name(name))):
            raise NotFoundError(f"there is no user {name}; `user list` shows all")

    def _changed(self, change: Callable[[], T]) -> T:
        try:
            return change()
        finally:
            try:
                self.refresh()
            except StorageError as error:
                log.error("accounts_not_read", reason=str(error))


def _as_who(user: User, session: str) -> Who:
    return Who(
        kind=Kind.USER, name=user.name, role=user.role, cameras=user.cameras, credential=session
    )


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
