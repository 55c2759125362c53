"""Which conversion is next: fair between cameras, so that one long list holds up nobody else."""

from collections import deque

from chimera_storage.convert.ledger import Work


class FairQueue:
    """The oldest of the camera whose last turn is longest ago; those that had none go first."""

    def __init__(self) -> None:
        self._waiting: dict[int, deque[Work]] = {}
        self._last_turns: dict[int, int] = {}
        self._turns = 0

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, work: Work) -> None:
        """At the end of its camera's."""
        self._waiting.setdefault(work.conversion.camera, deque()).append(work)

    def remove(self, work: Work) -> bool:
        """False where it is not waiting."""
        own = self._waiting.get(work.conversion.camera, deque())
        if work not in own:
            return False
        own.remove(work)
        if not own:
            del self._waiting[work.conversion.camera]
        return True

    def take(self) -> Work | None:
        """The next one, which no longer waits; None where none does."""
        if not self._waiting:
            return None
        camera = min(self._waiting, key=lambda camera: self._last_turns.get(camera, 0))
        self._turns += 1
        self._last_turns[camera] = self._turns
        work = self._waiting[camera][0]
        self.remove(work)
        return work

    def clear(self) -> None:
        """Nothing waits any more."""
        self._waiting.clear()
