"""What is left of conversions when the server stops or is killed: nothing that runs."""

import os
import signal
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.server import RunningServer
from tests.support.waiting import wait_for

pytestmark = [pytest.mark.acceptance]


def conversion_processes(data: Path) -> list[int]:
    """Those of the server whose environment names the folder."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            command = (folder / "cmdline").read_bytes()
            about = (folder / "environ").read_bytes()
            if b"chimera_storage.convert" in command and str(data).encode() in about:
                found.append(int(folder.name))
    return found


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_the_process_that_is_ready_goes_with_the_server(
    tmp_path: Path, number: signal.Signals
) -> None:
    marked = {"CHIMERA_TEST": str(tmp_path)}
    with RunningServer(tmp_path, env=marked) as server:
        wait_for(lambda: conversion_processes(tmp_path), "a process to be ready")
        (ready,) = conversion_processes(tmp_path)
        wait_for(lambda: os.getpriority(os.PRIO_PROCESS, ready) >= 10, "low priority")
        server.stop(number)
        wait_for(lambda: not conversion_processes(tmp_path), "its end")


def test_listening_to_events_does_not_hold_up_the_stop(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server, server.http.stream("GET", "/convert/events") as answer:
        lines = answer.iter_lines()
        assert any(line == "event: list" for line in lines)
        assert server.stop() == 0
        assert all(not line.startswith("event") for line in lines)  # to its end, without an error
        assert "Traceback" not in server.log
