"""kill -9 of savers, deleter and server: what was renamed, indexed and served afterwards."""

from pathlib import Path

import pytest

from tests.support.crashing import Crashes
from tests.support.server import RunningServer

pytestmark = [pytest.mark.acceptance, pytest.mark.timeout(600)]


def test_ten_crashes_under_load_lose_no_image_that_has_its_name(tmp_path: Path) -> None:
    with RunningServer(tmp_path) as server:
        crashes = Crashes(server, seed=4)
        for _ in range(10):
            crashes.round()
        crashes.finish()
    assert crashes.counts.saved > 100
    assert crashes.counts.renamed == crashes.counts.indexed == crashes.counts.served
    assert len(crashes.counts.killed) == 3  # each way of dying was among them
