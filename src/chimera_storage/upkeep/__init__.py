"""Section 3 of the server: sizes, counts, statistics, and deletion: asked for, or by rules."""

from chimera_storage.upkeep.retention import Retention
from chimera_storage.upkeep.schedule import Schedule
from chimera_storage.upkeep.statistics import Statistics
from chimera_storage.upkeep.upkeep import CleanResult, Upkeep

__all__ = ["CleanResult", "Retention", "Schedule", "Statistics", "Upkeep"]
