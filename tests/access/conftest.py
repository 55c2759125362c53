"""Accounts in a folder of their own, with a clock that stands still and cheap hashes."""

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from chimera_storage.access import Accounts, Passwords
from tests.support.web import StoppedClock

CHEAP = Passwords(memory_kib=64, passes=1)


class Clock(StoppedClock):
    """A clock that can be moved."""

    def forward(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "accounts.db"


@pytest.fixture
def accounts(path: Path, clock: Clock) -> Iterator[Accounts]:
    with closing(Accounts(path, clock, CHEAP)) as opened:
        yield opened
