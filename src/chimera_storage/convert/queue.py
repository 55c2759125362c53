"""Which conversion is next: fair between cameras, so that one long list holds up nobody else."""

from collections import deque

from chimera_storage.convert.ledger import Work


class FairQueue:
    """The oldest of the camera that has waited longest since one of its own was begun."""

    def __init__(self) -> None:
        # Cameras in the order of their turns; one whose turn it was goes to the end.
        self._waiting: dict[int, deque[Work]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._waiting.values()))

    def add(self, work: Work) -> None:
        """At the end of its camera's; a camera that had none is last to its turn."""
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
        for camera, own in self._waiting.items():
            work = own.popleft()
            del self._waiting[camera]
            if own:
                self._waiting[camera] = own
            return work
        return None

    def clear(self) -> None:
        """Nothing waits any more."""
        self._waiting.clear()
