"""Structured logs: an event name that never changes, plus fields; one JSON object or line each.

Every process of the server writes to stderr; the parent passes its children's lines on unchanged.
Addresses of cameras go through `redact` before they reach a log line.

structlog is imported when it is needed: that takes 70 ms, and a command that is through in half a
second has mostly nothing to log.
"""

import logging
import os
import re
import sys
import threading
from collections.abc import MutableMapping
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from structlog.typing import FilteringBoundLogger

# One slash where an address went through a path, which makes one of two.
_CREDENTIALS = re.compile(r"(?P<scheme>\b[a-zA-Z][a-zA-Z0-9+.-]*:/{1,2})[^\s/?#]*@")
_LINKS = re.compile(r"(?P<folder>/link/)[^\s/?#]+")
_SECRET_PARAMETERS = re.compile(
    r"(?P<name>[?&](?:[a-z_]*pass(?:word|wd)?|pwd|token|auth|secret|key|usr|user(?:name)?)=)[^&\s]*",
    re.IGNORECASE,
)


class LoggedRequest:
    """Until it is left, log lines have `request_id`, also those of threads and tasks begun here.

    What such a task logs later is not of the request any more, and says nothing of it.
    """

    __slots__ = ("_token", "id", "over")

    def __init__(self, id: str) -> None:  # noqa: A002
        self.id = id
        self.over = False

    def __enter__(self) -> None:
        self._token = _request.set(self)

    def __exit__(self, *_: object) -> None:
        self.over = True
        _request.reset(self._token)


_request: ContextVar[LoggedRequest | None] = ContextVar("request", default=None)


def redact(text: str) -> str:
    """The text with user names, passwords and signed links in addresses replaced by `***`."""
    text = _CREDENTIALS.sub(r"\g<scheme>***@", text)
    text = _LINKS.sub(r"\g<folder>***", text)
    return _SECRET_PARAMETERS.sub(r"\g<name>***", text)


def _redact_values(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = redact(value)
    return event


def _add_request(
    _logger: Any, _method: str, event: MutableMapping[str, Any]
) -> MutableMapping[str, Any]:
    request = _request.get()
    if request is not None and not request.over:
        event.setdefault("request_id", request.id)
    return event


class _StderrLogger:
    """Writes to what `sys.stderr` is when a line comes, whole lines of all threads.

    A line that nobody can be told, as its reader has gone or the log's disk is full, is lost:
    recording does not end for it.
    """

    _lock = threading.Lock()

    def _write(self, line: str) -> None:
        with self._lock, suppress(OSError, ValueError):  # ValueError: closed
            sys.stderr.write(line + "\n")
            sys.stderr.flush()

    debug = info = warning = error = exception = critical = _write


class _OfLibraries(logging.Handler):
    """What libraries log, as lines like all others, without secrets."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            text = record.getMessage()
        except (TypeError, ValueError):  # its arguments are not those of its text
            text = str(record.msg)
        log = get_logger(name=record.name)
        if record.levelno >= logging.ERROR:
            log.error("library", text=text, exc_info=record.exc_info)
        else:
            log.warning("library", text=text, exc_info=record.exc_info)


def configure_logging(*, json: bool | None = None) -> None:
    """Send log lines to stderr: JSON where `json`, readable lines otherwise; of libraries warnings.

    By default JSON is written unless stderr is a terminal; CHIMERA_LOG=json|text decides where set.
    """
    _configure(json, is_final=True)
    root = logging.getLogger()
    if not any(isinstance(handler, _OfLibraries) for handler in root.handlers):
        root.addHandler(_OfLibraries(logging.WARNING))


def _configure(json: bool | None, *, is_final: bool) -> None:
    if json is None:
        chosen = os.environ.get("CHIMERA_LOG", "")
        json = chosen == "json" if chosen in {"json", "text"} else not sys.stderr.isatty()
    import structlog

    renderer: Any = (
        structlog.processors.JSONRenderer()
        if json
        else structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            _add_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _redact_values,
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: _StderrLogger(),
        cache_logger_on_first_use=is_final,
    )


def get_logger(**fields: Any) -> "FilteringBoundLogger":
    """A logger with these fields bound; where logging is not configured it is as by default."""
    import structlog

    if not structlog.is_configured():
        _configure(None, is_final=False)
    logger: FilteringBoundLogger = structlog.get_logger(**fields)
    return logger
