"""Errors as answers: one table from exception to status, one shape `{"error": sentence}`.

Old clients only look at `error` being truthy, so it is never empty. Nothing is ever answered with
422, and a fault of the server says no more than that it is one; the log has the rest.
"""

import json
from http import HTTPStatus
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response

from chimera_storage.access import TooManyAttemptsError
from chimera_storage.errors import (
    ChimeraStorageError,
    ConflictError,
    ConversionError,
    InvalidInputError,
    NotFoundError,
    SourceError,
    StorageError,
)
from chimera_storage.log import get_logger, redact
from chimera_storage.web.request_ids import HEADER, REQUEST_ID

log = get_logger()


class BodyTooLargeError(InvalidInputError):
    """The body is larger than this server reads."""


class BodyTooSlowError(InvalidInputError):
    """The body did not arrive in time."""


class NotLoggedInError(ChimeraStorageError):
    """Nobody is logged in."""


class NotAllowedError(ChimeraStorageError):
    """Who is logged in may not do this."""


class BrokenOffError(Exception):
    """An answer had to end before its end; raising it is what closes the connection."""


class UnknownProcessError(NotFoundError):
    """No conversion has the id; the answer repeats it, as clients expect."""

    def __init__(self, process_id: str, **answer: bool) -> None:
        super().__init__("no process has this id; /convert/listProcess says which there are")
        self.answer: dict[str, Any] = {**answer, "running": False, "id": process_id}


# The first class that fits decides, so subclasses stand before their bases.
STATUS: tuple[tuple[type[Exception], int], ...] = (
    (BodyTooLargeError, 413),
    (BodyTooSlowError, 408),
    (NotLoggedInError, 401),
    (NotAllowedError, 403),
    (TooManyAttemptsError, 429),
    (InvalidInputError, 400),
    (NotFoundError, 404),
    (ConflictError, 409),
    (ConversionError, 500),
    (SourceError, 502),
    (StorageError, 503),
    (ChimeraStorageError, 500),
)

SENTENCES = {
    404: "there is nothing at this address; GET /docs lists every route",
    405: "this route does not answer {method}; the header Allow says which methods it answers",
}


class JSONAnswer(Response):
    """JSON in ASCII, so that a lone surrogate that a client sent cannot break the answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        return json.dumps(content, separators=(",", ":"), allow_nan=False).encode("ascii")


def status_of(error: Exception) -> int:
    """The HTTP status that an exception is answered with; 500 for what nobody foresaw."""
    return next((status for kind, status in STATUS if isinstance(error, kind)), 500)


def error_answer(status: int, sentence: str, **more: Any) -> JSONAnswer:
    """`{"error": sentence}` with the given status."""
    return JSONAnswer({"error": redact(sentence), **more}, status_code=status)


# What may come out of a route and is answered; all else is a mistake of ours.
ANSWERED = (ChimeraStorageError, HTTPException, ClientDisconnect)


def answer_to(request: Request, error: Exception) -> Response:
    """What a client is told of an error of `ANSWERED`."""
    if isinstance(error, HTTPException):
        return _http(request, error)
    if isinstance(error, ClientDisconnect):
        return error_answer(400, "the connection closed before the whole request had come")
    return _ours(request, error)


def _ours(request: Request, error: Exception) -> Response:
    status = status_of(error)
    if status >= 500:
        log.error("request_failed", path=request.url.path, status=status, reason=str(error))
    more = error.answer if isinstance(error, UnknownProcessError) else {}
    if status >= 500:
        more = {**more, "requestId": request.scope.get(REQUEST_ID)}
    answer = error_answer(status, str(error) or "this cannot be done", **more)
    if isinstance(error, TooManyAttemptsError):
        answer.headers["retry-after"] = str(error.retry_after_s)
    return answer


def _http(request: Request, error: HTTPException) -> Response:
    fallback = str(error.detail or HTTPStatus(error.status_code).phrase)
    sentence = SENTENCES.get(error.status_code, fallback).format(method=request.method)
    answer = error_answer(error.status_code, sentence)
    answer.headers.update(error.headers or {})
    return answer


async def unforeseen(request: Request, error: Exception) -> Response:
    """What a client is told of any other. It stands outside of all guards, so it adds the id."""
    request_id = request.scope.get(REQUEST_ID)
    if not isinstance(error, BrokenOffError):  # that one was logged where it happened
        log.error("request_crashed", path=request.url.path, request_id=request_id, exc_info=error)
    answer = error_answer(
        500, "the server made a mistake; its log says which", requestId=request_id
    )
    answer.headers[HEADER] = request_id or ""
    return answer
