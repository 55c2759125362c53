"""From a luma picture to what moves in it: background, patches that differ, and where they go."""

from chimera_storage.motion.detector.detector import STILL, Detector, Motion

__all__ = ["STILL", "Detector", "Motion"]
