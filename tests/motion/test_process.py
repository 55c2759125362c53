"""The recorder process by itself: how it is told to end, and that it always does."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from chimera_storage.config import CameraSettings
from chimera_storage.model import CameraReport, CameraState
from chimera_storage.motion.messages import STOP_LINE, Work, decode_report, encode_order
from tests.support.http_camera import silent_server

Process = subprocess.Popen[bytes]


@contextmanager
def started(
    root: Path,
    *urls: str,
    first_line: bytes | None = None,
    command: tuple[str, ...] = ("-P", "-m", "chimera_storage.motion"),
) -> Iterator[Process]:
    (root / "shared/captures").mkdir(parents=True)
    cameras = [
        CameraSettings.model_validate({"id": number, "url": url}) for number, url in enumerate(urls)
    ]
    work = Work(data=root, timezone="UTC", sync_interval_s=0.1, cameras=cameras)
    process = subprocess.Popen(
        [sys.executable, *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdin is not None
    try:
        process.stdin.write(encode_order(work) if first_line is None else first_line)
        process.stdin.flush()
        yield process
    finally:
        process.kill()
        process.communicate()


def first_report(process: Process) -> None:
    assert process.stdout is not None
    decode_report(process.stdout.readline())


def end_by_signal(process: Process) -> None:
    process.send_signal(signal.SIGTERM)


def end_by_stop_line(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.write(STOP_LINE)
    process.stdin.flush()


def end_by_parents_death(process: Process) -> None:
    assert process.stdin is not None
    process.stdin.close()
    process.stdin = None


@pytest.mark.parametrize("end", [end_by_signal, end_by_stop_line, end_by_parents_death])
def test_it_ends_in_order_even_when_a_camera_hangs_in_a_read(tmp_path: Path, end: object) -> None:
    assert callable(end)
    with (
        silent_server() as port,
        started(tmp_path, f"rtsp://127.0.0.1:{port}/x", "demo:") as process,
    ):
        first_report(process)
        end(process)
        assert process.wait(4) == 0


def test_ctrl_c_is_the_parents_business(tmp_path: Path) -> None:
    with started(tmp_path, "demo:") as process:
        first_report(process)
        process.send_signal(signal.SIGINT)
        first_report(process)
        first_report(process)
        assert process.poll() is None


@pytest.mark.parametrize("line", [b"nonsense\n", b"{}\n", b""])
def test_without_work_it_says_so_and_ends(tmp_path: Path, line: bytes) -> None:
    with started(tmp_path, first_line=line) as process:
        _, err = process.communicate(timeout=10)
        assert process.returncode == 2
        assert b"no_work" in err


FAULTY = """
import os, signal
signal.pthread_sigmask(signal.SIG_BLOCK, {{signal.SIGTERM}})
from chimera_storage.motion import capture, process
method = capture.Capture.{method}
def fault(self, *given):
    if self._camera.id == 0:
        raise ZeroDivisionError
    return method(self, *given)
capture.Capture.{method} = fault
os._exit(process.main())
"""


def test_a_fault_in_one_camera_is_shown_and_tried_again_while_the_others_go_on(
    tmp_path: Path,
) -> None:
    faulty = ("-c", FAULTY.format(method="take"))
    with started(tmp_path, "demo:", "demo:2", command=faulty) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        for _ in range(2):
            while b"camera_fault" not in process.stderr.readline():
                pass
        newest: dict[int, CameraReport] = {}
        while len(newest) < 2:
            report = decode_report(process.stdout.readline())
            if report.state is not CameraState.STARTING:
                newest[report.camera] = report
        assert newest[0].state is CameraState.FAILED
        assert newest[0].problem is not None
        assert "fault in this program" in newest[0].problem
        assert newest[1].state is CameraState.CONNECTED
        end_by_signal(process)
        assert process.wait(4) == 0


def test_a_camera_thread_that_dies_ends_the_process_loudly(tmp_path: Path) -> None:
    faulty = ("-c", FAULTY.format(method="finish"))
    with started(tmp_path, "/nowhere.mp4", command=faulty) as process:
        assert process.wait(20) == 1
        assert process.stderr is not None
        assert b"camera_thread_died" in process.stderr.read()
