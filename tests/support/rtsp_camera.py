"""An RTSP camera (RFC 2326, TCP) that counts every picture it sends, and breaks when it is told to.

It plays H.264 clips in real time, over and over, packed as RFC 6184 says (single units and FU-A).
Everything runs in one thread with an event loop of its own: `Cameras` holds as many as are wanted.
"""

import asyncio
import contextlib
import struct
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import av
from av.bitstream import BitStreamFilterContext

_MAX_PAYLOAD = 1400
_CLOCK = 90_000
_SETTINGS_OF_H264 = (7, 8)  # sequence and picture parameter sets


@dataclass(frozen=True, slots=True)
class Clip:
    """A clip as a camera sends it: of each picture its NAL units (ITU-T H.264, 7.3.1)."""

    name: str
    pictures: tuple[tuple[bytes, ...], ...]
    fps: float

    @staticmethod
    def read(path: Path) -> "Clip":
        """The H.264 video of a file, as it is."""
        pictures = []
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            annex_b = BitStreamFilterContext("h264_mp4toannexb", stream)
            for packet in container.demux(stream):
                made = annex_b.filter(packet if packet.size else None)
                pictures += [tuple(_units(bytes(one))) for one in made]
            rate = stream.average_rate
        assert rate is not None, f"{path} has no frame rate"
        return Clip(path.name, tuple(pictures), float(rate))

    @property
    def parameter_sets(self) -> tuple[bytes, ...]:
        return tuple(u for u in self.pictures[0] if u[0] & 0x1F in _SETTINGS_OF_H264)


def _units(annex_b: bytes) -> Iterator[bytes]:
    for part in annex_b.replace(b"\0\0\0\1", b"\0\0\1").split(b"\0\0\1"):
        if part:
            yield part.rstrip(b"\0") or part


@dataclass(slots=True)
class Connection:
    """What one connection got: `sent` pictures went out whole; `cut`: then a part of one."""

    clip: str
    sent: int = 0
    cut: bool = False
    fate: str = "plays"
    over: bool = False


@dataclass(frozen=True, slots=True)
class Act:
    """What a camera does on its next connection, picture by picture.

    `clips`: played one after the other in one connection, each with how many pictures. `stalls`:
    before this picture (by number) it is silent for so many seconds. `end`: "ends" (in order),
    "cut" (in the middle of a picture), "silent" (says nothing more until the client has gone),
    "refuses" (503, no picture).
    """

    clips: tuple[tuple[Clip, int], ...]
    end: str = "ends"
    stalls: dict[int, float] = field(default_factory=dict)


