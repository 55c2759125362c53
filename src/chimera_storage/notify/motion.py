"""From what recorders report to when events begin and end. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass

from chimera_storage.model import CameraReport


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """An event of a camera began (or, where not `begins`, ended). `start_us` names it."""

    camera: int
    start_us: int
    begins: bool


class MotionChanges:
    """Compares each look at the reports with the one before."""

    def __init__(self) -> None:
        self._open: dict[int, int] = {}  # camera: start of its event

    def since(self, reports: Sequence[CameraReport]) -> list[Change]:
        """What changed since the last call."""
        changes = []
        for report in reports:
            before, now = self._open.get(report.camera), report.event_since_us
            if before == now:
                continue
            if before is not None:
                del self._open[report.camera]
                changes.append(Change(camera=report.camera, start_us=before, begins=False))
            if now is not None:
                self._open[report.camera] = now
                changes.append(Change(camera=report.camera, start_us=now, begins=True))
        return changes
