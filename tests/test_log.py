"""Log lines: where they go."""

import json
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
