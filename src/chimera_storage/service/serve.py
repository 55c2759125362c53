"""The whole server, started and stopped in order.

Order of start: data folder and its lock → index → comparison of files and index → conversions →
HTTP → recorders. The stop goes the other way round, so that whatever writes is over before what it
writes to is closed. The first SIGTERM or Ctrl-C drains; the second ends at once.
"""

import asyncio
from collections.abc import Callable
from contextlib import AsyncExitStack, closing

from chimera_storage.access import Accounts
from chimera_storage.alerts import AlertSender
from chimera_storage.archive.images import Archive
from chimera_storage.archive.mark import Mark
from chimera_storage.archive.watch import Reconciler
from chimera_storage.clock import Clock, SystemClock
from chimera_storage.configuration import Configuration
from chimera_storage.convert.alerts import ConversionAlerts
from chimera_storage.convert.downloads import Downloads
from chimera_storage.convert.jobs import ConversionManager
from chimera_storage.convert.schedule import ExportSchedule
from chimera_storage.convert.sprite import Sprites
from chimera_storage.errors import StorageError
from chimera_storage.log import get_logger
from chimera_storage.memory import GIVE_BACK_INTERVAL_S, give_back
from chimera_storage.model import Conversion
from chimera_storage.motion.alerts import CameraAlerts
from chimera_storage.motion.finding import Finder
from chimera_storage.motion.supervisor import RecorderSupervisor
from chimera_storage.notify.mqtt import HomeAutomation
from chimera_storage.notify.webhooks import Webhooks
from chimera_storage.service.http import answering, free_address
from chimera_storage.service.opening import data_folder, layout_of, opened_accounts, opened_index
from chimera_storage.service.signals import reload_on_hangup, stopped_by_signals
from chimera_storage.service.signed_links import SignedLinks
from chimera_storage.upkeep import Retention, Schedule, Statistics, Upkeep
from chimera_storage.web.app import create_app

# A data folder of a usual size is compared with its index before the door opens, so that the first
# answer is already right (0.15 s for a million images of which none changed); a very large one goes
# on behind, and `confidence` says so.
_COMPARE_BEFORE_OPENING_S = 0.3
_ALERT_INTERVAL_S = 2.0

log = get_logger()


async def serve(configuration: Configuration, *, on_ready: Callable[[str], None]) -> None:
    """Run until SIGTERM or SIGINT. `on_ready` gets the address once requests are answered.

    SIGHUP has the configuration read again. Raises ConfigurationError or StorageError where the
    server cannot start.
    """
    settings = configuration.settings
    stop = stopped_by_signals()
    reload_on_hangup(configuration)
    address = free_address(settings.server)
    clock = SystemClock()
    layout = layout_of(settings)
    with (
        closing(opened_accounts(settings, clock)) as accounts,
        data_folder(layout),
        closing(opened_index(layout, settings, clock)) as index,
    ):
        archive = Archive(layout, index, clock)
        with closing(Reconciler(archive)) as reconciler:
            reconciler.start()
            parts = _Parts(configuration, archive, reconciler, accounts, clock)
            await asyncio.to_thread(reconciler.wait_complete, _COMPARE_BEFORE_OPENING_S)
            async with AsyncExitStack() as running:
                http = await parts.open(running)
                log.info("server_ready", address=address, cameras=len(settings.camera))
                on_ready(address)
                await _until_stopped(stop, http, *parts.go_on(running))
                log.info("server_stopping")
    log.info("server_stopped")


