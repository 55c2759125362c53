"""Users, sessions and API tokens, and the file they are in."""

import os
import sqlite3
import stat
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from chimera_storage.access import Accounts, Passwords, Role, Target
from chimera_storage.access.store import MOST_SESSIONS
from chimera_storage.errors import (
    ConflictError,
    InvalidInputError,
    NotFoundError,
    StorageError,
)
from tests.access.conftest import CHEAP, Clock

PASSWORD = "correct horse"


class Slow(Passwords):
    """Something happens while it compares."""

    meanwhile: Callable[[], None]

    def matches(self, password: str, stored: str | None) -> bool:
        self.meanwhile()
        return super().matches(password, stored)


def log_in(accounts: Accounts, name: str = "owner", password: str = PASSWORD) -> str:
    return accounts.log_in(name, password, address="192.0.2.1", agent="a test")[1]


@pytest.fixture
def owner(accounts: Accounts) -> Accounts:
    accounts.add_user("Owner", PASSWORD, role=Role.ADMIN)
    return accounts


def test_nothing_is_written_before_there_is_something_to_write(
    accounts: Accounts, path: Path
) -> None:
    assert not accounts.configured
    assert not accounts.users()
    assert not accounts.sessions()
    assert not accounts.tokens()
    assert not accounts.links.list()
    for ask in (
        lambda: accounts.remove_user("a"),
        lambda: accounts.set_password("a", PASSWORD),
        lambda: accounts.remove_token("a"),
        lambda: log_in(accounts),
    ):
        with pytest.raises(NotFoundError):
            ask()
    assert not path.exists()


def test_the_file_is_for_its_owner_alone_also_where_the_umask_allows_more(
    accounts: Accounts, path: Path
) -> None:
    before = os.umask(0)
    try:
        accounts.add_user("a", PASSWORD, role=Role.VIEWER)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [p.name for p in path.parent.iterdir()] == [path.name]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to others")
def test_a_user_that_root_adds_is_known_to_the_server_that_owns_the_folder(
    accounts: Accounts, path: Path
) -> None:
    os.chown(path.parent, 12345, 54321)
    accounts.add_user("a", PASSWORD, role=Role.VIEWER)
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_a_file_that_others_could_read_is_closed_to_them_when_it_is_opened(
    owner: Accounts, path: Path, clock: Clock
) -> None:
    path.chmod(0o644)
    with closing(Accounts(path, clock)) as again:
        assert [user.name for user in again.users()] == ["owner"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_no_secret_stands_in_the_file(owner: Accounts, path: Path) -> None:
    token = owner.add_token("ha", role=Role.VIEWER, cameras=None, lasts_s=None)
    session = log_in(owner)
    _, link = owner.links.make(
        kind=Target.FILE,
        target="captures/1/a.jpg",
        camera=1,
        start_us=0,
        end_us=0,
        made_by="owner",
        lasts_s=60,
        uses=None,
    )
    content = path.read_bytes()
    for secret in (token, token[3:], session, PASSWORD, link, link.partition(".")[2]):
        assert secret.encode() not in content
    assert b"$argon2id$" in content


def test_a_password_opens_a_session_that_lasts_thirty_days(owner: Accounts, clock: Clock) -> None:
    who, secret = owner.log_in(" OWNER ", PASSWORD, address="192.0.2.1", agent="x\n" * 500)
    assert (who.name, who.role, who.cameras) == ("owner", Role.ADMIN, None)
    assert owner.of_session(secret) == who
    [session] = owner.sessions()
    assert len(session.agent) == 200
    assert session.agent.isprintable()
    clock.forward(30 * 86400 - 1)
    assert owner.of_session(secret) == who
    clock.forward(1)
    assert owner.of_session(secret) is None
    assert owner.sessions() == []
    for wrong in ("", secret[:-1], secret + "x", session.digest, session.id):
        assert owner.of_session(wrong) is None


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("owner", "wrong horse"),
        ("owner", ""),
        ("owner", PASSWORD + " "),
        ("owner", "x" * 5000),
        ("owner", "\ud800"),
        ("nobody", PASSWORD),
        ("", ""),
        ("' or 1=1 --", PASSWORD),
        ("x" * 5000, PASSWORD),
    ],
)
def test_a_wrong_name_and_a_wrong_password_get_the_same_sentence(
    owner: Accounts, name: str, password: str
) -> None:
    with pytest.raises(NotFoundError, match=r"^the name or the password is wrong$"):
        log_in(owner, name, password)
    assert owner.sessions() == []


