"""Texts sent as gzip to who takes it: pages, their modules and styles, long JSON.

Images, videos and archives would not shrink. Nothing secret stands beside what a request brings in
a page or in these answers, so their length tells nothing (BREACH).
"""

import gzip
import mimetypes
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import NotModifiedResponse, PathLike, StaticFiles
from starlette.types import Scope

LEAST_BYTES = 1000  # less than a packet takes: not worth it
_LEVEL = 6
_TEXTS = (".js", ".css", ".svg", ".html", ".json")


def takes_gzip(headers: Headers) -> bool:
    """Whether Accept-Encoding names gzip, and not with a weight of 0."""
    for part in headers.get("accept-encoding", "").split(","):
        name, _, weight = part.strip().lower().partition(";")
        if name == "gzip":
            return weight.replace(" ", "") not in {"q=0", "q=0.0", "q=0.00", "q=0.000"}
    return False


def compressed(request: Request, response: Response) -> Response:
    """The response itself, its body as gzip where that is taken and worth it."""
    if len(response.body) < LEAST_BYTES:
        return response
    response.headers["vary"] = "Accept-Encoding"
    if takes_gzip(request.headers):
        response.body = gzip.compress(bytes(response.body), _LEVEL, mtime=0)
        response.headers["content-encoding"] = "gzip"
        response.headers["content-length"] = str(len(response.body))
    return response


class TextFiles(StaticFiles):
    """Static files; texts among them as gzip, compressed once for each version of a file."""

    def __init__(self, *, directory: Path) -> None:
        super().__init__(directory=directory)
        self._made: dict[str, tuple[int, bytes]] = {}

    def file_response(
        self, full_path: PathLike, stat_result: object, scope: Scope, status_code: int = 200
    ) -> Response:
        response = super().file_response(full_path, stat_result, scope, status_code)  # type: ignore[arg-type]
        path = Path(full_path)
        if path.suffix not in _TEXTS:
            return response
        response.headers["vary"] = "Accept-Encoding"
        if isinstance(response, NotModifiedResponse) or not takes_gzip(Headers(scope=scope)):
            return response
        body = self._compressed(path)
        headers = {
            "content-encoding": "gzip",
            "vary": "Accept-Encoding",
            "last-modified": response.headers["last-modified"],
            # The same contents in other bytes: weak (RFC 9110, 8.8.1).
            "etag": "W/" + response.headers["etag"],
        }
        return Response(body, headers=headers, media_type=mimetypes.guess_type(path.name)[0])

    def _compressed(self, path: Path) -> bytes:
        changed_ns = path.stat().st_mtime_ns
        made = self._made.get(str(path))
        if made is None or made[0] != changed_ns:
            made = (changed_ns, gzip.compress(path.read_bytes(), _LEVEL, mtime=0))
            self._made[str(path)] = made
        return made[1]
