"""The whole server put together, started and stopped in order.

Order of start: data folder and its lock → index → comparison of files and index → conversions →
HTTP → recorders. The stop goes the other way round, so that whatever writes is over before what it
writes to is closed. The first SIGTERM or Ctrl-C drains; the second ends at once.
"""

import asyncio
import contextlib
import errno
import fcntl
import os
import resource
import signal
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from zoneinfo import ZoneInfo

from granian.constants import HTTPModes, Interfaces
from granian.http import HTTP1Settings
from granian.server.embed import Server

from chimera_storage.access import ACCOUNTS_NAME, Accounts, Door, Target
from chimera_storage.alerts import AlertSender
from chimera_storage.archive.images import Archive
from chimera_storage.archive.index import Index
from chimera_storage.archive.layout import Layout
from chimera_storage.archive.mark import Mark, known_id, make_marks, open_index
from chimera_storage.archive.watch import FLAT_ZONE, Reconciler
from chimera_storage.clock import Clock, SystemClock
from chimera_storage.config import ServerSettings, Settings
from chimera_storage.configuration import Configuration, Names
from chimera_storage.convert.alerts import ConversionAlerts
from chimera_storage.convert.downloads import Downloads
from chimera_storage.convert.jobs import ConversionManager
from chimera_storage.convert.schedule import ExportSchedule
from chimera_storage.convert.sprite import Sprites
from chimera_storage.errors import ConfigurationError, StorageError
from chimera_storage.log import get_logger
from chimera_storage.memory import GIVE_BACK_INTERVAL_S, give_back
from chimera_storage.model import CameraNews, Conversion, Image
from chimera_storage.motion.alerts import CameraAlerts
from chimera_storage.motion.finding import Finder
from chimera_storage.motion.supervisor import RecorderSupervisor
from chimera_storage.notify.mqtt import HomeAutomation
from chimera_storage.notify.webhooks import Webhooks
from chimera_storage.upkeep import (
    Retention,
    Schedule,
    Statistics,
    Upkeep,
    make_room_to_open,
)
from chimera_storage.web.app import create_app

# A data folder of a usual size is compared with its index before the door opens, so that the first
# answer is already right (0.15 s for a million images of which none changed); a very large one goes
# on behind, and `confidence` says so.
_COMPARE_BEFORE_OPENING_S = 0.3
_BUFFER_BYTES = 65_536  # of headers, and of what a client is slow to take
_MOST_DESCRIPTORS = 16_384
_OTHER_DESCRIPTORS = 256  # of the index, conversions, pipes
_OPEN_TIMEOUT_S = 10.0
_LAST_ANSWERS_S = 2.0  # a client that reads nothing would never have the rest of a download
_ALERT_INTERVAL_S = 2.0
_SECOND_SIGNAL_EXIT_CODE = 130
_LINK_LASTS_S = 7 * 86_400.0

log = get_logger()


