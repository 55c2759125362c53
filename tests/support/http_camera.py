"""Cameras behind HTTP, good and bad, on a free port of 127.0.0.1: real sockets, real JPEG files."""

import contextlib
import hashlib
import secrets
import socket
import threading
from base64 import b64encode
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.request import parse_http_list, parse_keqv_list

REALM = "camera"


class HttpCamera:
    """Serves the given JPEG files, one after the other and again.

    `/mjpeg` without and `/mjpeg-length` with Content-Length, `rate` a second; `/snapshot.jpg`;
    `/page`: HTML; `/mjpeg-once`: the pictures once, then the end. With `auth` ("basic" or "digest")
    everything asks for `user` and `password`. `date`: what it takes the time to be. `requests`
    counts what was answered with 200.
    """

    def __init__(
        self,
        jpegs: Sequence[bytes],
        *,
        rate: float = 20.0,
        auth: str = "",
        date: str = "",
        user: str = "",
        password: str = "",
    ) -> None:
        self.jpegs = jpegs
        self.rate = rate
        self.auth = auth
        self.date = date
        self.user = user
        self.password = password
        self.requests = 0
        self.nonce = secrets.token_hex(8)
        self.closing = threading.Event()
        camera = self

        class Handler(_Handler):
            pass

        Handler.camera = camera
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,))

    def url(self, path: str, credentials: str = "") -> str:
        return f"http://{credentials}{'@' if credentials else ''}127.0.0.1:{self.port}{path}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.closing.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Handler(BaseHTTPRequestHandler):
    camera: HttpCamera
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def date_time_string(self, timestamp: float | None = None) -> str:
        return self.camera.date or super().date_time_string(timestamp)

    def do_GET(self) -> None:
        if self.camera.closing.is_set():
            self.close_connection = True
            return
        if not self._authorized():
            self._refuse()
            return
        self.camera.requests += 1
        try:
            match self.path.partition("?")[0]:
                case "/mjpeg":
                    self._stream(with_length=False, endless=True)
                case "/mjpeg-length":
                    self._stream(with_length=True, endless=True)
                case "/mjpeg-once":
                    self._stream(with_length=True, endless=False)
                case "/snapshot.jpg":
                    self._answer("image/jpeg", self._next_jpeg())
                case "/page":
                    self._answer("text/html; charset=utf-8", b"<h1>Welcome</h1>")
                case _:
                    self.send_error(404)
        except OSError:
            self.close_connection = True  # the client went away

    def _next_jpeg(self) -> bytes:
        return self.camera.jpegs[self.camera.requests % len(self.camera.jpegs)]

    def _answer(self, content_type: str, body: bytes) -> None:
        self.send_response(200)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self, *, with_length: bool, endless: bool) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "multipart/x-mixed-replace; boundary=--frame")
        self.send_header("Connection", "close")
        self.end_headers()
        self.close_connection = True
        for jpeg in self._pictures(endless):
            length = f"Content-Length: {len(jpeg)}\r\n" if with_length else ""
            head = f"--frame\r\nContent-Type: image/jpeg\r\n{length}\r\n"
            self.wfile.write(head.encode() + jpeg + b"\r\n")
            if self.camera.closing.wait(1 / self.camera.rate):
                return

    def _pictures(self, endless: bool) -> Iterator[bytes]:
        yield from self.camera.jpegs
        while endless:
            yield from self.camera.jpegs

    def _authorized(self) -> bool:
        given = self.headers.get("Authorization", "")
        camera = self.camera
        if camera.auth == "basic":
            both = f"{camera.user}:{camera.password}".encode()
            return given == "Basic " + b64encode(both).decode()
        if camera.auth == "digest":
            return given.startswith("Digest ") and self._digest_fits(given[7:])
        return True

    def _digest_fits(self, given: str) -> bool:
        said = parse_keqv_list(parse_http_list(given))
        camera = self.camera
        first = _md5(f"{camera.user}:{REALM}:{camera.password}")
        second = _md5(f"GET:{said['uri']}")
        middle = ":".join((camera.nonce, said["nc"], said["cnonce"], said["qop"]))
        return said["uri"] == self.path and said["response"] == _md5(f"{first}:{middle}:{second}")

    def _refuse(self) -> None:
        self.send_response(401)
        challenge = f'Basic realm="{REALM}"'
        if self.camera.auth == "digest":
            challenge = f'Digest realm="{REALM}", nonce="{self.camera.nonce}", qop="auth"'
        self.send_header("WWW-Authenticate", challenge)
        self.send_header("Content-Length", "0")
        self.end_headers()


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


@contextmanager
def dripping_server(content: bytes) -> Iterator[int]:
    """A port that answers with `content` again and again, a byte every 50 ms."""
    over = threading.Event()
    listener = socket.create_server(("127.0.0.1", 0))

    def drip(client: socket.socket) -> None:
        with client, contextlib.suppress(OSError):
            while not over.is_set():
                for number in content:
                    client.sendall(bytes([number]))
                    if over.wait(0.05):
                        return

    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = listener.accept()
                threading.Thread(target=drip, args=(client,), daemon=True).start()

    thread = threading.Thread(target=accept, daemon=True)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


@contextmanager
def silent_server() -> Iterator[int]:
    """A port that accepts connections and never says a word."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(16)
        yield listener.getsockname()[1]
