"""Writing storage.toml: whole or not at all, beside a copy of what stood there before."""

import errno
import os
from pathlib import Path

from chimera_storage.config_load import read_text
from chimera_storage.durable import sync_folder
from chimera_storage.errors import ConflictError

_MODE = 0o600  # of a new file: it holds passwords


def replace_file(path: Path, text: str, before: str) -> None:
    """Write `text` in place of `before`, which becomes `<name>.bak`; rights stay as they are.

    A link stays one. Raises ConflictError with what would be right, and the file is as it was.
    """
    path = path.resolve()
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        mode = _MODE
        if path.exists():
            mode = path.stat().st_mode & 0o777
            _write_whole(new, before, mode)
            new.replace(path.with_name(f"{path.name}.bak"))
        _write_whole(new, text, mode)
        if path.exists() and read_text(path) != before:
            new.unlink()
            raise ConflictError(f"{path.name} was changed just now; try again")
        new.replace(path)
        sync_folder(path.parent)
    except OSError as error:
        new.unlink(missing_ok=True)
        why = error.strerror or str(error)
        if error.errno == errno.EBUSY:  # a bind mount
            why = "it is mounted as a single file; mount its folder"
        raise ConflictError(
            f"{path.name} cannot be written ({why}), so nothing was changed; it and its folder"
            " have to be writable for the user that the server runs as"
        ) from None


def _write_whole(path: Path, text: str, mode: int) -> None:
    path.unlink(missing_ok=True)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(descriptor, "wb") as file:
        os.fchmod(descriptor, mode)
        file.write(text.encode())
        file.flush()
        os.fsync(descriptor)