def test_an_unknown_user_costs_a_hash_like_a_known_one(
    owner: Accounts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or the time of the answer would say which users there are."""
    compared: list[str] = []

    def verify(_self: object, stored: str, _given: bytes) -> None:
        compared.append(stored)

    monkeypatch.setattr(type(CHEAP._hasher()[0]), "verify", verify)
    log_in(owner, "owner", "x")  # what is compared here always fits
    with pytest.raises(NotFoundError):
        log_in(owner, "nobody", "x")
    assert len(compared) == 2
    assert all(stored.startswith("$argon2id$") for stored in compared)
    assert len({stored.rpartition("$")[0].rpartition("$")[0] for stored in compared}) == 1


def test_a_hash_made_with_other_parameters_is_renewed_at_the_next_log_in(
    path: Path, clock: Clock
) -> None:
    with closing(Accounts(path, clock, CHEAP)) as before:
        before.add_user("owner", PASSWORD, role=Role.ADMIN)
        old = before.users()[0].password
    with closing(Accounts(path, clock, Passwords(memory_kib=128, passes=1))) as after:
        log_in(after)
        assert "m=128" in after.users()[0].password != old
        log_in(after)


def test_roles_cameras_and_names_are_checked(owner: Accounts) -> None:
    with pytest.raises(ConflictError, match="there is a user owner already"):
        owner.add_user("OWNER", PASSWORD, role=Role.VIEWER)
    for name in ("", "-a", "a b", "a/b", "token:x", "ä", "a" * 65, "a\n"):
        with pytest.raises(InvalidInputError):
            owner.add_user(name + "\0" if name == "a\n" else name, PASSWORD, role=Role.VIEWER)
    for password in ("", "1234567", "x" * 1025):
        with pytest.raises(InvalidInputError, match="a password has 8 to 1024"):
            owner.add_user("new", password, role=Role.VIEWER)
    with pytest.raises(InvalidInputError, match="an admin sees every camera"):
        owner.add_user("new", PASSWORD, role=Role.ADMIN, cameras=frozenset({1}))
    with pytest.raises(InvalidInputError, match="an admin sees every camera"):
        owner.set_role("owner", Role.ADMIN, frozenset({1}))
    assert [user.name for user in owner.users()] == ["owner"]


def test_a_change_of_role_holds_for_sessions_that_are_open(owner: Accounts) -> None:
    secret = log_in(owner)
    owner.set_role("owner", Role.VIEWER, frozenset({2}))
    who = owner.of_session(secret)
    assert who is not None
    assert who.role is Role.VIEWER
    assert who.sees(2)
    assert not who.sees(1)


def test_a_new_password_and_removal_end_all_sessions(owner: Accounts) -> None:
    first = log_in(owner)
    owner.set_password("owner", "another horse")
    assert owner.of_session(first) is None
    second = log_in(owner, password="another horse")
    who = owner.of_session(second)
    assert who is not None
    assert owner.is_still(who)
    owner.remove_user("owner")
    assert owner.of_session(second) is None
    assert not owner.is_still(who)
    owner.add_user("owner", PASSWORD, role=Role.ADMIN)
    assert owner.of_session(second) is None


def test_a_new_password_does_not_let_in_who_is_disabled(owner: Accounts) -> None:
    owner.set_disabled("owner", disabled=True)
    owner.set_password("owner", "another horse")
    assert owner.users()[0].disabled
    with pytest.raises(NotFoundError):
        log_in(owner, password="another horse")
    owner.set_disabled("owner", disabled=False)
    log_in(owner, password="another horse")


@pytest.mark.parametrize("outdated", [False, True])
@pytest.mark.parametrize(
    "change",
    [
        lambda accounts: accounts.set_password("owner", "another horse"),
        lambda accounts: accounts.set_disabled("owner", disabled=True),
        lambda accounts: accounts.remove_user("owner"),
    ],
    ids=["password", "disabled", "removed"],
)
def test_what_changes_while_a_password_is_compared_holds(
    path: Path, clock: Clock, change: Callable[[Accounts], None], *, outdated: bool
) -> None:
    passwords = Slow(memory_kib=128 if outdated else 64, passes=1)
    with closing(Accounts(path, clock, CHEAP)) as other:
        other.add_user("owner", PASSWORD, role=Role.ADMIN)
        with closing(Accounts(path, clock, passwords)) as accounts:
            passwords.meanwhile = lambda: change(other)
            with pytest.raises(NotFoundError, match="the name or the password is wrong"):
                log_in(accounts)
        other.refresh()
        left = other.users()
        assert not other.sessions()
        if left and left[0].disabled:
            other.set_disabled("owner", disabled=False)
            log_in(other)
        elif left:
            log_in(other, password="another horse")


def test_sessions_are_revoked_by_id_and_by_user_only_ones_own(owner: Accounts) -> None:
    owner.add_user("guest", PASSWORD, role=Role.VIEWER)
    mine, theirs = log_in(owner), log_in(owner, "guest")
    who = owner.of_session(mine)
    assert who is not None
    assert not owner.revoke_session(who.credential, user="guest")
    assert owner.of_session(mine) == who
    assert owner.revoke_session(who.credential, user="owner")
    assert owner.of_session(mine) is None
    assert not owner.revoke_session(who.credential)
    assert not owner.revoke_session("' or 1=1")
    assert owner.log_out("guest") == 1
    assert owner.of_session(theirs) is None


def test_a_program_that_logs_in_each_time_keeps_its_newest_sessions(owner: Accounts) -> None:
    owner.add_user("guest", PASSWORD, role=Role.VIEWER)
    theirs = log_in(owner, "guest")
    secrets = [log_in(owner) for _ in range(MOST_SESSIONS + 3)]
    assert [owner.of_session(secret) is None for secret in secrets[:4]] == [True] * 3 + [False]
    assert owner.of_session(secrets[-1]) is not None
    assert len(owner.sessions("owner")) == MOST_SESSIONS
    assert owner.of_session(theirs) is not None


def test_tokens_expire_and_are_revoked(accounts: Accounts, clock: Clock) -> None:
    secret = accounts.add_token("ha", role=Role.OPERATOR, cameras=frozenset({1}), lasts_s=60)
    assert secret.startswith("cs_")
    who = accounts.of_token(secret)
    assert who is not None
    assert (who.name, who.role, who.cameras) == ("token:ha", Role.OPERATOR, frozenset({1}))
    assert accounts.configured
    assert not accounts.has_users
    assert accounts.of_session(secret) is None
    with pytest.raises(ConflictError):
        accounts.add_token("HA", role=Role.VIEWER, cameras=None, lasts_s=None)
    clock.forward(60)
    assert accounts.of_token(secret) is None
    for_ever = accounts.add_token("x", role=Role.VIEWER, cameras=None, lasts_s=None)
    clock.forward(10**9)
    assert accounts.of_token(for_ever) is not None
    accounts.remove_token("x")
    assert accounts.of_token(for_ever) is None
    with pytest.raises(NotFoundError):
        accounts.remove_token("x")


def test_what_another_process_changes_is_known_half_a_second_later(
    owner: Accounts, path: Path, clock: Clock
) -> None:
    secret = log_in(owner)
    with closing(Accounts(path, clock, CHEAP)) as other:
        other.set_role("owner", Role.OPERATOR, None)
        other.add_token("new", role=Role.VIEWER, cameras=None, lasts_s=None)
    assert not owner.is_due()
    clock.forward(0.5)
    assert owner.is_due()
    assert not owner.is_due()
    owner.refresh()
    who = owner.of_session(secret)
    assert who is not None
    assert who.role is Role.OPERATOR
    assert [token.name for token in owner.tokens()] == ["new"]


def test_the_door_stays_shut_when_the_file_goes_away_and_opens_when_the_last_user_does(
    owner: Accounts, path: Path, tmp_path: Path
) -> None:
    path.rename(tmp_path / "elsewhere")
    owner.refresh()
    assert owner.users() == []
    assert owner.configured
    (tmp_path / "elsewhere").rename(path)
    owner.refresh()
    assert [user.name for user in owner.users()] == ["owner"]
    owner.remove_user("owner")
    assert not owner.configured


def test_a_file_that_was_exchanged_is_read_anew(
    owner: Accounts, path: Path, tmp_path: Path, clock: Clock
) -> None:
    with closing(Accounts(tmp_path / "other.db", clock, CHEAP)) as other:
        other.add_user("somebody", PASSWORD, role=Role.VIEWER)
    (tmp_path / "other.db").replace(path)
    owner.refresh()
    assert [user.name for user in owner.users()] == ["somebody"]


def test_a_damaged_file_is_said_and_left_alone_and_who_was_known_still_is(
    owner: Accounts, path: Path, clock: Clock
) -> None:
    secret = log_in(owner)
    whole = path.read_bytes()
    path.write_bytes(b"no database" * 1000)
    with pytest.raises(StorageError, match=r"accounts.db cannot be used"):
        owner.refresh()
    assert owner.of_session(secret) is not None
    with pytest.raises(StorageError), closing(Accounts(path, clock)):
        pass
    assert path.read_bytes() == b"no database" * 1000
    path.write_bytes(whole)
    owner.refresh()


@pytest.mark.parametrize("content", [b"", b"x", bytes(4096)])
def test_an_empty_file_is_no_new_one_that_lets_everybody_in(
    content: bytes, owner: Accounts, path: Path
) -> None:
    owner.close()
    path.write_bytes(content)
    with pytest.raises(StorageError, match="cannot be used"):
        Accounts(path, Clock(), CHEAP)
    assert path.read_bytes() == content


def test_rows_that_no_version_wrote_are_refused(owner: Accounts, path: Path) -> None:
    for change in ("role = 'viewes'", "cameras = '[1'", "cameras = '5'"):
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute(f"UPDATE users SET {change}")  # noqa: S608
        with pytest.raises(StorageError, match="cannot be used"):
            Accounts(path, Clock(), CHEAP)


def test_a_file_of_a_newer_version_is_refused(owner: Accounts, path: Path, clock: Clock) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("update meta set value = '2' where key = 'schema_version'")
    with pytest.raises(StorageError, match=r"newer version.*put back the copy"):
        Accounts(path, clock)


@pytest.mark.parametrize("name", ["chimera", " CLI", "server", "api"])
def test_bug_a_user_could_be_named_as_who_a_chimera_install_lets_in(
    accounts: Accounts, name: str
) -> None:
    """An operator of that name saw and ended the links of those admins."""
    with pytest.raises(InvalidInputError, match="take another"):
        accounts.add_user(name, PASSWORD, role=Role.OPERATOR)
    assert accounts.users() == []
