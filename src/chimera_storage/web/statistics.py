"""How much there is: by camera, hour and minute, and on the disk. All from totals."""

from collections.abc import Iterable
from typing import Annotated

from fastapi import APIRouter, Depends

from chimera_storage.model import Totals
from chimera_storage.web.file_schemas import (
    Breakdown,
    CameraUsage,
    DiskState,
    EmptyRequest,
    HourStats,
    HourStatsList,
    Outlook,
    PathMetrics,
    SeriesList,
    UsageSummary,
)
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, read_body
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body

ReadBody = Annotated[Body, Depends(read_body)]

STATS_DAYS = 32
_GB = 10**9
_HOUR_MS = 3_600_000
_NOTHING = Totals(count=0, size=0)


def statistics_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /file/pathMetrics, GET /file/pathStats, hourStats and dailyStats, GET /usage."""
    router = APIRouter(tags=["statistics"])
    statistics = services.statistics
    quota_gb = services.settings.storage.max_gb

    @router.post(
        "/file/pathMetrics",
        summary="Bytes and number of images of every camera",
        responses=problems(*BODY_PROBLEMS),
        openapi_extra=request_body(EmptyRequest, required=False),
    )
    def path_metrics(_: ReadBody) -> PathMetrics:
        totals = services.upkeep.metrics()
        found = {names.name(camera): totals.get(camera, _NOTHING) for camera in names.all()}
        return PathMetrics(
            size={name: of.size for name, of in found.items()},
            count={name: of.count for name, of in found.items()},
            confidence=services.upkeep.confidence(),
        )

    @router.get(
        "/file/pathStats",
        summary="Bytes saved in each hour of the last 32 days, by camera",
        responses=problems(),
    )
    def path_stats() -> SeriesList:
        hours = statistics.hours(days=STATS_DAYS)
        return _series(((t.hour * _HOUR_MS, t.camera, t.bytes) for t in hours), names)

    @router.get(
        "/file/dailyStats",
        summary="Bytes saved in each minute of the last 24 hours, by camera",
        responses=problems(),
    )
    def daily_stats() -> SeriesList:
        minutes = statistics.minutes()
        return _series(((begin_s * 1000, camera, size) for begin_s, camera, size in minutes), names)

    @router.get(
        "/file/hourStats",
        summary="Images, bytes and events of each hour of the last 32 days",
        responses=problems(),
    )
    def hour_stats() -> HourStatsList:
        return HourStatsList(
            list=[
                HourStats(
                    timestamp=totals.hour * _HOUR_MS,
                    camera=totals.camera,
                    name=names.name(totals.camera),
                    images=totals.images,
                    bytes=totals.bytes,
                    events=totals.events,
                )
                for totals in statistics.hours(days=STATS_DAYS)
            ]
        )

    @router.get("/usage", summary="What everything takes, and what is free", responses=problems())
    def usage() -> UsageSummary:
        used = statistics.usage()
        disk = statistics.disk()
        forecast = services.rules.forecast()
        frames = sum(of.size for of in used.cameras.values())
        cameras = []
        for camera in names.all():
            of = used.cameras.get(camera, _NOTHING)
            name = names.name(camera)
            cameras.append(
                CameraUsage(id=camera, name=name, used_gb=of.size / _GB, frame_count=of.count)
            )
        return UsageSummary(
            used_gb=round((frames + used.videos + used.zips + used.other) / _GB, 3),
            max_gb=quota_gb,
            cameras=cameras,
            total_frames=sum(of.count for of in used.cameras.values()),
            breakdown=Breakdown(
                frames=frames, videos=used.videos, zips=used.zips, other=used.other
            ),
            disk=DiskState(total=disk.total, free=disk.free),
            forecast=forecast and Outlook.of(forecast),
        )

    return router


def _series(rows: Iterable[tuple[int, int, int]], names: CameraNames) -> SeriesList:
    """One object for each time, with the bytes of each camera that has any."""
    found: dict[int, dict[str, int]] = {}
    for timestamp, camera, size in rows:
        found.setdefault(timestamp, {"timestamp": timestamp})[names.name(camera)] = size
    return SeriesList([found[timestamp] for timestamp in sorted(found)])
