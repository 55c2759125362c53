"""Which file below /shared a path means, for who asks: opened, or a folder."""

import os
import stat as stat_module
from collections.abc import Callable
from pathlib import Path

from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.errors import NotFoundError
from chimera_storage.web.serving import StoredFile
from chimera_storage.web.sight import sees, sees_all


def camera_of(layout: Layout, real: Path) -> int | None:
    """The camera whose image, folder or conversion a real path (of `Layout.resolve`) is."""
    captures = layout.captures.resolve()
    if not real.is_relative_to(captures) or real == captures:
        return None
    return _camera_named(layout, real.relative_to(captures).parts)


def shows(layout: Layout, folder: str) -> Callable[[str], bool]:
    """Whether who asks may see an entry of this name in that folder (its path below shared)."""
    if sees_all():
        return lambda _: True
    captures = layout.captures.name
    match folder.strip("/").split("/"):
        case [""]:
            return lambda name: name == captures
        case [first] if first == captures:
            return lambda name: _sees_named(layout, (name,))
        case _:
            return lambda _: True  # a folder that could be opened is seen whole


def find(layout: Layout, path: str) -> StoredFile | Path:
    """The file, open, or the real path of a folder; nothing that who asks may not see.

    Raises InvalidInputError, NotFoundError.
    """
    real = layout.resolve(path)
    if not sees_all() and not _may_open(layout, real):
        raise NotFoundError("there is no such file or folder")
    return found_at(real, path)


def found_at(real: Path, path: str) -> StoredFile | Path:
    """The same for a path that was resolved and may be seen."""
    if real.is_dir():
        return real
    if path.endswith("/"):
        raise NotFoundError("there is no such folder; a file's address has no slash at its end")
    # O_NONBLOCK: opening a named pipe must not wait for somebody to write into it.
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        file = os.fdopen(os.open(real, flags), "rb", buffering=0)
    except OSError:
        raise NotFoundError("there is no such file or folder") from None
    if not stat_module.S_ISREG(os.fstat(file.fileno()).st_mode):
        file.close()
        raise NotFoundError("there is no such file or folder")
    return StoredFile(file, name=path.rpartition("/")[2])


def _may_open(layout: Layout, real: Path) -> bool:
    if real in {layout.captures.resolve(), layout.shared.resolve()}:
        return True  # their entries are left out one by one
    camera = camera_of(layout, real)
    return camera is not None and sees(camera)


def _camera_named(layout: Layout, below_captures: tuple[str, ...]) -> int | None:
    camera = parse_camera(below_captures[0])
    if camera is None and len(below_captures) == 1:
        conversion = layout.parse_output(below_captures[0])
        return None if conversion is None else conversion.camera
    return camera


def _sees_named(layout: Layout, below_captures: tuple[str, ...]) -> bool:
    camera = _camera_named(layout, below_captures)
    return camera is not None and sees(camera)
