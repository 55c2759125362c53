"""Which file below /shared a path means, for who asks: opened, or a folder."""

import os
import stat as stat_module
from collections.abc import Callable
from pathlib import Path

from chimera_storage.archive.layout import Layout, parse_camera
from chimera_storage.errors import NotFoundError
from chimera_storage.web.serving import HeldFile, StoredFile, entity_tag
from chimera_storage.web.sight import sees, sees_all

_NOTHING = "there is no such file or folder"


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


def find(layout: Layout, path: str) -> tuple[StoredFile | Path, int | None]:
    """As `look`, but nothing that who asks may not see.

    Raises InvalidInputError, NotFoundError.
    """
    found, camera = look(layout, path)
    is_top = not isinstance(found, StoredFile) and path.strip("/") in ("", layout.captures.name)
    # The entries of these two are left out one by one.
    if sees_all() or is_top or (camera is not None and sees(camera)):
        return found, camera
    if isinstance(found, StoredFile):
        found.close()
    raise NotFoundError(_NOTHING)


def find_at_hand(layout: Layout, path: str) -> HeldFile | None:
    """As `find`, but only a small file that is read without waiting for a disk: for the event loop.

    None says nothing: then `find` does, in a thread. Raises InvalidInputError, NotFoundError.
    """
    found = layout.read_at_hand(path)
    if found is None:
        return None
    file, in_captures = found
    if not (sees_all() or _sees_named(layout, in_captures)):
        return None
    return HeldFile(
        file.content,
        name=in_captures[-1],
        modified_s=file.modified_ns // 1_000_000_000,
        etag=entity_tag(len(file.content), file.modified_ns, file.inode),
    )


def look(layout: Layout, path: str) -> tuple[StoredFile | Path, int | None]:
    """The file, open, or a folder's real path; and the camera whose it is. For anybody.

    Raises InvalidInputError, NotFoundError.
    """
    descriptor, place = layout.open(path)
    try:
        camera = _camera_named(layout, place.in_captures) if place.in_captures else None
        mode = os.fstat(descriptor).st_mode
        if stat_module.S_ISDIR(mode):
            return Path(place.real), camera
        if not stat_module.S_ISREG(mode):
            raise NotFoundError(_NOTHING)
        # Through the descriptor: the very file whose place was looked at.
        read = os.open(f"/proc/self/fd/{descriptor}", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        raise NotFoundError(_NOTHING) from None
    finally:
        os.close(descriptor)
    file = os.fdopen(read, "rb", buffering=0)
    return StoredFile(file, name=path.rpartition("/")[2], path=path), camera


def _camera_named(layout: Layout, below_captures: tuple[str, ...]) -> int | None:
    camera = parse_camera(below_captures[0])
    if camera is None and len(below_captures) == 1:
        conversion = layout.parse_output(below_captures[0])
        return None if conversion is None else conversion.camera
    return camera


def _sees_named(layout: Layout, below_captures: tuple[str, ...]) -> bool:
    camera = _camera_named(layout, below_captures)
    return camera is not None and sees(camera)
