"""Whether a camera sees what it usually sees, and whether its pictures arrive whole."""

from chimera_storage.motion.health.damage import DamageCheck
from chimera_storage.motion.health.signal import SignalHealth

__all__ = ["DamageCheck", "SignalHealth"]
