"""An HTTP server that takes what is posted to it, as a chat or a webhook's receiver."""

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from pydantic import SecretStr

SECRET = "hook-4711-secret"


class Receiver:
    """An address that answers with `answers`, one after the other, then with 204."""

    def __init__(self, answers: list[int | None]) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[Message] = []
        self.answers = answers
        self.release = threading.Event()
        self.port = 0

    @property
    def url(self) -> SecretStr:
        return SecretStr(f"http://127.0.0.1:{self.port}/{SECRET}")

    @property
    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(body) for body in self.bodies]

    @property
    def texts(self) -> list[str]:
        return [json.loads(body)["content"] for body in self.bodies]

    def receive(self, handler: BaseHTTPRequestHandler) -> None:
        self.bodies.append(handler.rfile.read(int(handler.headers["Content-Length"])))
        self.headers.append(handler.headers)
        answer = self.answers.pop(0) if self.answers else 204
        if answer is None:  # says nothing until the test is over
            self.release.wait(20)
            return
        handler.send_response(answer)
        handler.send_header("Location", "/elsewhere")
        handler.send_header("Content-Length", "0")
        handler.end_headers()


@contextmanager
def receiver(*answers: int | None) -> Iterator[Receiver]:
    opened = Receiver(list(answers))

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            opened.receive(self)

        def log_message(self, *_: object) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    opened.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield opened
    finally:
        opened.release.set()
        server.shutdown()
        thread.join()
        server.server_close()
