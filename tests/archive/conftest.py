"""The store that the tests of this room work on."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.archive import Store, open_store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with open_store(tmp_path) as opened:
        yield opened