async def serve(configuration: Configuration, *, on_ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT. `on_ready` gets the address once requests are answered.

    SIGHUP has the configuration read again. Raises ConfigurationError or StorageError where the
    server cannot start.
    """
    settings = configuration.settings
    stop = asyncio.Event()
    _stop_on_signals(stop)
    _reload_on_hangup(configuration)
    address = free_address(settings.server)
    clock = SystemClock()
    layout = Layout(settings.storage.path.absolute(), ZoneInfo(settings.server.timezone))
    with (
        contextlib.closing(opened_accounts(settings, clock)) as accounts,
        data_folder(layout),
        contextlib.closing(opened_index(layout, settings, clock)) as index,
    ):
        archive = Archive(layout, index, clock)
        with contextlib.closing(Reconciler(archive)) as reconciler:
            reconciler.start()
            alerts = AlertSender(settings.alerts.url)
            told = ConversionAlerts(alerts, public_url=settings.server.public_url, layout=layout)
            recorders = RecorderSupervisor(settings, clock)
            names = configuration.names
            webhooks = Webhooks(
                settings.webhooks,
                archive,
                clock,
                SignedLinks(accounts, layout, settings.server),
                reports=recorders.reports,
                name=names.shown,
            )
            home = HomeAutomation(
                settings.mqtt,
                archive,
                cameras=names.of_configured,
                page=settings.server.public_url,
                reports=recorders.reports,
                pause=lambda camera, paused: configuration.pause_camera(camera, paused=paused),
            )
            conversions = ConversionManager(
                archive,
                settings.convert,
                clock,
                on_change=_each(told.conversion_changed, webhooks.conversion_changed),
                names=names,
                keep_spare=True,
            )
            retention = Retention(
                archive,
                settings,
                compared=lambda: reconciler.complete,
                problem=Mark(layout).obstacle,
            )
            schedule = Schedule(retention, clock, recorders.reports, alerts.send)
            app = create_app(
                configuration=configuration,
                accounts=accounts,
                archive=archive,
                clock=clock,
                conversions=conversions,
                downloads=Downloads(archive),
                sprites=Sprites(archive),
                recorders=recorders,
                finder=Finder(),
                upkeep=Upkeep(archive, clock, reconciler),
                rules=retention,
                statistics=Statistics(archive),
            )
            await asyncio.to_thread(reconciler.wait_complete, _COMPARE_BEFORE_OPENING_S)
            async with contextlib.AsyncExitStack() as running:
                for part in (alerts, webhooks, conversions, recorders):
                    await part.start()
                    running.push_async_callback(part.close)
                http = await running.enter_async_context(_http(app, settings.server))
                running.callback(conversions.end_changes)
                running.callback(recorders.end_views)
                running.callback(recorders.end)  # it drains while the last answers are sent
                await home.start()
                running.push_async_callback(home.close)
                log.info("server_ready", address=address, cameras=len(settings.camera))
                on_ready(address)
                watched = asyncio.create_task(recorders.run(), name="recorders")
                telling = asyncio.create_task(
                    _tell_of_cameras(
                        names,
                        recorders,
                        (lambda news: alerts.send(news.text), webhooks.health_changed),
                        layout,
                    ),
                    name="camera-alerts",
                )
                running.callback(telling.cancel)
                giving = asyncio.create_task(_give_memory_back(), name="memory")
                running.callback(giving.cancel)
                exports = ExportSchedule(conversions, index, settings, clock)
                exporting = asyncio.create_task(exports.run(), name="exports")
                running.push_async_callback(_ended, exporting)
                running.callback(exports.close)

                configuration.tell(
                    lambda now: recorders.record(now.camera),
                    lambda now: alerts.use(now.alerts.url),
                    retention.use,
                    exports.use,
                )
                cleaning = asyncio.create_task(schedule.run(), name="rules")
                running.push_async_callback(_ended, cleaning)
                running.callback(schedule.close)
                await _until_stopped(stop, http, watched, telling, giving, cleaning, exporting)
                log.info("server_stopping")
    log.info("server_stopped")


@contextmanager
def rules_alone(settings: Settings, *, asks_only: bool) -> Iterator[Retention]:
    """The rules without a server, after files and index were compared; for the command line.

    `asks_only`: nothing is deleted, so a server may be at work on the data folder; then its index
    is taken as it is. Raises StorageError.
    """
    with archive_alone(settings, asks_only=asks_only) as archive:
        problem = Mark(archive.layout).obstacle
        yield Retention(archive, settings, compared=lambda: True, problem=problem)


@contextmanager
def archive_alone(settings: Settings, *, asks_only: bool) -> Iterator[Archive]:
    """The images without a server, after files and index were compared; see `rules_alone`.

    Raises ConfigurationError where the server's time zone is another one: times that are given
    would mean others, and every flat name would be taken into the index anew.
    """
    clock = SystemClock()
    layout = Layout(settings.storage.path.absolute(), ZoneInfo(settings.server.timezone))
    if not layout.captures.is_dir():
        raise StorageError(f"{layout.root} is no data folder: it has no shared/captures")
    with contextlib.ExitStack() as opened:
        try:
            opened.enter_context(data_folder(layout))
            is_alone = True
        except StorageError:
            if not asks_only:
                raise
            is_alone = False
        index = opened_index(layout, settings, clock) if is_alone else open_index(layout)
        archive = Archive(layout, opened.enter_context(contextlib.closing(index)), clock)
        _require_zone_of(index, layout)
        if is_alone:
            reconciler = opened.enter_context(contextlib.closing(Reconciler(archive)))
            reconciler.start()
            while not reconciler.wait_complete(_COMPARE_BEFORE_OPENING_S):
                log.info("comparing_files_and_index", progress=round(reconciler.progress, 3))
        yield archive


def _require_zone_of(index: Index, layout: Layout) -> None:
    zone = index.meta(FLAT_ZONE)
    if zone not in (None, str(layout.timezone)):
        raise ConfigurationError(
            f"the server of {layout.root} works in the time zone {zone}, this command in"
            f" {layout.timezone}; name the server's storage.toml with --config"
        )


def _each(
    *hearers: Callable[[Conversion, Conversion | None], None],
) -> Callable[[Conversion, Conversion | None], None]:
    """Tells each of them of a conversion."""

    def tell(conversion: Conversion, before: Conversion | None) -> None:
        for hear in hearers:
            hear(conversion, before)

    return tell


async def _ended(task: "asyncio.Task[None]") -> None:
    """Waits until a task is over that was told to end."""
    await asyncio.wait({task})


async def _tell_of_cameras(
    names: Names,
    recorders: RecorderSupervisor,
    tell: Sequence[Callable[[CameraNews], None]],
    layout: Layout,
) -> None:
    """Alert of cameras that fail or see nothing more, and that work again."""
    told = CameraAlerts(
        lambda camera: f"{names[camera]} ({camera})" if camera in names else f"Camera {camera}",
        layout.stamp,
    )
    while True:
        for news in told.news(recorders.reports(), asyncio.get_running_loop().time()):
            for hearer in tell:
                hearer(news)
        await asyncio.sleep(_ALERT_INTERVAL_S)


async def _give_memory_back() -> None:
    while True:
        await asyncio.sleep(GIVE_BACK_INTERVAL_S)
        await asyncio.to_thread(give_back)


class SignedLinks:
    """Addresses for those who have no account, which end after a week."""

    def __init__(self, accounts: Accounts, layout: Layout, server: ServerSettings) -> None:
        self._links = accounts.links
        self._layout = layout
        self._begin = server.public_url or server.root_path

    def image(self, image: Image) -> str:
        """Of one image. Raises StorageError."""
        path = self._layout.image_url(image.key).removeprefix("/shared/")
        return self._make(Target.FILE, path, image.key.camera)

    def conversion(self, conversion: Conversion) -> str:
        """Of a finished video or archive. Raises StorageError."""
        return self._make(Target.PROCESS, conversion.id, conversion.camera)

    def _make(self, kind: Target, target: str, camera: int) -> str:
        _, text = self._links.make(
            kind=kind,
            target=target,
            camera=camera,
            start_us=0,
            end_us=0,
            made_by="server:webhook",
            lasts_s=_LINK_LASTS_S,
            uses=None,
        )
        return f"{self._begin}/link/{text}"


def opened_accounts(settings: Settings, clock: Clock) -> Accounts:
    """Who may come in. Raises ConfigurationError where anybody on another machine could."""
    accounts = Accounts(settings.storage.path.absolute() / ACCOUNTS_NAME, clock)
    try:
        Door(settings.server, accounts).check()
    except BaseException:
        accounts.close()
        raise
    return accounts


def free_address(server: ServerSettings) -> str:
    """The address that the server will answer at. Raises ConfigurationError where it is taken."""
    try:
        family, kind, _, _, where = socket.getaddrinfo(
            server.host, server.port, type=socket.SOCK_STREAM
        )[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(where)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            raise ConfigurationError(
                f"port {server.port} of {server.host} is in use by another program;"
                " stop that one, or set another with server.port or --port"
            ) from None
        raise ConfigurationError(
            f"the server cannot listen on {server.host} port {server.port}:"
            f" {error.strerror}; set server.host and server.port to an address of this machine"
        ) from None
    host = f"[{server.host}]" if ":" in server.host else server.host
    return f"http://{host}:{server.port}"


@contextmanager
def data_folder(layout: Layout) -> Iterator[None]:
    """The data folder made, tried and locked. Raises StorageError with a sentence."""
    try:
        if known_id(layout) is None:
            layout.captures.mkdir(parents=True, exist_ok=True)
        lock = _open_lock(layout.root / ".lock")
        if Mark(layout).obstacle() is None:  # else captures waits for its disk, or to be writable
            trial = layout.captures / f".trial-{os.getpid()}"
            trial.touch()
            trial.unlink()
    except OSError as error:
        raise StorageError(
            f"the data folder {layout.root} cannot be written to: {error.strerror};"
            " make it writable for this user, or set another with storage.path or --path"
        ) from None
    try:
        _take(lock, layout.root)
        yield
    finally:
        os.close(lock)


def opened_index(layout: Layout, settings: Settings, clock: Clock) -> Index:
    """The index of this data folder, which is marked where it is new. Raises StorageError."""
    deletions = make_room_to_open(layout, settings, clock)
    index = open_index(layout)
    for deletion in deletions:
        index.note_deletion(deletion)
    try:
        make_marks(layout, index.data_folder_id)
    except OSError as error:
        index.close()
        raise StorageError(f"the data folder cannot be marked: {error.strerror}") from None
    return index


def _take(lock: int, root: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise StorageError(
            f"another server already works on the data folder {root};"
            " stop it, or set another folder with storage.path or --path"
        ) from None


def _open_lock(path: Path) -> int:
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)


@asynccontextmanager
async def _http(app: object, settings: ServerSettings) -> AsyncIterator["asyncio.Task[None]"]:
    """The HTTP server, answering when entered, closed when left."""
    server = Server(
        app,
        address=settings.host,
        port=settings.port,
        interface=Interfaces.ASGINL,
        log_enabled=False,
        websockets=False,
        # HTTP/2 without TLS is nobody's, and looking for it waits for ever for who says nothing.
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(max_buffer_size=_BUFFER_BYTES),
        backlog=1024,
        # Connections at a time; Granian's own 128 are used up by as many who listen to events.
        backpressure=_allow_connections(),
    )
    task = asyncio.create_task(server.serve(), name="http")
    try:
        await _until_answering(settings, task)
        yield task
    finally:
        server.stop()  # type: ignore[no-untyped-call]
        await asyncio.wait({task}, timeout=_LAST_ANSWERS_S)


def _allow_connections() -> int:
    """How many there may be at a time: each takes a descriptor, and one more for a file."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = hard if hard != resource.RLIM_INFINITY else _MOST_DESCRIPTORS
    wanted = max(soft, min(allowed, _MOST_DESCRIPTORS))
    resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(64, (wanted - _OTHER_DESCRIPTORS) // 2)


async def _until_answering(settings: ServerSettings, task: "asyncio.Task[None]") -> None:
    deadline = asyncio.get_running_loop().time() + _OPEN_TIMEOUT_S
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104
    while True:
        try:
            _, writer = await asyncio.open_connection(host, settings.port)
        except OSError:
            if task.done() or asyncio.get_running_loop().time() > deadline:
                raise ConfigurationError(
                    f"the server could not open {settings.host} port {settings.port}"
                ) from None
            await asyncio.sleep(0.01)
        else:
            writer.close()
            return


async def _until_stopped(stop: asyncio.Event, *parts: "asyncio.Task[None]") -> None:
    """Until a signal; a part that ends by itself is a fault and stops everything loudly."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for part in parts:
        if part.done() and not stop.is_set():
            await part
            raise StorageError(f"a part of the server ended by itself: {part.get_name()}")


def _reload_on_hangup(configuration: Configuration) -> None:
    """SIGHUP: what the file says now holds; where it is not right the old settings go on."""
    loop = asyncio.get_running_loop()
    reloading: set[asyncio.Task[None]] = set()

    async def reload() -> None:
        before = {camera.id: camera for camera in configuration.settings.camera}
        try:
            waiting = await configuration.reload()
        except ConfigurationError as error:
            log.error("configuration_not_reloaded", problem=str(error))
            return
        now = {camera.id: camera for camera in configuration.settings.camera}
        log.info(
            "configuration_reloaded",
            added=sorted(now.keys() - before.keys()),
            changed=sorted(c for c in now.keys() & before.keys() if now[c] != before[c]),
            removed=sorted(before.keys() - now.keys()),
            needs_restart=waiting,
        )

    def on_hangup() -> None:
        task = asyncio.create_task(reload(), name="reload")
        reloading.add(task)
        task.add_done_callback(reloading.discard)

    loop.add_signal_handler(signal.SIGHUP, on_hangup)


def _stop_on_signals(stop: asyncio.Event) -> None:
    loop = asyncio.get_running_loop()

    def on_signal() -> None:
        if stop.is_set():
            os._exit(_SECOND_SIGNAL_EXIT_CODE)  # children end by themselves: their stdin closes
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, on_signal)
