"""POST /convert/listFramesVideo: links to some images of a range, and a picture of all of them."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from chimera_storage.clock import to_us
from chimera_storage.errors import InvalidInputError
from chimera_storage.model import Image
from chimera_storage.web import parsing, schemas
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.parsing import Body, read_body
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import BODY_PROBLEMS, problems, request_body
from chimera_storage.web.serving import CACHE

ReadBody = Annotated[Body, Depends(read_body)]
MOST_LINKS = 10_000
MOST_IN_SPRITE = 500
PREFERENCES = ("even", "motion")


def lists_router(services: Services, names: CameraNames) -> APIRouter:
    """POST /convert/listFramesVideo and GET /convert/sprite/{name}."""
    router = APIRouter(prefix="/convert", tags=["convert"])

    @router.post(
        "/listFramesVideo",
        summary="Links to images of a range, spread over it",
        responses=problems(*BODY_PROBLEMS, 404),
        openapi_extra=request_body(schemas.FramesRequest),
        response_model_exclude_unset=True,
    )
    def list_frames(body: ReadBody) -> schemas.Frames:
        sprite = parsing.yes_or_no(body, "sprite", default=False)
        most = MOST_IN_SPRITE if sprite else MOST_LINKS
        frames = parsing.whole(body, "frames", default=10, least=1, most=most)
        images = _images(services, names.of(body), body, frames)
        layout = services.archive.layout
        links = [services.absolute(layout.image_url(image.key)) for image in images]
        if not sprite or not images:
            return schemas.Frames(list=links)
        return schemas.Frames(list=links, sprite=_sprite(services, images))

    @router.get(
        "/sprite/{name}",
        summary="The picture of small images that listFramesVideo made",
        response_class=Response,
        responses={
            **problems(404),
            200: {"content": {"image/jpeg": {}}, "description": "the picture"},
            304: {"description": "the client has it already"},
        },
    )
    def sprite(request: Request, name: str) -> Response:
        found = services.sprites.get(name.removesuffix(".jpg"))
        headers = {"etag": f'"{found.id}"', "cache-control": CACHE}
        if request.headers.get("if-none-match") == headers["etag"]:
            return Response(status_code=304, headers=headers)
        return Response(found.jpeg, headers=headers | {"content-type": "image/jpeg"})

    return router


def _images(services: Services, camera: int, body: dict[str, Any], frames: int) -> list[Image]:
    prefer = parsing.given(body, "prefer")
    if prefer is not None and prefer not in PREFERENCES:
        raise InvalidInputError(
            f"prefer is {parsing.shown(prefer)}; right would be one of {', '.join(PREFERENCES)}"
        )
    now_us = to_us(services.clock.now())
    start_us, end_us = parsing.time_range(body, now_us=now_us, zone=services.zone)
    index = services.archive.index
    choose = index.liveliest if prefer == "motion" else index.sample
    return choose(camera, start_us, end_us, frames)


def _sprite(services: Services, images: list[Image]) -> schemas.Sprite:
    made = services.sprites.make(images)
    return schemas.Sprite(
        url=services.absolute(f"/convert/sprite/{made.id}.jpg"),
        width=made.width,
        height=made.height,
        places=list(made.places),
        taken=[image.taken_at_us // 1000 for image in images],
    )
