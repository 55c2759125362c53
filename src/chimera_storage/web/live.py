"""What a camera sees now: one picture, or a stream of them (motion JPEG).

Pictures are made only while somebody looks (motion/live.py). Where a camera shows nothing, because
it is paused, fails or is another program's, its newest saved image stands in for the one picture.
"""

import os
from collections.abc import AsyncGenerator

from fastapi import APIRouter, Request
from starlette.responses import Response

from chimera_storage.archive.images import Archive
from chimera_storage.errors import ConflictError, NotFoundError
from chimera_storage.model import CameraState, LivePicture
from chimera_storage.web import schemas
from chimera_storage.web.boxes import with_boxes
from chimera_storage.web.convert import GeneratedFile
from chimera_storage.web.naming import CameraNames
from chimera_storage.web.ports import Services
from chimera_storage.web.schemas import problems, query_parameters
from chimera_storage.web.serving import StoredFile, file_answer, is_wished
from chimera_storage.web.threads import in_thread
from chimera_storage.web.thumbnails import WIDTH_PARAMETER, Thumbnails

FIRST_WAIT_S = 4.0  # for the first picture: the camera's next key frame at worst
REPEAT_S = 10.0  # after so long without a new picture the last is sent again: proxies close silence
BOUNDARY = "picture"
BOXES_PARAMETER = ("boxes", "draw where something moves", {"type": "string"}, False)


def live_router(services: Services, names: CameraNames, thumbnails: Thumbnails) -> APIRouter:
    """GET /cameras/{camera}/latest.jpg and live.mjpeg."""
    router = APIRouter(prefix="/cameras", tags=["cameras"])
    drawing = _Drawing()

    def shows(camera: int) -> bool:
        states = {report.camera: report.state for report in services.recorders.reports()}
        return states.get(camera) is CameraState.CONNECTED

    async def now(camera: int, *, boxes: bool) -> StoredFile | None:
        """What it sees at this moment; None where it shows nothing."""
        if not shows(camera):
            return None
        with services.recorders.look(camera) as view:
            picture = await view.next(FIRST_WAIT_S)
        if picture is None:
            return None
        jpeg = await drawing.of(picture) if boxes else picture.jpeg
        return _in_memory(jpeg, f"camera-{camera}.jpg")

    @router.get(
        "/{camera}/latest.jpg",
        summary="What a camera sees now; where it shows nothing its newest saved image",
        response_class=Response,
        responses={
            **problems(400, 404),
            200: {"content": {"image/jpeg": {}}, "description": "the image"},
            206: {"content": {"image/jpeg": {}}, "description": "the part that Range asked for"},
            304: {"description": "the image is still the one that the client has"},
            416: {"model": schemas.Problem, "description": "no such part"},
        },
        openapi_extra=query_parameters(BOXES_PARAMETER, WIDTH_PARAMETER),
    )
    async def latest(request: Request, camera: str) -> Response:
        number = await in_thread(names.find, camera)
        boxes = is_wished(request, "boxes")
        stored = await now(number, boxes=boxes)
        if stored is None:
            stored = await in_thread(_open_latest, services.archive, number, boxes=boxes)
        sized = await thumbnails.sized(request, stored)
        return file_answer(request, sized, inline=True, cache="private, no-cache")

    @router.get(
        "/{camera}/live.mjpeg",
        summary="What a camera sees, up to five pictures a second (motion JPEG)",
        response_class=Response,
        responses={
            **problems(400, 404, 409),
            200: {"content": {"multipart/x-mixed-replace": {}}, "description": "JPEGs, endless"},
        },
        openapi_extra=query_parameters(BOXES_PARAMETER),
    )
    async def stream(request: Request, camera: str) -> Response:
        number = await in_thread(names.find, camera)
        if not shows(number):
            raise ConflictError("this camera shows nothing at present; GET /cameras says why")
        headers = {
            "content-type": f"multipart/x-mixed-replace; boundary={BOUNDARY}",
            "cache-control": "no-store",
            "x-accel-buffering": "no",
        }
        return GeneratedFile(parts(number, boxes=is_wished(request, "boxes")), headers)

    async def parts(camera: int, *, boxes: bool) -> AsyncGenerator[bytes, None]:
        with services.recorders.look(camera) as view:
            picture = await view.next(FIRST_WAIT_S)
            if picture is None:
                raise ConflictError("no picture comes from this camera at present; try again later")
            while not view.over:
                yield _part(await drawing.of(picture) if boxes else picture.jpeg)
                picture = await view.next(REPEAT_S) or picture

    return router


class _Drawing:
    """Live pictures with their boxes; drawn once for all who look at a camera."""

    def __init__(self) -> None:
        self._newest: dict[int, tuple[int, bytes]] = {}

    async def of(self, picture: LivePicture) -> bytes:
        known = self._newest.get(picture.camera)
        if known is not None and known[0] == picture.time_us:
            return known[1]
        drawn = await in_thread(
            with_boxes, picture.jpeg, picture.boxes, picture.width, picture.height
        )
        self._newest[picture.camera] = picture.time_us, drawn
        return drawn


def _part(jpeg: bytes) -> bytes:
    head = f"--{BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {len(jpeg)}\r\n\r\n"
    return head.encode() + jpeg + b"\r\n"


def _in_memory(jpeg: bytes, name: str) -> StoredFile:
    """A file that stands on no disk, to be sent like any other."""
    file = os.fdopen(os.memfd_create(name), "w+b", buffering=0)
    file.write(jpeg)
    return StoredFile(file, name=name)


def _open_latest(archive: Archive, camera: int, *, boxes: bool) -> StoredFile:
    name = f"camera-{camera}.jpg"
    for _ in range(3):  # the newest may be deleted between the question and the opening
        image = archive.index.latest(camera)
        if image is None:
            break
        try:
            file = archive.open(image.key)
        except NotFoundError:
            continue
        if not boxes or not image.boxes:
            return StoredFile(file, name=name)
        with file:
            return _in_memory(with_boxes(file.read(), image.boxes, image.width, image.height), name)
    raise NotFoundError("this camera has no image yet; one is saved when something moves")
