"""The other rooms as somebody sees them who may see only some cameras.

Every route works with these in place of the real ones, so what it lists, looks up or counts holds
those cameras alone, without the route's doing. What cannot be seen is unknown, never forbidden: an
answer does not tell that it exists.
"""

from collections import OrderedDict
from collections.abc import AsyncGenerator, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from dataclasses import replace
from typing import Any

from chimera_storage.archive.layout import Layout
from chimera_storage.archive.watch import WatchStatus
from chimera_storage.errors import NotFoundError
from chimera_storage.model import (
    CameraReport,
    Conversion,
    Deletion,
    Disk,
    Estimate,
    Forecast,
    HourTotals,
    Image,
    Preview,
    RangeDeletion,
    Totals,
    Usage,
)
from chimera_storage.web import ports, sight
from chimera_storage.web.sight import sees, sees_all

MOST_DELETIONS = 1000
MOST_NOTED = 20_000


def seen(services: ports.Services) -> ports.Services:
    """The services that routes work with."""
    return replace(
        services,
        conversions=_Conversions(services.conversions),
        downloads=_Downloads(services.downloads, services.archive.layout),
        sprites=_Sprites(services.sprites),
        recorders=_Recorders(services.recorders),
        upkeep=_Upkeep(services.upkeep),
        rules=_Rules(services.rules),
        statistics=_Statistics(services.statistics, services.conversions),
    )


def _check(camera: int) -> None:
    if not sees(camera):
        raise NotFoundError("there is no such camera; GET /cameras lists all")


def _named(who: str) -> str:
    """The user or token that asks, for the list of deletions; `who` where nobody is told apart."""
    return sight.who().name or who


class _Owners:
    """Which cameras something of this id is of, of what was met lately; only the id may be left."""

    def __init__(self) -> None:
        self._cameras: OrderedDict[str, frozenset[int]] = OrderedDict()

    def note(self, id: str, *cameras: int) -> None:  # noqa: A002
        self._cameras[id] = frozenset(cameras)
        self._cameras.move_to_end(id)
        while len(self._cameras) > MOST_NOTED:
            with suppress(KeyError):  # other threads take some out too
                self._cameras.popitem(last=False)

    def are_seen(self, id: str) -> bool:  # noqa: A002
        cameras = self._cameras.get(id)
        return sees_all() or (cameras is not None and all(map(sees, cameras)))


class _Changes:
    """Leaves out what cannot be seen."""

    def __init__(self, inner: ports.Changes, owners: _Owners) -> None:
        self._inner = inner
        self._owners = owners

    async def news(self, timeout_s: float) -> Sequence[Conversion | str] | None:
        news = await self._inner.news(timeout_s)
        return None if news is None else [item for item in news if self._is_seen(item)]

    def _is_seen(self, item: Conversion | str) -> bool:
        if isinstance(item, str):
            return self._owners.are_seen(item)
        self._owners.note(item.id, item.camera)
        return sees(item.camera)


class _Conversions:
    def __init__(self, inner: ports.Conversions) -> None:
        self._inner = inner
        self._owners = _Owners()

    @contextmanager
    def changes(self) -> Iterator[ports.Changes]:
        with self._inner.changes() as changes:
            yield _Changes(changes, self._owners)

    async def request(self, *, camera: int, **wish: Any) -> Conversion:
        _check(camera)
        return await self._inner.request(camera=camera, **wish)

    async def cancel(self, id: str) -> bool:  # noqa: A002
        return self.get(id) is not None and await self._inner.cancel(id)

    async def delete(self, id: str) -> bool:  # noqa: A002
        return self.get(id) is not None and await self._inner.delete(id)

    def get(self, id: str) -> Conversion | None:  # noqa: A002
        found = self._inner.get(id)
        return found if found is not None and sees(found.camera) else None

    def list(self) -> list[Conversion]:
        found = self._inner.list()
        for conversion in found:
            self._owners.note(conversion.id, conversion.camera)
        return [conversion for conversion in found if sees(conversion.camera)]

    def count(self, *, camera: int, **wish: Any) -> int:
        _check(camera)
        return self._inner.count(camera=camera, **wish)

    def estimate(self, *, camera: int, **wish: Any) -> Estimate:
        _check(camera)
        return self._inner.estimate(camera=camera, **wish)

    def stream(self, *, camera: int, **wish: Any) -> AsyncGenerator[bytes, None]:
        _check(camera)
        return self._inner.stream(camera=camera, **wish)


