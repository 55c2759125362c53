"""Users and tokens of a running server, changed from the command line."""

import re
import time
from collections.abc import Callable, Iterator

import httpx
import pytest

from tests.cli.test_user import run
from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(120)]

PASSWORD = "correct horse battery"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with RunningServer(tmp_path_factory.mktemp("accounts"), args=("--demo",)) as server:
        yield server


@pytest.fixture
def browser(server: RunningServer) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=server.url) as client:
        yield client


def test_what_the_command_line_changes_holds_within_a_second(
    server: RunningServer, browser: httpx.Client
) -> None:
    def status(**headers: str) -> int:
        return httpx.get(f"{server.url}/cameras", headers=headers).status_code

    assert status() == 200
    assert run("user", "add", "kid", folder=server.data, stdin=PASSWORD + "\n").returncode == 0
    _within_a_second(lambda: status() == 401)

    form = {"name": "kid", "password": PASSWORD, "next": "/shared/captures/"}
    answer = browser.post("/login", data=form, headers={"accept": "text/html"})
    assert (answer.status_code, answer.headers["location"]) == (303, "/shared/captures/")
    cookie = answer.headers["set-cookie"]
    assert re.search(r"HttpOnly; Max-Age=2592000; Path=/; SameSite=lax$", cookie), cookie
    assert browser.get("/cameras").status_code == 200
    assert browser.post("/file/pathDelete", json={"camera": 1}).status_code == 403

    assert (
        run("user", "role", "kid", "viewer", "--cameras", "7", folder=server.data).returncode == 0
    )
    _within_a_second(lambda: browser.get("/cameras").json()["cameras"] == [])
    assert browser.get("/cameras/1/latest.jpg").status_code == 404

    token = run("token", "add", "ha", "--role", "admin", folder=server.data).stdout.strip()
    _within_a_second(lambda: status(authorization=f"Bearer {token}") == 200)

    assert run("user", "logout", "kid", folder=server.data).returncode == 0
    _within_a_second(lambda: browser.get("/cameras").status_code == 401)
    secrets = [PASSWORD, token, re.search(r"session=([^;]+)", cookie)[1]]  # type: ignore[index]
    assert run("token", "remove", "ha", folder=server.data).returncode == 0
    assert run("user", "remove", "kid", folder=server.data).returncode == 0
    _within_a_second(lambda: status() == 200)
    for secret in secrets:
        assert secret not in server.log


def _within_a_second(condition: Callable[[], bool]) -> None:
    began = time.monotonic()
    wait_for(condition, "the change to hold")
    assert time.monotonic() - began < 3  # one, and two for a machine that runs other tests


def test_the_file_of_accounts_is_never_served_and_survives_check_and_clean(
    server: RunningServer,
) -> None:
    token = run("token", "add", "all", "--role", "admin", folder=server.data).stdout.strip()
    headers = {"authorization": f"Bearer {token}"}
    _within_a_second(lambda: httpx.get(f"{server.url}/me", headers=headers).status_code == 200)
    before = (server.data / "accounts.db").read_bytes()
    link = server.data / "shared" / "captures" / "accounts.mp4"
    link.symlink_to(server.data / "accounts.db")
    for path in (
        "/shared/../accounts.db",
        "/shared/%2e%2e/accounts.db",
        "/shared/captures/%2e%2e/%2e%2e/accounts.db",
        "/shared/accounts.db",
        "/accounts.db",
        "/shared/captures/accounts.mp4",
    ):
        answer = httpx.get(server.url + path, headers=headers)
        assert answer.status_code in {400, 404}, path
        assert b"SQLite" not in answer.content
    link.unlink()
    httpx.post(f"{server.url}/file/applyRules", headers=headers)
    server.stop()
    server_log = server.log
    for command in (("check", "--repair"), ("clean",)):
        done = run(*command, folder=server.data)
        assert "accounts" not in done.stdout + done.stderr
    assert (server.data / "accounts.db").read_bytes() == before
    assert token not in server_log
