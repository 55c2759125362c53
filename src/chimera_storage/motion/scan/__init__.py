"""Motion events out of recorded videos, for `chimera-storage scan`."""

from chimera_storage.motion.scan.clips import ClipWriter
from chimera_storage.motion.scan.files import video_files
from chimera_storage.motion.scan.scan import FileResult, ScannedEvent, Scanner
from chimera_storage.motion.scan.thumbnails import ThumbnailWriter

__all__ = ["ClipWriter", "FileResult", "ScannedEvent", "Scanner", "ThumbnailWriter", "video_files"]
