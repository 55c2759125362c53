"""Waiting for a condition, with a deadline that makes the test fail in words.

The deadline is for what hangs: a busy machine may take far longer than one at rest.
"""

import asyncio
import time
from collections.abc import Callable

DEADLINE_S = 60.0
_LOOK_EVERY_S = 0.02

Condition = Callable[[], object]


def wait_for(
    condition: Condition, what: str | Callable[[], str], *, timeout_s: float = DEADLINE_S
) -> None:
    """Return as soon as `condition()` is true; fail after `timeout_s`, naming `what` is missing."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        _fail_after(deadline, what)
        time.sleep(_LOOK_EVERY_S)


async def until(condition: Condition, what: str, *, timeout_s: float = DEADLINE_S) -> None:
    """`wait_for` in an event loop."""
    deadline = time.monotonic() + timeout_s
    while not condition():
        _fail_after(deadline, what)
        await asyncio.sleep(_LOOK_EVERY_S)


def _fail_after(deadline: float, what: str | Callable[[], str]) -> None:
    if time.monotonic() > deadline:
        raise AssertionError(f"waited in vain for {what() if callable(what) else what}")
