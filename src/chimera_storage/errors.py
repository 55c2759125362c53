"""The errors of this package; each message is a sentence on what is wrong and what is right.

Messages are shown to clients as they stand, so they never hold a path outside the data folder
or a camera's password. `web` maps the classes to HTTP statuses in one table, `cli` to exit codes.
"""


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


class SourceError(ChimeraStorageError):
    """A camera or file cannot be read; the message names the cause and never a credential."""


class ConversionError(ChimeraStorageError):
    """A video or archive could not be made."""
