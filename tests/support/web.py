"""The web application on a real archive and upkeep, with small working conversions and recorder.

`MemoryConversions` keeps its processes in memory and is moved on by the test (`finish`), so that
every state of a process can be looked at without waiting for one.
"""

import asyncio
import io
import threading
import zipfile
from collections.abc import AsyncGenerator, Iterator
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import httpx
import tomlkit
from fastapi import FastAPI

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Passwords, Role
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.clock import to_us
from chimera_storage.config import CameraSettings
from chimera_storage.configuration import Configuration
from chimera_storage.convert.downloads import Downloads
from chimera_storage.convert.estimate import estimate
from chimera_storage.convert.feed import Feed, Listener
from chimera_storage.convert.sprite import Sprites
from chimera_storage.errors import SourceError
from chimera_storage.model import (
    Box,
    CameraReport,
    Conversion,
    ConversionStatus,
    ConversionType,
    Estimate,
    Image,
    ImageKey,
    LivePicture,
)
from chimera_storage.motion.finding import FoundCamera, Stream
from chimera_storage.motion.views import View, Views
from chimera_storage.options import Options
from chimera_storage.upkeep import Retention, Statistics, Upkeep
from chimera_storage.web.app import create_app

NOW = datetime(2026, 1, 31, 19, 0, 0, tzinfo=UTC)
SECOND_US = 1_000_000


class StoppedClock:
    """A clock that shows `NOW` until it is moved."""

    def __init__(self) -> None:
        self.time = NOW

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()


class MemoryConversions:
    """Conversions that are made when the test says so."""

    def __init__(self, archive: Archive, clock: StoppedClock) -> None:
        self._archive = archive
        self._clock = clock
        self._made = 0
        self._lock = threading.Lock()
        self.all: dict[str, Conversion] = {}
        self.feed = Feed()
        self._loop: asyncio.AbstractEventLoop | None = None  # of those who listen
        self.streams_open = 0
        self.stream_parts: list[bytes] | None = None
        self.stream_error: Exception | None = None

    async def request(
        self,
        *,
        type: ConversionType,  # noqa: A002
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,
        skip: int,
        options: Options | None = None,
    ) -> Conversion:
        requested_us = to_us(self._clock.now())
        self._made += 1
        conversion = Conversion(
            id=f"made{self._made}-{self._archive.layout.stamp(requested_us)}",
            type=type,
            camera=camera,
            start_us=start_us,
            end_us=end_us,
            requested_us=requested_us,
            fps=fps,
            skip=skip,
            options=options or type.options_type(),
            frames=self.count(camera=camera, start_us=start_us, end_us=end_us, skip=skip),
        )
        if conversion.frames:
            with self._lock:
                self.all[conversion.id] = conversion
            self.feed.changed(conversion)
        return conversion

    def changes(self) -> AbstractContextManager[Listener]:
        self._loop = asyncio.get_running_loop()
        return self.feed.listen()

    def become(self, conversion: Conversion) -> None:
        """It is so now, and who listens hears of it; from the test's thread."""
        self.all[conversion.id] = conversion
        if self._loop is not None:
            self._loop.call_soon_threadsafe(self.feed.changed, conversion)

    def finish(self, process_id: str, content: bytes = b"made") -> None:
        """The file is there and the process is done."""
        done = replace(
            self.all[process_id],
            status=ConversionStatus.DONE,
            frames_done=self.all[process_id].frames,
            size=len(content),
        )
        self._archive.layout.output_path(done).write_bytes(content)
        self.become(done)

    async def cancel(self, id: str) -> bool:  # noqa: A002
        conversion = self.all[id]
        if not conversion.status.active:
            return False
        self.all[id] = replace(conversion, status=ConversionStatus.CANCELLED)
        self.feed.changed(self.all[id])
        return True

    async def delete(self, id: str) -> bool:  # noqa: A002
        conversion = self.all.pop(id, None)
        if conversion is not None:
            self._archive.layout.output_path(conversion).unlink(missing_ok=True)
            self.feed.deleted(id)
        return conversion is not None

    def get(self, id: str) -> Conversion | None:  # noqa: A002
        return self.all.get(id)

    def list(self) -> list[Conversion]:
        with self._lock:
            return list(reversed(self.all.values()))

    def count(self, *, camera: int, start_us: int, end_us: int, skip: int) -> int:
        return -(-self._archive.index.count(camera, start_us, end_us) // skip)

    def estimate(self, **wish: Any) -> Estimate:
        return estimate(self._archive.index, self._archive.layout, **wish)

    async def stream(
        self,
        *,
        type: ConversionType,  # noqa: A002, ARG002
        camera: int,
        start_us: int,
        end_us: int,
        fps: int,  # noqa: ARG002
        skip: int,
        options: Options | None = None,  # noqa: ARG002
    ) -> AsyncGenerator[bytes, None]:
        """A zip of the images, in parts; or what the test set; `streams_open` counts."""
        self.streams_open += 1
        try:
            if self.stream_error is not None:
                raise self.stream_error
            if self.stream_parts is not None:
                for part in self.stream_parts:
                    yield part
                    await asyncio.sleep(0)
                return
            whole = io.BytesIO()
            with zipfile.ZipFile(whole, "w") as archive:
                for image in self._archive.index.images(camera, start_us, end_us)[::skip]:
                    with self._archive.open(image.key) as file:
                        archive.writestr(f"{image.key.second}-{image.key.number}", file.read())
            content = whole.getvalue()
            for begin in range(0, len(content), 1000):
                yield content[begin : begin + 1000]
        finally:
            self.streams_open -= 1


@dataclass
class FixedRecorders:
    """A recorder that says what the test set."""

    said: list[CameraReport] = field(default_factory=list)
    is_now: str = "online"
    restarted: int = 0
    seen: dict[int, list[tuple[int, float]]] = field(default_factory=dict)
    watched: list[int] = field(default_factory=list)
    live: LivePicture | None = None  # what its cameras show at once
    looking: int = 0
    _views: Views = field(default_factory=lambda: Views(lambda _: None))
    _loop: asyncio.AbstractEventLoop | None = None

    @contextmanager
    def look(self, camera: int) -> Iterator[View]:
        self._loop = asyncio.get_running_loop()
        self.looking += 1
        try:
            with self._views.look(camera) as view:
                if self.live is not None:
                    self._views.show(self.live)
                yield view
        finally:
            self.looking -= 1

    def show(self, picture: LivePicture) -> None:
        """Its camera sees this; from the test's thread."""
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._views.show, picture)

    def reports(self) -> list[CameraReport]:
        return self.said

    def status(self) -> str:
        return self.is_now

    def restarts(self) -> int:
        return self.restarted

    def watch(self, camera: int) -> None:
        self.watched.append(camera)

    def sights(self, camera: int, since_us: int) -> list[tuple[int, float]]:
        return [sight for sight in self.seen.get(camera, []) if sight[0] > since_us]


