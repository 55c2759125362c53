"""Alerts of cameras: a message when one fails or sees nothing more, and one when that is over.

Pure: told from time to time what the recorders report. A camera that comes back at once, as at a
restart of its own, is no news; one that comes and goes is told of once until it stays.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from chimera_storage.log import redact
from chimera_storage.model import CameraNews, CameraReport, CameraState, Health

FAILED_AFTER_S = 60.0
BACK_AFTER_S = 20.0


@dataclass(slots=True)
class _Known:
    """What is known of one camera; times in seconds of the monotonic clock."""

    failing_s: float | None = None  # since when; None: it works
    working_s: float | None = None
    told_failed_s: float | None = None  # when the failure began that was told of
    told_health: Health = Health.OK


class CameraAlerts:
    """Turns reports into messages. `name` of a camera, `stamp` of microseconds since 1970."""

    def __init__(self, name: Callable[[int], str], stamp: Callable[[int], str]) -> None:
        self._name = name
        self._stamp = stamp
        self._known: dict[int, _Known] = {}

    def news(self, reports: Sequence[CameraReport], now_s: float) -> list[CameraNews]:
        """What is to be said now, given the newest report of each camera."""
        found = []
        for report in reports:
            known = self._known.setdefault(report.camera, _Known())
            text = self._of_connection(report, known, now_s)
            if text is not None:
                state = "working" if known.told_failed_s is None else "failed"
                found.append(self._told(report, state, report.since_us, text))
            text = self._of_health(report, known)
            if text is not None:
                since_us = report.health_since_us or report.since_us
                found.append(self._told(report, report.health.value, since_us, text))
        return found

    def _told(self, report: CameraReport, state: str, since_us: int, text: str) -> CameraNews:
        return CameraNews(
            camera=report.camera,
            state=state,
            since_us=since_us,
            text=f"{self._name(report.camera)}: {text}",
        )

    def _of_connection(self, report: CameraReport, known: _Known, now_s: float) -> str | None:
        if report.state is CameraState.PAUSED:  # as wanted: neither a failure nor the end of one
            self._known.pop(report.camera, None)
            return None
        if report.state in (CameraState.CONNECTED, CameraState.ENDED):
            known.working_s = now_s if known.working_s is None else known.working_s
            if known.told_failed_s is None or now_s - known.working_s < BACK_AFTER_S:
                if known.told_failed_s is None:
                    known.failing_s = None
                return None
            lasted_s = known.working_s - known.told_failed_s
            known.failing_s = known.told_failed_s = None
            return f"works again, after {_duration(lasted_s)}."
        known.working_s = None
        known.failing_s = now_s if known.failing_s is None else known.failing_s
        if known.told_failed_s is not None or now_s - known.failing_s < FAILED_AFTER_S:
            return None
        known.told_failed_s = known.failing_s
        problem = redact(report.problem or "It does not answer.")
        return f"failed at {self._stamp(report.since_us)}. {problem}"

    def _of_health(self, report: CameraReport, known: _Known) -> str | None:
        if report.state is not CameraState.CONNECTED or report.health is known.told_health:
            return None
        known.told_health = report.health
        if report.health.sentence is None:
            return "sees as usual again."
        return report.health.sentence


def _duration(seconds: float) -> str:
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 120 else f"{round(minutes / 60)} h"