class Camera:
    """One camera on 127.0.0.1; each connection plays the next of `acts`.

    `connections`: all that got to play, in their order.
    """

    def __init__(self, acts: Callable[[], Act]) -> None:
        self._acts = acts
        self._off = threading.Event()
        self.port = 0
        self.connections: list[Connection] = []

    @property
    def url(self) -> str:
        return f"rtsp://127.0.0.1:{self.port}/stream"

    @property
    def sent(self) -> int:
        """Pictures that went out whole, over all connections."""
        return sum(connection.sent for connection in self.connections)

    @property
    def playing(self) -> bool:
        return any(not connection.over for connection in self.connections)

    def leave(self) -> None:
        """End every connection in order, after a whole picture; none is let in any more."""
        self._off.set()

    async def serve(self) -> asyncio.Server:
        server = await asyncio.start_server(self._client, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        return server

    async def _client(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            await self._talk(reader, writer)
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        act: Act | None = None
        while True:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            method, _, _ = head.partition(" ")
            answer = {"CSeq": _header(head, "cseq"), "Session": "1"}
            body = b""
            if act is None:
                act = self._acts()
            if self._off.is_set() or act.end == "refuses":
                writer.write(b"RTSP/1.0 503 Busy\r\nCSeq: %s\r\n\r\n" % answer["CSeq"].encode())
                await writer.drain()
                return
            match method:
                case "OPTIONS":
                    answer["Public"] = "OPTIONS, DESCRIBE, SETUP, PLAY, TEARDOWN, GET_PARAMETER"
                case "DESCRIBE":
                    body = _description(act.clips[0][0])
                    answer |= {"Content-Type": "application/sdp", "Content-Length": str(len(body))}
                case "SETUP":
                    answer["Transport"] = "RTP/AVP/TCP;unicast;interleaved=0-1"
            lines = "".join(f"{name}: {value}\r\n" for name, value in answer.items())
            writer.write(f"RTSP/1.0 200 OK\r\n{lines}\r\n".encode() + body)
            await writer.drain()
            if method == "TEARDOWN":
                return
            if method == "PLAY":
                await self._play(act, reader, writer)
                return

    async def _play(
        self, act: Act, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        connection = Connection(act.clips[0][0].name, fate=act.end)
        self.connections.append(connection)
        gone = asyncio.create_task(_until_gone(reader))
        try:
            await self._send(act, connection, writer, gone)
            match act.end:
                case "silent" if not self._off.is_set():
                    while not (gone.done() or self._off.is_set()):
                        await asyncio.wait({gone}, timeout=0.2)
                case "cut" if not (gone.done() or self._off.is_set()):
                    clip = act.clips[-1][0]
                    half = b"".join(_rtp(clip.pictures[0], 0, 0))
                    writer.write(half[: len(half) // 2])
                    connection.cut = True
                    await writer.drain()
        finally:
            connection.over = True
            gone.cancel()

    async def _send(
        self,
        act: Act,
        connection: Connection,
        writer: asyncio.StreamWriter,
        gone: "asyncio.Task[None]",
    ) -> None:
        loop = asyncio.get_running_loop()
        due_s, ticks, sequence, number = loop.time(), 0, 0, 0
        for clip, count in act.clips:
            for n in range(count):
                if number in act.stalls:
                    await asyncio.wait({gone}, timeout=act.stalls[number])
                    due_s += act.stalls[number]
                    ticks += round(act.stalls[number] * _CLOCK)
                if gone.done() or self._off.is_set():
                    return
                packets = _rtp(clip.pictures[n % len(clip.pictures)], ticks, sequence)
                sequence += len(packets)
                writer.write(b"".join(packets))
                await writer.drain()
                connection.sent += 1
                number += 1
                ticks += round(_CLOCK / clip.fps)
                due_s += 1 / clip.fps
                await asyncio.sleep(max(0.0, due_s - loop.time()))


class Cameras:
    """Cameras that serve between enter and exit, in a thread of their own."""

    def __init__(self, cameras: Sequence[Camera]) -> None:
        self.cameras = cameras
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, name="cameras", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        assert self._ready.wait(10), "the cameras do not serve"
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        servers = [self._loop.run_until_complete(camera.serve()) for camera in self.cameras]
        self._ready.set()
        self._loop.run_forever()
        for server in servers:
            server.close()
        self._loop.run_until_complete(_cancel_others())
        self._loop.close()


async def _cancel_others() -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def _until_gone(reader: asyncio.StreamReader) -> None:
    """Until the client hangs up, or says TEARDOWN."""
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            if b"TEARDOWN" in data:
                return


def _header(head: str, name: str) -> str:
    for line in head.splitlines():
        key, _, value = line.partition(":")
        if key.lower() == name:
            return value.strip()
    return "0"


def _description(clip: Clip) -> bytes:
    sets = ",".join(b64encode(unit).decode() for unit in clip.parameter_sets)
    lines = (
        "v=0",
        "o=- 0 0 IN IP4 127.0.0.1",
        "s=camera",
        "t=0 0",
        "m=video 0 RTP/AVP 96",
        "c=IN IP4 127.0.0.1",
        f"a=rtpmap:96 H264/{_CLOCK}",
        f"a=fmtp:96 packetization-mode=1;sprop-parameter-sets={sets}",
        "a=control:track1",
    )
    return "".join(f"{line}\r\n" for line in lines).encode()


def _rtp(picture: tuple[bytes, ...], ticks: int, sequence: int) -> list[bytes]:
    """The interleaved RTP packets of one picture."""
    payloads: list[bytes] = []
    for unit in picture:
        if len(unit) <= _MAX_PAYLOAD:
            payloads.append(unit)
            continue
        indicator, kind = (unit[0] & 0xE0) | 28, unit[0] & 0x1F
        parts = [unit[at : at + _MAX_PAYLOAD] for at in range(1, len(unit), _MAX_PAYLOAD)]
        for n, part in enumerate(parts):
            mark = (0x80 if n == 0 else 0) | (0x40 if n == len(parts) - 1 else 0)
            payloads.append(bytes((indicator, mark | kind)) + part)
    packets = []
    for n, payload in enumerate(payloads):
        marker = 0x80 if n == len(payloads) - 1 else 0
        head = struct.pack(
            "!BBHII", 0x80, marker | 96, (sequence + n) & 0xFFFF, ticks & 0xFFFFFFFF, 1
        )
        packets.append(struct.pack("!cBH", b"$", 0, len(head) + len(payload)) + head + payload)
    return packets
