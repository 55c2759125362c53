"""Section 3 of the server: sizes, counts, statistics, and deletion: asked for, or by rules."""

from chimera_storage.upkeep.opening import make_room_to_open
from chimera_storage.upkeep.retention import Retention
from chimera_storage.upkeep.schedule import Schedule
from chimera_storage.upkeep.statistics import Statistics
from chimera_storage.upkeep.upkeep import CleanResult, Upkeep

__all__ = ["CleanResult", "Retention", "Schedule", "Statistics", "Upkeep", "make_room_to_open"]
