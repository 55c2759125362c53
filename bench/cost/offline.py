"""A camera's path from packets to kept pictures, over a file and as fast as it goes."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av

from chimera_storage.config import MotionSettings
from chimera_storage.motion.looking import Looker
from chimera_storage.motion.sources.codec import Codec
from chimera_storage.motion.sources.source import SourcePacket
from chimera_storage.motion.trigger import Trigger


class EveryPacket(Codec):
    """A codec of which everything is decoded."""

    has_key_frames = False  # type: ignore[assignment]


@dataclass(kw_only=True)
class Outcome:
    """Times in microseconds since the first picture; `decoded` of `packets`."""

    moving: list[int] = field(default_factory=list)
    saved: list[int] = field(default_factory=list)
    packets: int = 0
    decoded: int = 0
    looks: int = 0
    span_us: int = 0

    def stretches(self, gap_us: int = 2_000_000) -> list[tuple[int, int]]:
        """Where pictures were saved without a longer gap."""
        found: list[tuple[int, int]] = []
        for time_us in self.saved:
            if found and time_us - found[-1][1] <= gap_us:
                found[-1] = (found[-1][0], time_us)
            else:
                found.append((time_us, time_us))
        return found


def run(path: Path, settings: MotionSettings, *, gate: bool) -> Outcome:
    """What the recorder would keep of this file, with the gate or without."""
    outcome = Outcome()
    looker, trigger = Looker(settings), Trigger(settings)
    times: dict[int, int] = {}

    def follow(shots: Iterator) -> None:  # type: ignore[type-arg]
        for shot, motion in shots:
            step = trigger.step(shot.time_us, motion.moving)
            times[step.number] = shot.time_us
            if motion.moving:
                outcome.moving.append(shot.time_us)
            outcome.saved += [times[n] for n in step.save]
            looker.in_event = gate and trigger.event_open

    for packet in _packets(path, gate=gate):
        outcome.span_us = packet.time_us
        follow(looker.take(packet))
    follow(looker.finish())
    outcome.packets, outcome.decoded, outcome.looks = looker.items, looker.pictures, looker.looks
    return outcome


def _packets(path: Path, *, gate: bool) -> Iterator[SourcePacket]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        codec = Codec(stream) if gate else EveryPacket(stream)
        first_us: int | None = None
        for packet in container.demux(stream):
            if not packet.size or packet.pts is None or packet.time_base is None:
                continue
            time_us = int(packet.pts * packet.time_base * 1_000_000)
            first_us = time_us if first_us is None else first_us
            packet.pts, packet.dts, packet.time_base = time_us - first_us, None, Fraction(1, 10**6)
            yield SourcePacket(
                packet=packet,
                time_us=time_us - first_us,
                key=packet.is_keyframe,
                size=packet.size,
                codec=codec,
            )
