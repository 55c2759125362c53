"""Addresses of cameras as their owner is shown them again, without what may be a password.

What is hidden stands as `***`. An address that comes back as it was shown means the stored one.
"""

import re

from chimera_storage.errors import InvalidInputError

HIDDEN = "***"
_NETWORK = re.compile(
    r"(?P<scheme>[a-z][a-z0-9+.-]*://)(?:(?P<user>[^/?#:]*)(?P<password>:[^/?#]*)?@)?"
    r"(?P<host>\[[^\]]*\]|[^/?#:@]*)(?P<port>:[^/?#]*)?(?P<rest>.*)",
    re.IGNORECASE | re.DOTALL,
)
_VALUES = re.compile(r"=(?!\d{1,2}(?:[&/_]|$))[^&/]+")  # of a query: all but small numbers


def shown_address(url: str) -> str:
    """The address without its password.

    Some cameras want the password in path or query: there values are hidden, and the whole path
    where no password stands before the host. Files, devices and demonstrations have none.
    """
    parts = _NETWORK.fullmatch(url.strip())
    if parts is None or parts["scheme"].lower() == "file://":
        return url
    user = f"{parts['user']}@" if parts["user"] else ""
    rest = parts["rest"]
    if rest not in ("", "/"):
        rest = _VALUES.sub("=" + HIDDEN, rest) if parts["password"] else "/" + HIDDEN
    return f"{parts['scheme']}{user}{parts['host']}{parts['port'] or ''}{rest}"


def kept_address(given: str, stored: str) -> str:
    """The address that is meant by one that was shown and perhaps changed.

    Where it is as it was shown, the stored one; where user and host are the same and a password is
    left out, with the stored password. Raises InvalidInputError where it holds `***`.
    """
    given = given.strip()
    if given == shown_address(stored):
        return stored
    if HIDDEN in given:
        raise InvalidInputError(
            f"url: {HIDDEN} stands for what is not shown; write the whole address, or leave it as"
            " it was shown"
        )
    new, old = _NETWORK.fullmatch(given), _NETWORK.fullmatch(stored.strip())
    if new is None or old is None or not new["user"] or new["password"] or not old["password"]:
        return given
    if (new["user"], new["host"].casefold()) != (old["user"], old["host"].casefold()):
        return given
    begin = new.end("user")
    return given[:begin] + old["password"] + given[begin:]
