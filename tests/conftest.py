"""What all tests share."""

from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.support import browser

# Timing belongs into bench/: how long an example takes says nothing on a busy machine.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


@pytest.fixture(autouse=True, scope="module")
def no_browser_left() -> Iterator[None]:
    """The tests of a module share a Chromium; the next module may need the thread's event loop."""
    yield
    browser.close_shared_browser()
