"""What the tests of this room share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.saved_images import SavedImages, saved_images


@pytest.fixture
def saved(tmp_path: Path) -> Iterator[SavedImages]:
    """An empty archive."""
    with saved_images(tmp_path / "data") as opened:
        yield opened
