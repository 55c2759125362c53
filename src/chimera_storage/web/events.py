"""GET /motion/events: when something moved before a camera, with the best image of each time."""

from fastapi import APIRouter, Request

from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import EventSummary
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import fields, given, time_range, whole
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import (
    BestImage,
    MotionEvent,
    MotionEvents,
    problems,
    query_parameters,
)

LIMIT, MOST = 100, 1000
_TIME = "YYYYMMDD-HHMMSS, ISO 8601 or milliseconds since 1970"


def events_router(services: Services, names: CameraNames) -> APIRouter:
    """GET /motion/events."""
    router = APIRouter(prefix="/motion", tags=["motion"])
    archive = services.archive

    @router.get(
        "/events",
        summary="When something moved, in order, with the best image of each time",
        responses=problems(400, 404),
        openapi_extra=query_parameters(
            ("camera", "number or name of the camera", {"type": "string"}, True),
            ("start", f"{_TIME} (a week before the end)", {"type": "string"}, False),
            ("end", f"{_TIME} (now)", {"type": "string"}, False),
            ("hours", "in place of start: before the end", {"type": "number"}, False),
            ("days", "in place of start: before the end", {"type": "number"}, False),
            (
                "limit",
                "events, from the range's first on",
                {"type": "integer", "minimum": 1, "maximum": MOST, "default": LIMIT},
                False,
            ),
        ),
    )
    def events(request: Request) -> MotionEvents:
        query = fields(request.query_params.multi_items())
        if given(query, "camera") is None:
            raise InvalidInputError("camera is missing; right would be a camera's number or name")
        camera = names.find(query["camera"])
        start_us, end_us = time_range(query, now_us=to_us(services.clock.now()), zone=services.zone)
        limit = whole(query, "limit", default=LIMIT, least=1, most=MOST)
        found = archive.index.event_summaries(camera, start_us, end_us, limit=limit + 1)
        return MotionEvents(
            list=[_event(summary) for summary in found[:limit]], more=len(found) > limit
        )

    def _event(summary: EventSummary) -> MotionEvent:
        event, best = summary.event, summary.best
        return MotionEvent(
            camera=event.camera,
            name=names.name(event.camera),
            start=event.start_us // 1000,
            end=None if event.end_us is None else event.end_us // 1000,
            images=summary.images,
            score=summary.score,
            boxes=[tuple(box) for box in summary.boxes],
            best=best
            and BestImage(
                url=services.root + archive.layout.image_url(best.key),
                taken=best.taken_at_us // 1000,
                width=best.width,
                height=best.height,
            ),
        )

    return router
