"""Cameras for the trials: a video file, and MJPEG and snapshots over HTTP that can lie."""

import threading
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from struct import pack
from typing import Any, Self

from chimera_storage.doctor.bench.clips import Kind, Street, passes, write_clip
from chimera_storage.motion.picture import encode_jpeg

WIDTH, HEIGHT, FPS = 320, 240, 10
_SECONDS = 12
_QUALITY = 75
_BOUNDARY = "picture"

HONEST = "honest"
LIES = {
    "garbage": "sent noise in place of pictures",
    "half": "sent halves of pictures",
    "drop": "hung up within a picture",
    "page": "answered with a page",
    "length": "told a wrong length",
    "stall": "fell silent",
}


def write_file(path: Path) -> None:
    """The camera that is a file: H.264, somebody always moves."""
    kind = Kind(codec="h264", width=WIDTH, height=HEIGHT, fps=FPS)
    write_clip(path, kind, moving=True, seconds=_SECONDS)


class HttpCameras:
    """A server of pictures: `/N/stream` is an MJPEG stream, `/N/picture` the newest picture.

    No two pictures are the same; `sent` holds the CRC-32 of every whole one that was sent. `lie`
    is what they do from now on: HONEST or one of LIES.
    """

    def __init__(self) -> None:
        scene = Street(WIDTH, HEIGHT, FPS)
        scene.passes = passes(_SECONDS)
        self._drawn = [encode_jpeg(scene.frame(n), _QUALITY) for n in range(_SECONDS * FPS)]
        self._lock = threading.Lock()
        self._count = 0
        self.sent: set[int] = set()
        self.lie = HONEST
        self.closing = threading.Event()

        class Handler(_Handler):
            cameras = self

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def url(self, path: str) -> str:
        """The address of one of them."""
        return f"http://127.0.0.1:{self.port}/{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def picture(self) -> bytes:
        """The next one, with its number in a comment (ITU-T T.81, B.2.4.5)."""
        with self._lock:
            self._count += 1
            drawn = self._drawn[self._count % len(self._drawn)]
            jpeg = drawn[:2] + b"\xff\xfe" + pack(">HQ", 10, self._count) + drawn[2:]
            self.sent.add(zlib.crc32(jpeg))
        return jpeg

    def pause(self) -> None:
        """Between two pictures of a stream."""
        self.closing.wait(1 / FPS)


class _Handler(BaseHTTPRequestHandler):
    cameras: HttpCameras
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        """Nothing is written of requests."""

    def do_GET(self) -> None:
        self.close_connection = True
        try:
            if self.cameras.lie == "page":
                self._begin("text/html", 20)
                self.wfile.write(b"<h1>Please log</h1>\n")
            elif self.path.endswith("/stream"):
                self._begin(f"multipart/x-mixed-replace; boundary={_BOUNDARY}")
                while not self.cameras.closing.is_set() and self._part():
                    self.cameras.pause()
            else:
                self._snapshot()
        except OSError:
            pass  # the client went away

    def _begin(self, content_type: str, length: int | None = None) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        if length is not None:
            self.send_header("Content-Length", str(length))
        self.send_header("Connection", "close")
        self.end_headers()

    def _part(self) -> bool:
        """Send the next of a stream; whether it goes on."""
        lie, jpeg = self.cameras.lie, self.cameras.picture()
        if lie == "page":
            return False
        if lie == "stall":
            return self._silence()
        length = len(jpeg) * 3 if lie == "length" else len(jpeg)
        head = f"--{_BOUNDARY}\r\nContent-Type: image/jpeg\r\nContent-Length: {length}\r\n\r\n"
        self.wfile.write(head.encode() + self._body(lie, jpeg) + b"\r\n")
        return lie != "drop"

    def _snapshot(self) -> None:
        lie, jpeg = self.cameras.lie, self.cameras.picture()
        if lie == "stall" and not self._silence():
            return
        self._begin("image/jpeg", len(jpeg) * 3 if lie == "length" else len(jpeg))
        self.wfile.write(self._body(lie, jpeg))

    def _body(self, lie: str, jpeg: bytes) -> bytes:
        match lie:
            case "garbage":
                return bytes(byte ^ 0x5A for byte in jpeg)
            case "half":  # as long as it should be, as some cameras fill up with zeros
                return jpeg[: len(jpeg) // 2].ljust(len(jpeg), b"\0")
            case "drop":
                return jpeg[: len(jpeg) // 2]
            case _:
                return jpeg

    def _silence(self) -> bool:
        while self.cameras.lie == "stall" and not self.cameras.closing.is_set():
            self.cameras.pause()
        return not self.cameras.closing.is_set()
