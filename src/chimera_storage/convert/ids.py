"""How a conversion is called."""

import secrets
import string

from chimera_storage.archive.layout import Layout

_ALPHABET = string.ascii_lowercase + string.digits
_LENGTH = 12


def new_id(layout: Layout, now_us: int) -> str:
    """One that nobody had: 12 letters and digits, and the time in the configured zone.

    Raises InvalidInputError outside the years 1 to 9999.
    """
    random = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return f"{random}-{layout.stamp(now_us)}"
