"""Finding a camera before it is configured: who is there, what streams it has, a test picture."""

from chimera_storage.motion.finding.discovery import FoundCamera
from chimera_storage.motion.finding.finder import Finder
from chimera_storage.motion.finding.onvif import Stream

__all__ = ["Finder", "FoundCamera", "Stream"]
