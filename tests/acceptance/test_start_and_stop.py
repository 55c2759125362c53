"""Starting with everything wrong, and stopping in order: what a person at a terminal sees."""

import signal
import socket
import subprocess
from pathlib import Path

import pytest

from tests.support.server import COMMAND, RunningServer, clean_environment, command, free_port

pytestmark = pytest.mark.acceptance


def serve_and_fail(*arguments: str | Path, env: dict[str, str] | None = None) -> str:
    """What `serve` says on standard error when it does not start, with exit code 2."""
    result = command("serve", *arguments, env=env, timeout_s=30)
    assert result.returncode == 2, result.stderr
    assert "Traceback" not in result.stderr
    return result.stderr


def test_a_data_folder_that_cannot_be_made_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file stands here")
    said = serve_and_fail("--path", tmp_path / "taken" / "data", "--port", str(free_port()))
    assert len(said.splitlines()) == 1
    assert "cannot be written to" in said
    assert "storage.path" in said


def test_a_data_folder_on_a_read_only_file_system_is_one_sentence_and_exit_code_2() -> None:
    said = serve_and_fail("--path", "/proc/data", "--port", str(free_port()))
    assert len(said.splitlines()) == 1
    assert "cannot be written to" in said


def test_a_port_in_use_is_one_sentence_and_exit_code_2(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        said = serve_and_fail("--path", tmp_path, "--port", str(port))
    assert len(said.splitlines()) == 1
    assert f"port {port} of 127.0.0.1 is in use" in said


def test_an_address_of_another_machine_is_refused(tmp_path: Path) -> None:
    said = serve_and_fail(
        "--path",
        tmp_path,
        "--host",
        "203.0.113.7",
        "--port",
        str(free_port()),
        env={"SECRETKEY": "x" * 32},
    )
    assert "cannot listen on 203.0.113.7" in said


def test_listening_for_others_without_a_login_is_refused(tmp_path: Path) -> None:
    said = serve_and_fail("--path", tmp_path, "--host", "0.0.0.0", "--port", str(free_port()))
    assert "secret_key" in said


def test_a_second_server_on_one_data_folder_refuses_and_the_first_goes_on(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        said = serve_and_fail("--path", server.data, "--port", str(free_port()))
        assert "another server already works on the data folder" in said
        assert server.http.get("/storage/health").status_code == 200


def test_a_wrong_key_is_named_with_the_right_one(tmp_path: Path) -> None:
    (tmp_path / "storage.toml").write_text("[server]\nprot = 1\n")
    for words in (("serve",), ("config", "check")):
        result = command(*words, "--config", tmp_path / "storage.toml")
        assert result.returncode == 2
        assert "server.prot is not a known key; did you mean port?" in result.stderr


def test_the_example_passes_the_check(tmp_path: Path) -> None:
    (tmp_path / "storage.toml").write_text(command("config", "example").stdout)
    result = command("config", "check", "--config", tmp_path / "storage.toml")
    assert result.returncode == 0, result.stderr
    assert "1 camera(s)" in result.stdout


def test_no_camera_is_fine_and_says_what_to_do_next(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        status = server.http.get("/motion/status").json()
        assert status["cameras"] == []
        assert status["processList"] == [{"name": "motion", "status": "stopped", "restarts": 0}]
        assert server.http.get("/").status_code == 200
        assert server.url in server.log
        assert "config example" in server.log


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_one_signal_stops_in_order_with_exit_code_0(number: int, tmp_path: Path) -> None:
    camera = '[[camera]]\nid = 1\nurl = "demo:"\n'
    with RunningServer(tmp_path, camera) as server:
        assert server.stop(number) == 0
        assert "server_stopped" in server.log
        assert "Traceback" not in server.log


def test_a_signal_while_it_still_starts_is_not_lost(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [*COMMAND, "serve", "--path", str(tmp_path), "--port", str(free_port())],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=clean_environment(),
    )
    process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)
    assert process.returncode in {0, -signal.SIGTERM}


def test_storage_on_false_does_not_start(tmp_path: Path) -> None:
    result = command("serve", "--path", tmp_path, env={"storage_ON": "false"})
    assert result.returncode == 0
    assert "storage_ON" in result.stdout


def test_the_environment_of_a_chimera_install_is_enough(tmp_path: Path) -> None:
    port = free_port()
    process = subprocess.Popen(
        [*COMMAND, "serve"],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=clean_environment()
        | {"storage_ON": "true", "storage_PORT": str(port), "storage_FILEPATH": str(tmp_path)},
    )
    assert process.stdout is not None
    try:
        assert f"http://127.0.0.1:{port}" in process.stdout.readline()
        assert (tmp_path / "shared" / "captures").is_dir()
    finally:
        process.terminate()
        process.communicate(timeout=20)


def test_bug_the_server_imported_what_decodes_before_it_answered() -> None:
    asked = (
        "import sys, chimera_storage.service.serve;"
        " print({'av', 'cv2', 'httpx'} & sys.modules.keys())"
    )
    ran = subprocess.run([COMMAND[0], "-c", asked], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "set()"
