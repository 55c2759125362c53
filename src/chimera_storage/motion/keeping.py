"""Which frames a recorder would save: trigger and picker one after the other, as in capture.py."""

from collections.abc import Iterator
from dataclasses import dataclass

from chimera_storage.config import MotionSettings
from chimera_storage.motion.detector import Motion
from chimera_storage.motion.picking import Picker, Snapshots
from chimera_storage.motion.trigger import Trigger


@dataclass(slots=True)
class _Frame:
    time_us: int
    found: Motion
    saved: bool = False


class Keeper:
    """Told of each frame that is looked at, in order; they are numbered from 0.

    Says of each of them once, in order, whether it would be saved, as soon as that is certain: of
    those of an event from which one is picked ("best", "center") when the event closes.
    """

    def __init__(self, settings: MotionSettings) -> None:
        self._trigger = Trigger(settings)
        self._picker: Picker[_Frame, Motion] = Picker(settings)
        self._snapshots = Snapshots(settings.snapshot_interval)
        self._picking_from: int | None = None  # the first frame of those picked from at the close
        self._only: _Frame | None = None  # that is saved of this event where one is picked
        self._frames: dict[int, _Frame] = {}  # by number, ascending; those not yet settled

    def step(self, time_us: int, found: Motion, size: tuple[int, int]) -> Iterator[bool]:
        """Take in the next frame; yields whether the next ones in turn are saved.

        `time_us` since 1970, or since the first frame where that is not known; snapshots go by it.
        `size`: width and height that boxes refer to.
        """
        step = self._trigger.step(time_us, found.moving)
        self._frames[step.number] = _Frame(time_us, found)
        if step.closed:
            self._close()
        for number in step.save:
            frame = self._frames[number]
            if self._picker.replaces and self._picking_from is None:
                self._picking_from = number
            chosen = self._picker.offer(frame, frame.found, frame.time_us, size)
            if chosen is not None:
                self._save(chosen[0])
        if self._snapshots.due(time_us):
            self._frames[step.number].saved = True
        settled = max(step.drop_before, step.save.stop if step.save else 0)
        if self._picking_from is not None:
            settled = self._picking_from
        while self._frames and next(iter(self._frames)) < settled:
            yield self._frames.pop(next(iter(self._frames))).saved

    def finish(self) -> Iterator[bool]:
        """The same of the rest: no more frames come."""
        self._close()
        while self._frames:
            yield self._frames.pop(next(iter(self._frames))).saved

    def _close(self) -> None:
        """The event is over."""
        best = self._picker.close()
        if best is not None:
            self._save(best[0])
        self._picking_from = self._only = None

    def _save(self, frame: _Frame) -> None:
        """This one, in place of the former of its event where one is picked."""
        frame.saved = True
        if self._picker.replaces:
            if self._only is not None:
                self._only.saved = False
            self._only = frame
