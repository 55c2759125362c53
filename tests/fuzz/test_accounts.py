"""The accounts' file with anything in it: nobody gets in who did not before."""

import shutil
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from chimera_storage.access import Accounts, Role
from chimera_storage.access.people import Who
from chimera_storage.errors import ChimeraStorageError
from tests.access.conftest import CHEAP, Clock
from tests.support.fuzzing import damaged, examples


@dataclass(frozen=True)
class Known:
    """A file and the secrets of those in it."""

    path: Path
    viewer: str
    admin: str


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Known:
    path = tmp_path_factory.mktemp("accounts") / "accounts.db"
    with closing(Accounts(path, Clock(), CHEAP)) as accounts:
        accounts.add_user("owner", "a long password", role=Role.ADMIN)
        accounts.add_user("kid", "another password", role=Role.VIEWER, cameras=frozenset({1}))
        viewer = accounts.add_token("tv", role=Role.VIEWER, cameras=frozenset({1, 2}), lasts_s=None)
        admin = accounts.add_token("home", role=Role.ADMIN, cameras=None, lasts_s=None)
    return Known(path, viewer, admin)


@contextmanager
def opened(known: Known, content: bytes) -> Iterator[Accounts | None]:
    """The accounts of a file with this content; None where they are refused in a sentence."""
    with TemporaryDirectory(prefix="fuzz-") as name:
        path = Path(name) / "accounts.db"
        shutil.copy(known.path, path)
        path.write_bytes(content)
        try:
            accounts = Accounts(path, Clock(), CHEAP)
        except ChimeraStorageError as error:
            assert str(error)
            yield None
            return
        with closing(accounts):
            yield accounts


@st.composite
def hit(draw: st.DrawFn, content: bytes) -> bytes:
    """One bit of what is not empty."""
    broken = bytearray(content)
    at = draw(st.sampled_from([n for n, byte in enumerate(content) if byte]))
    broken[at] ^= 1 << draw(st.integers(0, 7))
    return bytes(broken)


def who(accounts: Accounts, name: str, password: str) -> Who | None:
    try:
        return accounts.log_in(name, password, address="::1", agent="")[0]
    except ChimeraStorageError:
        return None


@examples()
@given(data=st.data())
@example(data=b"")
@example(data=b"x")
@example(data=bytes(8192))
def test_whatever_happens_to_the_file_nobody_else_gets_in(known: Known, data: Any) -> None:
    content = known.path.read_bytes()
    broken = (
        data if isinstance(data, bytes) else data.draw(st.one_of(damaged(content), hit(content)))
    )
    with opened(known, broken) as accounts:
        if accounts is None:
            return
        assert accounts.configured, "an install with users is open to all"
        assert accounts.of_token("cs_wrong") is None
        assert who(accounts, "owner", "a wrong password") is None
        assert who(accounts, "owner", "") is None
        viewer = accounts.of_token(known.viewer)
        if viewer is not None:
            assert viewer.role is Role.VIEWER
            assert viewer.cameras is not None
