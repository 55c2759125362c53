"""One id joins an answer to the lines of the log that it caused."""

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest

from chimera_storage.errors import StorageError
from chimera_storage.log import LoggedRequest, get_logger
from tests.support.web import Room

MADE = re.compile("[0-9a-f]{16}")


def logged(capfd: pytest.CaptureFixture[str], event: str) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in capfd.readouterr().err.splitlines() if line[:1] == "{"]
    return [line for line in lines if line["event"] == event]


def test_every_answer_has_an_id_of_its_own(still_room: Room) -> None:
    answers = [
        still_room.get("/storage/health"),
        still_room.get("/storage/health"),
        still_room.get("/nowhere"),
        still_room.get("/cameras", headers={"host": "evil.example"}),
        still_room.get("/static/page.js"),
    ]
    ids = [answer.headers["x-request-id"] for answer in answers]
    assert all(map(MADE.fullmatch, ids))
    assert len(set(ids)) == len(ids)


def test_an_id_that_is_brought_is_kept_and_one_that_could_mislead_is_not(still_room: Room) -> None:
    def answered(brought: str) -> str:
        headers = {"x-request-id": brought.encode()}
        return still_room.get("/storage/health", headers=headers).headers["x-request-id"]

    for good in ("a", "7f3c.A_b:c-1", "x" * 64):
        assert answered(good) == good
    for bad in ("", "x" * 65, "a b", "a\tb", '"', "{}", "a;b", "\u00e9"):
        assert MADE.fullmatch(answered(bad)), bad


def test_a_fault_of_the_server_says_the_id_that_its_log_has(
    room: Room, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    raised: list[Exception] = [StorageError("the disk is gone"), ZeroDivisionError("secret")]

    def fail(*_: object) -> None:
        raise raised.pop(0)

    monkeypatch.setattr(room.archive.index, "latest", fail)
    for status, event in ((503, "request_failed"), (500, "request_crashed")):
        answer = room.get("/cameras/1/latest.jpg", headers={"x-request-id": f"mine-{status}"})
        assert answer.status_code == status
        assert answer.headers["x-request-id"] == f"mine-{status}"
        assert answer.json()["requestId"] == f"mine-{status}"
        assert "secret" not in answer.text
        (line,) = logged(capfd, event)
        assert line["request_id"] == f"mine-{status}"


def test_what_is_logged_after_a_request_is_not_of_it(capfd: pytest.CaptureFixture[str]) -> None:
    log = get_logger()
    with LoggedRequest("one"):
        log.info("within")
        with LoggedRequest("two"):
            log.info("within")
        log.info("within")
    log.info("within")
    ids = [line.get("request_id") for line in logged(capfd, "within")]
    assert ids == ["one", "two", "one", None]


@pytest.mark.parametrize("form", ["json", "text"])
def test_the_log_is_written_as_the_environment_says(form: str) -> None:
    code = (
        "from chimera_storage.log import *; configure_logging();"
        " get_logger().info('it_happened', where='rtsp://user:secret@192.0.2.1/')"
    )
    environment = {**os.environ, "CHIMERA_LOG": form}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment
    )
    assert "it_happened" in done.stderr
    assert "secret" not in done.stderr
    is_json = done.stderr.startswith("{") and "event" in json.loads(done.stderr)
    assert is_json if form == "json" else not done.stderr.startswith("{")
