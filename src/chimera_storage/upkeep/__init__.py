"""Section 3 of the server: sizes, counts and deletion of each camera's images."""

from chimera_storage.upkeep.retention import CleanResult, Upkeep

__all__ = ["CleanResult", "Upkeep"]
