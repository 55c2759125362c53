"""The detectors that are compared, each as people use it by default."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from .result import Result


class Detector(Protocol):
    """Looks at one video from its beginning, knowing nothing of the others."""

    name: str

    def run(self, path: Path) -> Result:
        """The flags of each frame of this file."""


class Ours:
    """Chimera Storage: `chimera-storage detect`, what it says of each frame by itself.

    A moving frame counts if the trigger agrees, that is in a run of `minimum_motion_frames` or
    while an event is open; lone ones save nothing and open nothing.
    """

    name = "ours"

    def run(self, path: Path) -> Result:
        from chimera_storage.config import MotionSettings
        from chimera_storage.motion.replay import replay

        started = time.process_time()
        result = Result()
        for verdict in replay(path, MotionSettings()):
            result.flags.append(verdict.motion and verdict.saved)
            result.boxes.append([(b.x, b.y, b.w, b.h) for b in verdict.boxes])
        result.cpu_s = time.process_time() - started
        return result


class OursRaw(Ours):
    """The same without the trigger: every frame that counts as motion by itself."""

    name = "ours-raw"

    def run(self, path: Path) -> Result:
        from chimera_storage.config import MotionSettings
        from chimera_storage.motion.replay import replay

        started = time.process_time()
        result = Result()
        for verdict in replay(path, MotionSettings()):
            result.flags.append(verdict.motion)
            result.boxes.append([(b.x, b.y, b.w, b.h) for b in verdict.boxes])
        result.cpu_s = time.process_time() - started
        return result


def _opencv(name: str) -> Detector:
    from .opencv import Subtractor

    return Subtractor(name)


def _motion(name: str) -> Detector:
    from .motion_daemon import MotionDaemon

    del name
    return MotionDaemon()


def _dvr_scan(name: str) -> Detector:
    from .dvr_scan import DvrScan

    del name
    return DvrScan()


def _nvr(name: str) -> Detector:
    from .nvr import RunningAverage

    del name
    return RunningAverage()


DETECTORS: dict[str, Callable[[str], Detector]] = {
    "ours": lambda _: Ours(),
    "ours-raw": lambda _: OursRaw(),
    "mog2": _opencv,
    "knn": _opencv,
    "nvr": _nvr,
    "dvr-scan": _dvr_scan,
    "motion": _motion,
}


def detector(name: str) -> Detector:
    """The detector of this name; KeyError if there is none."""
    return DETECTORS[name](name)
