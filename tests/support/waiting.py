"""Waiting for a condition, with a deadline that makes the test fail in words."""

import time
from collections.abc import Callable

_LOOK_EVERY_S = 0.02


def wait_for(
    condition: Callable[[], object], timeout_s: float, what: str | Callable[[], str]
) -> None:
    """Return as soon as `condition()` is true; fail after `timeout_s`, naming `what` is missing."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        if time.monotonic() > deadline:
            described = what() if callable(what) else what
            raise AssertionError(f"waited {timeout_s} s in vain for {described}")
        time.sleep(_LOOK_EVERY_S)
