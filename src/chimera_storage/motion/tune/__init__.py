"""Saved footage once more with other settings, for `chimera-storage tune`."""

from chimera_storage.motion.tune.footage import Footage, SavedFootage, VideoFootage
from chimera_storage.motion.tune.marks import Mark, read_marks
from chimera_storage.motion.tune.picture import write_picture
from chimera_storage.motion.tune.replaying import Event, Outcome
from chimera_storage.motion.tune.search import SearchResult
from chimera_storage.motion.tune.tune import Comparison, Tally, compare

__all__ = [
    "Comparison",
    "Event",
    "Footage",
    "Mark",
    "Outcome",
    "SavedFootage",
    "SearchResult",
    "Tally",
    "VideoFootage",
    "compare",
    "read_marks",
    "write_picture",
]
