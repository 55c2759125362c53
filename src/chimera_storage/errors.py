"""The errors of this package; each message is a sentence on what is wrong and what is right.

Messages are shown to clients as they stand, so they never hold a path outside the data folder
or a camera's password. `web` maps the classes to HTTP statuses in one table, `cli` to exit codes.
"""

import errno


class ChimeraStorageError(Exception):
    """Root of all errors that this package raises on purpose."""


class InvalidInputError(ChimeraStorageError):
    """A value from outside cannot be used."""


class NotFoundError(ChimeraStorageError):
    """What was asked for does not exist."""


class ConflictError(ChimeraStorageError):
    """What was asked for cannot be done in the present state."""


class ConfigurationError(ChimeraStorageError):
    """The configuration cannot be used; the server does not start (exit code 2)."""


class StorageError(ChimeraStorageError):
    """The data folder or the index cannot be read or written."""


class DiskFullError(StorageError):
    """There is no room for what is to be written; upkeep makes some."""


class SourceError(ChimeraStorageError):
    """A camera or file cannot be read; the message names the cause and never a credential."""


class ConversionError(ChimeraStorageError):
    """A video or archive could not be made."""


def storage_error(message: str, cause: OSError) -> StorageError:
    """`message`, completed by what the system says, as the error that fits."""
    kind = DiskFullError if cause.errno in (errno.ENOSPC, errno.EDQUOT) else StorageError
    return kind(f"{message}: {cause.strerror or cause}")
