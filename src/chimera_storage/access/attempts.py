"""How often somebody may try a password: growing delays, which lock nobody out for good.

Counted by address and user name together, and by address alone; never by name alone, or anybody
could keep the owner out. IPv6 counts by /64, which is what one household has. A session, an API
token and the command line are not counted at all. State is in memory: a restart forgets it.
"""

import ipaddress
import math
import threading
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass

from chimera_storage.clock import Clock
from chimera_storage.errors import ChimeraStorageError

FREE_FOR_NAME, FREE_FOR_ADDRESS = 5, 20
LONGEST_DELAY_S = 300.0
FORGET_S = 3600.0
MOST = 20_000


class TooManyAttemptsError(ChimeraStorageError):
    """No password is looked at now; `retry_after_s` says when the next may be tried."""

    def __init__(
        self, retry_after_s: float, why: str = "too many wrong passwords from this address"
    ) -> None:
        self.retry_after_s = max(1, math.ceil(retry_after_s))
        super().__init__(f"{why}; try again in {self.retry_after_s} seconds")


@dataclass(slots=True)
class _Failures:
    count: int = 0
    last_s: float = 0.0

    def wait_s(self, free: int, now_s: float) -> float:
        """Seconds until the next attempt is looked at."""
        over = self.count - free
        delay = min(2.0**over, LONGEST_DELAY_S) if 0 <= over < 64 else LONGEST_DELAY_S * (over > 0)
        return self.last_s + delay - now_s


class Attempts:
    """Counts failures. Thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[Hashable, _Failures] = OrderedDict()

    def begin(self, address: str, name: Hashable) -> None:
        """Count an attempt as failed until `succeeded`. Raises TooManyAttemptsError.

        Counting first means that attempts side by side cannot get past the limit.
        """
        with self._lock:
            now_s = self._clock.monotonic()
            place = _place(address)
            counted = [((place, name), FREE_FOR_NAME), ((place,), FREE_FOR_ADDRESS)]
            found = [(self._of(key, now_s), free) for key, free in counted]
            wait_s = max(failures.wait_s(free, now_s) for failures, free in found)
            if wait_s > 0:
                raise TooManyAttemptsError(wait_s)
            for failures, _ in found:
                failures.count += 1
                failures.last_s = now_s
            while len(self._failures) > MOST:
                self._failures.popitem(last=False)

    def succeeded(self, address: str, name: Hashable) -> None:
        """Forget the failures of this name here; those of the address keep but this one."""
        with self._lock:
            place = _place(address)
            self._failures.pop((place, name), None)
            if (failures := self._failures.get((place,))) is not None:
                failures.count = max(0, failures.count - 1)

    def _of(self, key: Hashable, now_s: float) -> _Failures:
        failures = self._failures.setdefault(key, _Failures())
        self._failures.move_to_end(key)
        if failures.count and now_s - failures.last_s > FORGET_S:
            failures.count = 0
        return failures


def _place(address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((int(parsed) >> 64 << 64, 64)))
    return str(parsed)
