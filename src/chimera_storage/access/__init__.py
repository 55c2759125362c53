"""Who may do what: users, their sessions, API tokens and signed links, in a file of their own.

Knows nothing of HTTP or of images. `accounts.db` stands in the data folder beside the index, which
can be made anew from the images; this cannot, so it is never set aside or rebuilt.
"""

from chimera_storage.access.accounts import Accounts
from chimera_storage.access.attempts import TooManyAttemptsError
from chimera_storage.access.door import Door
from chimera_storage.access.links import Link, Links, Target
from chimera_storage.access.passwords import Passwords, check_password
from chimera_storage.access.people import (
    ANYBODY_HERE,
    CHIMERA,
    NOBODY,
    Kind,
    Role,
    Session,
    Token,
    User,
    Who,
    cameras_named,
    role_named,
)

ACCOUNTS_NAME = "accounts.db"

__all__ = [
    "ACCOUNTS_NAME",
    "ANYBODY_HERE",
    "CHIMERA",
    "NOBODY",
    "Accounts",
    "Door",
    "Kind",
    "Link",
    "Links",
    "Passwords",
    "Role",
    "Session",
    "Target",
    "Token",
    "TooManyAttemptsError",
    "User",
    "Who",
    "cameras_named",
    "check_password",
    "role_named",
]
