"""A folder to try things in, on the disk of the images and outside the archive; gone afterwards."""

import shutil
import signal
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType

from chimera_storage.archive.layout import Layout
from chimera_storage.config import Settings
from chimera_storage.errors import StorageError
from chimera_storage.service.opening import layout_of

_ENDING = (signal.SIGTERM, signal.SIGHUP)


@contextmanager
def scratch_folder(settings: Settings, room: int) -> Iterator[Path]:
    """A hidden folder beside `shared`, or in captures where that is another disk.

    It is removed at the end, also where Ctrl-C, SIGTERM or SIGHUP ends the program. Raises
    StorageError where it cannot be made, or less than `room` bytes are free.
    """
    place = _place(layout_of(settings))
    before = {number: signal.signal(number, _end) for number in _ENDING}
    try:
        try:
            if shutil.disk_usage(place).free < room:
                raise StorageError(
                    f"trying this takes {room / 1e9:.0f} GB on the disk of {place} for a while, and"
                    " less is free; --path names another folder"
                )
            folder = Path(tempfile.mkdtemp(prefix=".doctor-", dir=place))
        except OSError as error:
            raise StorageError(
                f"{place} cannot be written to: {error.strerror}; run this as the user of the"
                " server, or name another folder with --path"
            ) from None
        try:
            yield folder
        finally:
            _remove(folder)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _place(layout: Layout) -> Path:
    root = next(path for path in (layout.root, *layout.root.parents) if path.is_dir())
    try:
        if layout.captures.stat().st_dev != root.stat().st_dev:
            return layout.captures
    except OSError:
        pass  # there is none yet
    return root


def _remove(folder: Path) -> None:
    """What a process that was just killed still made there does not keep it."""
    for _ in range(5):
        shutil.rmtree(folder, ignore_errors=True)
        if not folder.exists():
            return


def _end(number: int, _frame: FrameType | None) -> None:
    raise SystemExit(128 + number)
