"""Rooms to test in: the web application on a real archive in a folder of its own."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from chimera_storage.archive.mark import make_marks
from tests.support.web import Room, web_room

CAMERAS = (
    {"id": 1, "name": "Front door", "url": "rtsp://user:secret@192.0.2.1/one"},
    {"id": 2, "url": "rtsp://192.0.2.1/two"},
)


@pytest.fixture
def make_room(tmp_path: Path) -> Iterator[Callable[..., Room]]:
    """Makes a room with given sections of settings; cameras 1 ("Front door") and 2 by default."""
    with ExitStack() as stack:

        def make(**settings: object) -> Room:
            root = tmp_path / f"data{len(list(tmp_path.iterdir()))}"
            root.mkdir()
            return stack.enter_context(web_room(root, **{"camera": CAMERAS, **settings}))

        yield make


@pytest.fixture
def room(make_room: Callable[..., Room]) -> Room:
    return make_room()


@pytest.fixture
def diskless_room(tmp_path: Path) -> Iterator[Room]:
    """A room whose disk of captures is not mounted any more."""
    with web_room(tmp_path) as room:
        make_marks(room.archive.layout, room.archive.index.data_folder_id)
    with web_room(tmp_path, camera=CAMERAS) as room:
        room.captures.rename(tmp_path / "unmounted")
        yield room


@pytest.fixture(scope="session")
def still_room(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Room]:
    """One room for every test that only asks and is refused; nothing may be saved in it."""
    with web_room(tmp_path_factory.mktemp("still"), camera=CAMERAS) as room:
        yield room
        assert room.archive.index.cameras() == []