class _Parts:
    """The rooms' parts on one archive: made, opened for requests, kept going."""

    def __init__(
        self,
        configuration: Configuration,
        archive: Archive,
        reconciler: Reconciler,
        accounts: Accounts,
        clock: Clock,
    ) -> None:
        settings, names, layout = configuration.settings, configuration.names, archive.layout
        self._configuration = configuration
        self._names = names
        self._layout = layout
        self._alerts = AlertSender(settings.alerts.url)
        self._recorders = RecorderSupervisor(settings, clock)
        self._webhooks = Webhooks(
            settings.webhooks,
            archive,
            clock,
            SignedLinks(accounts, layout, settings.server),
            reports=self._recorders.reports,
            name=names.shown,
        )
        self._home = HomeAutomation(
            settings.mqtt,
            archive,
            cameras=names.of_configured,
            page=settings.server.public_url,
            reports=self._recorders.reports,
            pause=lambda camera, paused: configuration.pause_camera(camera, paused=paused),
        )
        told = ConversionAlerts(self._alerts, public_url=settings.server.public_url, layout=layout)
        self._conversions = ConversionManager(
            archive,
            settings.convert,
            clock,
            on_change=_each(told.conversion_changed, self._webhooks.conversion_changed),
            names=names,
            keep_spare=True,
        )
        self._exports = ExportSchedule(self._conversions, archive.index, settings, clock)
        self._retention = Retention(
            archive,
            settings,
            compared=lambda: reconciler.complete,
            problem=Mark(layout).obstacle,
        )
        self._rules = Schedule(self._retention, clock, self._recorders.reports, self._alerts.send)
        self._app = create_app(
            configuration=configuration,
            accounts=accounts,
            archive=archive,
            clock=clock,
            conversions=self._conversions,
            downloads=Downloads(archive),
            sprites=Sprites(archive),
            recorders=self._recorders,
            finder=Finder(),
            upkeep=Upkeep(archive, clock, reconciler),
            rules=self._retention,
            statistics=Statistics(archive),
        )

    async def open(self, running: AsyncExitStack) -> "asyncio.Task[None]":
        """Start what requests need, then answer them; the HTTP server's task."""
        for part in (self._alerts, self._webhooks, self._conversions, self._recorders):
            await part.start()
            running.push_async_callback(part.close)
        server = self._configuration.settings.server
        http = await running.enter_async_context(answering(self._app, server))
        running.callback(self._conversions.end_changes)
        running.callback(self._recorders.end_views)
        running.callback(self._recorders.end)  # it drains while the last answers are sent
        await self._home.start()
        running.push_async_callback(self._home.close)
        return http

    def go_on(self, running: AsyncExitStack) -> "list[asyncio.Task[None]]":
        """Start what goes on by itself. None of these tasks may end before it is told to."""
        watched = asyncio.create_task(self._recorders.run(), name="recorders")
        telling = asyncio.create_task(self._tell_of_cameras(), name="camera-alerts")
        running.callback(telling.cancel)
        giving = asyncio.create_task(_give_memory_back(), name="memory")
        running.callback(giving.cancel)
        exporting = asyncio.create_task(self._exports.run(), name="exports")
        running.push_async_callback(_ended, exporting)
        running.callback(self._exports.close)
        self._configuration.tell(
            lambda now: self._recorders.record(now.camera),
            lambda now: self._alerts.use(now.alerts.url),
            self._retention.use,
            self._exports.use,
        )
        cleaning = asyncio.create_task(self._rules.run(), name="rules")
        running.push_async_callback(_ended, cleaning)
        running.callback(self._rules.close)
        return [watched, telling, giving, cleaning, exporting]

    async def _tell_of_cameras(self) -> None:
        """Alert of cameras that fail or see nothing more, and that work again."""
        told = CameraAlerts(self._shown, self._layout.stamp)
        while True:
            for news in told.news(self._recorders.reports(), asyncio.get_running_loop().time()):
                self._alerts.send(news.text)
                self._webhooks.health_changed(news)
            await asyncio.sleep(_ALERT_INTERVAL_S)

    def _shown(self, camera: int) -> str:
        known = camera in self._names
        return f"{self._names[camera]} ({camera})" if known else f"Camera {camera}"


async def _give_memory_back() -> None:
    while True:
        await asyncio.sleep(GIVE_BACK_INTERVAL_S)
        await asyncio.to_thread(give_back)


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


async def _until_stopped(stop: asyncio.Event, *parts: "asyncio.Task[None]") -> None:
    """Until a signal; a part that ends by itself is a fault and stops everything loudly."""
    stopping = asyncio.create_task(stop.wait())
    await asyncio.wait({stopping, *parts}, return_when=asyncio.FIRST_COMPLETED)
    stopping.cancel()
    for part in parts:
        if part.done() and not stop.is_set():
            await part
            raise StorageError(f"a part of the server ended by itself: {part.get_name()}")
