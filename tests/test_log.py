"""Log lines: where they go."""

import json
import os
import subprocess
import sys

WRITTEN_TWICE = """
import io, sys
from chimera_storage.log import configure_logging, get_logger
configure_logging()
logger = get_logger(camera=3)
logger.info("before")
sys.stderr = io.StringIO()
logger.warning("after")
print(sys.stderr.getvalue(), end="")
"""

OF_A_LIBRARY = """
import logging
from chimera_storage.log import configure_logging
configure_logging()
configure_logging()
logging.getLogger("asyncio").info("nobody wants to know")
try:
    raise ValueError("rtsp://me:hush@10.0.0.7/a")
except ValueError:
    logging.getLogger("asyncio").exception("Task %s failed", "rtsp://me:hush@10.0.0.7/b")
"""


def test_a_line_goes_to_what_stderr_is_when_it_is_written() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITTEN_TWICE], capture_output=True, text=True, check=True
    )
    before, after = json.loads(ended.stderr), json.loads(ended.stdout)
    assert (before["event"], before["level"], before["camera"]) == ("before", "info", 3)
    assert (after["event"], after["level"]) == ("after", "warning")


WRITTEN_TO_NOBODY = """
import os, sys
from chimera_storage.log import configure_logging, get_logger
configure_logging()
reader, writer = os.pipe()
os.dup2(writer, 2)
os.close(reader)
get_logger().info("nobody reads")
sys.stderr.close()
get_logger().exception("nobody can")
print("goes on")
"""


def test_a_line_that_cannot_be_written_ends_nothing() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITTEN_TO_NOBODY], capture_output=True, text=True, check=True
    )
    assert ended.stdout == "goes on\n"


WRITTEN_BEFORE_AND_AFTER = """
from chimera_storage.log import configure_logging, get_logger
logger = get_logger()
logger.info("by default", url="rtsp://viewer:secret@10.0.0.7/a?token=secret&x=1")
configure_logging(json=True)
logger.info("as configured", url="http://host/link/secret.secret")
logger.debug("not at all")
"""


def test_a_logger_that_was_there_before_logs_as_configured_and_no_secret() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", WRITTEN_BEFORE_AND_AFTER],
        env=os.environ | {"CHIMERA_LOG": "text"},
        capture_output=True,
        text=True,
        check=True,
    )
    by_default, as_configured = ended.stderr.splitlines()
    assert not by_default.startswith("{")
    assert "rtsp://***@10.0.0.7/a?token=***&x=1" in by_default
    assert json.loads(as_configured)["url"] == "http://host/link/***"


def test_what_a_library_logs_is_a_line_like_all_others_without_secrets() -> None:
    ended = subprocess.run(
        [sys.executable, "-c", OF_A_LIBRARY],
        env=os.environ | {"CHIMERA_LOG": "json"},
        capture_output=True,
        text=True,
        check=True,
    )
    [line] = map(json.loads, ended.stderr.splitlines())
    assert (line["event"], line["name"], line["level"]) == ("library", "asyncio", "error")
    assert line["text"] == "Task rtsp://***@10.0.0.7/b failed"
    assert "Traceback" in line["exception"]
    assert "hush" not in ended.stderr
