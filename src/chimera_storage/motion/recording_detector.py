"""The detector over the frames of one recording."""

import av

from chimera_storage.config import MotionSettings
from chimera_storage.motion.detector import Detector, Motion
from chimera_storage.motion.picture import luma
from chimera_storage.motion.recording import Began


class RecordingDetector:
    """A detector that begins anew when the frames have another size.

    `began`: when the recording did; None: masks and zones hold at any time.
    """

    def __init__(self, settings: MotionSettings, began: Began | None) -> None:
        self._settings = settings
        self._began = began
        self._detector: Detector | None = None
        self._size = (0, 0)

    def detect(self, picture: av.VideoFrame, time_us: int) -> Motion:
        """What moves in the next frame, of that many microseconds since the first."""
        size = (picture.width, picture.height)
        if self._detector is None or size != self._size:
            self._size = size
            timezone = self._began.timezone if self._began else None
            self._detector = Detector(self._settings, *size, timezone=timezone)
        at_us = time_us + (self._began.at_us if self._began else 0)
        return self._detector.detect(luma(picture), at_us)
