"""Images that somebody reads just now, by spans of time: what no rule should delete meanwhile.

In memory: of one process, the server, which both sends archives and deletes. What a conversion
process reads stands in the index, as a conversion that is queued or running.
"""

import threading

from chimera_storage.clock import Clock

RENEWED_S = 600.0  # after a reader was last heard of: so long a download that broke off can go on
LONGEST_S = 6 * 3600.0  # one that hangs must not keep the disk from being cleaned for good

Span = tuple[int, int, int]  # camera, first and last second since 1970


class Holds:
    """Who reads what; thread-safe."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._held: dict[str, tuple[Span, float, float]] = {}  # reader → span, since, until

    def hold(self, reader: str, span: Span) -> None:
        """Begin or renew a hold; it ends by itself RENEWED_S later."""
        now = self._clock.monotonic()
        with self._lock:
            since = self._held[reader][1] if reader in self._held else now
            self._held[reader] = (span, since, min(now + RENEWED_S, since + LONGEST_S))

    def release(self, reader: str) -> None:
        """End a hold that may have ended already."""
        with self._lock:
            self._held.pop(reader, None)

    def spans(self) -> list[Span]:
        """What is held now."""
        now = self._clock.monotonic()
        with self._lock:
            return [span for span, _, until in self._held.values() if now < until]
