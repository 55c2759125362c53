"""Each camera: whether it answers, what it sends, and what time it thinks it is."""

import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field

import av

from chimera_storage.clock import Clock
from chimera_storage.config import CameraSettings
from chimera_storage.doctor.camera_clock import clock_skew_s
from chimera_storage.doctor.findings import Finding, advice, good, wrong
from chimera_storage.errors import SourceError
from chimera_storage.motion.sources.address import parse_address
from chimera_storage.motion.sources.codec import PacketDecoder
from chimera_storage.motion.sources.connect import second_source_for, source_for
from chimera_storage.motion.sources.source import Item, Source, SourceJpeg, SourcePacket

_LOOK_S = 4.0  # from the first picture on
_FIRST_S = 20.0  # until then
_AT_ONCE = 8
_MOST_SKEW_S = 30.0
_MOST_DAMAGED = 0.02  # share of the pictures
_LARGE_PIXELS = 1920 * 1088
_EACH_PROBLEM = "docs/cameras.md has each problem, and what to do about it."


@dataclass(slots=True, kw_only=True)
class _Seen:
    """What came in a few seconds. `began_s`, `first_s`, `last_s` by the monotonic clock."""

    began_s: float
    codec: str = ""
    width: int = 0
    height: int = 0
    pictures: int = 0
    bytes: int = 0
    broken: int = 0
    decoded: bool = False
    first_s: float = 0.0
    times_us: list[int] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Pictures a second, by their own times; 0 where too few came."""
        spread_us = max(self.times_us) - min(self.times_us) if self.times_us else 0
        return (len(self.times_us) - 1) * 1e6 / spread_us if spread_us > 0 else 0.0


def look_at_cameras(cameras: Sequence[CameraSettings], clock: Clock) -> Iterator[Finding]:
    """Some at a time; each takes about five seconds, one that does not answer up to twenty."""
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="doctor") as pool:
        for found in pool.map(lambda camera: list(_look(camera, clock)), cameras):
            yield from found


def _look(camera: CameraSettings, clock: Clock) -> Iterator[Finding]:
    topic = f"camera {camera.id}" + (f" ({camera.name})" if camera.name else "")
    if camera.paused:
        yield good(topic, "is paused, and was not asked")
        return
    try:
        yield from _stream(topic, "", source_for(camera, clock))
        if camera.detect_url is not None:
            yield from _stream(topic, "the second stream: ", second_source_for(camera, clock))
        skew_s = clock_skew_s(parse_address(camera.url.get_secret_value()))
    except SourceError as error:
        says, _, todo = str(error).partition("; ")
        todo = f"{todo[:1].upper()}{todo[1:]} " if todo else ""
        yield wrong(topic, says, f"{todo}{_EACH_PROBLEM}")
        return
    if skew_s is not None and abs(skew_s) > _MOST_SKEW_S:
        way = "ahead of" if skew_s > 0 else "behind"
        yield advice(
            topic,
            f"its clock is {_long(abs(skew_s))} {way} this machine's",
            "Give the camera a time server. Images are named by this machine's clock; the time that"
            " the camera draws into its pictures is wrong.",
        )


def _stream(topic: str, which: str, source: Source) -> Iterator[Finding]:
    seen = _watch(source)
    if not seen.pictures:
        yield wrong(
            topic,
            f"{which}it answers, but no picture came in {_FIRST_S:.0f} s",
            "Restart the camera; some send to one or two clients only.",
        )
        return
    took_s = seen.first_s - seen.began_s
    bits = seen.bytes * 8 / max(time.monotonic() - seen.first_s, 0.1)
    sent = f", {bits / 1e6:.1f} Mbit/s" if seen.bytes else ""
    yield good(
        topic,
        f"{which}{seen.codec} {seen.width}x{seen.height}, {seen.rate:.1f} pictures a second{sent},"
        f" the first after {took_s:.1f} s",
    )
    if not seen.decoded:
        yield wrong(
            topic,
            f"{which}none of its pictures could be decoded",
            "Set the camera to H.264, and to a profile without extensions of its maker (H.264+).",
        )
    damaged = seen.broken + source.damaged
    if damaged > _MOST_DAMAGED * seen.pictures:
        yield advice(
            topic,
            f"{which}{damaged} of {seen.pictures} pictures came damaged",
            'Look at the network, and use transport = "tcp".',
        )
    if not which and seen.width * seen.height > _LARGE_PIXELS and seen.codec != "mjpeg":
        yield advice(
            topic,
            "its pictures are large to look at for motion",
            "Give its smaller stream as detect_url, if it has one and none is given.",
        )


def _watch(source: Source) -> _Seen:
    """Raises SourceError."""
    seen, stop = _Seen(began_s=time.monotonic()), threading.Event()
    timer = threading.Timer(_FIRST_S, stop.set)
    timer.start()
    decoder: PacketDecoder | None = None
    try:
        for item in source.frames(stop):
            if not seen.pictures:
                seen.first_s = time.monotonic()
            decoder = _take(seen, item, decoder)
            if time.monotonic() - seen.first_s > _LOOK_S:
                break
    finally:
        stop.set()
        timer.cancel()
    return seen


def _take(seen: _Seen, item: Item, decoder: PacketDecoder | None) -> PacketDecoder | None:
    seen.pictures += 1
    seen.bytes += item.size
    seen.times_us.append(item.time_us)
    if isinstance(item, SourcePacket):
        seen.codec, seen.width, seen.height = item.codec.name, item.codec.width, item.codec.height
        seen.broken += item.broken
        if not seen.decoded:
            decoder = decoder or item.codec.decoder()
            with suppress(av.FFmpegError, ValueError):
                seen.decoded = bool(decoder.decode(item.packet))
    elif isinstance(item, SourceJpeg):
        seen.codec, seen.decoded = "mjpeg", True
        seen.width, seen.height = item.seen.width, item.seen.height
    else:
        seen.codec, seen.decoded = "drawn", True
        seen.width, seen.height = item.picture.width, item.picture.height
    return decoder


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.0f} h" if seconds < 172_800 else f"{seconds / 86_400:.0f} days"
