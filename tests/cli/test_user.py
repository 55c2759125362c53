"""`chimera-storage user` and `token`, run as commands."""

import subprocess
from pathlib import Path

from tests.support.server import COMMAND, clean_environment, command


def run(*arguments: str, folder: Path, stdin: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*COMMAND, *arguments, "--path", str(folder)],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env=clean_environment(),
    )


def test_users_are_added_changed_and_removed_with_passwords_from_standard_input(
    tmp_path: Path,
) -> None:
    data = tmp_path / "data"
    added = run(
        "user",
        "add",
        "Kid",
        "--role",
        "viewer",
        "--cameras",
        "1,2",
        folder=data,
        stdin="hush hush\n",
    )
    assert added.stdout == "kid may log in as viewer, camera 1, 2.\n", added.stderr
    short = run("user", "password", "kid", folder=data, stdin="short\n")
    assert short.returncode == 2
    assert short.stderr == "chimera-storage: a password has 8 to 1024 characters\n"
    assert run("user", "role", "kid", "operator", folder=data).returncode == 0
    assert run("user", "list", folder=data).stdout == "kid\toperator\tall cameras\t0 session(s)\n"
    assert run("user", "remove", "kid", folder=data).returncode == 0
    gone = run("user", "remove", "kid", folder=data)
    assert gone.returncode == 1
    assert "there is no user kid" in gone.stderr
    assert "hush" not in added.stdout + added.stderr + str([p.name for p in data.iterdir()])


def test_a_password_cannot_be_given_as_an_argument(tmp_path: Path) -> None:
    for argument in ("--password=hush hush", "hush hush"):
        refused = run("user", "add", "kid", argument, folder=tmp_path, stdin="other one\n")
        assert refused.returncode == 2
    assert not (tmp_path / "accounts.db").exists()


def test_a_token_is_shown_once(tmp_path: Path) -> None:
    made = run("token", "add", "ha", "--role", "viewer", "--days", "1", folder=tmp_path)
    secret = made.stdout.strip()
    assert secret.startswith("cs_")
    assert len(secret) == 46
    listed = run("token", "list", folder=tmp_path).stdout
    assert listed.startswith("ha\tviewer\tcameras all\tuntil ")
    assert secret not in listed
    assert run("token", "remove", "ha", folder=tmp_path).returncode == 0
    assert run("token", "list", folder=tmp_path).stdout == ""


def test_a_configuration_that_lets_anybody_in_is_wrong_until_there_is_a_user(
    tmp_path: Path,
) -> None:
    config = tmp_path / "storage.toml"
    config.write_text('[server]\nhost = "0.0.0.0"\n')
    before = check(config)
    assert before.returncode == 2
    assert "add a user (chimera-storage user add)" in before.stderr
    assert run("user", "add", "kid", folder=tmp_path / "data", stdin="hush hush\n").returncode == 0
    after = check(config)
    assert after.returncode == 0, after.stderr


def check(config: Path) -> "subprocess.CompletedProcess[str]":
    return command("config", "check", "--config", config)
