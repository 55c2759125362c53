"""Each request has an id: in the answer, in every log line of it, and in what a fault answers.

A client or proxy may bring its own in X-Request-ID; what could mislead a reader of the log is
replaced. edge.py gives it.
"""

import random
import re
from collections.abc import Iterable

HEADER = "x-request-id"
REQUEST_ID = "chimera.request_id"  # in the scope
_NAME = HEADER.encode("ascii")
_WELL_FORMED = re.compile(rb"[A-Za-z0-9._:-]{1,64}")


def request_id_of(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The id that a request brings, or a new one."""
    for name, value in headers:
        if name == _NAME and _WELL_FORMED.fullmatch(value):
            return value.decode("ascii")
    return f"{random.getrandbits(64):016x}"  # it has to differ, not to be a secret
