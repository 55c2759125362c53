"""Passwords as Argon2id hashes (RFC 9106, its second recommended option: 64 MiB, 3 passes).

One is computed at a time, so that many log-ins at once take their time and not the memory. An
unknown user's password is compared with a hash too, so the time tells nothing (OWASP
Authentication Cheat Sheet).
"""

import secrets
import threading
from typing import TYPE_CHECKING

from chimera_storage.errors import InvalidInputError

if TYPE_CHECKING:
    from argon2 import PasswordHasher

SHORTEST, LONGEST = 8, 1024


def check_password(password: str) -> None:
    """Raises InvalidInputError for one that is too short or too long."""
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidInputError(f"a password has {SHORTEST} to {LONGEST} characters")


class Passwords:
    """Makes and compares hashes; each takes some 0.1 s. Thread-safe."""

    def __init__(self, *, memory_kib: int = 65536, passes: int = 3) -> None:
        self._memory_kib = memory_kib
        self._passes = passes
        self._one = threading.Lock()
        self._made: tuple[PasswordHasher, str] | None = None

    def _hasher(self) -> "tuple[PasswordHasher, str]":
        if self._made is None:
            from argon2 import PasswordHasher, Type  # takes 20 ms, and most starts need none

            hasher = PasswordHasher(
                time_cost=self._passes,
                memory_cost=self._memory_kib,
                parallelism=4,
                type=Type.ID,
            )
            self._made = (hasher, hasher.hash(secrets.token_hex()))
        return self._made

    def hash(self, password: str) -> str:
        """The hash with its salt and parameters. Raises InvalidInputError."""
        check_password(password)
        with self._one:
            return self._hasher()[0].hash(_bytes(password))

    def matches(self, password: str, stored: str | None) -> bool:
        """Whether it is the password of that hash; with None the same work and False."""
        from argon2.exceptions import InvalidHashError, VerificationError

        if len(password) > LONGEST:
            password = ""
        with self._one:
            hasher, other = self._hasher()
            try:
                hasher.verify(stored or other, _bytes(password))
            except (VerificationError, InvalidHashError):
                return False
        return stored is not None

    def is_outdated(self, stored: str) -> bool:
        """Whether it was made with other parameters than are used now."""
        return self._hasher()[0].check_needs_rehash(stored)


def _bytes(password: str) -> bytes:
    return password.encode("utf-8", "surrogatepass")
