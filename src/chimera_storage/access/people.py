"""Who there is and what they may: values, and the checks of what is written into them."""

import re
from dataclasses import dataclass
from enum import StrEnum

from chimera_storage.errors import InvalidInputError

_NAME = re.compile(r"[a-z0-9][a-z0-9._@+-]{0,63}", re.ASCII)
# Who is named so in lists of deletions and links is no user.
TAKEN = frozenset({"api", "chimera", "cli", "server"})
LOCK = "!"  # as in /etc/shadow: no hash begins so, and the hash behind it is not lost
_CAMERAS = re.compile(r"[0-9]{1,6}(,[0-9]{1,6})*", re.ASCII)


class Role(StrEnum):
    """What somebody may do; each may all that those before it may."""

    VIEWER = "viewer"  # see, list, download
    OPERATOR = "operator"  # make and cancel conversions, keep, hand out links
    ADMIN = "admin"  # delete, clean, settings

    def covers(self, needed: "Role") -> bool:
        """Whether this role may what `needed` may."""
        order = list(Role)
        return order.index(self) >= order.index(needed)


class Kind(StrEnum):
    """How somebody was known."""

    NOBODY = "nobody"
    OPEN = "open"  # nothing is configured, and only this machine can ask
    CHIMERA = "chimera"  # a token signed with SECRETKEY
    USER = "user"  # a session of a user of our own
    TOKEN = "token"  # noqa: S105 - the word, no secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Who:
    """Who asks. `cameras`: the ids of those that may be seen, None for all.

    `credential`: the id of the session or API token (empty for others), by which it is revoked.
    """

    kind: Kind
    name: str = ""
    role: Role = Role.VIEWER
    cameras: frozenset[int] | None = None
    credential: str = ""

    def sees(self, camera: int) -> bool:
        """Whether that camera may be seen."""
        return self.cameras is None or camera in self.cameras


NOBODY = Who(kind=Kind.NOBODY, cameras=frozenset())
ANYBODY_HERE = Who(kind=Kind.OPEN, role=Role.ADMIN)
CHIMERA = Who(kind=Kind.CHIMERA, name="chimera", role=Role.ADMIN)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """An account. `password` is a hash, after LOCK where nobody may log in with it; `changed_us`
    when it was last set."""

    name: str
    role: Role
    cameras: frozenset[int] | None
    password: str
    changed_us: int
    created_us: int

    @property
    def disabled(self) -> bool:
        """Whether the user may not log in for now."""
        return self.password.startswith(LOCK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A log-in of a user. `digest`: what is stored of the secret in the cookie."""

    id: str
    digest: str
    user: str
    created_us: int
    expires_us: int
    address: str
    agent: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """An API token; `expires_us` None: it does not expire."""

    id: str
    name: str
    digest: str
    role: Role
    cameras: frozenset[int] | None
    created_us: int
    expires_us: int | None


def user_name(text: str) -> str:
    """The name as it is stored: in small letters. Raises InvalidInputError."""
    name = text.strip().casefold()
    if not _NAME.fullmatch(name):
        raise InvalidInputError(
            "a user's name is 1 to 64 letters, digits and . _ @ + -, and begins with a letter"
            " or digit"
        )
    return name


def new_user_name(text: str) -> str:
    """As `user_name`, for a user who is to be added."""
    name = user_name(text)
    if name in TAKEN:
        raise InvalidInputError(f"{name} is what the server calls something else; take another")
    return name


def role_named(text: str) -> Role:
    """Raises InvalidInputError."""
    try:
        return Role(text.strip().lower())
    except ValueError:
        raise InvalidInputError(f"a role is one of {', '.join(Role)}") from None


def cameras_named(text: str | None) -> frozenset[int] | None:
    """Ids as in "1,2"; None and "all" for all cameras. Raises InvalidInputError."""
    if text is None or text.strip().lower() == "all":
        return None
    ids = text.replace(" ", "")
    if not _CAMERAS.fullmatch(ids):
        raise InvalidInputError('cameras are their numbers with commas between, as "1,2", or "all"')
    return frozenset(map(int, ids.split(",")))


def check_limit(role: Role, cameras: frozenset[int] | None) -> None:
    """Raises InvalidInputError for an admin who is to see some cameras only."""
    if role is Role.ADMIN and cameras is not None:
        raise InvalidInputError(
            "an admin sees every camera; give the role viewer or operator where cameras are limited"
        )
