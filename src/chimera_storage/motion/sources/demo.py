"""The demonstration camera as a source: drawn in real time, for whoever has no camera yet."""

import math
import threading
from collections.abc import Iterator
from itertools import count

from chimera_storage.clock import Clock
from chimera_storage.errors import SourceError
from chimera_storage.motion.demo import DemoScene
from chimera_storage.motion.sources.address import Address
from chimera_storage.motion.sources.source import SourceFrame
from chimera_storage.motion.sources.stream import Pace


class DemoSource:
    """`demo:` or, for another street with other passers-by, `demo:2`, `demo:3` and so on."""

    live = False
    patience_s = math.inf
    damaged = 0

    def __init__(self, address: Address, clock: Clock) -> None:
        seed = address.target or "1"
        if not (seed.isascii() and seed.isdigit() and len(seed) < 10):
            raise SourceError("What follows demo: is no whole number; demo: or demo:2 is right.")
        self._seed = int(seed)
        self._clock = clock

    def frames(self, stop: threading.Event) -> Iterator[SourceFrame]:
        """Pictures until `stop`."""
        scene = DemoScene(seed=self._seed)
        pace = Pace(self._clock)
        for number in count():
            due_us = pace.due_us(round(number * 1_000_000 / scene.fps))
            if pace.wait(due_us, stop):
                return
            yield SourceFrame(picture=scene.frame(number), time_us=pace.stamp(due_us))
