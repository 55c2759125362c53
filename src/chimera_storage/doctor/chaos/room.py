"""Where a trial takes place: server, cameras and witness, and the comparison afterwards."""

import random
import time
import zlib
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from chimera_storage.doctor.chaos.cameras import HttpCameras
from chimera_storage.doctor.chaos.server import TrialError, TriedServer, wait_for
from chimera_storage.doctor.chaos.witness import Witness, lost, on_disk

CAMERAS = (1, 2, 3)
SENT_AS_THEY_ARE = (2, 3)  # their JPEG files are saved unchanged
_TOML = """
[[camera]]
id = 1
url = "{file}"
loop = true
[[camera]]
id = 2
url = "{stream}"
[[camera]]
id = 3
url = "{picture}"
interval = 0.2
"""
_DAYS_MS = 3 * 86_400_000  # clocks are set by less
_MOST_LISTED = 10_000
_ASKED_AGAIN = 60  # of the images that were served before


@dataclass(slots=True)
class Room:
    """What a trial may use. `folder`: of the server; `chance`: with the seed."""

    folder: Path
    server: TriedServer
    cameras: HttpCameras
    witness: Witness
    chance: random.Random
    told: set[str] = field(default_factory=set)  # images of which it was said that they are lost
    _served: set[str] = field(default_factory=set)

    def images(self, count: int) -> None:
        """Wait until every camera has so many images more. Raises TrialError."""
        before = self.witness.count()

        def missing() -> list[str]:
            now = self.witness.count()
            return [str(c) for c in CAMERAS if now[c] - before[c] < count]

        try:
            wait_for(lambda: not missing(), "images")
        except TrialError:
            raise TrialError(
                f"no images came for a minute from camera {' and '.join(missing())}"
            ) from None

    def lost(self) -> list[str]:
        """Compare; what is lost and was not told before, in words."""
        self.witness.look()
        named = self.witness.named()
        found = dict.fromkeys(self.witness.broken(), "was not whole when it had its name")
        for name, crc in named.items():
            if int(name.partition("/")[0]) in SENT_AS_THEY_ARE and crc not in self.cameras.sent:
                found[name] = "is no picture that its camera sent"
        served = self._ask_for(named)
        found |= lost(named, on_disk(self.server.captures, named), served)
        new = found.keys() - self.told
        self.told |= new
        return [f"{name} {found[name]}" for name in sorted(new)]

    def listed(self) -> set[str]:
        """Every image that the server knows, by the index. Raises TrialError."""
        now_ms = round(time.time() * 1000)
        span = {"start": now_ms - _DAYS_MS, "end": now_ms + _DAYS_MS, "frames": _MOST_LISTED}
        found: set[str] = set()
        for camera in CAMERAS:
            links = self.server.ask("/convert/listFramesVideo", camera=camera, **span)["list"]
            found |= {link.partition("/shared/captures/")[2] for link in links}
        return found

    def _ask_for(self, named: dict[str, int]) -> dict[str, int]:
        """Those that are listed, within a minute; the new ones and some others asked for."""
        wanted = named.keys() - self.told
        with suppress(TrialError):  # what is missing is told one by one
            wait_for(lambda: wanted <= self.listed(), "the index to know all images")
        listed = self.listed() & named.keys()
        old = sorted(listed & self._served)
        asked = (listed - self._served) | set(self.chance.sample(old, min(_ASKED_AGAIN, len(old))))
        self._served |= listed
        return {name: self._sent(name) if name in asked else 0 for name in listed}

    def _sent(self, name: str) -> int:
        try:
            answer = self.server.http.get(f"/shared/captures/{name}")
        except httpx.HTTPError:
            return -1
        return zlib.crc32(answer.content) if answer.status_code == 200 else -1


def cameras_toml(file: Path, cameras: HttpCameras) -> str:
    """The cameras of a room, as its configuration has them."""
    return _TOML.format(file=file, stream=cameras.url("2/stream"), picture=cameras.url("3/picture"))


Trial = Callable[[Room], str]
