"""The page /disk: what takes how much room, what comes of the disk, and what makes room again."""

from typing import Any

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.clock import to_us
from chimera_storage.config import RetentionSettings, Settings
from chimera_storage.errors import StorageError
from chimera_storage.model import Deletion, PlannedDeletion, Totals
from chimera_storage.web import disk
from chimera_storage.web.formatting import local_time
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages import page, speaker_of
from chimera_storage.web.pages.camera_names import camera_names
from chimera_storage.web.ports import Services
from chimera_storage.web.rules import MOST_DELETIONS
from chimera_storage.web.sight import sees, sees_all

SHOWN_DELETIONS = 30
COLOURS = 6  # of cameras, in static/disk/style.css
# What has a text; an index written by another version may hold others, which are shown as they are.
RULES = frozenset({"days", "thin_after_days", "camera_max_gb", "max_gb", "min_free_gb"}) | {
    "conversions_days",
    "pathDelete",
    "pathClean",
    "rangeDelete",
}
DELETERS = frozenset({"server", "api", "cli"})
_NOTHING = Totals(count=0, size=0)


def disk_page_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /disk."""
    router = APIRouter(include_in_schema=False)

    @router.get("/disk")
    def storage(request: Request) -> Response:
        speaks = speaker_of(request)
        cameras = camera_names(names, speaks)
        usage = services.statistics.usage()
        deletions = services.rules.deletions(MOST_DELETIONS)
        preview = services.rules.preview() if sees_all() else None
        return page(
            request,
            services,
            "disk.html",
            names=cameras,
            rules=RULES,
            deleters=DELETERS,
            colours={camera: min(place, COLOURS - 1) for place, camera in enumerate(cameras)},
            usage=usage,
            disk=services.statistics.disk(),
            quota=services.settings.storage.max_gb,
            forecast=(forecast := services.rules.forecast()),
            full_text=local_time(forecast.full_us, services.zone)
            if forecast and forecast.full_us
            else "",
            rows=[(camera, usage.cameras.get(camera, _NOTHING)) for camera in cameras],
            preview=preview,
            planned=[_portion(p, services) for p in preview.planned] if preview else [],
            settings=_settings(services.settings, cameras),
            kept=_kept(services),
            deletions=[_portion(d, services) for d in deletions[:SHOWN_DELETIONS]],
            **_charts(request, services, usage.cameras, deletions),
        )

    return router


def _charts(
    request: Request, services: Services, totals: dict[int, Totals], deletions: list[Deletion]
) -> dict[str, Any]:
    """Disk use of the last days, and images by day and hour of the camera that is chosen."""
    chosen = request.query_params.get("camera", "")
    camera = int(chosen) if chosen.isascii() and chosen.isdigit() and len(chosen) < 10 else None
    camera = camera if camera in totals else None
    zone = services.zone
    days = disk.last_days(services.clock.now().astimezone(zone))
    hours = services.statistics.hours(days=disk.DAYS + 1)
    used = disk.used_by_day(
        days,
        zone=zone,
        hours=hours,
        totals=totals,
        deletions=deletions,
        cut_off=len(deletions) >= MOST_DELETIONS,
    )
    counts = disk.by_hour_of_day(days, hours, zone=zone, camera=camera)
    most = disk.usual_most(counts)
    return {
        "used": disk.with_bars(used),
        "heat_camera": camera,
        "heat": [
            (day, [(count, disk.level(count, most)) for count in row])
            for day, row in zip(reversed(days), reversed(counts), strict=True)
        ],
        "noon_ms": {
            day: _noon_ms(day.toordinal() - days[-1].toordinal(), services) for day in days
        },
    }


def _noon_ms(days_on: int, services: Services) -> int:
    """A moment within the day so many days from today, to be shown as that day."""
    now_ms = to_us(services.clock.now()) // 1000
    today = services.clock.now().astimezone(services.zone)
    to_noon_ms = (12 - today.hour) * 3_600_000
    return now_ms + to_noon_ms + days_on * 86_400_000


def _time(us: int, services: Services) -> dict[str, Any]:
    """As the macro `moment` takes it."""
    return {"ms": us // 1000, "text": local_time(us, services.zone)}


def _portion(portion: PlannedDeletion | Deletion, services: Services) -> dict[str, Any]:
    at_us = portion.at_us if isinstance(portion, Deletion) else 0
    return {
        "rule": portion.rule,
        "who": portion.who if isinstance(portion, Deletion) else "",
        "exact": portion.exact if isinstance(portion, PlannedDeletion) else True,
        "camera": portion.camera,
        "count": portion.images,
        "bytes": portion.bytes,
        "at": _time(at_us, services),
        "oldest": _time(portion.oldest_us, services),
        "newest": _time(portion.newest_us, services),
    }


def _kept(services: Services) -> list[dict[str, Any]]:
    try:
        ranges = services.archive.keep.ranges()
    except StorageError:  # keep.json cannot be read, which the rules say
        return []
    return [
        {
            "kept": kept,
            "start": _time(kept.start_us, services),
            "end": _time(kept.end_us, services),
        }
        for kept in ranges
        if sees(kept.camera)
    ]


def _settings(settings: Settings, cameras: dict[int, str]) -> list[dict[str, Any]]:
    """What is set, as (rule, number, whose) for the texts "disk.set_…"."""
    found = [
        {"rule": rule, "n": value, "camera": None}
        for rule, value in _set_of(settings.retention).items()
    ]
    if settings.storage.max_gb:
        found.append({"rule": "max_gb", "n": settings.storage.max_gb, "camera": None})
    if settings.storage.min_free_gb:
        found.append({"rule": "min_free_gb", "n": settings.storage.min_free_gb, "camera": None})
    general = _set_of(settings.retention)
    for camera, name in cameras.items():
        own = _set_of(settings.retention_of(camera))
        found += [
            {"rule": rule, "n": own.get(rule, 0), "camera": name}
            for rule in sorted(general.keys() | own.keys())
            if own.get(rule, 0) != general.get(rule, 0)
        ]
    return found


def _set_of(retention: RetentionSettings) -> dict[str, float]:
    """The rules that are set, by name."""
    values = {
        "days": retention.days,
        "thin_after_days": retention.thin_after_days,
        "camera_max_gb": retention.max_gb,
        "conversions_days": retention.conversions_days,
    }
    return {rule: value for rule, value in values.items() if value}
