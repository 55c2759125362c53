"""/timeline: a camera's day as a picture: how much there is when, its events, its images.

Lists are columns (one list for all times, one for all scores), and an event's times are whole
seconds since something just before, as a day may have thousands of events: as gzip some five bytes
for each, where objects would take a hundred.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, timedelta
from itertools import pairwise

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.archive.index.timeline import EventRow
from chimera_storage.archive.layout import HOUR_S, SECOND_US
from chimera_storage.clock import from_us, to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import ImageKey
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.pages import STATIC, page, speaker_of
from chimera_storage.web.pages.camera_names import named
from chimera_storage.web.parsing import fields, given, moment, shown, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import problems, query_parameters
from chimera_storage.web.sight import sees
from chimera_storage.web.timeline_schemas import (
    Activity,
    DayTotals,
    EventColumns,
    KeptSpan,
    TimelineDays,
    TimelineImages,
)

MOST_LANES = 8  # of many cameras so many are shown before some are chosen
MOST_PARTS = 5000
MOST_EVENTS = 5000
MOST_IMAGES = 20_000
_MOST_EVERY_S = 86_400
_LONGEST_US = 31 * 86_400 * SECOND_US
_MONTH = re.compile(r"([0-9]{4})-(0[1-9]|1[0-2])", re.ASCII)
_LOADED_LATER = {"calendar", "keep", "make"}
# What main.js imports, all asked for at once and not one after the other.
_MODULES = [
    *("api", "ask", "dom", "format", "text", "trouble"),
    *sorted(
        f"timeline/{path.stem}"
        for path in (STATIC / "timeline").glob("*.js")
        if path.stem not in _LOADED_LATER
    ),
]
_TIME = "YYYYMMDD-HHMMSS, ISO 8601 or milliseconds since 1970"
_CAMERA = ("camera", "number or name of the camera", {"type": "string"}, True)
_START = ("start", _TIME, {"type": "string"}, True)
_END = ("end", f"{_TIME}; inclusive", {"type": "string"}, True)


def timeline_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /timeline, /timeline/activity, /timeline/images and /timeline/days."""
    router = APIRouter(prefix="/timeline", tags=["timeline"])
    archive = services.archive

    @router.get("", include_in_schema=False)
    def timeline(request: Request) -> Response:
        cameras, speaks = names.all(), speaker_of(request)
        today = services.clock.now().astimezone(services.zone).date().isoformat()
        last = _first_and_last(services, set(cameras))[1]
        return page(
            request,
            services,
            "timeline.html",
            cameras=[{"id": camera, "name": named(names, speaks, camera)} for camera in cameras],
            today=today,
            day=min(last or today, today),
            most_lanes=MOST_LANES,
            modules=_MODULES,
        )

    @router.get(
        "/activity",
        summary="How much a camera has of each part of a time, its events, what is kept",
        responses=problems(400, 404),
        openapi_extra=query_parameters(
            _CAMERA,
            _START,
            _END,
            (
                "every",
                "seconds of each part",
                {"type": "integer", "minimum": 1, "maximum": _MOST_EVERY_S, "default": 60},
                False,
            ),
        ),
    )
    def activity(request: Request) -> Activity:
        query = fields(request.query_params.multi_items())
        camera, start_us, end_us = _asked(query, services, names)
        every_s = whole(query, "every", default=60, least=1, most=_MOST_EVERY_S)
        first_s, last_s = start_us // SECOND_US, end_us // SECOND_US
        if (last_s - first_s) // every_s >= MOST_PARTS:
            raise InvalidInputError(
                f"every is too small for this range; right would be at most {MOST_PARTS} parts"
            )
        index = archive.index
        events = index.event_rows(camera, start_us, end_us, limit=MOST_EVENTS + 1)
        totals = index.totals_of(camera, first_s, last_s)
        return Activity(
            camera=camera,
            name=names.name(camera),
            start=start_us // 1000,
            end=end_us // 1000,
            now=to_us(services.clock.now()) // 1000,
            every=every_s,
            counts=index.counts(camera, first_s, last_s, every_s=every_s),
            images=totals.count,
            bytes=totals.size,
            events=_columns(services, camera, first_s, events[:MOST_EVENTS]),
            more=len(events) > MOST_EVENTS,
            kept=[
                KeptSpan(
                    id=kept.id,
                    start=kept.start_us // 1000,
                    end=kept.end_us // 1000,
                    reason=kept.reason,
                )
                for kept in archive.keep.ranges()
                if kept.camera == camera and kept.start_us <= end_us and kept.end_us >= start_us
            ],
        )

    @router.get(
        "/images",
        summary="The images of a time, by second and number",
        responses=problems(400, 404),
        openapi_extra=query_parameters(
            _CAMERA,
            _START,
            _END,
            (
                "limit",
                "images, from the first on",
                {"type": "integer", "minimum": 1, "maximum": MOST_IMAGES, "default": 5000},
                False,
            ),
        ),
    )
    def images(request: Request) -> TimelineImages:
        query = fields(request.query_params.multi_items())
        camera, start_us, end_us = _asked(query, services, names)
        limit = whole(query, "limit", default=5000, least=1, most=MOST_IMAGES)
        columns = ("second", "number", "flat", "fraction_us", "score")
        listed = next(archive.index.rows(camera, start_us, end_us, columns, most=limit + 1), [])
        begin_ms = start_us // SECOND_US * 1000
        rows = listed[:limit]
        return TimelineImages(
            camera=camera,
            start=begin_ms,
            end=end_us // 1000,
            taken=[second * 1000 + us // 1000 - begin_ms for second, _, _, us, _ in rows],
            number=[number for _, number, _, _, _ in rows],
            score=[None if score is None else round(score, 4) for *_, score in rows],
            urls=_urls(services, camera, ((s, number, flat) for s, number, flat, _, _ in rows)),
            more=len(listed) > limit,
        )

    @router.get(
        "/days",
        summary="Which days of a month have images, of one camera or of all",
        responses=problems(400, 404),
        openapi_extra=query_parameters(
            ("month", "YYYY-MM, in the server's time zone (this one)", {"type": "string"}, False),
            ("camera", "number or name of the camera (all)", {"type": "string"}, False),
        ),
    )
    def days(request: Request) -> TimelineDays:
        query = fields(request.query_params.multi_items())
        asked = given(query, "camera")
        cameras = set(names.all()) if asked is None else {names.find(asked)}
        today = services.clock.now().astimezone(services.zone).date()
        month = _month(given(query, "month"), today)
        return _days(services, cameras, month, today)

    return router


def _asked(
    query: Mapping[str, str], services: Services, names: CameraNames
) -> tuple[int, int, int]:
    """Camera, start and end, which are all needed: a month at most."""
    for name in ("camera", "start", "end"):
        if given(query, name) is None:
            raise InvalidInputError(f"{name} is missing; right would be a camera, start and end")
    camera = names.find(query["camera"])
    start_us = moment(query["start"], "start", services.zone)
    end_us = moment(query["end"], "end", services.zone, last=True)
    if not start_us <= end_us < start_us + _LONGEST_US:
        raise InvalidInputError("end is before start, or more than 31 days after it")
    return camera, start_us, end_us


def _columns(
    services: Services, camera: int, first_s: int, events: Sequence[EventRow]
) -> EventColumns:
    """`first_s`: the second that the first event's begin is counted from."""
    begins = [event.start_us // SECOND_US for event in events]
    return EventColumns(
        after=[begin - before for before, begin in pairwise([first_s, *begins])],
        lasts=[
            None if event.end_us is None else event.end_us // SECOND_US - begin
            for event, begin in zip(events, begins, strict=True)
        ],
        images=[event.images for event in events],
        score=[
            float(f"{event.score:.2g}") if event.score is not None and event.score >= 0 else None
            for event in events
        ],
        best=[
            None if event.second is None else event.second - begin
            for event, begin in zip(events, begins, strict=True)
        ],
        number=[event.number or 0 for event in events],
        urls=_urls(services, camera, ((e.second, e.number, e.flat) for e in events)),
    )


def _urls(
    services: Services,
    camera: int,
    rows: Iterable[tuple[int | None, int | None, int | None]],
) -> dict[int, str]:
    """Addresses of those whose name is not `<time in UTC>-<number>` in their hour's folder."""
    urls = {}
    for place, (second, number, flat) in enumerate(rows):
        if second is not None and number is not None and (flat or number < 0):
            key = ImageKey(
                camera=camera,
                second=second,
                number=None if number < 0 else number,
                flat=bool(flat),
            )
            urls[place] = services.root + services.archive.layout.image_url(key)
    return urls


def _month(value: object, today: date) -> date:
    """The first day of a month."""
    if value is None:
        return today.replace(day=1)
    match = _MONTH.fullmatch(value) if isinstance(value, str) else None
    if match is None or not 1970 <= int(match[1]) <= 2999:
        raise InvalidInputError(f"month is {shown(value)}; right would be 2026-01")
    return date(int(match[1]), int(match[2]), 1)


def _days(services: Services, cameras: set[int], month: date, today: date) -> TimelineDays:
    """By hourly totals: an hour that lies in two days counts to the one that it begins in."""
    zone, index = services.zone, services.archive.index
    after = (month + timedelta(days=31)).replace(day=1)
    first_s = moment(month.isoformat(), "month", zone) // SECOND_US
    last_s = moment((after - timedelta(days=1)).isoformat(), "month", zone, last=True) // SECOND_US
    found: dict[str, list[int]] = {}
    hours = index.hourly(first_hour=first_s // HOUR_S, last_hour=last_s // HOUR_S)
    for totals in hours:
        if totals.camera in cameras and sees(totals.camera) and totals.images:
            begin_s = max(first_s, totals.hour * HOUR_S)
            day = from_us(begin_s * SECOND_US).astimezone(zone).date().isoformat()
            sums = found.setdefault(day, [0, 0, 0])
            for i, value in enumerate((totals.images, totals.bytes, totals.events)):
                sums[i] += value
    first, last = _first_and_last(services, cameras)
    return TimelineDays(
        days=[
            DayTotals(date=day, images=images, bytes=size, events=events)
            for day, (images, size, events) in sorted(found.items())
        ],
        first=first,
        last=last,
        today=today.isoformat(),
    )


def _first_and_last(services: Services, cameras: set[int]) -> tuple[str | None, str | None]:
    """The days of the first and the last image of these cameras; None: there is none."""
    spans = [services.archive.index.first_and_last(camera) for camera in cameras]
    ends = [span for span in spans if span is not None]
    if not ends:
        return None, None

    def day_of(second: int) -> str:
        return from_us(second * SECOND_US).astimezone(services.zone).date().isoformat()

    return day_of(min(first for first, _ in ends)), day_of(max(last for _, last in ends))