class _Downloads:
    def __init__(self, inner: ports.Downloads, layout: Layout) -> None:
        self._inner = inner
        self._layout = layout

    def pin(self, *, camera: int, **wish: Any) -> ports.Download:
        _check(camera)
        return self._inner.pin(camera=camera, **wish)

    def open(self, name: str) -> ports.Download:
        named = self._layout.parse_output(name)
        if named is None or not sees(named.camera):
            raise NotFoundError("there is no such download; ask for the archive again")
        return self._inner.open(name)


class _Sprites:
    def __init__(self, inner: ports.Sprites) -> None:
        self._inner = inner
        self._owners = _Owners()

    def make(self, images: Sequence[Image]) -> ports.Sprite:
        cameras = frozenset(image.key.camera for image in images)
        for camera in cameras:
            _check(camera)
        made = self._inner.make(images)
        self._owners.note(made.id, *cameras)
        return made

    def get(self, id: str) -> ports.Sprite:  # noqa: A002
        if not self._owners.are_seen(id):
            raise NotFoundError("there is no such picture any more; ask for the list again")
        return self._inner.get(id)


class _Recorders:
    def __init__(self, inner: ports.Recorders) -> None:
        self._inner = inner
        self.status = inner.status
        self.restarts = inner.restarts

    def look(self, camera: int) -> AbstractContextManager[ports.View]:
        _check(camera)
        return self._inner.look(camera)

    def reports(self) -> list[CameraReport]:
        return [report for report in self._inner.reports() if sees(report.camera)]

    def watch(self, camera: int) -> None:
        _check(camera)
        self._inner.watch(camera)

    def sights(self, camera: int, since_us: int) -> list[tuple[int, float]]:
        _check(camera)
        return self._inner.sights(camera, since_us)


class _Upkeep:
    def __init__(self, inner: ports.Upkeep) -> None:
        self._inner = inner
        self.confidence = inner.confidence

    def totals(self, camera: int) -> Totals:
        _check(camera)
        return self._inner.totals(camera)

    def metrics(self) -> dict[int, Totals]:
        return {camera: of for camera, of in self._inner.metrics().items() if sees(camera)}

    def state(self) -> WatchStatus:
        return self._inner.state()

    def delete_camera(self, camera: int, *, who: str = "api") -> bool:
        _check(camera)
        return self._inner.delete_camera(camera, who=_named(who))

    def clean(self, camera: int, days: float, *, who: str = "api") -> ports.CleanResult:
        _check(camera)
        return self._inner.clean(camera, days, who=_named(who))

    def delete_range(
        self,
        camera: int,
        first_s: int,
        last_s: int,
        *,
        kept_too: bool,
        only_ask: bool,
        who: str = "api",
    ) -> RangeDeletion:
        _check(camera)
        return self._inner.delete_range(
            camera, first_s, last_s, kept_too=kept_too, only_ask=only_ask, who=_named(who)
        )


class _Rules:
    """What acts on all cameras is for those who see all, which permissions.py holds."""

    def __init__(self, inner: ports.Rules) -> None:
        self._inner = inner
        self.has_quota = inner.has_quota

    def apply(self, who: str) -> Totals:
        return self._inner.apply(_named(who))

    def apply_quotas(self, who: str) -> Totals:
        return self._inner.apply_quotas(_named(who))

    def preview(self) -> Preview:
        return self._inner.preview()

    def forecast(self) -> Forecast | None:
        return self._inner.forecast() if sees_all() else None

    def deletions(self, limit: int) -> list[Deletion]:
        if sees_all():
            return self._inner.deletions(limit)
        found = self._inner.deletions(MOST_DELETIONS)
        return [d for d in found if d.camera is not None and sees(d.camera)][:limit]


class _Statistics:
    def __init__(self, inner: ports.Statistics, conversions: ports.Conversions) -> None:
        self._inner = inner
        self._conversions = conversions

    def hours(self, *, days: int) -> list[HourTotals]:
        return [totals for totals in self._inner.hours(days=days) if sees(totals.camera)]

    def minutes(self) -> list[tuple[int, int, int]]:
        return [row for row in self._inner.minutes() if sees(row[1])]

    def usage(self) -> Usage:
        usage = self._inner.usage()
        if sees_all():
            return usage
        mine = [c for c in self._conversions.list() if sees(c.camera)]
        videos = sum(c.size for c in mine if c.type.is_video)
        return Usage(
            cameras={camera: of for camera, of in usage.cameras.items() if sees(camera)},
            videos=videos,
            zips=sum(c.size for c in mine) - videos,
            other=0,
        )

    def disk(self) -> Disk:
        return self._inner.disk()