@dataclass
class OneCamera:
    """Finds one ONVIF camera, and a picture at demo: alone."""

    tried: list[str] = field(default_factory=list)

    async def picture(self, camera: CameraSettings) -> bytes:
        self.tried.append(camera.url.get_secret_value())
        if not self.tried[-1].startswith("demo:"):
            raise SourceError("it refuses the connection.")
        return b"\xff\xd8 a street \xff\xd9"

    async def discover(self, address: str | None = None) -> list[FoundCamera]:
        return [FoundCamera(name=address or "Yard Eye", host="h", service="http://h/onvif")]

    async def streams(self, service: str, user: str, password: str) -> list[Stream]:
        if (service, user, password) != ("http://h/onvif", "viewer", "secret"):
            raise SourceError("h refuses this user or password.")
        return [Stream(name="main", url="rtsp://h/1", width=640, height=360, encoding="H264")]


@dataclass
class Room:
    """The application and what it works on, with a client's view of it."""

    app: FastAPI
    accounts: Accounts
    archive: Archive
    clock: StoppedClock
    conversions: MemoryConversions
    recorders: FixedRecorders
    finder: OneCamera
    root: Path
    host: str = "127.0.0.1:8083"
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def captures(self) -> Path:
        return self.archive.layout.captures

    def api_token(
        self, role: Role = Role.ADMIN, cameras: frozenset[int] | None = None, **lasts: float
    ) -> str:
        """The secret of a new API token; from then on everybody has to log in."""
        name = f"test{len(self.accounts.tokens())}"
        return self.accounts.add_token(
            name, role=role, cameras=cameras, lasts_s=lasts.get("lasts_s")
        )

    def save(
        self,
        camera: int,
        taken: datetime,
        number: int = 0,
        content: bytes = b"\xff\xd8 an image \xff\xd9",
        *,
        boxes: tuple[Box, ...] = (),
        event: int | None = None,
        score: float | None = None,
    ) -> Image:
        """An image on disk and in the index; the content is not looked at by the web."""
        written = self._write(camera, taken, number, content, boxes)
        image = replace(written, event=event, score=score)
        self.archive.index.add_images([image])
        return image

    def save_many(self, camera: int, count: int) -> list[Image]:
        """One image a second, the last at `NOW`."""
        begin = NOW - timedelta(seconds=count - 1)
        images = [
            self._write(camera, begin + timedelta(seconds=i), 0, b"\xff\xd8 an image \xff\xd9", ())
            for i in range(count)
        ]
        self.archive.index.add_images(images)
        return images

    def _write(
        self, camera: int, taken: datetime, number: int, content: bytes, boxes: tuple[Box, ...]
    ) -> Image:
        key = ImageKey(camera=camera, second=int(taken.timestamp()), number=number)
        path = self.archive.layout.image_path(key)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        return Image(
            key=key,
            taken_at_us=to_us(taken),
            size=len(content),
            crc32=0,
            width=1280,
            height=720,
            boxes=boxes,
        )

    def url(self, image: Image) -> str:
        return self.archive.layout.image_url(image.key)

    def request(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request through ASGI; exceptions become the answers that a client sees."""

        async def send() -> httpx.Response:
            transport = httpx.ASGITransport(app=self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(
                transport=transport, base_url=f"http://{self.host}", headers=self.headers
            ) as client:
                return await client.request(method, path, **options)

        return asyncio.run(send())

    def get_raw(
        self, target: str, method: str = "GET", headers: dict[str, str] | None = None
    ) -> tuple[int, dict[str, str], bytes]:
        """(status, headers, body) of a request whose target no client library has tidied up."""
        path, _, query = target.partition("?")
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": unquote(path, errors="replace"),
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "root_path": "",
            "headers": [
                (name.encode(), value.encode())
                for name, value in {"host": self.host, **(headers or {})}.items()
            ],
            "client": ("127.0.0.1", 50000),
            "server": ("127.0.0.1", 8083),
        }
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        asyncio.run(self.app(scope, receive, send))
        answered = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        return sent[0]["status"], answered, b"".join(m.get("body", b"") for m in sent[1:])

    def get(self, path: str, **options: Any) -> httpx.Response:
        return self.request("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> httpx.Response:
        """POST with a JSON body; without one where `body` is None."""
        if body is not None:
            options["json"] = body
        return self.request("POST", path, **options)

    def answer(self, path: str, body: Any = None) -> Any:
        """The JSON of a POST that succeeds."""
        response = self.post(path, body)
        assert response.status_code == 200, response.text
        return response.json()

    def refusal(self, path: str, body: Any = None, *, status: int) -> str:
        """The error sentence of a POST that fails with this status."""
        response = self.post(path, body)
        assert response.status_code == status, (response.status_code, response.text)
        sentence = response.json()["error"]
        assert isinstance(sentence, str)
        assert len(sentence) > 10
        return sentence


@contextmanager
def web_room(root: Path, **settings: Any) -> Iterator[Room]:
    """A `Room` on a fresh data folder; keywords are sections of `Settings`."""
    file = root / "storage.toml"
    storage = {"path": ".", **settings.pop("storage", {})}
    file.write_text(tomlkit.dumps({"storage": storage, **settings}))
    configuration = Configuration(file, {})
    chosen = configuration.settings
    layout = Layout(root, ZoneInfo(chosen.server.timezone))
    layout.captures.mkdir(parents=True, exist_ok=True)
    clock = StoppedClock()
    accounts = Accounts(root / ACCOUNTS_NAME, clock, Passwords(memory_kib=64, passes=1))
    with closing(accounts), closing(Index(layout.index)) as index:
        archive = Archive(layout, index, clock)
        conversions = MemoryConversions(archive, clock)
        recorders = FixedRecorders()
        finder = OneCamera()
        app = create_app(
            configuration=configuration,
            archive=archive,
            conversions=conversions,
            downloads=Downloads(archive),
            sprites=Sprites(archive),
            recorders=recorders,
            finder=finder,
            upkeep=Upkeep(archive, clock),
            rules=Retention(archive, chosen, compared=lambda: True),
            statistics=Statistics(archive),
            clock=clock,
            accounts=accounts,
        )
        yield Room(
            app=app,
            accounts=accounts,
            archive=archive,
            clock=clock,
            conversions=conversions,
            recorders=recorders,
            finder=finder,
            root=root,
        )
